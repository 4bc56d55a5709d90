"""What exported operators compute, against PyTorch."""

# ruff: noqa: ARG005 - all rows' functions take the same

import numpy as np
import pytest
from onnx_files import IMAGE, STEPS, VOLUME, WAVE, layer, numbers, run

pytest.importorskip("onnx")


def directions(kernel):
    return kernel / kernel.flatten(1).norm(dim=1)[:, None, None]


def columns(vector):
    return vector.reshape(-1, 1, 1)


def shares(norms):
    return norms / (norms.mean(1, keepdim=True) + 1e-6)


def bilinear(t, w, x, y):
    kernel = w["weight"].reshape(4, 3, 2).movedim(0, 1)  # stored for a product with the first input
    return t.bilinear(x, y, kernel, w["bias"])


PLAIN = ("AffineGrid", "Bilinear", "DeformableAttention")
"""Operators to which a layout is nothing."""


# An operator, its arguments, shapes of inputs, and PyTorch's function of its weights and inputs: channels first.
def standard(kernel):
    """Return a kernel with mean 0 and deviation 1 for each output."""
    apart = kernel - kernel.mean(dim=(1, 2), keepdim=True)
    return apart / (apart.square().mean(dim=(1, 2), keepdim=True) + 1e-6).sqrt()


def deformed(read, maps, values, points, weights):
    """Return attention to points, head by head: each map is read at the points of all queries."""
    heads = []
    for head, own in enumerate(values.unflatten(-1, (points.shape[2], -1)).unbind(2)):
        found = 0
        for level, (first, height, width) in enumerate(maps):
            one = own[:, first : first + height * width].unflatten(1, (height, width)).permute(0, 3, 1, 2)
            seen = read(one, 2 * points[:, :, head, level] - 1, align_corners=False)
            found = found + (seen * weights[:, None, :, head, level]).sum(-1).mT
        heads.append(found)
    return pytest.importorskip("torch").cat(heads, -1)


TORCH = [
    (
        "Conv1D",
        {"filters": 4, "kernel_size": 3, "padding": 1},
        [WAVE],
        lambda t, w, x: t.conv1d(x, *kernel(w), padding=1),
    ),
    (
        *("Conv1D", {"filters": 4, "kernel_size": 3, "padding": "causal", "dilation_rate": 2}, [WAVE]),
        lambda t, w, x: t.conv1d(t.pad(x, (4, 0)), *kernel(w), dilation=2),
    ),
    (
        *("Conv2D", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same", "groups": 2}, [IMAGE]),
        lambda t, w, x: t.conv2d(t.pad(x, (0, 1, 1, 1)), *kernel(w), stride=2, groups=2),
    ),
    (
        *("Conv2D", {"filters": 4, "kernel_size": [2, 3], "padding": [[0, 1], [2, 1]], "use_bias": False}, [IMAGE]),
        lambda t, w, x: t.conv2d(t.pad(x, (2, 1, 0, 1)), *kernel(w)),
    ),
    (
        "Conv3D",
        {"filters": 4, "kernel_size": 2, "dilation_rate": 2},
        [VOLUME],
        lambda t, w, x: t.conv3d(x, *kernel(w), dilation=2),
    ),
    *(
        (
            *("Conv2D", {"filters": 4, "kernel_size": 3, "padding": [[2, 1], [1, 3]], "padding_mode": mode}, [IMAGE]),
            lambda t, w, x, mode=mode: t.conv2d(t.pad(x, (1, 3, 2, 1), mode=mode), *kernel(w)),
        )
        for mode in ("reflect", "replicate", "circular")
    ),
    (
        *("DepthwiseConv2D", {"kernel_size": 3, "depth_multiplier": 2}, [IMAGE]),
        lambda t, w, x: t.conv2d(x, *kernel(w), groups=6),
    ),
    (
        *(
            "Conv2DTranspose",
            {"filters": 4, "kernel_size": 3, "strides": 2, "padding": 1, "output_padding": 1, "groups": 2},
            [IMAGE],
        ),
        lambda t, w, x: t.conv_transpose2d(x, *kernel(w), stride=2, padding=1, output_padding=1, groups=2),
    ),
    (
        *("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "dilation_rate": 3, "output_padding": 2}, [IMAGE]),
        lambda t, w, x: t.conv_transpose2d(x, *kernel(w), dilation=3, output_padding=2),
    ),
    (  # Keras's: of the full 19 and 21 positions 18 and 20
        *("Conv2DTranspose", {"filters": 4, "kernel_size": 3, "strides": 2, "padding": "same"}, [IMAGE]),
        lambda t, w, x: t.conv_transpose2d(x, *kernel(w), stride=2)[:, :, :-1, :-1],
    ),
    (
        *("Conv1DTranspose", {"filters": 4, "kernel_size": 2, "strides": 4}, [WAVE]),
        lambda t, w, x: t.conv_transpose1d(x, *kernel(w), stride=4, output_padding=2),
    ),
    *(
        ("MaxPooling2D", args, [IMAGE], lambda t, w, x, args=args: t.max_pool2d(x, *torch_window(args)))
        for args in (
            {"pool_size": 2},
            {"pool_size": 3, "strides": 2, "padding": 1, "dilation_rate": 2, "ceil_mode": True},
            {"pool_size": [3, 2], "strides": 2, "ceil_mode": True},
        )
    ),
    (  # padding that onnxruntime refuses
        *("MaxPooling2D", {"pool_size": 2, "padding": 2, "dilation_rate": 3, "strides": 1}, [IMAGE]),
        lambda t, w, x: t.max_pool2d(t.pad(x, (2, 2, 2, 2), value=-99), 2, 1, dilation=3),
    ),
    (
        *("MaxPooling2D", {"pool_size": 3, "strides": 2, "padding": 1, "return_indices": True}, [IMAGE]),
        lambda t, w, x: t.max_pool2d(x, 3, 2, 1, return_indices=True),
    ),
    (
        "MaxPooling2D",
        {"pool_size": 2, "strides": 4, "ceil_mode": "caffe"},
        [IMAGE],
        lambda t, w, x: t.max_pool2d(t.pad(x, (0, 4, 0, 4), value=-99), 2, 4)[:, :, :3, :3],
    ),
    *(
        ("AveragePooling2D", args, [IMAGE], lambda t, w, x, args=args: t.avg_pool2d(x, *averaged(args)))
        for args in (
            {"pool_size": 2},
            {"pool_size": 3, "strides": 2, "padding": 1, "ceil_mode": True},
            {"pool_size": 3, "strides": 2, "padding": 1, "ceil_mode": "caffe"},
            {"pool_size": 3, "strides": 2, "padding": 1, "count_include_pad": False},
            {"pool_size": 3, "strides": 2, "padding": 1, "divisor_override": 2},
            {"pool_size": 3, "strides": 2, "padding": 1, "divisor_override": 2, "ceil_mode": True},
        )
    ),
    (  # Keras's: zeros around do not count
        *("AveragePooling2D", {"pool_size": 3, "padding": "same", "strides": 1}, [IMAGE]),
        lambda t, w, x: t.avg_pool2d(x, 3, 1, 1, count_include_pad=False),
    ),
    ("GlobalAveragePooling2D", {}, [IMAGE], lambda t, w, x: x.mean((2, 3))),
    ("GlobalMaxPooling2D", {"keepdims": True}, [IMAGE], lambda t, w, x: x.amax((2, 3), keepdim=True)),
    ("GlobalAveragePooling1D", {}, [WAVE], lambda t, w, x: x.mean(2)),
    ("AdaptiveAveragePooling2D", {"output_size": [3, 5]}, [IMAGE], lambda t, w, x: t.adaptive_avg_pool2d(x, (3, 5))),
    ("AdaptiveAveragePooling2D", {"output_size": [4, 14]}, [IMAGE], lambda t, w, x: t.adaptive_avg_pool2d(x, (4, 14))),
    ("AdaptiveMaxPooling3D", {"output_size": [5, 4, 3]}, [VOLUME], lambda t, w, x: t.adaptive_max_pool3d(x, (5, 4, 3))),
    (
        *("AdaptiveMaxPooling2D", {"output_size": [4, 3], "return_indices": True}, [IMAGE]),
        lambda t, w, x: t.adaptive_max_pool2d(x, (4, 3), return_indices=True),
    ),
    (
        "UpSampling2D",
        {"size": 2, "interpolation": "bilinear"},
        [IMAGE],
        lambda t, w, x: t.interpolate(x, scale_factor=2, mode="bilinear"),
    ),
    (
        "Upsample",
        {"size": [20, 7], "mode": "bicubic"},
        [IMAGE],
        lambda t, w, x: t.interpolate(x, (20, 7), mode="bicubic"),
    ),
    (
        *("Upsample", {"size": [20, 31], "mode": "bilinear", "align_corners": True}, [IMAGE]),
        lambda t, w, x: t.interpolate(x, (20, 31), mode="bilinear", align_corners=True),
    ),
    ("Upsample", {"size": [25], "mode": "linear"}, [WAVE], lambda t, w, x: t.interpolate(x, 25, mode="linear")),
    (
        "Upsample",
        {"scale_factor": 2, "mode": "trilinear"},
        [VOLUME],
        lambda t, w, x: t.interpolate(x, scale_factor=2, mode="trilinear"),
    ),
    *(
        (
            *("Upsample", {"scale_factor": [1.3, 0.7], "mode": mode, **more}, [IMAGE]),
            lambda t, w, x, mode=mode, more=more: t.interpolate(x, None, (1.3, 0.7), mode, **more),
        )
        for mode, more in (
            ("nearest", {}),
            ("nearest-exact", {}),
            ("bilinear", {}),
            ("bilinear", {"recompute_scale_factor": True}),
            ("bilinear", {"align_corners": True}),
            ("bicubic", {}),
        )
    ),
    (
        *("Resizing", {"height": 7, "width": 5, "crop_to_aspect_ratio": True}, [IMAGE]),
        lambda t, w, x: t.interpolate(x[:, :, :, 2:8], (7, 5), mode="bilinear"),
    ),
    (
        *("Resizing", {"height": 7, "width": 20, "interpolation": "nearest"}, [IMAGE]),
        lambda t, w, x: t.interpolate(x, (7, 20), mode="nearest-exact"),
    ),
    ("ResizeLike", {}, [IMAGE, (2, 1, 14, 7)], lambda t, w, x, y: t.interpolate(x, (14, 7))),
    (
        "ResizeLike",
        {"interpolation": "nearest-exact"},
        [IMAGE, (2, 1, 14, 7)],
        lambda t, w, x, y: t.interpolate(x, (14, 7), mode="nearest-exact"),
    ),
    ("PixelShuffle", {"upscale_factor": 2}, [(2, 12, 3, 4)], lambda t, w, x: t.pixel_shuffle(x, 2)),
    ("PixelUnshuffle", {"downscale_factor": 2}, [(2, 3, 6, 8)], lambda t, w, x: t.pixel_unshuffle(x, 2)),
    *(
        (
            *("GridSample", {"mode": mode, "padding_mode": pad, "align_corners": corners}, [IMAGE, (2, 3, 5, 2)]),
            lambda t, w, x, g, how=(mode, pad, corners): t.grid_sample(x, g, *how),
        )
        for mode, pad, corners in (("bilinear", "zeros", False), ("nearest", "border", True))
    ),
    (
        *("DeformableAttention", {"heights": [4, 2], "widths": [5, 4]}),
        [(2, 28, 12), (2, 5, 3, 2, 4, 2), (2, 5, 3, 2, 4)],
        lambda t, w, *given: deformed(t.grid_sample, [(0, 4, 5), (20, 2, 4)], *given),
    ),
    ("GridSample", {}, [VOLUME, (2, 3, 5, 2, 3)], lambda t, w, x, g: t.grid_sample(x, g, align_corners=False)),
    ("AffineGrid", {"size": [3, 5]}, [(2, 2, 3)], lambda t, w, x: t.affine_grid(x, (2, 1, 3, 5), align_corners=False)),
    (
        *("AffineGrid", {"size": [3, 2, 5], "align_corners": True}, [(2, 3, 4)]),
        lambda t, w, x: t.affine_grid(x, (2, 1, 3, 2, 5), align_corners=True),
    ),
    ("Bilinear", {"units": 3}, [(2, 5, 4), (2, 5, 2)], bilinear),
    (
        *("Fold", {"kernel_size": [3, 2], "output_size": [5, 4], "padding": [1, 0]}, [(2, 12, 15)]),
        lambda t, w, x: t.fold(x, (5, 4), (3, 2), padding=(1, 0)),
    ),
    (
        "Unfold",
        {"kernel_size": [3, 2], "strides": 2, "padding": [1, 0]},
        [IMAGE],
        lambda t, w, x: t.unfold(x, (3, 2), 1, (1, 0), 2),
    ),
    (
        *("WeightNorm", {"layer": {"Conv1D": {"filters": 4, "kernel_size": 3}}}, [WAVE]),
        lambda t, w, x: t.conv1d(x, w["magnitude"] * directions(w["weight"]), w["bias"]),
    ),
    (
        *("WeightNorm", {"layer": {"Conv1DTranspose": {"filters": 4, "kernel_size": 3}}}, [WAVE]),
        lambda t, w, x: t.conv_transpose1d(x, w["magnitude"] * directions(w["weight"]), w["bias"]),
    ),
    (
        *(
            "WeightStandardization",
            {"layer": {"Conv1D": {"filters": 4, "kernel_size": 3}}, "gain": True, "gamma": 2},
            [WAVE],
        ),
        lambda t, w, x: t.conv1d(x, standard(w["weight"]) * w["gain"] * 2 / w["weight"][0].numel() ** 0.5, w["bias"]),
    ),
    (
        *("SpectralNorm", {"layer": {"Conv1D": {"filters": 4, "kernel_size": 3}}}, [WAVE]),
        lambda t, w, x: t.conv1d(x, w["weight"] / (w["vector_u"] * w["vector_v"] * w["weight"]).sum(), w["bias"]),
    ),
    (
        "GlobalResponseNormalization",
        {},
        [IMAGE],
        lambda t, w, x: columns(w["weight"]) * x * shares(x.norm(dim=(2, 3), keepdim=True)) + columns(w["bias"]) + x,
    ),
    ("Maxout", {"num_units": 3}, [IMAGE], lambda t, w, x: x.unflatten(1, (3, -1)).amax(2)),
    ("PixelShuffle1D", {"upscale_factor": 3}, [WAVE], lambda t, w, x: x.unflatten(1, (2, 3)).mT.flatten(2)),
    ("GELU", {}, [IMAGE], lambda t, w, x: t.gelu(x)),
    (
        "InstanceNormalization",
        {"affine": True, "epsilon": 0.1},
        [WAVE],
        lambda t, w, x: t.instance_norm(x, weight=w["weight"], bias=w["bias"], eps=0.1),
    ),
    ("GroupNormalization", {"groups": 2, "affine": False}, [(2, 6)], lambda t, w, x: t.group_norm(x, 2, eps=0.001)),
    ("LocalResponseNormalization", {"size": 4, "k": 2.0}, [IMAGE], lambda t, w, x: t.local_response_norm(x, 4, k=2)),
]
GATES = {"LSTM": [0, 2, 3, 1], "GRU": [1, 0, 2], "SimpleRNN": [0]}
"""Which of ONNX's gates each one of PyTorch's is."""


def kernel(w):
    return w["weight"], w["bias"].ravel() if "bias" in w else None


def torch_window(args):
    return (
        args["pool_size"],
        args.get("strides"),
        args.get("padding", 0),
        args.get("dilation_rate", 1),
        bool(args.get("ceil_mode", False)),
    )


def averaged(args):
    size, stride, padding, _, ceil = torch_window(args)
    return size, stride, padding, ceil, args.get("count_include_pad", True), args.get("divisor_override")


IDS = [f"{i}-{row[0]}" for i, row in enumerate(TORCH)]


@pytest.mark.parametrize("layout", ["channels_first", "channels_last"])
@pytest.mark.parametrize(("op", "args", "shapes", "function"), TORCH, ids=IDS)
def test_an_operator_computes_what_pytorch_does(op, args, shapes, function, layout):
    torch = pytest.importorskip("torch")
    inputs = numbers(shapes)
    maps = 0 if op in PLAIN else 1 if op == "GridSample" else len(inputs)
    given = [in_layout(array, layout if at < maps else "") for at, array in enumerate(inputs)]
    found, weights = run(layer(op, args, [array.shape for array in given], layout), *given)
    weights, *tensors = (
        {name: torch.from_numpy(w.copy()) for name, w in weights.items()},
        *map(torch.from_numpy, inputs),
    )
    wanted = function(torch.nn.functional, weights, *tensors)
    wanted = wanted if isinstance(wanted, tuple) else [wanted]
    assert len(found) == len(wanted)
    for one, other in zip(found, wanted, strict=True):
        right = in_layout(other.numpy(), layout if maps else "")
        np.testing.assert_allclose(one, right, rtol=1e-4, atol=1e-5)


def in_layout(array, layout):
    """Return an array that has its channels first as a network of this layout has it."""
    return np.moveaxis(array, 1, -1) if layout == "channels_last" and array.ndim > 2 else array


PROJECTED = {"proj_size": 3}


@pytest.mark.parametrize(("op", "more"), [*((op, {}) for op in GATES), ("LSTM", PROJECTED)])
@pytest.mark.parametrize("how", [{}, {"bidirectional": True, "num_layers": 2}, {"biases": 2}, {"use_bias": False}])
@pytest.mark.parametrize("starts", [False, True])
@pytest.mark.filterwarnings("ignore:LSTM with projections is not supported with oneDNN")
def test_recurrent_layers_compute_what_pytorchs_do(op, more, how, starts):
    torch = pytest.importorskip("torch")
    args = {"units": 4, "return_sequences": True, "return_state": True, **more, **how}
    both, layers = args.get("bidirectional", False), args.get("num_layers", 1)
    cells = ((1 + both) * layers,) if both else ()
    sizes = [more.get("proj_size", 4), 4][: 1 + (op == "LSTM")]
    states = [(2, *cells, size) for size in sizes] if starts else []
    inputs = numbers([STEPS, *states])
    found, weights = run(layer(op, args, [STEPS, *states]), *inputs)
    kind = getattr(torch.nn, op.removeprefix("Simple"))
    module = kind(
        6, 4, layers, bias=args.get("use_bias", True), batch_first=True, bidirectional=both, **more
    ).requires_grad_(requires_grad=False)
    for name, parameter in module.named_parameters():
        parameter.copy_(torch.from_numpy(of_pytorch(name, op, weights)))
    sequence, *given = map(torch.from_numpy, inputs)
    first = [state.reshape(2, -1, state.shape[-1]).transpose(0, 1).contiguous() for state in given]
    outputs, ends = module(sequence, *([first[0] if op != "LSTM" else tuple(first)] if first else []))
    ends = ends if op == "LSTM" else [ends]
    wanted = [outputs, *(end.transpose(0, 1).reshape(2, *cells, -1) for end in ends)]
    for one, right in zip(found, wanted, strict=True):
        np.testing.assert_allclose(one, right.numpy().reshape(one.shape), rtol=1e-4, atol=1e-5)
    # The last output is that of each direction's own last step.
    last, *_ = run(layer(op, {**args, "return_sequences": False}, [STEPS, *states]), *inputs)[0]
    parts = np.split(found[0], 1 + both, -1)
    own = np.concatenate([part[:, place] for part, place in zip(parts, (-1, 0), strict=False)], -1)
    np.testing.assert_allclose(last, own, rtol=1e-4, atol=1e-5)


def of_pytorch(name, op, weights):
    """Return a parameter of PyTorch's layer from the weights in the file, whose gates stand in another order."""
    what, of, place, *backward = name.split("_")
    cell = f"{'backward' if backward else 'forward'}_{place.removeprefix('l')}"
    if of == "hr":
        return weights[f"{cell}_projection"].T.copy()
    gates = len(GATES[op])
    array = weights[f"{cell}_{STORED[what, of]}"]
    if what == "weight":
        # A scan over steps has the weights as the spec does.
        array = array[0] if array.ndim > 2 else array.T
    else:
        rows = array.reshape(-1, 4 * gates)
        array = rows[["ih", "hh"].index(of)] if len(rows) > 1 else rows[0] * (of == "ih")
    apart = array.reshape(gates, 4, *array.shape[1:])
    return apart[GATES[op]].reshape(array.shape).copy()


STORED = {
    ("weight", "ih"): "kernel",
    ("weight", "hh"): "recurrent_kernel",
    ("bias", "ih"): "bias",
    ("bias", "hh"): "bias",
}
