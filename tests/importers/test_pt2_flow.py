"""Programs with sub-graphs that run by conditions or for the steps of a sequence."""

import pytest
from programs import Program

import archinspect
from archinspect.analyses.memory import kept_bytes


@pytest.fixture
def read(tmp_path):
    def read(content, **settings):
        path = tmp_path / "net.pt2"
        path.write_bytes(content.save())
        return archinspect.network(path, **settings)

    return read


def graph(make, *sizes):
    """Return a sub-graph of inputs with these sizes, as an argument."""
    inner = Program()
    made = make(inner, *[inner.input(*one, name=f"i{number}") for number, one in enumerate(sizes)])
    inner.output(*made)
    keys = {"inputs": inner.inputs, "outputs": inner.outputs, "nodes": inner.nodes, "tensor_values": inner.tensors}
    return {"as_graph": {"name": "body", "graph": keys}}


def tensors(*names):
    return {"as_tensors": [{"name": name} for name in names]}


def flow(net, target, sizes, *arguments):
    """Add a call of `torch.ops.higher_order` to a program; return the names of its outputs."""
    outputs = [net.tensor(f"made_{number}", one) for number, one in enumerate(sizes)]
    net.nodes.append(
        {
            "target": f"torch.ops.higher_order.{target}",
            "inputs": [{"name": "", "arg": one, "kind": 1} for one in arguments],
            "outputs": [{"as_tensor": {"name": name}} for name in outputs],
            "metadata": {},
        }
    )
    return outputs


def dense(program, x, weight):
    return program.call("aten.linear.default", ("s0", 8), input=x, weight=weight)


ROW, MATRIX = ("s0", 8), (8, 8)


def test_of_two_branches_the_longer_is_counted(read):
    net = Program()
    x = net.input(*ROW)
    one, other = (net.parameter(f"{path}.weight", *MATRIX) for path in "ab")
    chosen = net.call("aten.any.default", (), self=x)
    long = graph(lambda at, x, _, b: [at.call("aten.relu.default", ROW, self=dense(at, x, b))], ROW, MATRIX, MATRIX)
    short = graph(lambda at, x, a, _: [dense(at, x, a)], ROW, MATRIX, MATRIX)
    predicate = {"as_tensor": {"name": chosen}}
    report = read(net.output(*flow(net, "cond", [ROW], predicate, short, long, tensors(x, one, other)))).report()
    assert (report.totals.macs, report.totals.params, report.status) == (64, 128, "partial")
    assert "relu" in [row.name for row in report.layers]


def test_a_loop_that_data_ends_is_counted_once(read):
    net = Program()
    x, weight = net.input(*ROW), net.parameter("a.weight", *MATRIX)
    condition = graph(lambda at, x, _: [at.call("aten.any.default", (), self=x)], ROW, MATRIX)
    body = graph(lambda at, x, a: [dense(at, x, a)], ROW, MATRIX)
    report = read(net.output(*flow(net, "while_loop", [ROW], condition, body, tensors(x), tensors(weight)))).report()
    assert (report.totals.macs, report.totals.params, report.status) == (64, 64, "partial")


@pytest.mark.parametrize(("steps", "macs", "status"), [(5, 320, "complete"), (2000, 64, "partial")])
def test_a_scan_runs_for_each_step(read, steps, macs, status):
    net = Program()
    x, weight = net.input("s0", 8), net.parameter("a.weight", *MATRIX)
    sequence = net.call("aten.expand.default", (steps, "s0", 8), self=x, size=[steps, 1, 8])

    def step(at, state, x, weight):
        state = at.call("aten.add.Tensor", ROW, self=dense(at, state, weight), other=x)
        return state, at.call("aten.clone.default", ROW, self=state)

    body = graph(step, ROW, ROW, MATRIX)
    made = flow(net, "scan", [ROW, (steps, "s0", 8)], body, tensors(x), tensors(sequence), tensors(weight))
    report = read(net.output(*made), batch=1).report()
    assert (report.totals.macs, report.totals.params, report.status) == (macs, 64, status)
    assert [*report.outputs.values()][-1] == (steps, 1, 8)


def test_a_scan_of_scans_is_limited(read, monkeypatch):
    from archinspect.importers.pt2 import reading

    monkeypatch.setattr(reading, "MAX_CALLS", 50)
    with pytest.raises(archinspect.InvalidSpecError, match="more than 50 calls"):
        test_a_scan_runs_for_each_step(read, 100, 0, "")


@pytest.mark.parametrize(("enabled", "kept", "learned"), [(True, 192, 128), (False, 96, 64)])
def test_backward_does_not_pass_a_region_without_gradients(read, enabled, kept, learned):
    """Of three samples: a teacher's product, and a student's that reads what it gives."""
    net = Program()
    x = net.input(*ROW)
    teacher, student = (net.parameter(f"{path}.weight", *MATRIX) for path in ("teacher", "student"))
    body = graph(lambda at, x, weight: [dense(at, x, weight)], ROW, MATRIX)
    given = [{"as_tensor": {"name": name}} for name in (x, teacher)]
    (y,) = flow(net, "wrap_with_set_grad_enabled", [ROW], {"as_bool": enabled}, body, *given)
    found = read(net.output(dense(net, y, student)), batch=3)
    assert kept_bytes(found.facts) == kept
    totals = found.report().totals
    assert (totals.params, totals.trainable_params) == (128, learned)


@pytest.mark.parametrize(("frozen", "kept"), [((), 192), (("a",), 96), (("a", "b"), 0), (("b",), 96)])
def test_weights_without_a_gradient_are_frozen(read, frozen, kept):
    """Measured with PyTorch 2.13 of two linear layers without biases, for three samples."""
    net = Program()
    x = net.input(*ROW)
    for path in "ab":
        weight = net.parameter(f"{path}.weight", *MATRIX)
        net.tensors[weight]["requires_grad"] = path not in frozen
        x = dense(net, x, weight)
    found = read(net.output(x), batch=3)
    assert kept_bytes(found.facts) == kept
    assert found.report().totals.trainable_params == 64 * (2 - len(frozen))


def test_weights_that_train_in_one_of_two_places_are_read_in_both(read):
    net = Program()
    x = net.input(*ROW)
    weight = net.parameter("a.weight", *MATRIX)
    body = graph(lambda at, x, weight: [dense(at, x, weight)], ROW, MATRIX)
    given = [{"as_tensor": {"name": name}} for name in (x, weight)]
    (y,) = flow(net, "wrap_with_set_grad_enabled", [ROW], {"as_bool": False}, body, *given)
    found = read(net.output(dense(net, y, weight)), batch=3)
    assert kept_bytes(found.facts) == 96
    assert found.report().totals.trainable_params == 64
