"""The documentation, executed: specs are valid, commands print what is shown, links lead somewhere.

The convention that the documents keep:

- A ```yaml block with `layers` or `extends` is a complete spec. It is valid without a warning, unless the block after
  it is a ```console block in which `archinspect check` shows its problem.
- A ```yaml block that starts with `- name:` is a file of devices, as valid.
- `<!-- file: small.yaml -->` on the line above a block stores it under that name for the commands below it.
- `<!-- made: small.pt2 -->` stands for a file of `MADE` in one of :data:`MAKERS`, which tests make.
- A ```console block holds `$ command` lines, each followed by its exact output, standard error included, as it is in a
  pipe (blanks at the end of a line aside). Where the last line of an output is `...`, further paragraphs are left out.
  `pytest tests/docs --update` writes the outputs anew.
- A ```python block with `>>>` is a doctest; the blocks of a document share their names.
"""

import doctest
import json
import os
import re
import subprocess
import sys
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple, get_args

import command_line
import pytest

import archinspect
import archinspect.render.diagnostics
import archinspect.render.listing
from archinspect import ops, render
from archinspect.analyses import devices, formula
from archinspect.base import diagnostics, source, yaml_core
from archinspect.base.codes import CODES, Code
from archinspect.base.diagnostics import Diagnostic, Fix
from archinspect.base.source import Source, Span
from archinspect.checks.table import RULES
from archinspect.graph import builder, infer
from archinspect.language import evaluation, expressions, forms, load, steps
from archinspect.language import parse as parse_spec
from archinspect.ops import args
from archinspect.project import keys as project_keys
from archinspect.project.keys import KEYS
from archinspect.reports import worked

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
WRITTEN = {
    "ops.md": (
        "archinspect ops --format markdown",
        """\
# Operators

Every operator, what it does, how it is counted, and its arguments. The same text is printed by
`archinspect ops NAME`. How the rules fit together stands in [counting.md](counting.md).

""",
    ),
    "networks.md": (
        "archinspect list --format markdown",
        """\
# Built-in networks

Every built-in network with its parameters and MACs. `archinspect summary NAME` shows its layers.

""",
    ),
    "checks.md": (
        "archinspect rule --all --format markdown",
        """\
# Rules

What `archinspect check` looks for in a network that fits together. `archinspect rule CODE` prints what stands here.
[Checking specs](check.md) says how rules are selected, and what else `check` does.

""",
    ),
}
"""The pages that commands write: each command, and what stands before its output."""

# Commands that a document may show but that a test must not run, by their first words.
NOT_RUN = (
    "pip install",
    "pipx install",
    "uv tool install",
    "git clone",
    "cd archinspect",
    "python -m venv",
    "python3 -m venv",
    ". .venv/bin/activate",
    ".venv/bin/pip install",
    ".venv/bin/nox",
    "source .venv/bin/activate",
    "python -m pip install",
    "python -m pytest",
    "pytest",
    "ruff check",
    "ruff format",
    "mypy",
    "lint-imports",
)
# Programs that a shown command may use; nothing else is run.
VALUES = {
    id(project_keys.BOOL): "true or false",
    id(project_keys.TEXT): "text",
    id(project_keys.GLOBS): "list of patterns",
    id(project_keys.CODES): "list of codes",
    id(project_keys.CODES_BY_GLOB): "codes, by pattern",
    id(project_keys.FIGURES_BY_GLOB): "bounds, by pattern",
    id(project_keys.FORMATS): "format, or list of them",
    id(project_keys.PERCENT): "percents",
    id(project_keys.LENGTH): "a number",
}
"""What a configuration's kinds of values are called."""
RUN = {"archinspect", "cat", "echo", "grep", "head", "mkdir", "printf", "seq", "tail"}

LEFT_OUT = "..."

FENCE = re.compile(r"^(`{3,}|~{3,})\s*(\S*)")
FILE = re.compile(r"<!-- file: ([\w.-]+) -->\s*\Z")
MAKERS = {
    "gguf": "weight_files",
    "onnx": "onnx_models",
    "pt2": "programs",
    "safetensors": "weight_files",
    "tflite": "tflite_files",
}
"""Modules that make files, by how these end."""
MADE = re.compile(r"<!-- made: ([\w.-]+) -->")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
IS_SPEC = re.compile(r"^(?:layers|model|network|architecture|extends):", re.MULTILINE)

IS_DEVICES = re.compile(r"- \{?name: ")


class Block(NamedTuple):
    """A fenced block: where it stands, its language, its lines, and the file that the line above names."""

    document: Path
    number: int
    language: str
    start: int
    lines: tuple[str, ...]
    file: str

    @property
    def text(self):
        return "\n".join(self.lines) + "\n"

    @property
    def id(self):
        return f"{self.document.name}-{self.start}"


def parse(document):
    """Return the document's blocks, and its lines outside them."""
    blocks: list[Block] = []
    prose: list[str] = []
    body: list[str] = []
    fence, start, language, name = "", 0, "", ""
    above = ""
    for number, line in enumerate(document.read_text(encoding="utf-8").split("\n"), 1):
        match = FENCE.match(line)
        if fence:
            if match and match[1].startswith(fence) and not match[2]:
                blocks.append(Block(document, len(blocks), language, start, tuple(body), name))
                fence = ""
            else:
                body.append(line)
        elif match:
            file = FILE.match(above)
            fence, language, start, body = match[1], match[2], number, []
            name = file[1] if file else ""
        else:
            prose.append(line)
        above = line
    assert not fence, f"{document.name}:{start}: the block has no end"
    return blocks, prose


@cache
def blocks(document):
    return parse(document)[0]


ALL = [block for document in DOCUMENTS for block in blocks(document)]


def of(language):
    found = [block for block in ALL if block.language == language]
    return pytest.mark.parametrize("block", found, ids=[block.id for block in found])


def store_files(block, folder):
    """Write the files that the document has named up to and with this block, and those that tests make."""
    for name in MADE.findall(block.document.read_text(encoding="utf-8")):
        (folder / name).write_bytes(import_module(MAKERS[name.rpartition(".")[2]]).MADE[name]())
    for other in blocks(block.document)[: block.number + 1]:
        if other.file:
            (folder / other.file).write_text(other.text, encoding="utf-8")


class Command(NamedTuple):
    """A `$ ` line with its output; `line` is the block's, from 0."""

    text: str
    output: tuple[str, ...]
    line: int


def commands(block):
    found = []
    for number, line in enumerate(block.lines):
        if line.startswith("$ "):
            found.append(Command(line[2:], (), number))
        else:
            assert found, f"{block.id}: a console block starts with a `$ ` line"
            found[-1] = found[-1]._replace(output=(*found[-1].output, line.rstrip()))
    return found


def following(block):
    after = blocks(block.document)[block.number + 1 :]
    return after[0] if after else None


def shows_problem_of(file, block):
    """Return whether the block shows what a command finds wrong with this file."""
    if block is None or block.language != "console" or not file:
        return False
    problem = re.compile(rf"{re.escape(file)}(:\d+:\d+)?: (error|warning|info)\[")
    checks = [command for command in commands(block) if re.search("archinspect check | --devices ", command.text)]
    return any(problem.match(line) for command in checks for line in command.output)


# Specs


@of("yaml")
def test_specs_are_valid_or_their_problem_is_shown(block, tmp_path):
    is_wrong = shows_problem_of(block.file, following(block))
    if IS_DEVICES.match(block.text):
        if not is_wrong:
            devices.read_devices(Source(block.id, block.text))
        return
    if not IS_SPEC.search(block.text) and not is_wrong:
        # Not every YAML of a README is a spec; in the documents all are complete, so that they can be tested.
        assert block.document.name in {"README.md", "ci.md"}, f"{block.id}: is no spec"
        return
    store_files(block, tmp_path)
    file = tmp_path / (block.file or "unnamed.yaml")
    file.write_text(block.text, encoding="utf-8")
    told = archinspect.check(file, RULES if is_wrong else None).diagnostics
    found = [f"{d.span.line}: {d.severity}[{d.code}]: {d.message}" for d in told]
    if is_wrong:
        assert found, f"{block.id}: nothing is wrong with this spec, but the next block shows a problem"
    else:
        assert found == [], f"{block.id}: {found}"


# Commands


def is_run(command):
    """Return whether a test runs the command; fail for one that is neither known as harmless nor as not to be run."""
    text = command.text.strip()
    if any(text == known or text.startswith(known + " ") for known in NOT_RUN):
        return False
    programs = [part.split()[0] for part in re.split(r"\|\||&&|[|;]", text) if part.strip()]
    unknown = [program for program in programs if program not in RUN]
    assert not unknown, f"'{command.text}': {unknown} is in neither list of this test"
    return True


def environment():
    """Return an environment of which the output does not depend."""
    kept = {name: os.environ[name] for name in ("HOME", "TMPDIR") if name in os.environ}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**kept, "PATH": path, "LC_ALL": "C.UTF-8", "PYTHONUTF8": "1"}


def run(command, folder, status):
    """Return the exit status and the lines that a command prints; `status` is what `$?` tells."""
    process = subprocess.run(
        ["/bin/sh", "-c", f"(exit {status}); {command.text}"],
        cwd=folder,
        env=environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=60,
        check=False,
        text=True,
        encoding="utf-8",
    )
    lines = [line.rstrip() for line in process.stdout.split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return process.returncode, tuple(lines)


def without_blank_end(lines):
    lines = list(lines)
    while lines and not lines[-1]:
        lines.pop()
    return tuple(lines)


def cut_as(lines, shown):
    """Return as many paragraphs of the lines as are shown, with `...` for those left out."""
    if shown[-1:] != (LEFT_OUT,):
        return lines
    ends = [number for number, line in enumerate(lines) if not line]
    wanted = sum(not line for line in shown)
    return (*lines[: ends[wanted]], LEFT_OUT) if wanted < len(ends) else lines


@pytest.mark.skipif(os.name == "nt", reason="commands are shown for a POSIX shell")
@of("console")
def test_commands_print_what_is_shown(block, tmp_path, request):
    store_files(block, tmp_path)
    status, now, wrong = 0, [], []
    for command in commands(block):
        got = without_blank_end(command.output)
        if is_run(command):
            shown = got
            status, printed = run(command, tmp_path, status)
            assert "Traceback" not in "\n".join(printed), command.text
            got = cut_as(printed, shown)
            if got != shown:
                wrong.append(command)
        now += [f"$ {command.text}", *got]
        if block.lines[command.line + len(command.output)] == "" and command is not commands(block)[-1]:
            now.append("")
    if wrong and request.config.getoption("--update", default=False):
        replace(block, now)
        return
    assert [line.rstrip() for line in block.lines] == now, f"{block.id}: `pytest tests/docs --update` writes it anew"


def replace(block, lines):
    """Write other lines into a block of a document, which other tests may have changed since it was read."""
    start = parse(block.document)[0][block.number].start
    old = parse(block.document)[0][block.number].lines
    text = block.document.read_text(encoding="utf-8").split("\n")
    text[start : start + len(old)] = lines
    block.document.write_text("\n".join(text), encoding="utf-8")


# Python


DOCUMENTS_WITH_PYTHON = [d for d in DOCUMENTS if any(b.language == "python" and ">>>" in b.text for b in blocks(d))]


@pytest.mark.parametrize("document", DOCUMENTS_WITH_PYTHON, ids=lambda document: document.name)
def test_python_says_what_is_shown(document, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in blocks(document):
        if block.language == "python" and ">>>" in block.text:
            store_files(block, tmp_path)
            test = doctest.DocTestParser().get_doctest(block.text, names, block.id, str(document), block.start)
            report: list[str] = []
            doctest.DocTestRunner().run(test, out=report.append, clear_globs=False)
            assert not report, "".join(report)
            names = test.globs


# Links


def anchors(document):
    """Return the anchors of a document's headings, as code hosts make them."""
    headings = [line.lstrip("#").strip() for line in parse(document)[1] if re.match(r"#{1,6} ", line)]
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


def links(document):
    return [link for line in parse(document)[1] for link in LINK.findall(re.sub(r"`[^`]*`", "", line))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_links_lead_somewhere(document):
    broken = []
    for link in links(document):
        path, _, anchor = link.partition("#")
        if re.match(r"(https?|mailto):", link):
            continue
        target = (document.parent / path).resolve() if path else document
        inside = target.exists() and ROOT.resolve() in [target, *target.parents]
        if not inside or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


# Pages that a command writes


@pytest.mark.parametrize("page", WRITTEN)
def test_a_page_is_what_a_command_writes(page, request, tmp_path):
    command, head = WRITTEN[page]
    status, lines = run(Command(command, (), 0), tmp_path, 0)
    assert status == 0
    text = f"<!-- Generated by `{command}`: do not edit. `pytest tests/docs --update` writes it anew. -->\n\n{head}"
    text += "\n".join(lines) + "\n"
    file = ROOT / "docs" / page
    if request.config.getoption("--update", default=False):
        file.write_text(text, encoding="utf-8")
    assert file.read_text(encoding="utf-8") == text, "stale: `pytest tests/docs --update` writes it anew"


# That every code of a diagnostic is explained


def codes_table():
    yield "| Code | Severity | Meaning |"
    yield "| --- | --- | --- |"
    for code, meaning in CODES.items():
        page = "checks.md" if code in RULES else ""
        yield f"| [`{code}`]({page}#{code}) | {meaning.severity} | {meaning.text} |"


def test_the_table_of_codes_is_that_of_the_code(stored):
    page = ROOT / "docs" / "errors.md"
    start, end = "<!-- codes: generated -->\n", "<!-- end of codes -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    after = rest.partition(end)[2]
    stored(page, before + start + "\n" + "\n".join(codes_table()) + "\n\n" + end + after)


def keys_table():
    yield "| Key | Value | What it says |"
    yield "| --- | --- | --- |"
    for name, key in KEYS.items():
        yield f"| `{name}` | {VALUES[id(key.kind)]} | {key.doc} |"


def test_the_table_of_keys_is_that_of_the_code(stored):
    page = ROOT / "docs" / "check.md"
    start, end = "<!-- keys: generated -->\n", "<!-- end of keys -->"
    before, _, rest = page.read_text(encoding="utf-8").partition(start)
    stored(page, before + start + "\n" + "\n".join(keys_table()) + "\n\n" + end + rest.partition(end)[2])


def test_every_code_has_an_example():
    documents = [ROOT / "docs" / page for page in ("errors.md", "checks.md")]
    text = "\n".join(block.text for document in documents for block in blocks(document))
    shown = set(re.findall(r"(?:error|warning|info)\[([a-z0-9-]+)\]", text))
    assert shown == {*CODES} == {*get_args(Code)}


# Tables against the code


def table(document, heading):
    """Return the rows of the table below a heading, as lists of cells, its head left out."""
    lines = parse(ROOT / "docs" / document)[1]
    start = next(n for n, line in enumerate(lines) if line.lstrip("#").strip() == heading and line.startswith("#"))
    rows = []
    for line in lines[start + 1 :]:
        if line.startswith("#"):
            break
        if line.startswith("| "):
            rows.append([cell.strip() for cell in line.strip("|").split(" | ")])
    assert len(rows) > 2
    return rows[2:]


def keys(document, heading):
    """Return the names in code style in a table's first column."""
    return {name for row in table(document, heading) for name in re.findall(r"`([^`]+)`", row[0])}


SAMPLE = next(block.text for block in blocks(ROOT / "docs" / "json.md") if block.file == "net.yaml")


@pytest.fixture
def sample(tmp_path):
    file = tmp_path / "net.yaml"
    text = SAMPLE.replace("GlobalAveragePooling2D", "{Dense: 4, weights: head}\n  - Custom")
    file.write_text(text, encoding="utf-8")
    return archinspect.inspect(file, convention="torchinfo", memory=True).as_dict()


def test_keys_of_the_report_are_explained(sample):
    assert keys("json.md", "The report") == set(sample)
    assert keys("json.md", "Figures") == set(sample["totals"])
    figures = set(sample["totals"]) - {"param_bytes"}
    everywhere = set.union(*map(set, sample["layers"]))
    assert "shares" in everywhere
    assert keys("json.md", "A row") == (everywhere | {"output_shapes", "copies", "equal"}) - figures
    assert keys("json.md", "Convention") == {*sample["convention"], "flops"}  # which torchinfo does not print


def test_keys_of_other_forms_are_explained():
    span = Span(Source("net.yaml", ""))
    wrong = render.diagnostics.as_dict(Diagnostic("step", "message", span, fix=Fix(span, "text")))
    found = {f"diagnostics.{key}" for key in (*wrong, *(f"fix.{key}" for key in wrong["fix"]))}
    assert keys("json.md", "check") == found | {
        *json.loads(command_line.run("check", "alexnet", "--format", "json").stdout)
    }
    op: dict = render.listing.op_dict(ops.find_operator("Dense"))
    arguments = {f"arguments[].{key}" for argument in op["arguments"] for key in argument}
    assert keys("json.md", "ops") == set(op) | arguments


BY_NAME = {"layers", "bytes", "given", "kept_by_layer"}
"""Keys of maps whose own keys are names."""


def keys_within(value, *, by_name=False):
    """Return all keys of maps in maps and lists."""
    if isinstance(value, list):
        return set().union(*map(keys_within, value))
    if not isinstance(value, dict):
        return set()
    own = set() if by_name else set(value)
    return own.union(*(keys_within(item, by_name=key in BY_NAME) for key, item in value.items()))


@pytest.mark.parametrize(
    "command",
    [
        "memory resnet18 --checkpointing",
        "explain conv2d",
        "explain keras_demo --convention fvcore",
        "fit alexnet --memory 1GiB",
    ],
)
def test_keys_at_any_depth_are_explained(command):
    text = (ROOT / "docs" / "json.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {command.split()[0]}\n")[1].split("\n## ")[0]
    prose = re.sub(r"```.*?```", "", section, flags=re.DOTALL)
    named = {name.rpartition(".")[2].removesuffix("[]") for name in re.findall(r"`([^`]+)`", prose)}
    output = command_line.run(*command.split(), "--format", "json").stdout
    assert keys_within(json.loads(output)) <= named


LIMITS = {
    "size of a file": f"{source.MAX_BYTES >> 20} MiB",
    "nesting of values": f"{yaml_core.MAX_DEPTH} levels",
    "values, every alias counted as all that it stands for": f"{yaml_core.MAX_VALUES:,}",
    "digits of an integer": f"{yaml_core.MAX_DIGITS}",
    "characters of a name": f"{parse_spec.MAX_NAME}",
    "items of a value, its lists and maps written out": f"{evaluation.MAX_ITEMS:,}",
    "text put into text by an expression": f"{expressions.MAX_TEXT:,} characters",
    "items of all values, each as often as a copy evaluates it": f"{evaluation.MAX_ALL_ITEMS:,}",
    "characters of `name`, `source` and `description`": f"{parse_spec.MAX_TEXT:,}",
    "axes of a shape": f"{args.MAX_AXES}",
    "numbers that the windows of worked sums read": f"{worked.MAX_TERMS:,}",
    "unknown names for which near ones are looked for": f"{diagnostics.MAX_LOOKUPS}",
    "an integer argument": f"{args.MAX_INT:,}",
    "items of a list argument": f"{args.MAX_ITEMS:,}",
    "`repeat` of one step": f"{steps.MAX_REPEAT:,}",
    "layers, once everything is expanded": f"{builder.MAX_NODES:,}",
    "operators of a network whose formulas are asked for": f"{formula.MAX_OPERATORS:,}",
    "problems that are told": f"{diagnostics.MAX_PROBLEMS:,}",
    "nesting of blocks and groups": f"{forms.MAX_NESTING} levels",
    "chain of `extends`": f"{load.MAX_EXTENDS} specs",
    "length of an expression": f"{expressions.MAX_LENGTH:,} characters",
    "nesting of an expression": f"{expressions.MAX_DEPTH} levels",
    "number in an expression": f"10^{len(str(expressions.MAX_NUMBER)) - 1}",
    "exponent of `**`": f"{expressions.MAX_POWER}",
    "elements of a layer's output": f"10^{len(str(infer.MAX_ELEMENTS)) - 1}",
}


def test_limits_are_the_code_s():
    assert {row[0]: row[1] for row in table("spec.md", "Limits")} == LIMITS


COUNTED = [
    (name, int(row[1].split()[0]))
    for row in table("counting.md", "FLOPs")
    if re.match(r"\d+ per element\Z", row[1])
    for name in re.findall(r"`(\w+)`", row[0])
]


@pytest.mark.parametrize(("name", "operations"), COUNTED)
def test_operations_are_the_operator_s(name, operations):
    op = ops.find_operator(name)()
    assert op.work([(1, 6, 7)], (1, 6, 7)).flops == operations * 6 * 7


def test_many_operations_are_compared():
    assert len(COUNTED) >= 17


def test_forms_of_steps_are_explained():
    text = (ROOT / "docs" / "spec.md").read_text(encoding="utf-8")
    section = text.partition("## Names of other frameworks")[2].partition("\n## ")[0]
    words = set(re.findall(r"`(\w+)`", section))
    assert {*parse_spec.TOP_ALIASES, *forms.TYPE_KEYS, *forms.ARGS_KEYS, *forms.STEP_ALIASES} <= words
    assert keys("spec.md", "All keys") == {*parse_spec.TOP_KEYS, *forms.STEP_KEYS}
