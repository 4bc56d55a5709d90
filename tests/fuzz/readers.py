"""Feed mutated files to a reader: `python tests/fuzz/readers.py FORMAT --seed 0 --count 100000 [FILE...]`.

The files mutated are small ones that the tests make, and those named. Each is answered with figures or a problem: no
other error, at most 2 seconds of computing, at most 500 MiB beyond what the process began with. What breaks this is
printed, with the number from which `--start NUMBER --count 1 --keep FOLDER` makes it again.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import re
import resource
import signal
import sys
import tempfile
import time
import traceback
import zipfile
from collections import Counter
from importlib import import_module
from pathlib import Path
from random import Random

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "importers")]

from text_mutations import mutated as mutated_text

import archinspect
from archinspect.exporters.refusal import CannotExportError

SECONDS = 2
BYTES = 500 * 2**20
WILD = [
    *(None, -1, 0, 1, 2, 3, 7, 64, 10**4, 10**9, 2**31, 2**63 - 1, 10**30, 0.5, 1e300, True, False),
    *("", "x", "same", "s0", "x" * 2000, "\0", "\x1b[31m", [], {}, [[]], [1], [3, 3], [None], {"as_int": 7}),
]
TEXTS = {"hf": ".json", "ultralytics": ".yaml", "darknet": ".cfg", "caffe": ".prototxt", "nntrainer": ".ini"}
SUFFIXES = {**TEXTS, "keras": ".keras"}
MEMORY = Path("/dev/shm")  # noqa: S108 - a folder in memory: on a disk, writing takes most of the time


class TooLateError(Exception):
    """A file took longer than it may."""


# The files


def made(kind: str) -> list[bytes]:
    """Small files of a format that the tests make."""
    made = MADE.get(kind)
    return [one.encode() if isinstance(one, str) else one for one in made(import_module)] if made else []


def _hf(at):
    small = at("test_hf_types")
    kinds = ("llama", "bert", "bart", "t5", "resnet", "bit", "vit", *small.OTHERS)
    return [json.dumps({"model_type": kind, **small.SMALL, **small.OWN.get(kind, {})}) for kind in kinds]


def _keras(at):
    model, tests = at("keras_files").digits(), at("test_keras")
    hdf5 = [tests.in_hdf5(model), tests.in_hdf5(model, second=True)]
    return [json.dumps(model), at("keras_files").zipped(model), *hdf5]


def _onnx(at):
    models, tests = at("onnx_models"), at("test_onnx")
    return [models.classifier(), models.tokens(), tests.loop(12), tests.product([], sparse=[tests.coordinates()])]


def _gguf(at):
    files, built, vision = at("weight_files"), at("test_gguf_templates"), at("test_gguf_vision")
    more = [built.content(*[built.CASES[name][place] for place in (0, 2, 3)]) for name in ("its encoder", "Gemma 3n")]
    of_rwkv = [at("test_gguf_rwkv").content(kind)[0] for kind in ("rwkv6", "arwkv7")]
    tower = vision.content("mlp", vision.tower() | vision.CASES["mlp"][1])
    return [files.gguf(files.metadata(), files.llama(layers=1)), *more, *of_rwkv, tower]


def _caffe(at):
    tests = at("test_caffe")
    pyramid = tests.layer("SPP", "spp_param { pyramid_height: 2 }") + tests.layer("ArgMax", bottom="out", name="two")
    old = tests.DATA + tests.OLD + tests.layer("Scale", "scale_param { bias_term: true }", bottom="conv")
    return [old, tests.INPUT + pyramid]


def _nntrainer(at):
    tests = at("test_nntrainer")
    return [tests.INPUT + tests.CONV + "[f]\nType = flatten\n[fc]\nType = fully_connected\nUnit = 5\n"]


MADE = {
    "hf": _hf,
    "pt2": lambda at: [at("programs").residual_net().save(), at("programs").tied_net()],
    "onnx": _onnx,
    "keras": _keras,
    "tflite": lambda at: [at("tflite_files").digits(kind) for kind in (0, 9)],
    "gguf": _gguf,
    "safetensors": lambda at: [at("weight_files").safetensors(at("test_safetensors").LLAMA)],
    "caffe": _caffe,
    "darknet": lambda at: [at("test_darknet").ALL],
    "nntrainer": _nntrainer,
    "ultralytics": lambda at: [
        at("test_ultralytics").SMALL + "  - [[6, 3], 1, RTDETRDecoder, [nc, 32, 10, 4, 2, 1, 32]]\n"
    ],
}
"""Of a format, the function that gives such files; it imports what makes them."""


# The mutations


def mutated(data: bytes, rng: Random) -> bytes:
    """Return a file with something wrong: within a zip in its JSON, within JSON in its values, else in its bytes."""
    if data[:2] == b"PK" and rng.random() < 0.8 and zipfile.is_zipfile(io.BytesIO(data)):
        return _in_zip(data, rng)
    if data[:1] == b"{" and rng.random() < 0.6:
        return _in_json(data, rng)
    if _is_text(data):
        return mutated_text(data.decode("utf-8", "replace"), rng)
    return _in_bytes(data, rng)


def _is_text(data: bytes) -> bool:
    return b"\0" not in data[:4096]


def _in_zip(data: bytes, rng: Random) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        names = [name for name in old.namelist() if name.endswith(".json")]
        chosen = max(names, key=lambda name: old.getinfo(name).file_size) if names else ""
        if rng.random() < 0.1:
            chosen = rng.choice(old.namelist())
        for name in old.namelist():
            content = old.read(name)
            if name == chosen:
                content = _in_json(content, rng) if content[:1] == b"{" else _in_bytes(content, rng)
            new.writestr(name, content)
    return out.getvalue()


def _in_json(data: bytes, rng: Random) -> bytes:
    if rng.random() < 0.2:
        return mutated_text(data.decode("utf-8", "replace"), rng)
    try:
        tree = json.loads(data)
    except ValueError:
        return _in_bytes(data, rng)
    holders: list = []
    todo = [tree]
    while todo:
        one = todo.pop()
        if isinstance(one, dict | list) and one:
            holders.append(one)
            todo += one.values() if isinstance(one, dict) else one
    for _ in range(rng.choice([1, 1, 1, 2, 4])):
        holder, other = rng.choice(holders), rng.choice(holders)
        key = rng.choice(list(holder) if isinstance(holder, dict) else range(len(holder))) if holder else None
        if key is None:
            continue
        what = rng.random()
        if what < 0.15:
            del holder[key]
        elif what < 0.25 and isinstance(holder, list):
            holder.insert(key, holder[key])
        elif what < 0.5 and other:
            value = rng.choice(list(other.values()) if isinstance(other, dict) else other)
            holder[key] = json.loads(json.dumps(value)) if len(repr(value)) < 5_000 else 0
        else:
            holder[key] = rng.choice(WILD)
    return json.dumps(tree).encode()


def _in_bytes(data: bytes, rng: Random) -> bytes:
    changed = bytearray(data)
    for _ in range(rng.choice([1, 1, 2, 5, 16])):
        if not changed:
            break
        at = rng.randrange(rng.choice([min(300, len(changed)), len(changed), len(changed), len(changed)]))
        what = rng.random()
        if what < 0.6:
            changed[at] = rng.choice((0, 1, 2, 4, 8, 127, 128, 255, changed[at] ^ 1, rng.randrange(256)))
        elif what < 0.8:
            changed[at : at + rng.choice([0, 1, 4, 8])] = rng.choice(
                [b"", b"\xff" * 4, b"\xff" * 8, bytes(4), rng.randbytes(4)]
            )
        else:
            start = rng.randrange(len(changed))
            changed[at : at + rng.randrange(8)] = changed[start : start + rng.randrange(64)]
    return bytes(changed[: rng.randrange(len(changed) + 1)] if rng.random() < 0.1 else changed)


# The answers


def converted(path: str, counts: Counter) -> None:
    """Convert a file that is read: it is a spec, or refused."""
    network = archinspect.network(path)
    try:
        network.convert()
    except CannotExportError:
        counts["not converted"] += 1


def complaint(path: str, counts: Counter, *, converts: bool) -> str:
    """What is wrong with how a file is answered; empty where nothing is."""
    start, found = time.process_time(), ""
    signal.setitimer(signal.ITIMER_VIRTUAL, SECONDS)
    try:
        checked = archinspect.check(path)
        if converts and checked.report:
            converted(path, counts)
    except TooLateError:
        found = f"more than {SECONDS} s: {traceback.format_exc(limit=-2)}"
    except BaseException:  # noqa: BLE001 - whatever it is, it is what is looked for
        found = traceback.format_exc(limit=-3)
    else:
        counts["read" if checked.report else "refused"] += 1
        for one in checked.diagnostics:
            _, _, unforeseen = one.message.partition("of a version that is not known: ")
            if unforeseen.startswith("MemoryError"):
                found = f"more than {BYTES >> 20} MiB"
            elif unforeseen:
                counts["unforeseen"] += 1
                counts["unforeseen: " + re.sub(r"[0-9]+|'[^']*'", "*", unforeseen)[:80]] += 1
    signal.setitimer(signal.ITIMER_VIRTUAL, 0)
    counts["slowest ms"] = max(counts["slowest ms"], int(1000 * (time.process_time() - start)))
    return found


def _limited() -> None:
    def late(*_: object) -> None:
        raise TooLateError

    signal.signal(signal.SIGVTALRM, late)
    size = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + BYTES, size + BYTES))


def main() -> None:
    """Run as the options say; end with 1 where something is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("format")
    parser.add_argument("files", nargs="*", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--start", type=int, default=0, help="the first file's number")
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--keep", type=Path, help="a folder for the files that break a rule")
    parser.add_argument("--convert", action="store_true", help="write each one that is read as a spec, too")
    asked = parser.parse_args()
    sources = [*made(asked.format), *(file.read_bytes() for file in asked.files)]
    keep = asked.keep and asked.keep.resolve()
    if keep:
        keep.mkdir(parents=True, exist_ok=True)
    counts: Counter = Counter()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
        os.chdir(folder)
        path = "config.json" if asked.format == "hf" else "net" + SUFFIXES.get(asked.format, f".{asked.format}")
        for source in sources:  # what is imported for a file that is whole is not the mutated file's
            Path(path).write_bytes(source)
            if archinspect.check(f"{asked.format}:./{path}").report and asked.convert:
                converted(f"{asked.format}:./{path}", Counter())
        whole = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        _limited()
        for number in range(asked.start, asked.start + asked.count):
            rng = Random(f"{asked.seed}:{number}")
            data = mutated(rng.choice(sources), rng)
            Path(path).write_bytes(data)
            found = complaint(f"{asked.format}:./{path}", counts, converts=asked.convert)
            counts["files"] += 1
            if found:
                counts["complaints"] += 1
                print(f"{number}: {found}", flush=True)
                if keep:
                    (keep / f"{asked.format}_{asked.seed}_{number}_{path}").write_bytes(data)
        os.chdir("/")
    most = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - whole) >> 10
    print(f"{asked.format}: {counts['files']:,} files in {time.monotonic() - begun:,.0f} s;", end=" ")
    print(f"{counts['read']:,} read, {counts['refused']:,} refused, {counts['unforeseen']:,} unforeseen;", end=" ")
    print(f"slowest {counts['slowest ms']} ms; {most} MiB more than for whole files;", end=" ")
    if asked.convert:
        print(f"{counts['not converted']:,} not converted;", end=" ")
    print(f"{counts['complaints']:,} complaints")
    for name, count in counts.most_common():
        if name.startswith("unforeseen:"):
            print(f"    {count:7,} {name[12:]}")
    sys.exit(bool(counts["complaints"]))


if __name__ == "__main__":
    main()
