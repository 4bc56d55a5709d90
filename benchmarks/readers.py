"""How long `archinspect summary FILE` takes as a process, beside `summary resnet50` and the file's own library.

    python benchmarks/readers.py [--runs 9] [FILE ...]

Commands run in turn; printed are medians, and the ratio to `summary resnet50` in each turn. The file's own library only
opens the file: what it is asked is less than a summary. One that is not installed is left out. Without files it makes a
configuration of a Llama and an ONNX file.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from statistics import median

import archinspect
from archinspect.importers import open_file

TARGET = 2.0
OFFICIAL = {
    "pt2": "import torch, sys; torch.export.load(sys.argv[1])",
    "onnx": "import onnx, sys; onnx.load(sys.argv[1])",
    "hf": "import transformers, sys; transformers.AutoConfig.from_pretrained(sys.argv[1])",
    "keras": "import keras, sys; keras.saving.load_model(sys.argv[1], compile=False)",
    "safetensors": "import safetensors, sys; safetensors.safe_open(sys.argv[1], 'numpy').keys()",
    "gguf": "import gguf, sys; gguf.GGUFReader(sys.argv[1])",
    "ultralytics": "import ultralytics, sys; ultralytics.YOLO(sys.argv[1])",
}
"""What the library that owns a format does to open a file."""
LLAMA = {
    "model_type": "llama",
    "architectures": ["LlamaForCausalLM"],
    "hidden_size": 4096,
    "intermediate_size": 14336,
    "num_attention_heads": 32,
    "num_hidden_layers": 32,
    "num_key_value_heads": 8,
    "vocab_size": 128256,
}


def seconds(command: list[str]) -> float | None:
    """Return how long a command takes; None where it fails."""
    start = time.perf_counter()
    run = subprocess.run(command, capture_output=True, check=False)
    return time.perf_counter() - start if run.returncode == 0 else None


def made(folder: str) -> list[str]:
    """Return files that are made in a folder."""
    config, model = os.path.join(folder, "config.json"), os.path.join(folder, "vgg16.onnx")
    with open(config, "w", encoding="utf-8") as file:
        json.dump(LLAMA, file)
    with open(model, "wb") as file:
        written = archinspect.network("vgg16").export("onnx")
        assert isinstance(written, bytes)
        file.write(written)
    return [config, model]


def main() -> None:
    """Measure, and print a line per file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", nargs="*")
    parser.add_argument("--runs", type=int, default=9)
    asked = parser.parse_args()
    ours = [sys.executable, "-m", "archinspect", "summary"]
    with tempfile.TemporaryDirectory() as folder:
        for path in asked.files or made(folder):
            opened = open_file(path)
            official = OFFICIAL.get(opened.format if opened else "", "")
            theirs = [sys.executable, "-c", official, path]
            pairs = [(seconds([*ours, path]), seconds([*ours, "resnet50"])) for _ in range(asked.runs)]
            times = [one for one, _ in pairs if one is not None]
            if not times:
                print(f"{path}: not read")
                continue
            ratio = median(one / other for one, other in pairs if one and other)
            other = seconds(theirs) if official else None
            beside = f"; its own library {other:.2f} s" if other else ""
            print(f"{os.path.basename(path)}: {median(times):.3f} s, {ratio:.2f}x (asked {TARGET}){beside}")


if __name__ == "__main__":
    main()
