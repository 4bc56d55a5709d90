"""Modules of PyTorch, live; those that need torch run in the session of the frameworks."""

import stat

import pytest
from programs import residual_net

import archinspect
from archinspect.analyses.memory import peak_bytes
from archinspect.importers import torch as live

NET = """
import torch


class Tied(torch.nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.embedding = torch.nn.Embedding(100, width)
        self.head = torch.nn.Linear(width, 100, bias=False)
        self.head.weight = self.embedding.weight

    def forward(self, ids):
        return self.head(self.embedding(ids))


class Static(torch.nn.Module):
    def forward(self, x):
        return x.reshape(6, -1)


class Two(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.product = torch.nn.Bilinear(4, 5, 3)

    def forward(self, left, right):
        return self.product(left, right)


def gated(x, factor):
    gate = torch.sigmoid(x)
    both = [gate * factor for factor in (factor, 2 * factor)]
    return torch.cat(both, 1)


class Gated(torch.nn.Module):
    def widened(self, x):
        x = torch.tanh(x)
        wide = gated(x, x)
        return wide + 1

    def forward(self, x):
        return torch.exp(self.widened(x).sum(1))


class Answer:
    def __init__(self, mean, parts, origin):
        self.mean, self.parts, self.origin = mean, parts, origin


class Answers(torch.nn.Module):
    def forward(self, x):
        parts = {"both": (x.exp(), x.sin())}
        return Answer(x.mean(1), parts, self)


def number():
    return 3
"""


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nets.py").write_text(NET, encoding="utf-8")
    return tmp_path


@pytest.fixture
def python(here, monkeypatch):
    """Return what makes a script the Python that is asked."""

    def python(script):
        path = here / "python"
        path.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)
        monkeypatch.setattr(live, "_pythons", lambda: [str(path)])

    return python


def refused(spec, **settings):
    with pytest.raises(archinspect.InvalidSpecError) as caught:
        archinspect.network(spec, **settings)
    return caught.value.diagnostics[0].message


def test_what_another_python_exports_is_read(here, python):
    (here / "made").write_bytes(residual_net().save())
    python('cp made "$2/program.pt2"')
    net = archinspect.network("torch:nets:Net", inputs={"": (3, 32, 32)})
    assert net.report().totals.params == 1490


def test_a_python_without_torch_is_told(python):
    python("echo \"ModuleNotFoundError: No module named 'torch'\" >&2; exit 1")
    assert refused("torch:nets:Net", inputs={"": [3]}).startswith("no torch in ")


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("printf 'your \\033[31m mistake' > \"$2/error.txt\"", "your \\x1b[31m mistake"),
        ("echo killed >&2; exit 9", "the process that exports it ended: killed"),
    ],
)
def test_what_went_wrong_is_told(python, script, said):
    python(script)
    assert refused("torch:nets:Net", inputs={"": [3]}) == said


def test_what_has_to_be_said():
    assert refused("torch:nets", inputs={"": [3]}) == "which function, or class, of 'nets'?"
    assert refused("torch:nets:Net") == "a module does not say what it reads"


@pytest.mark.parametrize("spec", ["torch:nets:Tied", "torch:nets.py:Tied"])
def test_a_factory_runs(spec):
    pytest.importorskip("torch")
    report = archinspect.inspect(spec, inputs={"": [7]}, params={"width": 8})
    assert report.totals.params == 800  # the head has none of its own
    assert report.totals.macs == 7 * 8 * 100
    assert report.inputs == {"ids": (None, 7)}


def test_a_batch_that_cannot_be_open_is_as_asked():
    pytest.importorskip("torch")
    assert archinspect.inspect("torch:nets:Static", inputs={"": [6]}, batch=4).totals.output_bytes == 4 * 6 * 4
    assert "shape '[6, -1]' is invalid" in refused("torch:nets:Static", inputs={"": [7]})


def test_inputs_by_name():
    pytest.importorskip("torch")
    assert refused("torch:nets:Two", inputs={"": [4]}).startswith("what shape has 'right'?")
    assert archinspect.inspect("torch:nets:Two", inputs={"left": [4], "right": [5]}).totals.params == 4 * 5 * 3 + 3


def test_variables_of_functions_hold_tensors():
    """At the join these are alive: the input, x, the gate, two products in a list, and both in one."""
    pytest.importorskip("torch")
    net = archinspect.network("torch:nets:Gated", inputs={"": [100]})
    assert peak_bytes(net.facts) == 400 * (1 + 1 + 1 + 2 + 2)


def test_an_object_that_a_module_gives_stands_for_its_tensors():
    pytest.importorskip("torch")
    net = archinspect.network("torch:nets:Answers", inputs={"": [100]})
    assert [net.facts.shape(tensor) for tensor in net.graph.outputs] == [(1,), (1, 100), (1, 100)]


def test_what_is_no_module():
    pytest.importorskip("torch")
    assert refused("torch:nets:number", inputs={"": [4]}) == "nets:number makes no torch.nn.Module, but this: int"
    assert "makes no module: ModuleNotFoundError: No module named 'netz'" in refused("torch:netz:Net", inputs={"": [4]})


def test_a_module_at_hand_is_left_as_it_was():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.BatchNorm2d(8), torch.nn.Dropout())
    net = archinspect.network(module, torch.rand(1, 3, 9, 9))
    assert net.report().totals.params == 240
    assert net.with_settings(batch=5).report().layers[0].output_shape == (5, 8, 7, 7)
    assert module.training
    assert module[0].weight.device.type == "cpu"


def test_a_module_needs_inputs():
    torch = pytest.importorskip("torch")
    with pytest.raises(ValueError, match="does not say what it reads"):
        archinspect.network(torch.nn.Linear(3, 4))
    with pytest.raises(ValueError, match="cannot export it"):
        archinspect.network(torch.nn.Linear(3, 4), torch.zeros(2, 5))
