"""What programs keep and hold: tensors lie where strides say, products copy, variables hold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from programs import Program, linear

import archinspect
from archinspect.analyses.memory import kept_bytes, peak_bytes
from archinspect.importers.pt2.aliases import is_view


@pytest.fixture
def read(tmp_path):
    def read(program, **settings):
        path = tmp_path / "net.pt2"
        path.write_bytes(program.save())
        return archinspect.network(path, **settings)

    return read


@st.composite
def reshapes(draw):
    """An array whose axes were exchanged, stretched and cut, and axes of as many elements."""
    sizes = draw(st.lists(st.sampled_from([1, 2, 3, 4]), min_size=1, max_size=4))
    array = np.zeros(sizes, np.int8).transpose(draw(st.permutations(range(len(sizes)))))
    if draw(st.booleans()):
        array = array[..., ::2]
    if draw(st.booleans()):
        array = np.broadcast_to(array[:1], (draw(st.sampled_from([1, 2, 3])), *array.shape[1:]))
    factors = draw(st.permutations([f for one in array.shape for f in ([2, 2] if one == 4 else [one])]))
    wanted, group = [], 1
    for factor in factors:
        group *= factor
        if draw(st.booleans()):
            wanted.append(group)
            group = 1
    return array, (*wanted, group)


@given(reshapes())
def test_views_are_those_of_numpy(case):
    array, wanted = case
    view = array.view()
    try:
        view.shape = wanted
        possible = True
    except AttributeError:
        possible = False
    assert is_view(array.shape, array.strides, wanted) == possible


def heads(net, path, x):
    """Add a product that is cut into two heads, which are moved in front of the steps."""
    y = net.call("aten.linear.default", ("s0", 6, 8), path, "Linear", input=x, **weights(net, path, 8))
    y = net.call("aten.view.default", ("s0", 6, 2, 4), self=y, size=[-1, 6, 2, 4])
    return net.lies(net.call("aten.transpose.int", ("s0", 2, 6, 4), self=y, dim0=1, dim1=2), 48, 4, 8, 1)


def weights(net, path, units):
    return {
        "weight": net.parameter(f"{path}.weight", units, 8),
        "bias": net.parameter(f"{path}.bias", units),
    }


def attention_by_products():
    net = Program()
    x = net.input("s0", 6, 8)
    query, key, value = (heads(net, path, x) for path in "qkv")
    key = net.call("aten.transpose.int", ("s0", 2, 4, 6), self=key, dim0=-2, dim1=-1)
    net.lies(key, 48, 4, 1, 8)
    scores = net.call("aten.matmul.default", ("s0", 2, 6, 6), self=query, other=key)
    scores = net.call("aten.softmax.int", ("s0", 2, 6, 6), self=scores, dim=-1)
    return net.output(net.call("aten.matmul.default", ("s0", 2, 6, 4), self=scores, other=value))


def attention_of_one_projection():
    net = Program()
    x = net.input("s0", 6, 8)
    y = net.call("aten.linear.default", ("s0", 6, 24), "q", "Linear", input=x, **weights(net, "q", 24))
    y = net.call("aten.view.default", ("s0", 6, 3, 2, 4), self=y, size=[-1, 6, 3, 2, 4])
    y = net.call("aten.permute.default", (3, "s0", 2, 6, 4), self=y, dims=[2, 0, 3, 1, 4])
    net.lies(y, 8, 144, 4, 24, 1)
    parts = net.call("aten.unbind.int", [("s0", 2, 6, 4)] * 3, self=y)
    for part in parts:
        net.lies(part, 144, 4, 24, 1)
    target = "aten.scaled_dot_product_attention.default"
    return net.output(net.call(target, ("s0", 2, 6, 4), **dict(zip(["query", "key", "value"], parts, strict=True))))


def overwritten():
    net = Program()
    x = net.input("s0", 3, 5, 5)
    kernel, bias = net.parameter("a.weight", 4, 3, 1, 1), net.parameter("a.bias", 4)
    maps = ("s0", 4, 5, 5)
    x = net.call("aten.conv2d.default", maps, "a", "Conv2d", input=x, weight=kernel, bias=bias)
    held = {
        **{name: net.parameter(f"b.{name}", 4) for name in ("weight", "bias")},
        **{name: net.buffer(f"b.{name}", 4) for name in ("running_mean", "running_var")},
    }
    x = net.call("aten.batch_norm.default", maps, "b", "BatchNorm2d", input=x, **held, training=True)
    x = net.call("aten.silu_.default", maps, self=x)
    largest, _ = net.call("aten.max.dim", [("s0", 1, 5, 5)] * 2, self=x, dim=1, keepdim=True)
    net.tensors[_]["dtype"] = 5
    return net.output(net.call("aten.addcmul.default", maps, self=x, tensor1=x, tensor2=largest))


@pytest.mark.parametrize(
    ("make", "kept"),
    [
        # Measured with PyTorch 2.13 on the meta device, of modules with these calls, for one sample and two. With one
        # sample heads and steps can be one axis, and nothing is copied.
        (attention_by_products, (1056, 2112)),
        (attention_of_one_projection, (1440, 2112)),
        (overwritten, (1832, 3632)),
    ],
)
def test_what_backward_keeps(read, make, kept):
    for batch, expected in enumerate(kept, 1):
        net = read(make(), batch=batch)
        assert kept_bytes(net.facts, attention="math") == expected


def chain(*lines):
    """Return a program of four functions of 100 elements, at these lines of the author's text."""
    net = Program()
    x = linear(net, "f", net.input("s0", 100), 100, 100)
    for number, text in enumerate(lines):
        net.at(10 + number, text)
        x = net.call("aten.tanh.default", ("s0", 100), self=x)
    return net.output(x)


def test_variables_hold_tensors(read):
    """Of a sample each tensor has 400 bytes; the input lives to the end, and so does what f gave, in x."""
    reassigned = read(chain("x = tanh(x)", "x = tanh(x)", "x = tanh(x)", "return tanh(x)"))
    assert peak_bytes(reassigned.facts) == 400 * 3
    held = read(chain("a = tanh(x)", "b = tanh(a)", "c = tanh(b)", "return tanh(c)"))
    assert peak_bytes(held.facts) == 400 * 6
    nested = read(chain("return tanh(tanh(tanh(tanh(x))))"))
    assert peak_bytes(nested.facts) == 400 * 3


def test_lists_and_pairs_hold_tensors(read):
    """What later lines read of a line, it has in variables; what a list holds, it holds to the end."""
    collected = read(chain("xs.append(tanh(x))", "x = tanh(xs[0])", "a = tanh(x)", "return tanh(a)"))
    assert peak_bytes(collected.facts) == 400 * 5
    net = Program()
    x = linear(net, "f", net.input("s0", 100), 100, 100)
    net.at(8, "a, b = tanh(x), relu(x)")
    a = net.call("aten.tanh.default", ("s0", 100), self=x)
    b = net.call("aten.relu.default", ("s0", 100), self=x)
    net.at(9, "c = tanh(b)")
    c = net.call("aten.tanh.default", ("s0", 100), self=b)
    net.at(10, "return c + a")
    pair = read(net.output(net.call("aten.add.Tensor", ("s0", 100), self=c, other=a)))
    assert peak_bytes(pair.facts) == 400 * 6


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("a = tanh(x); return relu(a)", 5),  # a is a variable
        ("return relu(tanh(x))", 4),
        ("if x: a = tanh(x); return relu(a)", 5),
        ("a = (';', tanh(x)); return relu(a)", 5),
        ("return relu(tanh({1: x}))", 4),
        ("x = tanh(x); return relu(x)", 4),  # the one of before goes as x is given another
        ("xs.append(x); x = tanh(x); return relu(x)", 5),  # the list has it
    ],
)
def test_statements_of_a_line_hold_what_each_of_them_names(read, text, most):
    """Each tensor has 400 bytes; the caller holds the input, and x what the line before gave."""
    net = Program()
    net.at(7, "x = self.f(x)")
    x = linear(net, "f", net.input("s0", 100), 100, 100)
    net.at(8, text)
    x = net.call("aten.tanh.default", ("s0", 100), self=x)
    x = net.call("aten.relu.default", ("s0", 100), self=x)
    net.at(9, "pass")
    x = net.call("aten.neg.default", ("s0", 100), self=x)
    assert peak_bytes(read(net.output(x)).facts) == 400 * most


@pytest.mark.parametrize(
    ("text", "most"),
    [
        ("x = neg(tanh(x))", 4),  # three turns of a loop: x has what the turn before gave
        ("x = neg(tanh(neg(tanh(neg(tanh(x))))))", 3),
        ("x = function(x)", 3),
    ],
)
def test_a_line_that_calls_more_often_than_it_says_is_a_loop(read, text, most):
    """Each tensor has 400 bytes; the caller holds the input."""
    net = Program()
    x = net.input("s0", 100)
    net.at(8, text)
    for name in ("tanh", "neg") * 3:
        x = net.call(f"aten.{name}.default", ("s0", 100), self=x)
    assert peak_bytes(read(net.output(x)).facts) == 400 * most


@pytest.mark.parametrize(
    ("lines", "most"),
    [
        (("y = relu(x)", "return neg(y)"), 5),  # x is a variable of the function, too
        (("x = relu(x)", "return neg(x)"), 4),
        (("y = relu(x.view(n))", "x = neg(y)"), 5),  # up to the line that assigns it
        (("x = relu(y)", "return neg(x)"), 5),  # what is assigned is another one
    ],
)
def test_a_function_holds_what_it_is_given(read, lines, most):
    """Each tensor has 400 bytes; the caller holds the input, and x what the line before gave."""
    net = Program()
    net.at(7, "x = self.f(x)")
    x = linear(net, "f", net.input("s0", 100), 100, 100)
    net.at(8, "return function(tanh(x))")
    x = net.call("aten.tanh.default", ("s0", 100), self=x)
    for number, (name, text) in enumerate(zip(("relu", "neg"), lines, strict=True)):
        net.at(8, "return function(tanh(x))", (20 + number, "function", text))
        x = net.call(f"aten.{name}.default", ("s0", 100), self=x)
    assert peak_bytes(read(net.output(x)).facts) == 400 * most


@pytest.mark.parametrize(("text", "most"), [("return f(cat(xs, 1))", 2004), ("return f(cat([x, y], 1))", 2000)])
def test_a_list_that_is_joined_by_its_name_is_held(read, text, most):
    net = Program()
    x = net.input("s0", 100)
    net.at(7, "x = tanh(x)")
    one = net.call("aten.tanh.default", ("s0", 100), self=x)
    net.at(8, "x = tanh(x)")
    other = net.call("aten.tanh.default", ("s0", 100), self=one)
    net.at(9, text)
    y = net.call("aten.cat.default", ("s0", 200), tensors=[one, other], dim=1)
    y = net.call("aten.sum.dim_IntList", ("s0",), self=y, dim=[1])
    assert peak_bytes(read(net.output(y)).facts) == most


def test_a_sum_with_nothing_is_a_tensor_of_its_own(read):
    net = Program()
    x = linear(net, "f", net.input("s0", 100), 100, 100)
    net.at(8, "y = x + 0")
    net.output(net.call("aten.add.Tensor", ("s0", 100), self=x, other=0))
    assert peak_bytes(read(net).facts) == 400 * 3


def test_what_overwrites_makes_nothing(read):
    net = Program()
    x = linear(net, "f", net.input("s0", 100), 100, 100)
    net.output(net.call("aten.tanh_.default", ("s0", 100), self=x))
    assert peak_bytes(read(net).facts) == 400 * 2


def test_what_is_read_after_a_write_was_written(read):
    """A slice is overwritten by what a layer gives: backward passes that layer, as measured with PyTorch 2.13."""
    net = Program()
    x = net.input("s0", 8)
    y = net.call("aten.zeros_like.default", ("s0", 8), self=x)
    part = net.lies(net.call("aten.slice.Tensor", ("s0", 4), self=y, dim=1, start=0, end=4), 8, 1)
    half = net.call("aten.linear.default", ("s0", 4), "b", "Linear", input=x, **weights(net, "b", 4))
    net.lies(net.call("aten.copy_.default", ("s0", 4), self=part, src=half), 8, 1)
    z = net.call("aten.linear.default", ("s0", 8), "a", "Linear", input=y, **weights(net, "a", 8))
    found = read(net.output(z))
    assert kept_bytes(found.facts) == 2 * 32
    assert peak_bytes(found.facts) == 32 + 32 + 32
    assert found.report().status == "complete"


def test_what_overwrites_the_whole_is_read_by_the_old_name(read):
    net = Program()
    x = linear(net, "f", net.input("s0", 100), 100, 100)
    net.call("aten.tanh_.default", ("s0", 100), self=x)
    found = read(net.output(net.call("aten.neg.default", ("s0", 100), self=x)))
    assert [row.inputs for row in found.report().layers if row.type == "Negative"] == [("tanh",)]


def test_what_overwrites_one_tensor_several_times_is_no_part_of_it(read):
    """As a residual sum whose activation works in place: `x += y; relu_(x)`."""
    net = Program()
    x = linear(net, "f", net.input("s0", 100), 100, 100)
    y = net.call("aten.tanh.default", ("s0", 100), self=x)
    total = net.call("aten.add_.Tensor", ("s0", 100), self=x, other=y)
    net.call("aten.relu_.default", ("s0", 100), self=total)
    found = read(net.output(net.call("aten.neg.default", ("s0", 100), self=x)))
    assert [row.type for row in found.report().layers] == ["Dense", "Tanh", "Add", "ReLU", "Negative"]
    assert found.report().layers[-1].inputs == ("relu",)


def of_calls(call, made, arguments):
    """Return a program of linear layers, `x` and perhaps `y`, of which a call makes one tensor."""
    net = Program()
    read = {name: value for name, value in arguments.items() if value in ("x", "y")}
    made_of = {one: linear(net, one, net.input("s0", 16, name=f"of_{one}"), 16, 16) for one in sorted({*read.values()})}
    layers = {name: made_of[value] for name, value in read.items()}
    return net.output(net.call(f"aten.{call}", made, **arguments | layers))


EACH = ("s0", 16)


@pytest.mark.parametrize(
    ("call", "made", "arguments", "kept"),
    [
        # Measured with PyTorch 2.13 of three samples, less the inputs of the linear layers.
        ("acos.default", EACH, {"self": "x"}, 192),
        ("tan.default", EACH, {"self": "x"}, 192),
        ("log1p.default", EACH, {"self": "x"}, 192),
        ("sgn.default", EACH, {"self": "x"}, 384),
        ("arctan2.default", EACH, {"self": "x", "other": "y"}, 384),
        ("true_divide.Tensor", EACH, {"self": "x", "other": "y"}, 384),
        ("remainder.Tensor", EACH, {"self": "x", "other": "y"}, 384),
        ("fmax.default", EACH, {"self": "x", "other": "y"}, 384),
        ("hypot.default", EACH, {"self": "x", "other": "y"}, 576),
        ("pow.Tensor_Tensor", EACH, {"self": "x", "exponent": "y"}, 576),
        ("lerp.Scalar", EACH, {"self": "x", "end": "y", "weight": 0.5}, 0),
        ("std.correction", ("s0",), {"self": "x", "dim": [1], "correction": 1.0}, 204),
        ("std.default", (), {"self": "x"}, 196),
        ("var.default", (), {"self": "x"}, 192),
        ("max.default", (), {"self": "x"}, 196),
        ("mse_loss.default", (), {"self": "x", "target": "y"}, 384),
        ("l1_loss.default", (), {"self": "x", "target": "y"}, 192),
        ("pairwise_distance.default", ("s0",), {"x1": "x", "x2": "y"}, 204),
        ("pad.default", ("s0", 18), {"self": "x", "pad": [1, 1], "mode": "reflect"}, 192),
        ("pad.default", ("s0", 18), {"self": "x", "pad": [1, 1], "mode": "constant"}, 0),
        ("max.other", EACH, {"self": "x", "other": "y"}, 384),
        ("angle.default", EACH, {"self": "x"}, 192),
        ("cdist.default", ("s0", "s0"), {"x1": "x", "x2": "y"}, 420),
        ("dist.default", (), {"self": "x", "other": "y"}, 388),
        ("pdist.default", (3,), {"self": "x"}, 204),
        ("fft_fft.default", EACH, {"self": "x"}, 192),
        ("fft_fft2.default", EACH, {"self": "x"}, 0),
        ("vdot.default", (), {"self": "x", "other": "y"}, 384),
        ("special_expit.default", EACH, {"self": "x"}, 192),
        ("nanmean.default", ("s0",), {"self": "x", "dim": [1]}, 216),
        ("cosine_similarity.default", ("s0",), {"x1": "x", "x2": "y"}, 816),
        ("kl_div.default", (), {"self": "x", "target": "y", "reduction": 2}, 384),
        ("kl_div.default", (), {"self": "x", "target": "y", "log_target": True}, 384),
        ("triplet_margin_loss.default", (), {"anchor": "x", "positive": "y", "negative": "x"}, 420),
        ("hinge_embedding_loss.default", (), {"self": "x", "target": "x"}, 288),
        ("poisson_nll_loss.default", (), {"input": "x", "target": "y", "log_input": True, "full": False}, 576),
    ],
)
def test_what_backward_keeps_of_calls(read, call, made, arguments, kept):
    net = read(of_calls(call, made, arguments), batch=3)
    assert kept_bytes(net.facts) == 192 * len(net.report().inputs) + kept
    assert net.report().status == "complete"


@pytest.mark.parametrize(
    ("call", "arguments", "most"),
    [
        # Measured in the same way at inference: what is alive beside the inputs and what the linear layers make.
        ("kl_div.default", {"self": "x", "target": "y", "reduction": 2}, 576),
        ("triplet_margin_loss.default", {"anchor": "x", "positive": "y", "negative": "x"}, 408),
        ("hinge_embedding_loss.default", {"self": "x", "target": "y"}, 964),
        ("poisson_nll_loss.default", {"input": "x", "target": "y", "log_input": True, "full": False}, 576),
        ("margin_ranking_loss.default", {"input1": "x", "input2": "y", "target": "x"}, 768),
    ],
)
def test_what_losses_hold(read, call, arguments, most):
    assert peak_bytes(read(of_calls(call, (), arguments), batch=3).facts) == 4 * 192 + most


@pytest.mark.parametrize(
    ("call", "made", "arguments", "kept", "most"),
    [
        # Measured likewise, what is kept and what is held.
        ("cross_entropy_loss.default", (), {"self": "x", "target": "y"}, 384, 396),
        ("cross_entropy_loss.default", ("s0",), {"self": "x", "target": "y", "reduction": 0}, 384, 408),
        ("cross_entropy_loss.default", (), {"self": "x", "target": "y", "label_smoothing": 0.1}, 384, 588),
        ("l1_loss.default", (), {"self": "x", "target": "y"}, 192, 388),
        ("l1_loss.default", EACH, {"self": "x", "target": "y", "reduction": 0}, 192, 384),
        ("quantile.scalar", ("s0",), {"self": "x", "q": 0.5, "dim": 1}, 636, 576),
        ("quantile.scalar", (1, 16), {"self": "x", "q": 0.5, "dim": 0, "keepdim": True}, 896, 704),
        ("trapezoid.dx", ("s0",), {"y": "x", "dx": 0.5}, 0, 60),
        ("trapezoid.x", ("s0",), {"y": "x", "x": "y"}, 360, 564),
        ("cumulative_trapezoid.dx", ("s0", 15), {"y": "x"}, 0, 540),
        ("renorm.default", EACH, {"self": "x", "p": 2, "dim": 0, "maxnorm": 1.0}, 192, 192),
    ],
)
def test_what_functions_keep_and_hold(read, call, made, arguments, kept, most):
    net = read(of_calls(call, made, arguments), batch=3)
    given = 192 * len(net.report().inputs)
    assert (kept_bytes(net.facts), peak_bytes(net.facts)) == (given + kept, 2 * given + most)
    assert net.report().status == "complete"


@pytest.mark.parametrize(
    ("arguments", "kept", "most"),
    [({}, 220, 200), ({"label_smoothing": 0.1}, 231, 230), ({"label_smoothing": 0.1, "reduction": 2}, 223, 227)],
)
def test_cross_entropy_of_classes_keeps_logarithms(read, arguments, kept, most):
    """Measured with PyTorch 2.13, as those above; smoothing keeps which targets are left out, too."""
    net = Program()
    x = linear(net, "x", net.input("s0", 16, name="of_x"), 16, 16)
    target = net.input("s0", name="target", dtype="int64")
    net.output(net.call("aten.cross_entropy_loss.default", (), self=x, target=target, **arguments))
    found = read(net, batch=3)
    assert (kept_bytes(found.facts), peak_bytes(found.facts)) == (192 + kept, 2 * 192 + 24 + most)


@pytest.mark.parametrize(
    ("call", "arguments", "rounds"),
    [
        ("fft_fft", {}, 4),  # along the last axis
        ("fft_fft", {"dim": 0}, 2),
        ("fft_fft2", {}, 3 + 4),
        ("fft_fft2", {"dim": [0]}, 2),
        ("fft_fftn", {}, 2 + 3 + 4),
        ("fft_fftn", {"s": [8, 16]}, 3 + 4),
    ],
)
def test_transforms_are_along_the_axes_that_pytorch_takes(read, call, arguments, rounds):
    """5 operations for each number and round of an axis."""
    net, sizes = Program(), (4, 8, 16)
    x = net.input(*sizes)
    net.output(net.call(f"aten.{call}.default", sizes, "", "", "float64", self=x, **arguments))
    assert read(net).report().totals.flops == 5 * 512 * rounds


def test_powers_in_float64_keep_their_copies(read):
    net = Program()
    x, y = (linear(net, path, net.input("s0", 16, name=f"of_{path}"), 16, 16) for path in "ab")
    net.output(net.call("aten.float_power.Tensor_Tensor", EACH, "", "", "float64", self=x, exponent=y))
    assert kept_bytes(read(net, batch=3).facts) == 2 * 192 + 3 * 384


def test_a_chain_of_products_is_computed_in_the_cheapest_order(read):
    net = Program()
    sizes = [(5, 40), (40, 4), (4, 30), (30, 2)]
    x = net.input(*sizes[0])
    chain = [x, *[net.parameter(f"w{at}", *one) for at, one in enumerate(sizes[1:])]]
    net.output(net.call("aten.linalg_multi_dot.default", (5, 2), tensors=chain))
    assert read(net).report().totals.macs == 4 * 30 * 2 + 40 * 4 * 2 + 5 * 40 * 2


@pytest.mark.parametrize(
    ("text", "most"),
    [("y, i = sort(x)", 6), ("y, (i, j) = sort(x)", 4), ("i, = sort(x, y=(x, i))", 4), ("y = sort(x)", 4)],
)
def test_variables_hold_what_nothing_reads(read, text, most):
    """A line gives two tensors to two variables: places, which nothing reads, are twice as large as what is sorted."""
    net = Program()
    net.at(6, text)
    x = net.input("s0", 100)
    y, places = net.call("aten.sort.default", [("s0", 100), ("s0", 100)], self=x)
    net.tensors[places]["dtype"] = 5
    net.at(7, "z = relu(y)")
    z = net.call("aten.relu.default", ("s0", 100), self=y)
    net.at(8, "return tanh(z)")
    net.output(net.call("aten.tanh.default", ("s0", 100), self=z))
    assert peak_bytes(read(net).facts) == 400 * most


def test_a_term_of_an_equation_has_all_axes_of_its_tensor(read):
    net = Program()
    x = net.input("s0", 5, 4)
    table = net.call("aten.exp.default", (5, 7, 4), self=net.parameter("table", 5, 7, 4))
    y = net.call("aten.einsum.default", ("s0", 5, 7), equation="bhc,hkc->bhk", tensors=[x, table])
    found = read(net.output(y))
    assert "Einsum" in [layer.type for layer in found.report().layers]
    assert kept_bytes(found.facts) == 4 * (
        5 * 4 + 5 * 7 * 4
    )  # the input, and exp's result, which the product reads too


def test_a_normalization_whose_weight_is_computed_is_two_calls(read):
    net = Program()
    x = linear(net, "f", net.input("s0", 100), 100, 100)
    weight = net.call("aten.exp.default", (100,), self=net.parameter("m.weight", 100))
    own = net.parameter("n.weight", 100)
    given = {"input": x, "normalized_shape": [100], "eps": 1e-6}
    y = net.call("aten.rms_norm.default", ("s0", 100), **given, weight=weight)
    y = net.call("aten.rms_norm.default", ("s0", 100), **given | {"input": y}, weight=own)
    found = read(net.output(y))
    kinds = [layer.type for layer in found.report().layers]
    assert [kinds.count(kind) for kind in ("RMSNormalization", "mul")] == [2, 1]
    assert found.report().status == "complete"


def test_what_is_added_by_index_is_kept_where_it_has_a_gradient(read):
    """Measured with PyTorch 2.13: two linear layers' outputs, of which one is added to rows of the other."""
    net = Program()
    rows = net.input(3, name="rows", dtype="int64")
    x, y = (linear(net, path, net.input("s0", 16, name=f"of_{path}"), 16, 16) for path in "ab")
    x = net.call("aten.index_add.default", ("s0", 16), self=x, dim=0, index=rows, source=y)
    assert kept_bytes(read(net.output(x), batch=3).facts) == 2 * 192 + 192 + 24


@pytest.mark.parametrize("name", ["leaky_relu_", "elu_", "selu_", "celu_"])
def test_activations_in_place_keep_what_they_made(read, name):
    """Measured with PyTorch 2.13: the next product keeps it, too."""
    net = Program()
    x, y = (linear(net, path, net.input("s0", 16, name=f"of_{path}"), 16, 16) for path in "ab")
    x = net.call(f"aten.{name}.default", ("s0", 16), self=x)
    x = net.call("aten.mul.Tensor", ("s0", 16), self=x, other=y)
    assert kept_bytes(read(net.output(x), batch=3).facts) == 2 * 192 + 384


def test_tensors_that_are_stretched_together_are_views(read):
    """Measured with PyTorch 2.13: the product of each row with each, where only the rows are kept, and held."""
    net = Program()
    x, y = (linear(net, path, net.input("s0", 16, name=f"of_{path}"), 16, 16) for path in "ab")
    x = net.call("aten.unsqueeze.default", (1, "s0", 16), self=x, dim=0)
    y = net.call("aten.unsqueeze.default", ("s0", 1, 16), self=y, dim=1)
    whole = ("s0", "s0", 16)
    x, y = net.call("aten.broadcast_tensors.default", [whole, whole], tensors=[x, y])
    found = read(net.output(net.call("aten.mul.Tensor", whole, self=x, other=y)), batch=3)
    assert kept_bytes(found.facts) == 2 * 192 + 384
    assert peak_bytes(found.facts) == 4 * 192 + 576


def test_a_factor_that_meets_a_matrix_is_folded_to_one(read):
    """Measured with PyTorch 2.13: a transposed factor is copied for the product, and the copy is kept."""
    net = Program()
    x = linear(net, "a", net.input("s0", 16), 16, 16)
    x = net.call("aten.view.default", ("s0", 4, 4), self=x, size=[-1, 4, 4])
    x = net.lies(net.call("aten.transpose.int", ("s0", 4, 4), self=x, dim0=1, dim1=2), 16, 1, 4)
    x = net.call("aten.matmul.default", ("s0", 4, 4), self=x, other=net.parameter("b", 4, 4))
    found = read(net.output(x), batch=3)
    assert kept_bytes(found.facts) == 192 + 192
    assert peak_bytes(found.facts) == 192 + 192 + 384


def masked(name):
    """Return a program of attention with a mask: one that the program makes, or one that it is given."""
    net = Program()
    parts = [linear(net, path, net.input("s0", 6, 8, name=f"of_{path}"), 8, 8) for path in "qkv"]
    for part in parts:
        net.tensors[part] = net.tensors["of_q"]
    mask = net.input(6, 6, name="mask", dtype="bool")
    if name == "made":
        mask = net.call("aten.ones.default", (6, 6), "", "", "bool", size=[6, 6])
    roles = dict(zip(("query", "key", "value"), parts, strict=True))
    target = "aten.scaled_dot_product_attention.default"
    return net.output(net.call(target, ("s0", 6, 8), **roles, attn_mask=mask))


@pytest.mark.parametrize(
    ("mask", "kind"), [("made", "ScaledDotProductAttention"), ("given", "scaled_dot_product_attention")]
)
def test_attention_with_a_mask_of_the_program_is_ours(read, mask, kind):
    found = read(masked(mask))
    layer = found.report().layers[-1]
    assert (layer.type, layer.cost.macs, layer.cost.flops) == (kind, 2 * 36 * 8, 4 * 36 * 8 + 7 * 36)
    assert ("masked: true" in found.convert()) == (mask == "made")


@pytest.mark.parametrize(
    ("paths", "text", "most"),
    [
        (["b.0", "b.1", "b.2"], "x = b(x)", 3),
        (["b", "c", "d"], "x = self.d(self.c(self.b(x)))", 4),
        (["b.0", "b.1", "b.2"], "x = self.f(x)", 3),
        (["b.0", "b.1", "c"], "x = self.f(x)", 4),  # a function that files leave out
        (["b.0", "b.1", "b.2"], "xs = [b(x) for b in bs]", 4),
    ],
)
def test_a_loop_in_one_line_assigns_its_variable_at_each_turn(read, paths, text, most):
    """The variable holds what it was given before the loop, of 400 bytes, to the end of the first turn alone."""
    net = Program()
    net.at(6, "x = tanh(x)")
    x = net.call("aten.tanh.default", ("s0", 100), self=net.input("s0", 100))
    for path in paths:
        net.at(7, text)
        x = net.call("aten.tanh.default", ("s0", 100), path, "Block", self=x)
    assert peak_bytes(read(net.output(x)).facts) == 400 * most
