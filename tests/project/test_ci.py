"""What runs in services: the action, the hooks, and the recipes of docs/ci.md, as far as that goes without them."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from archinspect.cli import cli

ROOT = Path(__file__).parents[2]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
HOOKS = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))
PAGE = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
SPEC = "input: [8]\nlayers:\n  - Dense: 4\n"


def options(text):
    """Return the options of each `archinspect COMMAND ...` in a text."""
    for command, rest in re.findall(r"archinspect ([a-z]+)((?:[ \t][^\n|>]*)?)", text):
        if cli.get_command(None, command):
            yield command, re.findall(r"(?<=\s)(--[a-z-]+)", rest)


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("net.yaml").write_text(SPEC, encoding="utf-8")
    Path("bad.yaml").write_text(SPEC.replace("Dense", "Densse"), encoding="utf-8")
    Path("compose.yaml").write_text("services: {}\n", encoding="utf-8")
    scripts = tmp_path / "tmp" / "archinspect" / "bin"
    scripts.mkdir(parents=True)
    program = scripts / "archinspect"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m archinspect "$@"\n', encoding="utf-8")
    program.chmod(0o755)
    return tmp_path


def act(folder, **inputs):
    """Run the action's last step."""
    step = ACTION["runs"]["steps"][-1]
    given = {name: one["default"] for name, one in ACTION["inputs"].items()} | inputs
    env = {name: given[re.fullmatch(r"\$\{\{ inputs\.(\w+) \}\}", text)[1]] for name, text in step["env"].items()}
    return subprocess.run(
        ["/bin/bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
        env={**os.environ, **env, "RUNNER_TEMP": str(folder / "tmp"), "GITHUB_WORKSPACE": str(folder)},
        capture_output=True,
        encoding="utf-8",
        check=False,
    )


def test_the_action_annotates(project):
    result = act(project, sarif="a b.sarif")
    assert result.returncode == 1
    assert result.stdout.startswith("::error title=archinspect (unknown-op),file=bad.yaml,line=3")
    assert '"version": "2.1.0"' in Path("a b.sarif").read_text(encoding="utf-8")
    assert act(project, specs="net.yaml *.none", args="--exit-zero").returncode == 2
    assert act(project, specs="net.yaml", args="--strict --isolated").returncode == 0


def test_text_of_inputs_is_not_run(project):
    assert act(project, specs="net.yaml; touch made", args="$(touch made) `touch made`").returncode == 2
    assert not Path("made").exists()


@pytest.mark.parametrize("hook", [one for one in HOOKS if " check" in one["entry"]], ids=lambda hook: hook["id"])
def test_a_hook_checks_specs_alone(hook, project, run):
    files = sorted(path.name for path in project.glob("*.yaml")) if hook.get("pass_filenames", True) else []
    result = run(*hook["entry"].split()[1:], *files)
    assert result.exit_code == 1
    assert result.stdout.endswith("2 specs checked, 1 error\n")
    Path("bad.yaml").unlink()
    assert run(*hook["entry"].split()[1:], *([] if not files else ["compose.yaml"])).exit_code == 0


def test_the_hook_that_lays_out_takes_specs_alone(project, run):
    (hook,) = [one for one in HOOKS if " fmt" in one["entry"]]
    files = sorted(path.name for path in project.glob("*.yaml"))
    result = run(*hook["entry"].split()[1:], *files)
    assert (result.exit_code, result.stdout) == (0, "2 files left unchanged\n")


def test_options_of_recipes_are_there():
    text = "\n".join([PAGE, *(hook["entry"] for hook in HOOKS), str(ACTION)])
    found = list(options(text))
    assert len(found) > 8
    for command, given in found:
        known = {name for param in cli.get_command(None, command).params for name in param.opts}
        assert {*given} <= known


def test_recipes_are_yaml():
    blocks = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) > 5
    for block in blocks:
        assert isinstance(yaml.safe_load(block), dict)
