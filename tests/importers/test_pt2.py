"""Programs of `torch.export.save`: what is read of them, and what is refused."""

import io
import json
import random
import zipfile
from math import prod

import pytest
from programs import MADE, Program, linear, residual_net, tied_net, zipped

import archinspect
from archinspect.analyses.memory import kept_bytes, peak_bytes
from archinspect.base.shape import Mismatch
from archinspect.exporters.refusal import CannotExportError
from archinspect.importers.pt2 import sizes


@pytest.fixture
def write(tmp_path):
    def write(content, name="net.pt2"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.save())
        return path

    return write


@pytest.fixture
def read(write):
    """Return the network of a program."""
    return lambda content, **settings: archinspect.network(write(content), **settings)


def errors(call):
    with pytest.raises((archinspect.InvalidSpecError, archinspect.NotFoundError, Exception)) as caught:
        call()
    return str(caught.value)


def test_a_network_with_its_names(read):
    net = read(residual_net())
    report = net.report()
    assert [(row.name, row.type) for row in report.layers] == [
        ("stem", "Conv2D"),
        ("blocks.0.conv", "Conv2D"),
        ("blocks.0.norm", "BatchNormalization"),
        ("blocks.0.add", "Add"),
        ("blocks.0.relu", "ReLU"),
        ("blocks.1.conv", "Conv2D"),
        ("blocks.1.norm", "BatchNormalization"),
        ("blocks.1.add", "Add"),
        ("blocks.1.relu", "ReLU"),
        ("mean", "ReduceMean"),
        ("head", "Dense"),
    ]
    assert report.groups["blocks.0"] == "Block"
    assert report.layout == "channels_first"
    assert report.status == "complete"
    assert report.inputs == {"image": (None, 3, 32, 32)}
    assert report.outputs == {"head": (None, 10)}


@pytest.mark.parametrize("batch", [1, 3])
def test_figures(read, batch):
    totals = read(residual_net(), batch=batch).report().totals
    assert totals.params == 8 * 27 + 2 * (8 * 72 + 16) + 8 * 10 + 10
    assert totals.buffers == 2 * (16 + 1)  # the counter of batches, too
    assert totals.macs == batch * (16 * 16 * 8 * (27 + 72 + 72) + 80)


def test_problems_name_the_node_and_the_line_of_the_program(read):
    net = Program()
    x = net.input("s0", 4)
    x = net.call("custom.twist.default", ("s0", 4), "twist", "Twist", input=x)
    (warning,) = read(net.output(x)).check()
    assert (warning.code, warning.span.node) == ("partial", "twist (net.py:7)")
    assert warning.message == "'twist' is not counted: its macs, flops are not known"


def test_what_no_rule_knows_is_a_row_with_its_shape(read):
    net = Program()
    x = net.input("s0", 4)
    x = net.call("custom.twist.default", ("s0", 7), "twist", "Twist", input=x)
    report = read(net.output(linear(net, "head", x, 7, 2))).report()
    assert [(row.type, row.output_shape, row.unknown) for row in report.layers] == [
        ("custom.twist", (None, 7), ("macs", "flops")),
        ("Dense", (None, 2), ()),
    ]
    assert report.status == "partial"


# Calls: target, sizes of the inputs, sizes of the output, arguments, the operator, MACs of a sample

WEIGHTED = [
    ("conv1d", [("s0", 4, 10), (6, 4, 3)], ("s0", 6, 8), {}, "Conv1D", 6 * 8 * 12),
    ("conv2d", [("s0", 4, 8, 8), (6, 2, 3, 3)], ("s0", 6, 6, 6), {"groups": 2}, "Conv2D", 6 * 36 * 18),
    ("conv_transpose2d", [("s0", 4, 8, 8), (4, 6, 2, 2)], ("s0", 6, 16, 16), {"stride": [2, 2]}, None, 4 * 64 * 24),
    ("linear", [("s0", 5, 4), (3, 4)], ("s0", 5, 3), {}, "Dense", 60),
    ("linear", [(size_of := "Mul(Integer(6), Symbol('s0'))", 5, 4), (3, 4)], (size_of, 5, 3), {}, "Dense", 360),
]
PLAIN = [
    ("matmul.default", [("s0", 3, 4), ("s0", 4, 5)], ("s0", 3, 5), {}, ("self", "other"), "MatMul", 60),
    ("bmm.default", [("s0", 3, 4), ("s0", 4, 5)], ("s0", 3, 5), {}, ("self", "mat2"), "MatMul", 60),
    ("mm.default", [("s0", 4), (4, 5)], ("s0", 5), {}, ("self", "mat2"), "mm", 20),
    ("addmm.default", [(5,), ("s0", 4), (4, 5)], ("s0", 5), {}, ("self", "mat1", "mat2"), "addmm", 20),
    ("softmax.int", [("s0", 4)], ("s0", 4), {"dim": -1}, ("self",), "Softmax", 0),
    ("mul.Tensor", [("s0", 4)], ("s0", 4), {"other": 0.5}, ("self",), "Rescaling", 0),
    ("mul.Tensor", [("s0", 4), (4,)], ("s0", 4), {}, ("self", "other"), "mul", 0),
    ("permute.default", [("s0", 4, 5)], (5, "s0", 4), {"dims": [2, 0, 1]}, ("self",), "permute", 0),
    ("reshape.default", [("s0", 4, 5)], ("s0", 20), {"shape": [-1, 20]}, ("self",), "Reshape", 0),
    ("max_pool2d.default", [("s0", 2, 8, 8)], ("s0", 2, 4, 4), {"kernel_size": [2, 2]}, ("self",), "MaxPooling2D", 0),
]


@pytest.mark.parametrize("case", WEIGHTED)
def test_operators_with_weights(read, case):
    target, given, made, arguments, operator, macs = case
    net = Program()
    x = net.input(*given[0])
    weight = net.parameter("f.weight", *given[1])
    overload = "input" if "transpose" in target else "default"
    net.output(net.call(f"aten.{target}.{overload}", made, "f", "F", input=x, weight=weight, **arguments))
    for batch in (1, 3):
        report = read(net, batch=batch).report()
        (row,) = report.layers
        assert row.type == (operator or "Conv2DTranspose")
        assert row.cost.macs == batch * macs
        assert report.totals.params == prod(given[1])


@pytest.mark.parametrize("case", PLAIN)
def test_operators(read, case):
    target, given, made, arguments, names, operator, macs = case
    net = Program()
    tensors = [net.input(*one, name=f"x{i}") for i, one in enumerate(given)]
    net.output(net.call(f"aten.{target}", made, **dict(zip(names, tensors, strict=True)), **arguments))
    for batch in (1, 3):
        found = read(net, batch=batch)
        (row,) = found.report().layers
        assert (row.type, row.cost.macs, row.unknown) == (operator, batch * macs, ())
        assert found.facts.shape(found.graph.outputs[0]) == tuple(batch if one == "s0" else one for one in made)


def test_attention_of_grouped_heads(read):
    net = Program()
    query, key, value = (net.input("s0", heads, 6, 8, name=name) for name, heads in (("q", 4), ("k", 2), ("v", 2)))
    target = "aten.scaled_dot_product_attention.default"
    net.output(net.call(target, ("s0", 4, 6, 8), query=query, key=key, value=value, enable_gqa=True))
    assert read(net, batch=3).report().totals.macs == 3 * 4 * 6 * 6 * (8 + 8)


def test_products_of_an_equation_are_joined_from_the_left(read):
    net = Program()
    tensors = [net.input("s0", *one, name=f"x{i}") for i, one in enumerate([(4, 5), (5, 6), (6, 7)])]
    arguments = {"equation": "bij, bjk, bkl -> bil", "tensors": tensors}
    net.output(net.call("aten.einsum.default", ("s0", 4, 7), **arguments))
    assert read(net).report().totals.macs == 4 * 5 * 6 + 4 * 6 * 7


def test_a_weight_that_is_computed_is_a_tensor(read):
    net = Program()
    x = net.input("s0", 4)
    weight = net.parameter("f.raw", 3, 4)
    weight = net.call("aten.tanh.default", (3, 4), "f", "Wrapped", self=weight)
    y = net.call("aten.linear.default", ("s0", 3), "f", "Wrapped", input=x, weight=weight)
    report = read(net.output(y)).report()
    assert [(row.name, row.type, row.cost.params) for row in report.layers] == [
        ("f.raw", "Parameter", 12),
        ("f.tanh", "Tanh", 0),
        ("f.linear", "linear", 0),
    ]
    assert report.totals.macs == 12


# Weights that are one


def test_a_module_that_is_called_twice_counts_once(read):
    net = Program()
    x = net.input("s0", 4)
    weight = net.parameter("f.weight", 4, 4)
    for _ in range(2):
        x = net.call("aten.linear.default", ("s0", 4), "f", "Linear", input=x, weight=weight)
        x = net.call("aten.relu.default", ("s0", 4), self=x)
    report = read(net.output(x)).report()
    assert [(row.name, row.shares) for row in report.layers if row.type == "Dense"] == [("f", ""), ("f_1", "f")]
    assert report.totals.params == 16
    assert report.totals.macs == 32


@pytest.mark.parametrize(("numbers", "guessed"), [(b"", ["guessed"]), (b"\0" * 6400, [])])
def test_tied_weights_are_told_by_numbers_or_guessed(read, numbers, guessed):
    net = read(tied_net(numbers=numbers))
    assert net.report().totals.params == 1600
    assert [warning.code for warning in net.check()] == guessed


def test_weights_of_equal_sizes_are_several_where_the_file_tells(read):
    net = Program()
    x = net.input("s0", 4)
    x = linear(net, "a", x, 4, 4, bias=False, weight="weight_0")
    net.parameter("b.weight", 4, 4, weight="weight_1")
    assert read(net.output(x).save(b"\0" * 64)).report().totals.params == 32


def test_a_parameter_that_nothing_reads_is_counted_and_told(read):
    net = Program()
    x = linear(net, "a", net.input("s0", 4), 4, 2)
    net.parameter("b.weight", 7, 3)
    found = read(net.output(x))
    assert found.report().totals.params == 10 + 21
    assert [warning.message for warning in found.check()] == ["nothing uses 'b.weight'"]


def head_with_a_bias(own, within):
    """Return a head that has its bias and hands it to a layer within; one of them is read."""
    net = Program()
    x = net.input("s0", 4)
    weight = net.parameter("head.decoder.weight", 7, 4)
    biases = {name: net.parameter(name, 7) for name in (own, within)}
    return net.output(net.call("aten.linear.default", ("s0", 7), "head", input=x, weight=weight, bias=biases[within]))


@pytest.mark.parametrize("names", [("head.bias", "head.decoder.bias"), ("head.decoder.bias", "head.bias")])
def test_a_bias_that_a_head_hands_on_is_one(read, names):
    net = read(head_with_a_bias(*names))
    assert net.report().totals.params == 4 * 7 + 7
    assert [warning.code for warning in net.check()] == ["guessed"]


def test_weights_without_numbers_are_not_one_because_another_has_numbers(read):
    net = Program()
    x = net.input("s0", 4)
    for path, units in (("a", 4), ("b", 4), ("d", 5)):
        x = linear(net, path, x, 4, units, bias=False)
    net.parameter("c", 3, weight="weight_9")
    members = {"net/data/weights/weight_9": bytes(12), "net/data/weights/weight_0": b""}
    content = zipped({name: members.get(name, data) for name, data in unzipped(net.output(x).save()).items()})
    assert read(content).report().totals.params == 16 + 16 + 20 + 3


def unzipped(content):
    with zipfile.ZipFile(io.BytesIO(content)) as file:
        return {name: file.read(name) for name in file.namelist()}


def recurrent(target, gates, proj, *, batch_first):
    net = Program()
    x, given = net.input("s0", 5, 8), proj or 16
    steps = ("s0", 5, given) if batch_first else (5, "s0", given)
    if not batch_first:
        x = net.call("aten.transpose.int", (5, "s0", 8), self=x, dim0=0, dim1=1)
    params = [net.parameter(f"r.{name}", *sizes) for name, sizes in _matrices(gates, given, proj).items()]
    state = net.call("aten.zeros.default", (1, "s0", 16), size=[1, 1, 16])
    states = [(1, "s0", 16)] * (2 if gates == 4 else 1)
    how = {"has_biases": True, "num_layers": 1, "bidirectional": False, "batch_first": batch_first}
    hx = [state] * len(states)
    out, *_ = net.call(target, [steps, *states], "r", "R", input=x, hx=hx, params=params, **how)
    return net.output(out)


def _matrices(gates, given, proj):
    found = {"w_ih": (16 * gates, 8), "w_hh": (16 * gates, given), "b_ih": (16 * gates,), "b_hh": (16 * gates,)}
    return found | ({"w_hr": (proj, 16)} if proj else {})


@pytest.mark.parametrize("batch_first", [True, False])
@pytest.mark.parametrize(
    ("layer", "macs", "kept"),
    [
        # Of the meta device and PyTorch 2.13, of a layer whose output alone is read.
        (("aten.rnn_tanh.input", 1, 0), 1920, 544),
        (("aten.lstm.input", 4, 0), 7680, 2400),
        (("aten.lstm.input", 4, 4), 4160, 2480),
        (("aten.gru.input", 3, 0), 5760, 2400),
    ],
)
def test_recurrent_layers(read, layer, macs, kept, batch_first):
    found = read(recurrent(*layer, batch_first=batch_first))
    report = found.report()
    assert (report.totals.macs, report.status) == (macs, "complete")
    assert kept_bytes(found.facts) == kept


def test_a_recurrent_layer_makes_no_states_that_it_is_given(read):
    """Of PyTorch 2.13 on the meta device: the zeros that it starts from are counted once."""
    found = read(recurrent("aten.rnn_tanh.input", 1, 0, batch_first=True))
    assert peak_bytes(found.facts) == 864


def test_cells_share_their_weights(read):
    net = Program()
    x = net.input("s0", 8)
    held = {name: net.parameter(f"c.{name}", *one) for name, one in _matrices(3, 16, 0).items()}
    state = net.call("aten.zeros.default", ("s0", 16), size=[1, 16])
    for _ in range(2):
        state = net.call("aten.gru_cell.default", ("s0", 16), "c", "GRUCell", input=x, hx=state, **held)
    report = read(net.output(state)).report()
    assert (report.totals.macs, report.totals.params) == (2 * 48 * 24, 48 * 24 + 96)
    assert report.status == "complete"


@pytest.mark.parametrize(
    ("target", "made", "given", "macs", "flops"),
    [
        ("aten._grouped_mm.default", (6, 16), {"self": (6, 8), "mat2": (4, 8, 16)}, 6 * 8 * 16, 0),
        ("aten._grouped_mm.default", (4, 6, 16), {"self": (6, 8), "mat2": (8, 16)}, 6 * 8 * 16, 0),
        ("aten.addbmm.default", (5, 7), {"self": (5, 7), "batch1": (3, 5, 2), "batch2": (3, 2, 7)}, 3 * 5 * 2 * 7, 35),
        ("aten.tensordot.default", (3, 5), {"self": (3, 4, 2), "other": (4, 2, 5)}, 3 * 4 * 2 * 5, 0),
        ("aten.argsort.default", (3, 8), {"self": (3, 8)}, 0, 3 * 8 * 3),
        ("aten.scatter_add.default", (9,), {"self": (9,), "index": (4,), "src": (4,)}, 0, 4),
        ("aten._weight_norm.default", (4, 3), {"v": (4, 3), "g": (4, 1)}, 0, 36),
        ("aten.histc.default", (5,), {"self": (20,)}, 0, 20),
    ],
)
def test_calls_without_an_operator_of_their_own(read, target, made, given, macs, flops):
    net = Program()
    refs = {name: net.input(*one, name=name) for name, one in given.items()}
    extra = {"dims_self": [1, 2], "dims_other": [0, 1]} if "tensordot" in target else {}
    report = read(net.output(net.call(target, made, **refs, **extra))).report()
    assert (report.totals.macs, report.totals.flops, report.status) == (macs, 2 * macs + flops, "complete")


# Sizes


def image_net():
    net = Program()
    x = net.input("s0", 3, "s1", 16)
    kernel = net.parameter("f.weight", 4, 3, 3, 3)
    height = "Add(Symbol('s1', positive=True, integer=True), Integer(-2))"
    return net.output(net.call("aten.conv2d.default", ("s0", 4, height, 14), "f", "Conv2d", input=x, weight=kernel))


def test_another_size_where_the_program_leaves_it_open(read):
    assert read(image_net()).report().inputs == {"x": (None, 3, 2, 16)}  # that of the example
    net = read(image_net(), inputs={"x": (3, 20, 16)}, batch=2)
    assert net.report().outputs == {"f": (2, 4, 18, 14)}
    assert net.report().totals.macs == 2 * 4 * 18 * 14 * 27


def test_another_size_where_it_does_not(read):
    assert "exported for 16 where 20 is asked for" in errors(lambda: read(image_net(), inputs={"x": (3, 20, 20)}))
    assert "has 3 axes, not 2" in errors(lambda: read(image_net(), inputs={"x": (3, 20)}))
    assert "no input 'y'" in errors(lambda: read(image_net(), inputs={"y": (3, 20, 16)}))
    assert "no parameter 'scale'" in errors(lambda: read(image_net(), params={"scale": 2}))


def test_formulas_of_open_sizes(read):
    formula = read(image_net(), inputs={"x": (3, 20, 16)}).formula("macs", "batch", "height")
    assert formula(batch=2, height=20) == 2 * 4 * 18 * 14 * 27


def test_a_program_for_one_batch(read):
    net = Program()
    net.output(net.call("aten.relu.default", (4, 8), self=net.input(4, 8)))
    assert read(net).report().outputs == {"relu": (4, 8)}
    assert read(net, batch=4).report().totals.output_bytes == 128
    assert "for a batch of 4, not 3" in errors(lambda: read(net, batch=3))


def test_a_size_that_the_program_reads(read):
    net = Program()
    net.output(net.call("aten.nonzero.default", ("u0", 1), self=net.input("s0")))
    assert "the size of 'nonzero_1_0' depends on the numbers that the program reads" in errors(lambda: read(net))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("Symbol('s0', positive=True, integer=True)", 5),
        ("Integer(-3)", -3),
        ("Add(Mul(Integer(2), Symbol('s0')), Integer(1))", 11),
        ("FloorDiv(Add(Symbol('s0'), Integer(-1)), Integer(2))", 2),
        ("CeilDiv(Symbol('s0'), Integer(2))", 3),
        ("Max(Integer(7), Symbol('s0'))", 7),
        ("Min(Integer(7), Symbol('s0'))", 5),
        ("Mod(Symbol('s0'), Integer(3))", 2),
        ("Pow(Symbol('s0'), Integer(2))", 25),
    ],
)
def test_sizes(text, value):
    assert sizes.value(sizes.parse(text), {"s0": 5}) == value


@pytest.mark.parametrize(
    "text",
    [
        *("", "s0", "Symbol", "Symbol(", "Symbol()", "Integer(1", "Integer(1) Integer(2)", "Sin(Integer(1))", "1.5"),
        *("__import__('os')", "Add()", "Pow(Integer(9), Integer(9999))", "Add(" * 5000, "Symbol('s0')" * 5000),
    ],
)
def test_what_is_no_size(text):
    with pytest.raises(ValueError, match=r"size|end"):
        sizes.value(sizes.parse(text), {})


def test_a_dimension_that_is_no_multiple():
    with pytest.raises(Mismatch):
        sizes.solved(sizes.parse("Mul(Integer(4), Symbol('s0'))"), 6)


# Other layouts of a file


def test_the_layout_of_pytorch_2_6(read):
    document = json.dumps(residual_net().document()).encode()
    assert (
        read(zipped({"serialized_exported_program.json": document, "version": b"8.2"})).report().totals.params == 1490
    )


def test_regions_are_written_out(read):
    net = Program()
    x = net.input("s0", 4)
    inner = Program()
    inner.input("s0", 4, name="inside")
    y = inner.call("aten.relu.default", ("s0", 4), self="inside")
    inner.output(y)
    graph = inner.document()["graph_module"]["graph"]
    net.tensor("out", ("s0", 4))
    net.nodes.append(
        {
            "target": "torch.ops.higher_order.wrap_with_set_grad_enabled",
            "inputs": [
                {"name": "", "arg": {"as_bool": False}},
                {"name": "", "arg": {"as_graph": {"name": "body", "graph": graph}}},
                {"name": "", "arg": {"as_tensor": {"name": x}}},
            ],
            "outputs": [{"as_tensor": {"name": "out"}}],
            "metadata": {},
        }
    )
    net.output(net.call("aten.tanh.default", ("s0", 4), self="out"))
    assert [row.type for row in read(net).report().layers] == ["ReLU", "Tanh"]


def test_one_of_several_programs(read):
    several = {}
    for name, units in (("small", 2), ("large", 7)):
        net = Program()
        net.output(linear(net, "f", net.input("s0", 4), 4, units))
        several[f"net/models/{name}.json"] = json.dumps(net.document()).encode()
    file = zipped(several)
    assert read(file, params={"model": "large"}).report().totals.params == 35
    assert "the file holds 2 programs: small, large" in errors(lambda: read(file))
    assert "no program 'larg'" in errors(lambda: read(file, params={"model": "larg"}))


# What is refused


def changed(change):
    document = residual_net().document()
    change(document)
    return zipped({"net/models/model.json": json.dumps(document).encode()})


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (changed(lambda d: d["schema_version"].update(major=9)), "of version 9 of PyTorch's schema, not 8"),
        (changed(lambda d: d.pop("graph_module")), "the file is damaged"),
        (zipped({"net/models/model.json": b"{"}), "is not valid JSON"),
        (zipped({"net/models/model.json": b"[" * 100_000}), "is not valid JSON: it nests too deep"),
        (zipped({"net/models/a.json": b"{}", "net/models/b.json": b"{}"}), "the file holds 2 programs: a, b"),
        (zipped({"net/models/model.json": b" " * 10_000_000}), "more than 500 times as large as it is stored"),
        (zipped({"net/data/aotinductor/model/x.so": b""}), "code that AOTInductor compiled"),
        (zipped({"net/code/x.py": b"", "net/constants.pkl": b""}), "this seems to be TorchScript"),
        (zipped({"archive/data.pkl": b""}), "a pickle: it could run code and is not opened"),
        (zipped({"readme.txt": b""}), "a zip without a model that is known: it holds readme.txt"),
        (b"PK\x03\x04 and no more", "no zip, or a damaged one"),
    ],
)
def test_refused(read, content, message):
    assert message in errors(lambda: read(content))


def test_a_region_without_its_graph_is_damaged(read):
    net = Program()
    x = net.call("higher_order.wrap_with_set_grad_enabled", ("s0", 4), enabled=False, x=net.input("s0", 4))
    assert "the file is damaged" in errors(lambda: read(net.output(x)))


def test_mutated_files_are_refused_or_read(write):
    """Whatever becomes of a file, there is a network or a message."""
    rng = random.Random(7)
    texts = [json.dumps(json.loads(json.dumps(residual_net().document())))]
    for number in range(150):
        text = texts[0]
        for _ in range(rng.randint(1, 3)):
            start = rng.randrange(len(text))
            cut = rng.choice([0, 1, 5, 40])
            put = rng.choice(["", "0", "-1", '"', "[", "}", "null", "99999999999999999999", text[start // 2 :][:20]])
            text = text[:start] + put + text[start + cut :]
        _tried(write(zipped({"net/models/model.json": text.encode()}), f"{number}.pt2"))
    whole = residual_net().save()
    for number in range(50):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 20)):
            content[rng.randrange(len(content))] = rng.randrange(256)
        _tried(write(bytes(content[: rng.randint(1, len(content))]), f"bytes{number}.pt2"))


def test_mutated_values_are_refused_or_read(write):
    rng = random.Random(11)
    for number in range(200):
        document = json.loads(json.dumps(residual_net().document()))
        for _ in range(rng.randint(1, 2)):
            _mutate(document, rng)
        _tried(write(zipped({"net/models/model.json": json.dumps(document).encode()}), f"{number}.pt2"))


def _mutate(value, rng):
    """Change something within a JSON value."""
    while True:
        keys = list(value) if isinstance(value, dict) else range(len(value))
        if not keys:
            return
        key = rng.choice(list(keys))
        if isinstance(value[key], dict | list) and value[key] and rng.random() < 0.9:
            value = value[key]
            continue
        if isinstance(value, dict) and rng.random() < 0.3:
            del value[key]
        else:
            value[key] = rng.choice([None, 0, -1, 10**30, True, "", "s0", [], {}, [[]], {"as_int": 7}, 1.5, "x" * 2000])
        return


def _tried(path):
    checked = archinspect.check(path)
    if checked.report is None:
        assert any(one.severity == "error" for one in checked.diagnostics)
    else:
        archinspect.network(path, batch=3).report(memory=True)


def test_made_files_are_read(write):
    for name, make in MADE.items():
        assert archinspect.check(write(make(), name)).ok


def test_what_no_layer_of_a_spec_gives_is_not_converted(read):
    net = Program()
    x = net.input("s0", 4)
    one = net.call("aten.trace.default", ())
    y = net.call("aten.expand.default", ("s0", 4), self=one)
    with pytest.raises(CannotExportError, match="trace: a spec has no layer that gives this"):
        read(net.output(net.call("aten.add.Tensor", ("s0", 4), self=x, other=y))).convert()


@pytest.mark.parametrize(
    ("other", "params"),
    [("b.weight", 144), ("a.0.out.weight", 80), ("b.out.weight", 80), ("a.1.out.weights", 144)],
)
def test_what_nothing_reads_is_another_weight_of_its_module_alone(read, other, params):
    """A layer `a.1.out` of 64 weights and 16 biases, and a matrix of its sizes that nothing reads."""
    net = Program()
    x = linear(net, "a.1.out", net.input("s0", 4), 4, 16)
    net.parameter(other, 16, 4)
    assert read(net.output(x)).report().totals.params == params
