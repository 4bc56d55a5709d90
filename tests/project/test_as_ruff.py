"""Configuration and options mean what they mean to ruff: the same projects, checked by both.

A spec stands for a Python file: `partial`, a warning, for F401, which both run by default; `linear-chain`, an info, for
W291, which has to be selected. Configurations and options are written once and translated.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SPEC = "input: [8]\nlayers:\n  - Custom: {output: [4]}\n  - Dense: 4\n  - Dense: 2\n"
CODE = "import os \n"
CODES = {"partial": "F401", "linear-chain": "W291"}
NAMES = {**CODES, "warning": "F", "info": "W", "all": "ALL", ".yaml": ".py", "tool.archinspect": "tool.ruff"}
LINT = ("select", "extend-select", "ignore", "per-file-ignores", "extend-per-file-ignores")
FILES = ("a.yaml", "sub/b.yaml", "sub/deep/c.yaml", "dist/d.yaml")

PAGE = Path(__file__).parents[2] / "docs" / "check.md"
UPDATES = "--update" in sys.argv
ROWS: list[str] = []

# configurations by file, options, files and folders
CASES = [
    ({}, "", ""),
    ({}, "--select partial", ""),
    ({}, "--select linear-chain", ""),
    ({}, "--select all", ""),
    ({}, "--select warning,info", ""),
    ({}, "--select info --select warning", ""),
    ({}, "--ignore partial", ""),
    ({}, "--ignore warning", ""),
    ({}, "--extend-select linear-chain", ""),
    ({}, "--extend-select info --ignore linear-chain", ""),
    ({}, "--select all --ignore info", ""),
    ({}, "--select all --ignore info --extend-select linear-chain", ""),
    ({}, "--select partial --ignore warning", ""),
    ({}, "--select warning --ignore partial", ""),
    ({}, "--select linear-chain --ignore all", ""),
    ({}, "--exclude sub", ""),
    ({}, "--exclude b.yaml", ""),
    ({}, "--exclude sub/b.yaml", ""),
    ({}, "--exclude sub/*.yaml", ""),
    ({}, "--exclude **/c.yaml", ""),
    ({}, "--exclude deep", ""),
    ({}, "--extend-exclude sub", ""),
    ({}, "--exclude sub", "sub"),
    ({}, "--exclude sub", "sub/b.yaml"),
    ({}, "--exclude sub --force-exclude", "sub/b.yaml a.yaml"),
    ({}, "", "dist"),
    ({}, "", "dist/d.yaml"),
    ({}, "--force-exclude", "dist/d.yaml a.yaml"),
    ({}, "", "a.yaml ./a.yaml sub/../a.yaml"),
    ({".gitignore": "sub/\n"}, "", ""),
    ({".gitignore": "*.yaml\n!a.yaml\n"}, "", ""),
    ({".gitignore": "sub/\n"}, "--no-respect-gitignore", ""),
    ({".gitignore": "sub/\n"}, "", "sub/b.yaml"),
    ({"toml": 'select = ["linear-chain"]'}, "", ""),
    ({"toml": 'select = ["linear-chain"]'}, "--select partial", ""),
    ({"toml": 'select = ["linear-chain"]'}, "--extend-select partial", ""),
    ({"toml": 'ignore = ["partial"]'}, "", ""),
    ({"toml": 'ignore = ["partial"]'}, "--select partial", ""),
    ({"toml": 'ignore = ["partial"]'}, "--select warning", ""),
    ({"toml": 'ignore = ["partial"]'}, "--extend-select partial", ""),
    ({"toml": 'ignore = ["partial"]'}, "--extend-select info", ""),
    ({"toml": 'select = ["all"]\nignore = ["info"]'}, "", ""),
    ({"toml": 'select = ["all"]'}, "--ignore info", ""),
    ({"toml": 'extend-select = ["info"]'}, "--ignore partial", ""),
    ({"toml": 'ignore = ["partial"]'}, "--isolated", ""),
    ({"toml": "", "other": 'select = ["linear-chain"]'}, "--config other.toml", ""),
    ({"toml": 'select = ["linear-chain"]', "other": ""}, "--config other.toml", ""),
    ({"toml": '[per-file-ignores]\n"a.yaml" = ["partial"]'}, "", ""),
    ({"toml": '[per-file-ignores]\n"sub/*" = ["partial"]'}, "", ""),
    ({"toml": '[per-file-ignores]\n"sub/**/*.yaml" = ["warning"]'}, "", ""),
    ({"toml": '[per-file-ignores]\n"!a.yaml" = ["partial"]'}, "", ""),
    ({"toml": '[per-file-ignores]\n"*.yaml" = ["partial"]'}, "--select partial", ""),
    ({"toml": '[per-file-ignores]\n"{a,b}.yaml" = ["all"]'}, "--extend-select info", ""),
    ({"toml": '[extend-per-file-ignores]\n"a.yaml" = ["partial"]'}, "", ""),
    ({"toml": 'exclude = ["sub"]'}, "", ""),
    ({"toml": 'exclude = ["sub"]'}, "--exclude a.yaml", ""),
    ({"toml": 'exclude = ["sub"]'}, "--extend-exclude a.yaml", ""),
    ({"toml": 'extend-exclude = ["sub"]'}, "", ""),
    ({"toml": 'exclude = ["sub"]\nforce-exclude = true'}, "", "sub/b.yaml a.yaml"),
    ({"toml": 'exclude = ["sub"]'}, "", "sub/b.yaml"),
    ({"toml": "respect-gitignore = false", ".gitignore": "sub/\n"}, "", ""),
    ({"toml": 'ignore = ["partial"]', "sub/toml": ""}, "", ""),
    ({"toml": 'ignore = ["partial"]', "sub/toml": 'extend = "../NAME.toml"'}, "", ""),
    ({"toml": 'ignore = ["partial"]', "sub/toml": 'extend = "../NAME.toml"\nselect = ["warning"]'}, "", ""),
    ({"toml": 'ignore = ["partial"]', "sub/deep/toml": 'select = ["linear-chain"]'}, "", "sub a.yaml"),
    ({"sub/toml": 'exclude = ["deep"]'}, "", ""),
    ({"pyproject.toml": '[tool.archinspect]\nexclude = ["sub"]'}, "", ""),
    ({"pyproject.toml": "[tool.other]\nx = 1"}, "", ""),
    ({"toml": "", "pyproject.toml": '[tool.archinspect]\nexclude = ["sub"]'}, "", ""),
    ({".toml": 'exclude = ["sub"]', "toml": ""}, "", ""),
]


def translated(text):
    """Return our text as ruff's."""
    for ours, theirs in NAMES.items():
        text = text.replace(ours, theirs)
    lines, section = [], ""
    for line in text.splitlines():
        key = line.partition(" = ")[0].strip("[]")
        section = key if line.startswith("[") else section
        is_top = key in LINT and not line.startswith("[")
        lines.append(f"lint.{line}" if is_top else line.replace("[", "[lint.", 1) if line.strip("[]") in LINT else line)
    return "\n".join(lines)


def write(folder, configurations, name, text, translate=lambda text: text):
    for file in FILES:
        path = folder / translate(file)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    (folder / ".git").mkdir()
    for file, said in configurations.items():
        path = Path(file)
        own = {"toml": f"{name}.toml", ".toml": f".{name}.toml", "other": "other.toml"}
        (folder / path.parent / own.get(path.name, path.name)).write_text(
            translate(said).replace("NAME", name), encoding="utf-8"
        )


def ruff(folder, options, files):
    """Return which of the codes ruff finds in which files."""
    program = shutil.which("ruff", path=str(Path(sys.executable).parent))
    args = [translated(one) if not one.startswith("--") else one for one in (*options.split(), *files.split())]
    result = subprocess.run(
        [program, "check", "--no-cache", "--output-format", "json", *args],
        cwd=folder,
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert result.returncode in {0, 1}, result.stderr
    found = {(str(Path(one["filename"]).relative_to(folder)), one["code"]) for one in json.loads(result.stdout)}
    return {(file.replace(".py", ".yaml"), code) for file, code in found if code in CODES.values()}


def ours(run, folder, options, files, monkeypatch):
    monkeypatch.chdir(folder)
    result = run("check", "--format", "json", *options.split(), *files.split())
    if result.exit_code == 2:
        assert "no spec" in result.stderr, result.stderr
        return set()
    found = {(one["path"], one["code"]) for one in json.loads(result.stdout)["diagnostics"]}
    return {
        (str(Path(folder, file).resolve().relative_to(folder)), CODES[code]) for file, code in found if code in CODES
    }


@pytest.mark.parametrize(("configurations", "options", "files"), CASES)
def test_what_is_found_where_is_what_ruff_finds(configurations, options, files, tmp_path, run, monkeypatch):
    theirs, mine = (tmp_path.resolve() / name for name in ("ruff", "archinspect"))
    write(theirs, configurations, "ruff", CODE, translated)
    write(mine, configurations, "archinspect", SPEC)
    found = ours(run, mine, options, files, monkeypatch)
    assert found == ruff(theirs, options, files)
    ROWS.append(row(configurations, options, files, found))
    assert UPDATES or ROWS[-1] in PAGE.read_text(encoding="utf-8").splitlines()


def row(configurations, options, files, found):
    """Return the row of docs/check.md."""
    own = {"toml": "archinspect.toml", ".toml": ".archinspect.toml", "other": "other.toml"}
    said = []
    for file, text in configurations.items():
        folder, _, name = file.rpartition("/")
        lines = "; ".join(text.replace("NAME", "archinspect").splitlines())
        said.append(f"`{folder}{'/' * bool(folder)}{own.get(name, name)}`: {f'`{lines}`' if lines else 'empty'}")
    theirs = {code: name for name, code in CODES.items()}
    told = [
        f"`{file}`: {', '.join(sorted(theirs[code] for other, code in found if other == file))}"
        for file in sorted({file for file, _ in found})
    ]
    command = " ".join(filter(None, (options, files)))
    return f"| {'; '.join(said)} | {f'`{command}`' if command else ''} | {'; '.join(told) or 'nothing'} |"


def test_the_page_has_all_cases(stored):
    """With --update, and all tests of this file in one process, the page's table is written."""
    assert len(CASES) >= 50
    start, end = "<!-- as ruff: generated -->\n", "<!-- end of as ruff -->"
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(start)
    table, _, after = rest.partition(end)
    if UPDATES:
        head = "| Configuration | Arguments | Both find |\n| --- | --- | --- |\n"
        stored(PAGE, f"{before}{start}\n{head}" + "\n".join(ROWS) + f"\n\n{end}{after}")
    else:
        assert table.count("\n|") == len(CASES) + 2


FORMATTED = [
    ("", "good bad"),
    ("", "good"),
    ("--check", "good bad"),
    ("--check", "good"),
    ("--check", "good bad worse"),
    ("", "broken bad"),
    ("--check", "broken good"),
    ("--diff", "good"),
    ("", "good ./good bad"),
    ("--check --exclude bad", ""),
    ("--check --exclude bad", "bad good"),
    ("--check --exclude bad --force-exclude", "bad good"),
]
TEXTS = {
    "good": ("x = 1\n", "input: [8]\nlayers: [ReLU]\n"),
    "bad": ("x  =  1\n", "input:   [8]\nlayers: [ReLU]\n"),
    "worse": ("x  = [1,2]\n", "input: [8,8]\nlayers: [ReLU]\n"),
    "broken": ("x = [\n", "input: [8\nlayers: [ReLU]\n"),
}


@pytest.mark.parametrize(("options", "files"), FORMATTED)
def test_the_layout_is_told_as_ruff_tells_it(options, files, tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, (code, spec) in TEXTS.items():
        if name in (files or "good bad"):
            Path(f"{name}.py").write_text(code, encoding="utf-8")
            Path(f"{name}.yaml").write_text(spec, encoding="utf-8")
    names = [
        [re.sub("(good|bad|worse|broken)", rf"\1{end}", one) for one in (options, files)] for end in (".py", ".yaml")
    ]
    program = shutil.which("ruff", path=str(Path(sys.executable).parent))
    args = [program, "format", "--no-cache", "--isolated", *" ".join(names[0]).split()]
    theirs = subprocess.run(args, capture_output=True, encoding="utf-8", check=False)
    mine = run("fmt", *" ".join(names[1]).split())
    assert mine.exit_code == theirs.returncode
    # Which files would change, ruff shows in a form of its own since 0.17.
    assert mine.stdout.splitlines()[-1:] == theirs.stdout.splitlines()[-1:]
    assert Path("bad.py").exists() is Path("bad.yaml").exists()
    if "bad" in files:
        assert (Path("bad.yaml").read_text() == TEXTS["bad"][1]) is (Path("bad.py").read_text() == TEXTS["bad"][0])
