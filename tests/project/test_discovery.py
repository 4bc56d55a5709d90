"""Which files `check` finds: by marker, configuration, `.gitignore`, patterns; each once."""

import os
import subprocess
from pathlib import Path

import pytest

from archinspect.project.globs import matches, regex
from archinspect.project.marker import is_spec

SPEC = "input: [8]\nlayers:\n  - Dense: 4\n"
ACTION = "name: x\ndescription: y\ninputs:\n  a: {required: true}\noutputs: {}\nruns: {using: composite}\n"


def write(folder, **files):
    for name, text in files.items():
        path = Path(folder, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def shown(run):
    """Return the files that `check` would check."""

    def files(*args):
        result = run("check", *args, "--show-files")
        assert result.exit_code == 0, result.output
        return result.stdout.split()

    return files


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SPEC, True),
        ("{input: [8], layers: [ReLU]}\n", True),
        ("name: x\ninput: [8]\nlayerz: []\n", True),
        ("extends: vgg16\nparams: {classes: 3}\n", True),
        ("inputs: {a: [8]}\nlayers: [ReLU]\n", True),
        ("model: [ReLU]\ninput: [8]\n", True),
        ("model: resnet50\n", False),
        ("model: {name: x}\noptimizer: adam\n", False),
        ("# layers: none\nservices:\n  web: {image: x}\nversion: '3'\n", False),
        ("site_name: x\nnav: []\ntheme: y\n", False),
        (ACTION, False),
        ("extends: eslint:recommended\nrules: {}\n", False),
        ("service: x\nprovider: {}\nfunctions: {}\nlayers: {}\n", False),
        ("filebeat:\n  inputs: []\noutput: {}\n", False),
        ("", False),
    ],
)
def test_what_looks_like_a_spec(text, expected, folder):
    write(folder, **{"a.yaml": text})
    assert is_spec("a.yaml") is expected


def test_specs_are_found_and_other_files_are_not(folder, shown):
    write(
        folder,
        **{"net.yaml": SPEC, "b/c.yml": SPEC, "compose.yaml": "services: {}\n", "action.yml": ACTION},
        **{"node_modules/x/net.yaml": SPEC, ".hidden/net.yaml": SPEC, "dist/net.yaml": SPEC, "notes.txt": SPEC},
    )
    assert shown() == shown(".") == ["b/c.yml", "net.yaml"]
    assert shown("compose.yaml") == ["compose.yaml"]
    assert shown("node_modules") == ["node_modules/x/net.yaml"]
    assert shown("**/*.y*ml", "net.yaml") == ["action.yml", "b/c.yml", "compose.yaml", "net.yaml"]


def test_a_file_is_checked_once_whatever_it_is_called(folder, shown):
    write(folder, **{"net.yaml": SPEC, "b/c.yml": SPEC})
    os.symlink("net.yaml", "link.yaml")
    assert shown("net.yaml", "./net.yaml", str(folder / "net.yaml"), "b/../net.yaml", "link.yaml") == ["net.yaml"]
    assert shown("b", ".") == ["b/c.yml", "link.yaml"]


@pytest.mark.parametrize(
    ("args", "expected"),
    [
        ([], ["a/one.yaml", "a/two.yaml", "b/one.yaml", "top.yaml"]),
        (["--exclude", "a"], ["b/one.yaml", "top.yaml"]),
        (["--exclude", "one.yaml"], ["a/two.yaml", "top.yaml"]),
        (["--exclude", "a/*"], ["b/one.yaml", "top.yaml"]),
        (["--exclude", "{a,b}/one.yaml"], ["a/two.yaml", "top.yaml"]),
        (["--exclude", "./a/"], ["b/one.yaml", "top.yaml"]),
        (["--exclude", "**/one.yaml", "--extend-exclude", "t?p.yaml"], ["a/two.yaml"]),
        (["--exclude", "a", "a/one.yaml"], ["a/one.yaml"]),
        (["--exclude", "a", "--force-exclude", "a/one.yaml", "top.yaml"], ["top.yaml"]),
        (["[a]/*.yaml"], ["a/one.yaml", "a/two.yaml"]),
    ],
)
def test_what_is_left_out(args, expected, folder, shown):
    write(folder, **dict.fromkeys(["a/one.yaml", "a/two.yaml", "b/one.yaml", "top.yaml"], SPEC))
    assert shown(*args) == expected


IGNORES = [
    *("one.yaml", "/one.yaml", "a/one.yaml", "a/", "/a", "a/*", "*.yaml\n!two.yaml", "a/*\n!a/two.yaml", "**/one.yaml"),
    *("a/**", "a/**/one.yaml", "**/b/", "*", "*\n!*/\n!two.yaml", "o?e.yaml", "[ot]*.yaml", "[!o]*.yaml", "# one.yaml"),
    *(
        "\\#x.yaml",
        "one.yaml ",
        "one.yaml\\ ",
        "!one.yaml",
        "a\n!a/one.yaml",
        "b",
        "/b",
        "a/b",
        "\\!x.yaml",
        "on[e.yaml",
    ),
    *("{one,two}.yaml", "*/one.yaml", "a*/one.yaml", "**", "/**/two.yaml", "a/b/**", "one.yaml/", "", " ", "/"),
]
NAMES = ["one.yaml", "two.yaml", "a/one.yaml", "a/two.yaml", "a/b/one.yaml", "b/one.yaml", "#x.yaml", "!x.yaml"]


@pytest.mark.parametrize("ignore", IGNORES)
def test_git_s_patterns_mean_what_git_says(ignore, folder, shown):
    write(folder, **dict.fromkeys(NAMES, SPEC), **{".gitignore": f"{ignore}\n"})
    subprocess.run(["git", "init", "-q"], check=True)  # noqa: S607 - whatever git there is
    told = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"],  # noqa: S607 - as above
        check=True,
        capture_output=True,
        encoding="utf-8",
    )
    kept = [name for name in told.stdout.split("\n") if name.endswith(".yaml")]
    assert (sorted(shown("."))) == sorted(kept) if kept else True
    assert sorted(shown("--no-respect-gitignore")) == sorted(NAMES)


def test_ignore_files_of_folders_above_and_below(folder, shown, monkeypatch):
    write(
        folder,
        **{
            "repo/.git/info/exclude": "secret.yaml\n",
            "repo/.gitignore": "*.yaml\n",
            "repo/in/.gitignore": "!net.yaml\n",
        },
        **{"repo/in/net.yaml": SPEC, "repo/in/other.yaml": SPEC, "repo/in/secret.yaml": SPEC, "free/net.yaml": SPEC},
    )
    assert shown() == ["free/net.yaml", "repo/in/net.yaml"]
    monkeypatch.chdir("repo/in")
    assert shown() == ["net.yaml"]


def test_nothing_found_is_wrong_usage(folder, run):
    write(folder, **{"compose.yaml": "services: {}\n"})
    assert run("check").exit_code == run("check", "none/*.yaml").exit_code == 2
    assert "no spec below 'none/*.yaml'" in run("check", "none/*.yaml").stderr


def test_standard_input_has_a_name(folder, run):
    write(folder, **{"archinspect.toml": '[per-file-ignores]\n"*_test.yaml" = ["partial"]\n'})
    text = "input: [8]\nlayers:\n  - Custom: {output: [4]}\n  - Dense: 2\n"
    assert "net.yaml:3:5: warning" in run("check", "-", "--stdin-filename", "net.yaml", stdin=text).stdout
    assert "warning" not in run("check", "-", "--stdin-filename", "a_test.yaml", stdin=text).stdout
    assert "<stdin>:3:5: warning" in run("check", "-", stdin=text).stdout


@pytest.mark.parametrize(
    ("pattern", "path", "expected"),
    [
        ("*.yaml", "/r/a/b.yaml", True),
        ("a/*.yaml", "/r/a/c/b.yaml", True),
        ("a/*.yaml", "/r/x/a/b.yaml", False),
        ("**/a/*.yaml", "/r/x/a/b.yaml", True),
        ("!a/*", "/r/a/b.yaml", False),
        ("!a/*", "/r/b.yaml", True),
        ("/r/a/b.yaml", "/r/a/b.yaml", True),
        ("b.yaml", "/q/b.yaml", True),
        ("a", "/q/a/b.yaml", False),
        ("a{1,2}.yaml", "/r/a2.yaml", True),
        ("[a-", "/r/[a-", True),
        ("{a", "/r/{a", True),
    ],
)
def test_a_pattern_of_a_configuration(pattern, path, expected):
    assert matches(pattern, path, "/r") is expected


@pytest.mark.parametrize("crosses", [True, False])
@pytest.mark.parametrize(
    "pattern", ["*a" * 400 + "b", "**/" * 4 + "*a" * 100 + "b", "**/a" * 300, "{*a," * 200, "{*a,*b}" * 90]
)
def test_no_pattern_takes_long(pattern, crosses):
    import time

    start = time.process_time()
    assert regex(pattern, star_crosses=crosses).match("a" * 255 + "/" + "a/" * 60 + "a" * 255) is None
    assert time.process_time() - start < 1


def test_stars_find_what_backtracking_would():
    import fnmatch
    import random

    random.seed(0)
    for _ in range(20_000):
        pattern = "".join(random.choices("ab*?", k=random.randint(1, 8)))
        text = "".join(random.choices("ab", k=random.randint(0, 8)))
        if "**" not in pattern:
            expected = fnmatch.fnmatchcase(text, pattern)
            assert bool(regex(pattern, star_crosses=False).match(text)) == expected, (pattern, text)
            assert bool(regex(pattern, star_crosses=True).match(text)) == expected, (pattern, text)
