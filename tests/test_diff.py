"""What makes the difference between two networks, and what is said of it."""

from __future__ import annotations

import json
import subprocess

import pytest
import yaml
from command_line import run
from random_edits import hold, tried

import archinspect
from archinspect.render.diff import MARKER, MAX_COMMENT, markdown_text
from archinspect.reports.diff import Cause, Change, Diff

SPEC: dict = {
    "input": [32, 32, 3],
    "layers": [
        {"Conv2D": {"filters": 8, "kernel_size": 3, "name": "one"}},
        {"Conv2D": {"filters": 16, "kernel_size": 3, "name": "two"}},
        "GlobalAveragePooling2D",
        {"Dense": {"units": 10, "name": "head"}},
    ],
}


def differing(*edits):
    """Return the difference that edits of a list of layers make."""
    layers: list = [*SPEC["layers"]]
    for edit in edits:
        edit(layers)
    return hold(archinspect.network(SPEC), archinspect.network({**SPEC, "layers": layers}))


def put(place, layer):
    return lambda layers: layers.__setitem__(place, layer)


WIDER = put(0, {"Conv2D": {"filters": 12, "kernel_size": 3, "name": "one"}})


def test_what_a_layer_adds_itself_and_through_what_follows():
    (cause,) = differing(WIDER).causes
    assert cause.changes == (Change("changed", ("one",), "Conv2D", {"filters": (8, 12)}),)
    assert cause.own["params"] == 4 * (27 + 1)
    assert cause.through["params"] == 4 * 9 * 16
    assert [layer for layer, _ in cause.followers] == ["two"]
    assert cause.total["params"] == 4 * 28 + 4 * 9 * 16


def test_a_network_and_itself():
    assert differing().is_empty


def test_layers_are_known_by_what_they_compute():
    found = differing(put(3, {"Dense": {"units": 10, "name": "classifier"}}))
    assert found.renamed == (("head", "classifier", 1),)
    assert found.causes == ()


def test_added_and_removed():
    found = differing(lambda layers: layers.insert(1, {"BatchNormalization": {"name": "norm"}}))
    assert [change for cause in found.causes for change in cause.changes] == [
        Change("added", ("norm",), "BatchNormalization")
    ]
    back = differing(lambda layers: layers.pop(1))
    assert [change.kind for cause in back.causes for change in cause.changes] == ["removed"]


def test_a_layer_that_moved_is_no_new_one():
    norm = {"name": "n", "input": [8, 8, 4]}
    before = {
        **norm,
        "layers": [
            {"Dense": {"units": 4, "name": "a"}},
            {"PReLU": {"name": "p"}},
            {"Dense": {"units": 4, "name": "b"}},
        ],
    }
    after = {**norm, "layers": [before["layers"][i] for i in (1, 0, 2)]}
    found = hold(archinspect.network(before), archinspect.network(after))
    assert [change.kind for cause in found.causes for change in cause.changes] == ["moved"]


def test_branches_that_are_summed_change_together():
    def residual(width):
        conv = {"filters": width, "kernel_size": 1}
        return archinspect.network(
            {
                "input": [8, 8, 3],
                "layers": [
                    {"Conv2D": {**conv, "name": "left"}},
                    {"Conv2D": {**conv, "name": "right", "from": "input", "use_bias": False}},
                    {"Add": {"from": ["left", "right"]}},
                ],
            }
        )

    found = hold(residual(4), residual(6))
    assert sum(cause.total["params"] for cause in found.causes) == 2 * 3 + 2 + 2 * 3


def test_whole_blocks_are_named_once():
    found = archinspect.diff("resnet18", "resnet34")
    names = [name for cause in found.causes for one in cause.changes for name in one.names]
    assert sorted(names) == [
        "stage1.2",
        "stage2.2",
        "stage2.3",
        "stage3.2",
        "stage3.3",
        "stage3.4",
        "stage3.5",
        "stage4.2",
    ]


def test_another_input():
    found = hold(archinspect.network("lenet5"), archinspect.network("lenet5", inputs={"": (64, 64, 1)}))
    assert found.causes[0].changes[0].arguments == {"shape": ([32, 32, 1], [64, 64, 1])}


def test_a_network_has_parameters_of_its_own():
    text = run("diff", "vgg16", "vgg16@classes=10@input=64x64x3").stdout
    assert "units 1000 -> 10" in text
    assert "shape 224x224x3 -> 64x64x3" in text


@pytest.mark.parametrize("seed", range(3))
def test_random_edits_add_up(seed):
    assert len(list(tried(["lenet5", "alexnet", "resnet18"], 8, seed))) == 8


# The command


@pytest.fixture
def files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, filters in (("old", 8), ("new", 12)):
        layers = [{"Conv2D": {"filters": filters, "kernel_size": 3, "name": "one"}}, *SPEC["layers"][1:]]
        (tmp_path / f"{name}.yaml").write_text(yaml.safe_dump({**SPEC, "layers": layers}), encoding="utf-8")
    return tmp_path


@pytest.mark.usefixtures("files")
def test_json_has_everything():
    found = json.loads(run("diff", "old.yaml", "new.yaml", "--format", "json").stdout)
    assert found["change"]["params"] == 688
    assert found["causes"][0]["changes"] == [
        {"kind": "changed", "layers": ["one"], "type": "Conv2D", "arguments": {"filters": [8, 12]}}
    ]


@pytest.mark.parametrize(
    ("limit", "code"),
    [("params>40%", 1), ("params>50%", 0), ("params>=688", 1), ("params>688", 0), ("kept>1KiB", 1), ("macs>1T", 0)],
)
@pytest.mark.usefixtures("files")
def test_growth_can_fail(limit, code):
    result = run("diff", "old.yaml", "new.yaml", "--fail-on", limit)
    assert result.exit_code == code
    assert ("grows too much: new.yaml: " + limit in result.stderr) == bool(code)


@pytest.mark.usefixtures("files")
def test_smaller_never_fails():
    assert run("diff", "new.yaml", "old.yaml", "--fail-on", "params>0").exit_code == 0


@pytest.mark.parametrize("arguments", [["old.yaml"], ["old.yaml", "new.yaml", "--fail-on", "size>1"], ["a", "b", "c"]])
@pytest.mark.usefixtures("files")
def test_wrong_usage(arguments):
    assert run("diff", *arguments).exit_code == 2


@pytest.mark.usefixtures("files")
def test_a_comment_is_silent_below_the_threshold():
    assert run("diff", "old.yaml", "new.yaml", "--format", "markdown", "--threshold", "99").stdout == ""
    assert run("diff", "old.yaml", "new.yaml", "--format", "markdown").stdout.startswith(MARKER)


def test_a_comment_has_a_limit_and_says_so():
    cause = Cause((Change("added", ("x" * 3000,), "Dense"),), {"params": 1}, {}, {}, ())
    figures = dict.fromkeys(("params", "macs", "flops", "output_bytes", "peak_bytes", "kept_bytes", "buffers"), 1)
    one = Diff(("a", "b"), figures, {**figures, "params": 2}, (cause,) * 9, (), ())
    text = markdown_text([(f"net{i}", one) for i in range(9)], 20)
    assert len(text) <= MAX_COMMENT
    assert text.endswith(" more networks changed")


def git(*arguments, at):
    names = ("-c", "user.name=A", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false")
    subprocess.run(["git", *names, *arguments], cwd=at, check=True, capture_output=True)  # noqa: S607 - whichever git


@pytest.fixture
def repository(files):
    git("init", "-q", at=files)
    (files / "compose.yaml").write_text("services: {}\n", encoding="utf-8")
    (files / "small.yaml").write_text("extends: old.yaml\nname: small\n", encoding="utf-8")
    git("add", "-A", at=files)
    git("commit", "-qm", "first", at=files)
    return files


def test_files_that_changed_since_a_revision(repository):
    (repository / "old.yaml").write_text((repository / "new.yaml").read_text(), encoding="utf-8")
    (repository / "compose.yaml").write_text("services: {web: 1}\n", encoding="utf-8")
    (repository / "new.yaml").unlink()
    (repository / "third.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    result = run("diff", "--git", "HEAD")
    assert result.exit_code == 0
    assert "filters 8 -> 12" in result.stdout
    assert result.stdout.endswith("new.yaml: is gone\nthird.yaml: is new\n")
    assert "compose" not in result.stdout


def test_what_a_spec_extended_is_that_of_the_revision(repository):
    (repository / "old.yaml").write_text((repository / "new.yaml").read_text(), encoding="utf-8")
    (repository / "small.yaml").write_text("extends: old.yaml\nname: smaller\n", encoding="utf-8")
    assert "filters 8 -> 12" in run("diff", "--git", "HEAD", "small.yaml").stdout


def test_a_link_of_the_revision_is_followed_within_it_alone(repository):
    (repository / "linked.yaml").symlink_to("old.yaml")
    (repository / "outside.yaml").symlink_to("../../outside.yaml")
    (repository / "small.yaml").write_text("extends: linked.yaml\nname: small\n", encoding="utf-8")
    git("add", "-A", at=repository)
    git("commit", "-qm", "links", at=repository)
    (repository / "old.yaml").write_text((repository / "new.yaml").read_text(), encoding="utf-8")
    (repository / "small.yaml").write_text("extends: linked.yaml\nname: smaller\n", encoding="utf-8")
    assert "filters 8 -> 12" in run("diff", "--git", "HEAD", "small.yaml").stdout
    (repository / "outside.yaml").unlink()
    (repository / "outside.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    told = "outside.yaml: not compared, as it is no file in HEAD, or a link out of it\n"
    assert run("diff", "--git", "HEAD", "outside.yaml").stdout == told


def test_a_mended_file_does_not_hide_the_others(repository):
    (repository / "old.yaml").write_text("input: [4]\nlayers: [Dens]\n", encoding="utf-8")
    git("commit", "-qam", "broken", at=repository)
    (repository / "old.yaml").write_text("input: [4]\nlayers: [{Dense: 3}]\n", encoding="utf-8")
    (repository / "new.yaml").write_text(yaml.safe_dump(SPEC), encoding="utf-8")
    result = run("diff", "--git", "HEAD")
    assert result.exit_code == 0
    assert "filters 12 -> 8" in result.stdout
    assert "old.yaml: not compared, as it has errors in HEAD: unknown operator or block 'Dens'\n" in result.stdout


@pytest.mark.usefixtures("repository")
def test_nothing_changed():
    assert run("diff", "--git", "HEAD").stdout == "no network changed\n"
    assert run("diff", "--git", "HEAD", "--format", "markdown").stdout == ""


@pytest.mark.parametrize("revision", ["nope", "--output=x"])
@pytest.mark.usefixtures("repository")
def test_no_such_revision(revision):
    assert run("diff", f"--git={revision}").exit_code == 2


def test_a_part_that_changes_has_the_name_of_what_it_is():
    old, new = (
        archinspect.network({"input": [4, 8], "layers": [{"MHA": {"key_dim": 2, "num_heads": heads}}]})
        for heads in (2, 4)
    )
    kinds = {change.type for cause in old.diff(new).causes for change in cause.changes}
    assert kinds == {"Projection", "ScaledDotProductAttention"}
