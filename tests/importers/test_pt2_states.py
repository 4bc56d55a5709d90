"""Recurrent layers of programs: zeros that they start from, and states that are read by layer, swapped, handed on."""

import pytest
from programs import Program

import archinspect
from archinspect.analyses.memory import kept_bytes, peak_bytes

GATES = {"LSTM": 4, "GRU": 3}


class Net(Program):  # type: ignore[misc] # tests are not typed
    """A network with recurrent layers of 5 units, whose inputs are `x`, 7 steps of 6 features, and `y`, 4 of 4."""

    def __init__(self, kind, layers=1, ways=1):
        super().__init__()
        self.kind, self.layers, self.ways = kind, layers, ways
        self.cells = (layers * ways, "s0", 5)
        self.x = self.input("s0", 7, 6)

    def zeros(self, module="", kind=""):
        return self.call("aten.zeros.default", self.cells, module, kind, size=[self.cells[0], 1, 5])

    def layer(self, path, x, sizes, *, start=(), batch_first=True):
        """Add a layer; return its output and its states. Without `start` it makes its own zeros."""
        gates, features, states = GATES[self.kind], sizes[1], 1 + (self.kind == "LSTM")
        hx = list(start) or [self.zeros(path, self.kind) for _ in range(states)]
        params = []
        for at in range(self.layers * self.ways):
            given = features if at < self.ways else 5 * self.ways
            shapes = {"ih": (5 * gates, given), "hh": (5 * gates, 5), "b": (5 * gates,), "c": (5 * gates,)}
            params += [self.parameter(f"{path}.{name}{at}", *one) for name, one in shapes.items()]
        steps = ("s0", sizes[0], 5 * self.ways) if batch_first else (sizes[0], "s0", 5 * self.ways)
        return self.call(
            f"aten.{self.kind.lower()}.input",
            [steps, *[self.cells] * states],
            path,
            self.kind,
            input=x,
            hx=hx if states == 2 else hx[0],
            params=params,
            has_biases=True,
            num_layers=self.layers,
            bidirectional=self.ways == 2,
            batch_first=batch_first,
        )

    def head(self, x, features, steps=()):
        weights = {"weight": self.parameter("fc.weight", 3, features), "bias": self.parameter("fc.bias", 3)}
        return self.output(self.call("aten.linear.default", ("s0", *steps, 3), "fc", "Linear", input=x, **weights))


def last_state():
    net = Net("GRU")
    _, h = net.layer("rnn", net.x, (7, 6))
    return net.head(net.call("aten.select.int", ("s0", 5), self=h, dim=0, index=-1), 5)


def states_of_two_ways():
    net = Net("GRU", 2, 2)
    _, h = net.layer("rnn", net.x, (7, 6))
    picked = [net.call("aten.select.int", ("s0", 5), self=h, dim=0, index=index) for index in (-2, -1)]
    return net.head(net.call("aten.cat.default", ("s0", 10), tensors=picked, dim=1), 10)


def swapped_states():
    net = Net("LSTM", 2, 2)
    _, h, _ = net.layer("rnn", net.x, (7, 6))
    h = net.lies(
        net.call("aten.permute.default", ("s0", 4, 5), self=h, dims=[1, 0, 2]), 5, "Mul(Integer(5), Symbol('s0'))", 1
    )
    return net.head(net.call("aten.reshape.default", ("s0", 20), self=h, shape=[-1, 20]), 20)


def handed_on():
    net = Net("LSTM", 2)
    y = net.input("s0", 4, 4, name="y")
    net.at(8, "o, h = self.rnn(x)")
    _, *states = net.layer("rnn", net.x, (7, 6))
    net.at(9, "o, _ = self.dec(y, h)")
    out, *_ = net.layer("dec", y, (4, 4), start=states)
    net.at(10, "return self.fc(o)")
    return net.head(out, 5, (4,))


def of_steps_before_samples():
    net = Net("LSTM")
    x = net.lies(net.call("aten.transpose.int", (7, "s0", 6), self=net.x, dim0=0, dim1=1), 6, 42, 1)
    _, h, _ = net.layer("rnn", x, (7, 6), batch_first=False)
    return net.head(net.call("aten.select.int", ("s0", 5), self=h, dim=0, index=-1), 5)


@pytest.mark.parametrize(
    ("make", "figures", "rows"),
    [
        # Parameters, MACs, bytes that are kept, peak: of such modules on the meta device, by PyTorch 2.13.
        (last_state, (213, 1170, 1168, 468), "rnn GRU, fc Dense"),
        (
            states_of_two_ways,
            (933, 5490, 4408, 1408),
            "rnn GRU, select Select, select_1 Select, cat Concatenate, fc Dense",
        ),
        (swapped_states, (1263, 7340, 4448, 1568), "rnn LSTM, reshape Reshape, fc Dense"),
        (handed_on, (978, 4520, 3612, 812), "rnn LSTM, dec LSTM, fc Dense"),
        (
            of_steps_before_samples,
            (278, 1555, 1168, 508),
            "transpose transpose, rnn LSTM, select select, fc Dense",
        ),
    ],
)
def test_a_layer_has_its_weights_and_states(tmp_path, make, figures, rows):
    path = tmp_path / "net.pt2"
    path.write_bytes(make().save())
    found = archinspect.network(path)
    totals = found.report().totals
    assert (totals.params, totals.macs, kept_bytes(found.facts), peak_bytes(found.facts)) == figures
    assert ", ".join(f"{row.name} {row.type}" for row in found.report().layers) == rows
    assert "Custom" not in found.convert()
