"""Reads mutated files, and prints what is answered by anything but figures or a problem, or later than in 2 seconds.

    python tests/importers/fuzz_texts.py COUNT SEED FILE...

Each of COUNT files is made of one of those named. What broke the reader stays in `fuzz-SEED-NUMBER`.
"""

import sys
import time
import traceback
from pathlib import Path
from random import Random

from archinspect import api

sys.path.insert(0, str(Path(__file__).parents[1]))
from text_mutations import mutated

SECONDS = 2.0


def main(count, seed, *files):
    texts = [(Path(file).suffix, Path(file).read_text(encoding="utf-8", errors="replace")) for file in files]
    rng, broken, refused, slowest = Random(seed), 0, 0, 0.0
    for number in range(int(count)):
        suffix, text = rng.choice(texts)
        path = Path(f"fuzz-{seed}-{number}{suffix}")
        path.write_bytes(mutated(text, rng))
        start = time.perf_counter()
        try:
            found = api.check(path)
            refused += not found.ok
            damaged = [one.message for one in found.diagnostics if "of a version that is not known" in one.message]
            complaint = damaged[0] if damaged else ""
        except api.NotFoundError:
            complaint = ""
        except Exception:  # noqa: BLE001 - what is looked for
            complaint = traceback.format_exc(limit=-3)
        took = time.perf_counter() - start
        slowest = max(slowest, took)
        if complaint or took > SECONDS:
            broken += 1
            print(path, f"{took:.1f} s", complaint)
        else:
            path.unlink()
    print(f"{broken} of {count} broken, {refused} refused, the slowest took {slowest:.2f} s")
    return int(broken > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
