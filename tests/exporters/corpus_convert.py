"""Converts the files of a folder to specs, and reads those: each spec proves itself as it is written.

    python tests/exporters/corpus_convert.py FOLDER [FORMAT] [--flat] [--show NAME]

FOLDER has files of the format, at any depth; without a format each file is known by its content. One that ends with
`.gz` is unpacked. Nothing of it belongs to the project: the script is run by hand. It prints which cannot be said, and
why, and how many can; it ends with 1 where one is said wrong.
"""

import argparse
import gzip
import re
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import archinspect
from archinspect.base.diagnostics import InvalidSpecError
from archinspect.exporters.refusal import CannotExportError

ANY = "?"
WRONG = re.compile(r"when (the spec is )?read|no spec:|no layer of")
"""What the proof says of a spec that is not the network."""
NAMES = re.compile(r"`[^`]*`|'[^']*'|\[[^]]*\]|\d+")


def read(path, of_format):
    """Return a file's network."""
    if path.suffix != ".gz":
        return archinspect.network(f"{of_format}:{path}" if of_format else str(path))
    with tempfile.TemporaryDirectory() as folder:
        plain = Path(folder) / path.stem
        plain.write_bytes(gzip.decompress(path.read_bytes()))
        return read(plain, of_format)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("format", nargs="?", default="")
    parser.add_argument("--flat", action="store_true")
    parser.add_argument("--show", default="", help="a file of the folder: print its spec")
    parser.add_argument("--list", action="store_true", help="print a line for each file")
    asked = parser.parse_args()
    found: Counter[str] = Counter()
    reasons: Counter[tuple[str, str]] = Counter()
    lines, slowest = 0, (0.0, "")
    for path in sorted(one for one in asked.folder.rglob(f"*{asked.show}*" if asked.show else "*") if one.is_file()):
        try:
            network = read(path, asked.format)
        except (InvalidSpecError, ValueError) as error:
            found["not read"] += 1
            reasons["not read", NAMES.sub(ANY, str(error).splitlines()[0].partition("error")[2])[:120]] += 1
            continue
        start = time.perf_counter()
        try:
            text = network.convert(flat=asked.flat)
        except CannotExportError as error:
            kind = "wrong" if WRONG.search(error.reason) else "refused"
            found[kind] += 1
            reasons[kind, NAMES.sub(ANY, error.reason)[:120]] += 1
            if kind == "wrong" or asked.list or asked.show:
                print(f"{path.name}: {kind}: {error}")
            continue
        for problem in archinspect.network(text).check():
            if problem.severity == "error":
                found["wrong"] += 1
                print(f"{path.name}: wrong: {problem.message}")
        slowest = max(slowest, (time.perf_counter() - start, path.name))
        found["equal"] += 1
        lines += text.count("\n")
        if asked.list:
            took = time.perf_counter() - start
            print(f"{path.name}: {text.count(chr(10))} lines of {len(network.graph.nodes)} operators, {took:.2f} s")
        if asked.show:
            print(text)
    for (kind, reason), count in reasons.most_common():
        print(f"{count:5} {kind}: {reason}")
    print(f"{dict(found)}, {lines:,} lines, slowest: {slowest[1]} {slowest[0]:.2f} s")
    return int(found["wrong"] > 0)


if __name__ == "__main__":
    sys.exit(main())
