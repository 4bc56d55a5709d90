"""How long the language server takes from a keystroke to what is wrong, in a spec of 1,000 lines.

    python benchmarks/lsp.py [--lines 1000] [--runs 30]

The whole round trip over standard input and output, as an editor sees it: the text is sent, problems come back.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import time
from pathlib import Path
from statistics import median

from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

TARGET_MS = 100
URI = "file:///large.yaml"


def spec(lines: int) -> str:
    """Return a spec of so many lines, a layer each but for the head."""
    head = "input: [64, 64, 3]\nlayers:\n"
    steps = ["  - Conv2D: {filters: 16, kernel_size: 3, padding: same}", "  - BatchNormalization", "  - ReLU"]
    return head + "\n".join(steps[number % 3] for number in range(lines - 2)) + "\n"


def cpu_ms(process: int) -> float:
    """Return the processor time that a process has had: what it takes, whatever else runs. 0 but on Linux."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK") * 1e3


async def measured(lines: int, runs: int) -> tuple[list[float], float]:
    """Return the milliseconds of each keystroke, and the server's processor time for one."""
    client = LanguageClient("benchmark", "1")
    told: asyncio.Queue = asyncio.Queue()
    client.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda found: told.put_nowait(found))  # noqa: PLW0108 - a method cannot be marked
    await client.start_io(sys.executable, "-m", "archinspect", "lsp")
    await client.initialize_async(lsp.InitializeParams(capabilities=lsp.ClientCapabilities()))
    client.initialized(lsp.InitializedParams())
    client.text_document_did_open(lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(URI, "yaml", 0, spec(lines))))
    await told.get()
    times = []
    server = client._server.pid
    before = cpu_ms(server)
    end = lsp.Position(lines // 2 - lines // 2 % 3 + 2, 20)
    for run in range(runs):
        change = lsp.TextDocumentContentChangePartial(lsp.Range(end, lsp.Position(end.line, 21)), str(run % 10))
        start = time.perf_counter()
        client.text_document_did_change(
            lsp.DidChangeTextDocumentParams(lsp.VersionedTextDocumentIdentifier(run + 1, URI), [change])
        )
        await told.get()
        times.append((time.perf_counter() - start) * 1e3)
    used = (cpu_ms(server) - before) / runs
    await client.shutdown_async(None)
    client.exit(None)
    await client.stop()
    return times, used


def main() -> None:
    """Measure, and print the median."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--lines", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=30)
    asked = parser.parse_args()
    times, used = asyncio.run(measured(asked.lines, asked.runs))
    print(f"{asked.lines:,} lines: {median(times):.0f} ms per keystroke, at most {max(times):.0f} (asked {TARGET_MS}),")
    print(f"of which the server computes {used:.0f} ms")


if __name__ == "__main__":
    main()
