"""What exported operators compute, against NumPy."""

# ruff: noqa: ARG005 - all rows' functions take the same

from itertools import pairwise, product
from math import sqrt

import numpy as np
import pytest
from onnx_files import IMAGE, STEPS, WAVE, layer, numbers, run

from archinspect.exporters.onnx.sampling import _neighbors

pytest.importorskip("onnx")


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def softmax(x, axis=-1):
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def normal(x, axes, eps=0.001):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)


def heads(x, count):
    return np.moveaxis(x.reshape(*x.shape[:-1], count, -1), -2, -3)


def attend(qkv, count=1, kv=None, *, causal=False, added=0, **further):
    cap, sinks = further.get("cap"), further.get("sinks")
    query, key, value = (heads(part, of) for part, of in zip(qkv, (count, kv or count, kv or count), strict=True))
    key, value = (np.repeat(part, count // (kv or count), axis=-3) for part in (key, value))
    scores = query @ np.swapaxes(key, -1, -2) / sqrt(query.shape[-1])
    scores = (np.tanh(scores / cap) * cap if cap else scores) + added
    if causal:
        scores = np.where(np.tri(*scores.shape[-2:]) > 0, scores, -np.inf)
    if sinks is not None:
        scores = np.concatenate([scores, np.broadcast_to(sinks.reshape(-1, 1, 1), (*scores.shape[:-1], 1))], -1)
    joined = np.moveaxis(softmax(scores)[..., : key.shape[-2]] @ value, -3, -2)
    return joined.reshape(*joined.shape[:-2], -1)


def hidden(queries, keys, window):
    """Return what hides from each step all that is as far as a window."""
    return np.where(abs(np.arange(keys) - np.arange(queries)[:, None]) < window, 0, -np.inf)


def scanned(x, delta, decay, entry, out, skip):
    state, found = 0, []
    for step in range(x.shape[1]):
        one = delta[:, step, :, None]
        state = np.exp(one * decay) * state + one * entry[:, step, None] * x[:, step, :, None]
        found.append((state * out[:, step, None]).sum(-1) + x[:, step] * skip)
    return np.stack(found, 1)


def linear(count, groups, query, key, value, *further):
    decay, bonus = (*further, None, None)[:2]
    query, key = (np.repeat(x.reshape(*x.shape[:2], groups, -1), count // groups, 2) for x in (query, key))
    value = value.reshape(*value.shape[:2], count, -1)
    decay = np.ones((1, 5, count)) if decay is None else decay
    decay = decay.reshape(*decay.shape[:2], count, -1, 1)
    state, found = 0, []
    for step in range(value.shape[1]):
        entry = key[:, step, ..., None] * value[:, step, :, None]
        seen = 0 if bonus is None else state + bonus.reshape(len(bonus), count, -1, 1) * entry
        state = state * decay[:, step] + entry
        found.append((query[:, step, :, None] @ (state if bonus is None else seen))[:, :, 0])
    return np.stack(found, 1).reshape(*value.shape[:2], -1)


def delta(count, query, key, value, beta, decay=None):
    query, key, value = (x.reshape(*x.shape[:2], count, -1) for x in (query, key, value))
    decay = np.ones((1, 5, count)) if decay is None else decay
    decay = decay.reshape(*decay.shape[:2], count, -1, 1)
    state, found = np.zeros((len(value), count, key.shape[-1], value.shape[-1])), []
    for step in range(value.shape[1]):
        state = state * decay[:, step]
        seen = (key[:, step, :, None] @ state)[:, :, 0]
        state = state + key[:, step, ..., None] * ((value[:, step] - seen) * beta[:, step, :, None])[:, :, None]
        found.append((query[:, step, :, None] @ state)[:, :, 0])
    return np.stack(found, 1).reshape(*value.shape[:2], -1)


def generalized(count, *given):
    query, key, value, decay, read, write = (x.reshape(*x.shape[:2], count, -1) for x in given)
    state, found = np.zeros((len(value), count, key.shape[-1], value.shape[-1])), []
    for step in range(value.shape[1]):
        seen = np.einsum("bhk,bhkv->bhv", read[:, step], state)
        state = state * decay[:, step, ..., None] + write[:, step, ..., None] * seen[:, :, None]
        state = state + key[:, step, ..., None] * value[:, step, :, None]
        found.append(np.einsum("bhk,bhkv->bhv", query[:, step], state))
    return np.stack(found, 1).reshape(*value.shape[:2], -1)


def best_tags(w, scores):
    """Return the tags of each sample whose scores have the largest sum, of all that there are."""
    start, end, pairs = (w[name] for name in ("start_transitions", "end_transitions", "transitions"))
    found = []
    for sample in scores:
        every = product(range(scores.shape[2]), repeat=len(sample))
        sums = {
            tags: sum(sample[range(len(tags)), tags]) + sum(pairs[one, other] for one, other in pairwise(tags))
            for tags in every
        }
        found.append(max(sums, key=lambda tags: sums[tags] + start[tags[0]] + end[tags[-1]]))
    return np.array(found)


def averaged(key, value, decay, bonus):
    total = weight = np.zeros_like(key[:, 0])
    found = []
    for k, v in zip(np.moveaxis(key, 1, 0), np.moveaxis(value, 1, 0), strict=True):
        found.append((total + np.exp(bonus + k) * v) / (weight + np.exp(bonus + k)))
        total, weight = np.exp(decay) * total + np.exp(k) * v, np.exp(decay) * weight + np.exp(k)
    return np.stack(found, 1)


def matrix_memory(count, *given):
    query, key, value, entry, forget = (x.reshape(*x.shape[:2], count, -1) for x in given)
    state, weight, top = 0, 0, np.zeros_like(entry[:, 0])
    found = []
    for step in range(value.shape[1]):
        kept = top - np.log1p(np.exp(-forget[:, step]))
        top = np.maximum(kept, entry[:, step])
        before, now = np.exp(kept - top), np.exp(entry[:, step] - top)
        state = before[..., None] * state + now[..., None] * key[:, step, ..., None] * value[:, step, :, None]
        weight = before * weight + now * key[:, step]
        scaled = query[:, step] / np.sqrt(key.shape[-1])
        least = np.maximum(np.abs((scaled * weight).sum(-1, keepdims=True)), np.exp(-top)) + 1e-6
        found.append(np.einsum("bhk,bhkv->bhv", scaled, state) / least)
    return np.stack(found, 1).reshape(*value.shape[:2], -1)


def numbers_memory(count, w, x):
    size = x.shape[-1] // 4 // count
    gates = (x + w.get("bias", 0)).reshape(*x.shape[:2], 4, count, size)
    y = state = weight = np.zeros((len(x), count, size))
    found = []
    for step in range(x.shape[1]):
        again = np.einsum("bhi,hio->bho", y, w["recurrent_kernel"]).reshape(-1, count, 4, size)
        entry, forget, new, out = np.moveaxis(gates[:, step] + again.transpose(0, 2, 1, 3), 1, 0)
        state = sigmoid(forget) * state + np.exp(entry) * np.tanh(new)
        weight = sigmoid(forget) * weight + np.exp(entry)
        y = sigmoid(out) * state / weight
        found.append(y)
    return np.stack(found, 1).reshape(*x.shape[:2], -1)


def rotated(x, head):
    steps, features = x.shape[-2:]
    angles = np.outer(np.arange(steps), 10_000.0 ** -(np.arange(0, head, 2) / head))
    one, other = np.split(x.reshape(*x.shape[:-1], features // head, head), 2, axis=-1)
    cos, sin = (table[:, None] for table in (np.cos(angles), np.sin(angles)))
    return np.concatenate([one * cos - other * sin, other * cos + one * sin], axis=-1).reshape(x.shape)


def turned_by(x, cos, sin):
    heads = x.reshape(*x.shape[:-1], -1, cos.shape[-1])
    one, other = np.split(heads, 2, axis=-1)
    turned = np.concatenate([-other, one], axis=-1)
    return (heads * cos[..., None, :] + turned * sin[..., None, :]).reshape(x.shape)


def whole(x):
    return x[..., 0] + 1j * x[..., 1]


def parts(x):
    return np.stack([x.real, x.imag], -1)


def mixture(x, w, used=2, experts=4, shared=1, groups=1):
    """By sigmoids where steps go to one of the groups only."""
    scores = sigmoid(x @ w["router"]) if groups > 1 else softmax(x @ w["router"])
    found = np.zeros_like(x)
    silu = lambda a: a * sigmoid(a)  # noqa: E731 - a formula
    for place in np.ndindex(x.shape[:-1]):
        best = scores[place].reshape(groups, -1).sum(-1).argmax()
        within = np.arange(experts) // (experts // groups) == best
        chosen = np.argsort(np.where(within, scores[place], -1))[-used:]
        if groups > 1:
            scores[place] /= scores[place][chosen].sum()
        for expert in (*chosen, *range(experts, experts + shared)):
            into, gate, back = w["experts"][expert]
            weight = scores[place][expert] if expert < experts else 1
            found[place] += weight * (silu(x[place] @ into) * (x[place] @ gate)) @ back.T
    return found


def bounded_mixture(x, w, limit, used=2):
    """As gpt-oss's: biases, bounds, and scores of those chosen alone."""
    scores = x @ w["router"] + w["router_bias"]
    found = np.zeros_like(x)
    for place in np.ndindex(x.shape[:-1]):
        chosen = np.argsort(scores[place])[-used:]
        for expert, weight in zip(chosen, softmax(scores[place][chosen]), strict=True):
            into, gate, back = w["experts"][expert]
            units = into.shape[1]
            begun, opened, returned = np.split(w["biases"][expert], [units, 2 * units])
            inside = np.minimum(x[place] @ into + begun, limit)
            factor = np.clip(x[place] @ gate + opened, -limit, limit) + 1
            found[place] += weight * ((inside * sigmoid(inside) * factor) @ back.T + returned)
    return found


def windows(x, size):
    x = x.reshape(len(x), x.shape[1] // size, size, x.shape[2] // size, size, -1)
    return np.swapaxes(x, 2, 3).reshape(len(x), -1, size**2, x.shape[-1])


def local_response(x, size, k):
    padded = np.pad(x**2, [(0, 0), (size // 2, (size - 1) // 2), *[(0, 0)] * (x.ndim - 2)])
    mean = sum(padded[:, at : at + x.shape[1]] for at in range(size)) / size
    return x / (k + 1e-4 * mean) ** 0.75


def vector(w, name="weight"):
    """Return a vector as it lies along the channels of an image."""
    return w[name].reshape(-1, 1, 1)


LATE = "softmax_of_chosen"
# An operator, its arguments, shapes of inputs, and what it is, of its weights and inputs: channels first.
NUMPY = [
    ("ReLU", {}, [IMAGE], lambda w, x: np.maximum(x, 0)),
    ("ReLU", {"max_value": 1}, [IMAGE], lambda w, x: np.clip(x, 0, 1)),
    ("ReLU", {"negative_slope": 0.2}, [IMAGE], lambda w, x: np.where(x > 0, x, 0.2 * x)),
    (
        *("ReLU", {"max_value": 1, "negative_slope": 0.2, "threshold": 0.5}, [IMAGE]),
        lambda w, x: np.where(x >= 0.5, np.minimum(x, 1), 0.2 * (x - 0.5)),
    ),
    ("ReLU6", {}, [IMAGE], lambda w, x: np.clip(x, 0, 6)),
    ("LeakyReLU", {"negative_slope": 0.1}, [IMAGE], lambda w, x: np.where(x > 0, x, 0.1 * x)),
    ("PReLU", {"num_parameters": 6}, [IMAGE], lambda w, x: np.where(x > 0, x, x * vector(w))),
    ("PReLU", {"num_parameters": 1}, [IMAGE], lambda w, x: np.where(x > 0, x, x * w["weight"])),
    ("ThresholdedReLU", {"theta": 0.3}, [IMAGE], lambda w, x: np.where(x > 0.3, x, 0)),
    ("Threshold", {"threshold": 0.1, "value": 20.0}, [IMAGE], lambda w, x: np.where(x > 0.1, x, 20)),
    ("ELU", {"alpha": 0.5}, [IMAGE], lambda w, x: np.where(x > 0, x, 0.5 * (np.exp(x) - 1))),
    ("SELU", {}, [IMAGE], lambda w, x: 1.0507009873554805 * np.where(x > 0, x, 1.6732632423543772 * (np.exp(x) - 1))),
    ("CELU", {"alpha": 0.5}, [IMAGE], lambda w, x: np.where(x > 0, x, 0.5 * (np.exp(x / 0.5) - 1))),
    (
        *("GELU", {"approximate": "tanh"}, [IMAGE]),
        lambda w, x: x / 2 * (1 + np.tanh(sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    ),
    ("QuickGELU", {}, [IMAGE], lambda w, x: x * sigmoid(1.702 * x)),
    ("SiLU", {}, [IMAGE], lambda w, x: x * sigmoid(x)),
    ("Sigmoid", {}, [IMAGE], lambda w, x: sigmoid(x)),
    ("LogSigmoid", {}, [IMAGE], lambda w, x: np.log(sigmoid(x))),
    ("Tanh", {}, [IMAGE], lambda w, x: np.tanh(x)),
    ("Softplus", {}, [IMAGE], lambda w, x: np.log1p(np.exp(x))),
    ("Softplus", {"beta": 2}, [IMAGE], lambda w, x: np.log1p(np.exp(2 * x)) / 2),
    ("Softsign", {}, [IMAGE], lambda w, x: x / (1 + abs(x))),
    ("Mish", {}, [IMAGE], lambda w, x: x * np.tanh(np.log1p(np.exp(x)))),
    ("Exponential", {}, [IMAGE], lambda w, x: np.exp(x)),
    ("HardSigmoid", {}, [IMAGE], lambda w, x: np.clip(x + 3, 0, 6) / 6),
    ("HardSwish", {}, [IMAGE], lambda w, x: x * np.clip(x + 3, 0, 6) / 6),
    ("HardTanh", {"min_val": -0.5}, [IMAGE], lambda w, x: np.clip(x, -0.5, 1)),
    ("HardShrink", {"lambd": 0.4}, [IMAGE], lambda w, x: np.where(abs(x) > 0.4, x, 0)),
    ("SoftShrink", {"lambd": 0.4}, [IMAGE], lambda w, x: np.sign(x) * np.maximum(abs(x) - 0.4, 0)),
    ("TanhShrink", {}, [IMAGE], lambda w, x: x - np.tanh(x)),
    ("Softmax", {"axis": 1}, [IMAGE], lambda w, x: softmax(x, 1)),
    ("Softmax", {"axis": [1, 3]}, [IMAGE], lambda w, x: softmax(x, (1, 3))),
    ("LogSoftmax", {"axis": [1, 3]}, [IMAGE], lambda w, x: np.log(softmax(x, (1, 3)))),
    ("LogSoftmax", {}, [STEPS], lambda w, x: np.log(softmax(x))),
    ("GLU", {"axis": 1}, [IMAGE], lambda w, x: x[:, :3] * sigmoid(x[:, 3:])),
    ("Rescaling", {"scale": 2.0, "offset": 1.0}, [IMAGE], lambda w, x: 2 * x + 1),
    ("Dropout", {"rate": 0.5}, [IMAGE], lambda w, x: x),
    ("StochasticDepth", {"rate": 0.5}, [IMAGE], lambda w, x: x),
    ("GaussianNoise", {"stddev": 0.5}, [IMAGE], lambda w, x: x),
    ("Identity", {}, [IMAGE], lambda w, x: x),
    # Merges
    ("Add", {}, [IMAGE, IMAGE, (2, 6, 1, 1)], lambda w, x, y, z: x + y + z),
    ("Add", {}, [(2, 4, 5, 6), (2, 6)], lambda w, x, y: x + y[:, None, None]),
    ("Subtract", {}, [IMAGE, IMAGE], lambda w, x, y: x - y),
    ("Multiply", {}, [IMAGE, (2, 6, 1, 1)], lambda w, x, y: x * y),
    ("Maximum", {}, [IMAGE, IMAGE], lambda w, x, y: np.maximum(x, y)),
    ("Minimum", {}, [IMAGE, IMAGE], lambda w, x, y: np.minimum(x, y)),
    ("Average", {}, [IMAGE, IMAGE, IMAGE], lambda w, x, y, z: (x + y + z) / 3),
    ("Concatenate", {}, [IMAGE, (2, 3, 9, 10)], lambda w, x, y: np.concatenate([x, y], 1)),
    ("Dot", {"axes": [2, 1]}, [(2, 3, 4), (2, 4, 5)], lambda w, x, y: x @ y),
    (
        *("Dot", {"axes": 1, "normalize": True}, [(2, 4), (2, 4)]),
        lambda w, x, y: ((x * y).sum(1) / np.linalg.norm(x, axis=1) / np.linalg.norm(y, axis=1))[:, None],
    ),
    ("MatMul", {"transpose_b": True}, [(2, 3, 4, 5), (2, 6, 5)], lambda w, x, y: x @ np.swapaxes(y, 1, 2)[:, None]),
    ("MatMul", {"transpose_a": True}, [(2, 4, 3), (2, 4, 5)], lambda w, x, y: np.swapaxes(x, 1, 2) @ y),
    (
        "Einsum",
        {"equation": "bqhd,bkhd->bhqk"},
        [(2, 3, 4, 5), (2, 6, 4, 5)],
        lambda w, x, y: np.einsum("bqhd,bkhd->bhqk", x, y),
    ),
    (
        *("EinsumDense", {"equation": "...c,cde->...ed", "output_shape": [3, 4], "bias_axes": "d"}, [(2, 5, 6)]),
        lambda w, x: np.einsum("btc,cde->bted", x, w["weight"]) + w["bias"].reshape(4),
    ),
    ("Dense", {"units": 4}, [(2, 7)], lambda w, x: x @ w["weight"] + w["bias"]),
    ("Dense", {"units": 4}, [(2, 3, 7)], lambda w, x: x @ w["weight"] + w["bias"]),
    # Normalizations
    (
        *("BatchNormalization", {}, [IMAGE]),
        lambda w, x: (
            (x - vector(w, "running_mean")) / np.sqrt(vector(w, "running_var") + 0.001) * vector(w) + vector(w, "bias")
        ),
    ),
    (
        *("BatchNormalization", {"track_running_stats": False}, [IMAGE]),
        lambda w, x: normal(x, (0, 2, 3)) * vector(w) + vector(w, "bias"),
    ),
    (
        *("FrozenBatchNormalization", {"epsilon": 0.1}, [IMAGE]),
        lambda w, x: (
            (x - vector(w, "running_mean")) / np.sqrt(vector(w, "running_var") + 0.1) * vector(w) + vector(w, "bias")
        ),
    ),
    ("LayerNormalization", {}, [STEPS], lambda w, x: normal(x, -1) * w["weight"] + w["bias"]),
    (
        "LayerNormalization",
        {"axis": [1, 3], "center": False},
        [IMAGE],
        lambda w, x: normal(x, (1, 3)) * w["weight"][:, None],
    ),
    (
        *("RMSNormalization", {}, [STEPS]),
        lambda w, x: x / np.sqrt((x**2).mean(-1, keepdims=True) + 1e-6) * w["weight"],
    ),
    (
        *("GroupNormalization", {"groups": 3}, [IMAGE]),
        lambda w, x: normal(x.reshape(2, 3, -1), -1).reshape(x.shape) * vector(w) + vector(w, "bias"),
    ),
    (
        "InstanceNormalization",
        {"affine": True},
        [IMAGE],
        lambda w, x: normal(x, (2, 3)) * vector(w) + vector(w, "bias"),
    ),
    ("LocalResponseNormalization", {"size": 5, "k": 2.0}, [IMAGE], lambda w, x: local_response(x, 5, 2)),
    ("LocalResponseNormalization", {"size": 2}, [WAVE], lambda w, x: local_response(x, 2, 1)),
    ("UnitNormalization", {}, [IMAGE], lambda w, x: x / np.sqrt((x**2).sum(1, keepdims=True))),
    ("LayerScale", {}, [IMAGE], lambda w, x: x * vector(w)),
    # Moves
    ("Flatten", {}, [IMAGE], lambda w, x: x.reshape(2, -1)),
    ("Flatten", {"start_dim": 2}, [IMAGE], lambda w, x: x.reshape(2, 6, -1)),
    ("Reshape", {"target_shape": [9, -1]}, [IMAGE], lambda w, x: x.reshape(2, 9, -1)),
    ("ReshapeLike", {}, [IMAGE, (2, 9, 60)], lambda w, x, y: x.reshape(2, 9, 60)),
    ("Permute", {"dims": [2, 3, 1]}, [IMAGE], lambda w, x: x.transpose(0, 2, 3, 1)),
    ("RepeatVector", {"n": 3}, [(2, 5)], lambda w, x: np.repeat(x[:, None], 3, axis=1)),
    (
        "ZeroPadding2D",
        {"padding": [[1, 2], [3, 4]], "value": 1.5},
        [IMAGE],
        lambda w, x: np.pad(x, [(0, 0), (0, 0), (1, 2), (3, 4)], constant_values=1.5),
    ),
    ("Cropping2D", {"cropping": [[1, 2], [3, 0]]}, [IMAGE], lambda w, x: x[:, :, 1:-2, 3:]),
    ("CropLike", {}, [IMAGE, (2, 1, 4, 4)], lambda w, x, y: x[:, :, 2:6, 3:7]),
    ("UpSampling2D", {"size": [2, 3]}, [IMAGE], lambda w, x: x.repeat(2, 2).repeat(3, 3)),
    ("ChannelShuffle", {"groups": 2}, [IMAGE], lambda w, x: x[:, [0, 3, 1, 4, 2, 5]]),
    ("Slice", {"axis": 2, "start": -7, "stop": -1, "step": 2}, [IMAGE], lambda w, x: x[:, :, -7:-1:2]),
    ("Select", {"index": -1, "axis": 2}, [IMAGE], lambda w, x: x[:, :, -1]),
    ("Split", {"sizes": [1, 2, 3]}, [IMAGE], lambda w, x: np.split(x, [1, 3], axis=1)),
    ("Unbind", {"parts": 6, "axis": 1}, [IMAGE], lambda w, x: [x[:, at] for at in range(6)]),
    ("TopK", {"k": 2, "axis": 1}, [IMAGE], lambda w, x: [np.sort(x, 1)[:, :-3:-1], np.argsort(x, 1)[:, :-3:-1]]),
    ("TopK", {"k": 1, "largest": False}, [STEPS], lambda w, x: [x.min(-1)[..., None], x.argmin(-1)[..., None]]),
    ("ReduceSum", {"axis": [1, 3]}, [IMAGE], lambda w, x: x.sum((1, 3))),
    ("ReduceMean", {"axis": 2, "keepdims": True}, [IMAGE], lambda w, x: x.mean(2, keepdims=True)),
    ("ReduceMax", {"axis": -1}, [IMAGE], lambda w, x: x.max(-1)),
    ("Roll", {"shift": [1, -2], "axis": [2, 3]}, [IMAGE], lambda w, x: np.roll(x, (1, -2), (2, 3))),
    ("WindowPartition", {"window_size": 3}, [(2, 6, 9, 4)], lambda w, x: windows(x, 3)),
    (
        *("WindowPartition", {"window_size": 4}, [(2, 6, 9, 4)]),
        lambda w, x: windows(np.pad(x, [(0, 0), (0, 2), (0, 3), (0, 0)]), 4),
    ),
    # Tables
    ("LearnedPositions", {}, [IMAGE], lambda w, x: x + w["position_embeddings"]),
    ("LearnedPositions", {"input_dim": 9}, [STEPS], lambda w, x: x + w["position_embeddings"][:5]),
    ("ClassToken", {"n": 2}, [STEPS], lambda w, x: np.concatenate([np.repeat(w["tokens"], 2, 0), x], 1)),
    ("LearnedTokens", {"n": 3}, [STEPS], lambda w, x: np.repeat(w["tokens"], 2, 0)),
    (
        *("SinusoidalEmbedding", {"dim": 6}, [(2,)]),
        lambda w, x: np.concatenate([f(x[:, None] * 10_000.0 ** -(np.arange(3) / 3)) for f in (np.sin, np.cos)], 1),
    ),
    # Attention
    (
        *("SelectiveScan", {}, [(2, 5, 6), (2, 5, 6), (2, 6, 4), (2, 5, 4), (2, 5, 4), (2, 6)]),
        lambda w, *given: scanned(*given),
    ),
    (
        *("DeltaRule", {"num_heads": 2}, [(2, 5, 6), (2, 5, 6), (2, 5, 8), (2, 5, 2)]),
        lambda w, *given: delta(2, *given),
    ),
    (
        *("DeltaRule", {"num_heads": 2}, [(2, 5, 6), (2, 5, 6), (2, 5, 8), (2, 5, 2), (2, 5, 6)]),
        lambda w, *given: delta(2, *given),
    ),
    ("LinearAttention", {"num_heads": 2}, [(2, 5, 6), (2, 5, 6), (2, 5, 8)], lambda w, *given: linear(2, 2, *given)),
    (
        *("LinearAttention", {"num_heads": 4, "groups": 2}, [(2, 5, 6), (2, 5, 6), (2, 5, 8), (2, 5, 4)]),
        lambda w, *given: linear(4, 2, *given),
    ),
    (
        *("LinearAttention", {"num_heads": 2}, [(2, 5, 6), (2, 5, 6), (2, 5, 8), (2, 5, 6), (2, 6)]),
        lambda w, *given: linear(2, 2, *given),
    ),
    # By chunks of steps, the last one filled up
    (
        *("LinearAttention", {"num_heads": 2, "chunk": 2}, [(2, 5, 6), (2, 5, 6), (2, 5, 8)]),
        lambda w, *given: linear(2, 2, *given),
    ),
    (
        *("LinearAttention", {"num_heads": 4, "groups": 2, "chunk": 5}, [(2, 5, 6), (2, 5, 6), (2, 5, 8), (1, 4)]),
        lambda w, *given: linear(4, 2, *given[:3], np.maximum(given[3], 0)[:, None] + np.zeros((1, 5, 1))),
    ),
    (
        *("LinearAttention", {"num_heads": 4, "groups": 1, "chunk": 3}, [(2, 5, 3), (2, 5, 3), (2, 5, 8), (2, 5, 4)]),
        lambda w, *given: linear(4, 1, *given[:3], np.maximum(given[3], 0)),
    ),
    (
        *("MLSTM", {"num_heads": 2, "chunk": 2}, [(2, 5, 6), (2, 5, 6), (2, 5, 8), (2, 5, 2), (2, 5, 2)]),
        lambda w, *given: matrix_memory(2, *given),
    ),
    (
        *("GeneralizedDeltaRule", {"num_heads": 2}, [(2, 5, 6), (2, 5, 6), (2, 5, 8), *[(2, 5, 6)] * 3]),
        lambda w, *given: generalized(2, *given),
    ),
    ("WKV", {}, [(2, 5, 6), (2, 5, 6), (2, 6), (2, 6)], lambda w, *given: averaged(*given)),
    (
        *("MLSTM", {"num_heads": 2}, [(2, 5, 6), (2, 5, 6), (2, 5, 8), (2, 5, 2), (2, 5, 2)]),
        lambda w, *given: matrix_memory(2, *given),
    ),
    ("SLSTM", {"units": 6, "num_heads": 2}, [(2, 5, 24)], lambda w, x: numbers_memory(2, w, x)),
    ("SLSTM", {"units": 6, "use_bias": False}, [(2, 5, 24)], lambda w, x: numbers_memory(1, w, x)),
    ("CRF", {"num_tags": 3}, [(2, 5, 3)], best_tags),
    ("CRF", {"num_tags": 4}, [(2, 1, 4)], best_tags),
    # Fourier transforms
    ("FFT", {"axes": [1, 2]}, [STEPS], lambda w, x: parts(np.fft.fftn(x, axes=(1, 2)))),
    ("FFT", {"axes": 1, "parts": True}, [(2, 5, 3, 2)], lambda w, x: parts(np.fft.fft(whole(x), axis=1))),
    ("InverseFFT", {"axes": 1}, [(2, 5, 3, 2)], lambda w, x: parts(np.fft.ifft(whole(x), axis=1))),
    ("RFFT", {"axes": 1, "factor": 2}, [(2, 5, 3)], lambda w, x: parts(np.fft.rfft(x, 10, axis=1))),
    ("RFFT", {"axes": [1, 2]}, [(2, 5, 4)], lambda w, x: parts(np.fft.rfftn(x, axes=(1, 2)))),
    ("InverseRFFT", {}, [(2, 5, 4, 2)], lambda w, x: np.fft.irfft(whole(x))),
    ("InverseRFFT", {"n": 7}, [(2, 5, 4, 2)], lambda w, x: np.fft.irfft(whole(x), 7)),
    ("InverseRFFT", {"axes": 1, "factor": 2, "n": 7}, [(2, 4, 2)], lambda w, x: np.fft.irfft(whole(x), 7)[:, :3]),
    ("ComplexMultiply", {}, [(2, 5, 2), (2, 1, 2)], lambda w, x, y: parts(whole(x) * whole(y))),
    ("RotaryEmbedding", {"dim": 4}, [(2, 5, 8)], lambda w, x: rotated(x, 4)),
    ("RotaryEmbedding", {"dim": 4}, [(2, 3, 5, 8)], lambda w, x: rotated(x, 4)),
    *(
        ("RotaryEmbedding", {}, [shape, (1, 5, 4), (1, 5, 4)], lambda w, x, cos, sin: turned_by(x, cos, sin))
        for shape in ((2, 5, 8), (2, 3, 5, 8))
    ),
    (
        "ScaledDotProductAttention",
        {"num_heads": 2},
        [(2, 5, 8), (2, 7, 8), (2, 7, 6)],
        lambda w, q, k, v: attend([q, k, v], 2),
    ),
    (
        *("ScaledDotProductAttention", {"num_heads": 4, "num_kv_heads": 2, "causal": True}, [(2, 5, 8), (2, 5, 4)]),
        lambda w, q, k: attend([q, k, k], 4, 2, causal=True),
    ),
    (
        *("ScaledDotProductAttention", {"num_heads": 2, "causal": True, "window": 2}, [(2, 5, 8)]),
        lambda w, q: attend([q, q, q], 2, causal=True, added=hidden(5, 5, 2)),
    ),
    (
        *("ScaledDotProductAttention", {"num_heads": 2, "window": 3}, [(2, 3, 5, 8), (2, 3, 7, 8)]),
        lambda w, q, k: attend([q, k, k], 2, added=hidden(5, 7, 3)),
    ),
    (
        "ScaledDotProductAttention",
        {"num_heads": 4, "num_kv_heads": 2},
        [(2, 3, 5, 8), (2, 3, 7, 4)],
        lambda w, q, k: attend([q, k, k], 4, 2),
    ),
    (
        *("ScaledDotProductAttention", {"num_heads": 2, "position_biases": 4, "masked": True}, [(2, 3, 5, 8)]),
        # A step's own bias is that in the middle.
        lambda w, q: attend(
            [q, q, q],
            2,
            added=w["position_biases"][np.clip(np.arange(5) - np.arange(5)[:, None] + 2, 0, 3)].transpose(2, 0, 1),
        ),
    ),
    (
        *("ScaledDotProductAttention", {"num_heads": 2, "position_biases": 9}, [(2, 4, 8)]),
        lambda w, q: attend(
            [q, q, q],
            2,
            added=w["position_biases"][
                [[3 * (a // 2 - b // 2 + 1) + a % 2 - b % 2 + 1 for b in range(4)] for a in range(4)]
            ].transpose(2, 0, 1),
        ),
    ),
    (
        *("ScaledDotProductAttention", {"num_heads": 2, "position_biases": 3}, [(2, 5, 8), (2, 7, 8)]),
        lambda w, q, k: attend(
            [q, k, k],
            2,
            added=w["position_biases"][np.clip(np.arange(7) - np.arange(5)[:, None] + 1, 0, 2)].transpose(2, 0, 1),
        ),
    ),
    (
        *("ScaledDotProductAttention", {"num_heads": 2, "causal": True, "soft_cap": 0.5}, [(2, 5, 8)]),
        lambda w, q: attend([q, q, q], 2, causal=True, cap=0.5),
    ),
    (
        "ScaledDotProductAttention",
        {"num_heads": 4, "num_kv_heads": 2, "sinks": True, "window": 3},
        [(2, 3, 5, 8), (2, 3, 7, 4)],
        lambda w, q, k: attend([q, k, k], 4, 2, added=hidden(5, 7, 3), sinks=w["sinks"]),
    ),
    (
        *("MixtureOfExperts", {"num_experts": 4, "units": 3, "groups": 2, "top_k_groups": 1, "scoring": "sigmoid"}),
        *([STEPS], lambda w, x: mixture(x, w, shared=0, groups=2)),
    ),
    ("MixtureOfExperts", {"num_experts": 4, "units": 3, "shared_experts": 1}, [STEPS], lambda w, x: mixture(x, w)),
    (
        *("MixtureOfExperts", {"num_experts": 4, "units": 3, "use_bias": True, "limit": 0.5, "scoring": LATE}),
        *([STEPS], lambda w, x: bounded_mixture(x, w, 0.5)),
    ),
]


IDS = [f"{i}-{row[0]}" for i, row in enumerate(NUMPY)]


@pytest.mark.parametrize(("op", "args", "shapes", "function"), NUMPY, ids=IDS)
def test_an_operator_computes_what_numpy_does(op, args, shapes, function):
    if op == "LocalResponseNormalization":
        pytest.importorskip("onnxruntime", reason="the reference of the onnx package sums over samples")
    inputs = numbers(shapes)
    found, weights = run(layer(op, args, shapes), *inputs)
    wanted = function(weights, *inputs)
    for one, right in zip(found, wanted if isinstance(wanted, list) else [wanted], strict=True):
        np.testing.assert_allclose(one, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("length", "size", "step"), [(9, 3, 1), (9, 4, 2), (10, 3, 3), (5, 5, 1), (4, 1, 4)])
def test_borders_move_windows_inside(length, size, step):
    """A window has the position itself, others by steps, and as many on both sides as there are."""
    places, offsets = _neighbors((length,), (size,), (step,))
    for position, (there, which) in enumerate(zip(places.tolist(), offsets.tolist(), strict=True)):
        reachable = range(position % step, length, step)
        own = reachable.index(position)
        first = max(0, min(own - size // 2, len(reachable) - size))
        assert there == [*reachable[first : first + size]]
        assert which == [size - 1 + first + tap - own for tap in range(size)]
