"""Operators over features: products, attention, recurrence, tables."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from archinspect.base.shape import size
from archinspect.exporters.code import Raw, Step, call, code
from archinspect.exporters.pytorch.dtypes import torch_dtype
from archinspect.exporters.pytorch.elementwise import activation_name, all_of_each_sample, of_each_sample
from archinspect.exporters.refusal import CannotExportError
from archinspect.ops.activation import QuickGELU
from archinspect.ops.contraction import written

if TYPE_CHECKING:
    from archinspect.exporters.orders import Use


def dense(use: Use) -> Step:
    """Return an `nn.Linear`."""
    op: Any = use.op
    features = {"in_features": use.shape[-1], "out_features": use.output[-1]}
    return Step(code("{self}({0})"), call("nn.Linear", features, bias=(op.use_bias, True)))


def bilinear(use: Use) -> Step:
    """Return an `nn.Bilinear`."""
    op: Any = use.op
    sizes = {"in1_features": use.shape[-1], "in2_features": use.shape_of(1)[-1], "out_features": op.units}
    return Step(code("{self}({0}, {1})"), call("nn.Bilinear", sizes, bias=(op.use_bias, True)))


def _trailing(use: Use) -> tuple[int, ...]:
    """Return the sizes of the axes that a layer normalization goes over, where they are the last."""
    op: Any = use.op
    rank = len(use.shape)
    axes = sorted(op._axes(rank))  # noqa: SLF001 - which axes is the operator's own rule
    if axes != list(range(rank - len(axes), rank)):
        return ()
    return use.shape[axes[0] :]


def layer_norm(use: Use) -> Step:
    """Return an `nn.LayerNorm`."""
    return _layer_norm(use, "nn.LayerNorm", 1e-5)


def rms_norm(use: Use) -> Step:
    """Return an `nn.RMSNorm`."""
    return _layer_norm(use, "nn.RMSNorm", None)


def _layer_norm(use: Use, name: str, eps: float | None) -> Step:
    op: Any = use.op
    scale, offset = op.scale and op.elementwise_affine, op.center and op.elementwise_affine
    sizes = _trailing(use)
    text = "{self}({0})"
    if not sizes:
        axes = sorted(op._axes(len(use.shape)))  # noqa: SLF001 - as above
        sizes = tuple(use.shape[axis] for axis in axes)
        last = tuple(range(-len(axes), 0))
        text = f"{{self}}({{0}}.movedim({tuple(axes)}, {last})).movedim({last}, {tuple(axes)})"
    options: dict[str, tuple[Any, Any]] = {"eps": (op.epsilon, eps)}
    if name == "nn.LayerNorm":
        if offset and not scale:
            module = call(name, {"normalized_shape": sizes[0] if len(sizes) == 1 else sizes}, **options)
            return Step(code(text), call("without", {"module": module, "name": "weight"}), parts=("without",))
        options |= {"elementwise_affine": (scale, True), "bias": (offset or not scale, True)}
    else:
        options["elementwise_affine"] = (scale, True)
    return Step(code(text), call(name, {"normalized_shape": sizes[0] if len(sizes) == 1 else sizes}, **options))


def attention(use: Use) -> Step:
    """Return attention of queries, keys and values that are there."""
    op: Any = use.op
    names = [of_each_sample(use, at) for at in range(len(use.call.inputs))]
    query, key, value = names[0], names[min(1, len(names) - 1)], names[-1]
    options = ["heads={heads}"]
    if op.kv_heads != op.num_heads:
        options.append("kv_heads={kv_heads}")
    if op.causal and not op.window:  # whose mask hides what comes later, too
        options.append("causal=True")
    if op.dropout:
        options.append("p={dropout} if self.training else 0.0")
    biased = op.position_biases or op.shared_position_biases or op.masked or op.window
    function = "attend_biased" if biased else "attend"
    if op.kv_heads != op.num_heads and function == "attend":
        function = "attend_grouped"
    shared = op.num_kv_heads if op.kv_heads != op.num_heads else 0
    if op.sinks and op.position_biases and not use.node.trainable:
        raise CannotExportError(use.node.layer, "what does not train, sinks and position biases, would be two modules")
    if op.sinks:
        further: dict[str, tuple[Any, Any]] = {"kv_heads": (shared, 0), "dropout": (op.dropout, 0.0)}
        further |= {"cap": (op.soft_cap or 0.0, 0.0), "causal": (op.causal and not op.window, False)}
        module = call("AttentionWithSinks", {"heads": op.num_heads}, **further)
        return Step(code(f"{{self}}({query}, {key}, {value})"), module, parts=("AttentionWithSinks",))
    if op.soft_cap:
        function = "attend_capped"
        options.append("cap={cap}")
    text = f"{function}({query}, {key}, {value}, {', '.join(options)})"
    holes = {"heads": op.num_heads, "kv_heads": op.kv_heads, "dropout": op.dropout, "cap": op.soft_cap}
    return Step(code(text, **holes), parts=(function,))


def further_step(use: Use) -> Step:
    """Return the learned step and that of zeros which attention adds after keys or values."""
    op: Any = use.op
    module = call("FurtherStep", {"features": use.shape[-1]}, learned=(op.learned, False), zeros=(op.zeros, False))
    return Step(code("{self}({0})"), module, parts=("FurtherStep",))


def rotary(use: Use) -> Step:
    """Return a rotation of pairs of features."""
    op: Any = use.op
    if len(use.call.inputs) > 1:
        return Step(code("rotate({0}, {1}, {2})"), parts=("rotate",))
    module = call("Rotary", {"steps": use.shape[-2], "dim": op.dim or use.shape[-1]})
    return Step(code("{self}({0})"), module, parts=("Rotary",))


def rotary_tables(use: Use) -> Step:
    """Return cosines and sines of angles of rotation."""
    op: Any = use.op
    return Step(code("{self}({0})"), call("RotaryTables", {"dim": op.dim}), parts=("RotaryTables",))


def experts(use: Use) -> Step:
    """Return a mixture of experts."""
    op: Any = use.op
    sizes = {"features": use.shape[-1], "num_experts": op.num_experts, "units": op.units}
    if op.capacity_factor is not None:
        raise CannotExportError(use.node.layer, "which steps find a place is for a kernel to say: no capacity_factor")
    quick = isinstance(op.activation, QuickGELU)
    function = "quick_gelu" if quick else activation_name(op.activation)
    module = call(
        "MixtureOfExperts",
        sizes,
        top_k=(op.top_k, 2),
        shared_experts=(op.shared_experts, 0),
        gated=(op.gated, True),
        activation=(function, "silu"),
        scoring=(op.scoring, "softmax"),
        groups=(op.groups, 1),
        top_k_groups=(op.top_k_groups or op.groups, 1),
        score_bias=(op.score_bias, False),
        bias=(op.use_bias, False),
        limit=(op.limit, None),
    )
    return Step(code("{self}({0})"), module, parts=("MixtureOfExperts", *(("quick_gelu",) if quick else ())))


def recurrent(use: Use) -> Step:
    """Return an `nn.LSTM`, `nn.GRU` or `nn.RNN`, and of what it gives what the layer gives."""
    op: Any = use.op
    name = {"SimpleRNN": "RNN"}.get(type(op).__name__, type(op).__name__)
    options = {
        "num_layers": (op.num_layers, 1),
        "bias": (op.use_bias, True),
        "batch_first": (True, False),
        "bidirectional": (op.bidirectional, False),
        "dropout": (op.dropout if op.num_layers > 1 else 0.0, 0.0),
    }
    if name == "LSTM":
        options["proj_size"] = (op.proj_size, 0)
        if op.proj_size >= op.units:
            raise CannotExportError(use.node.layer, "nn.LSTM projects to fewer features than it has units")
    if name == "GRU" and not op.reset_after:
        raise CannotExportError(use.node.layer, "nn.GRU resets the state after its weighted sum: `reset_after: true`")
    sizes = {"input_size": use.shape[-1], "hidden_size": op.units}
    single = op.use_bias and op.bias_vectors == 1
    module = call(f"{'' if single else 'nn.'}{'OneBias' if single else ''}{name}", sizes, **options)
    parts = (f"OneBias{name}",) if single else ()
    several = op.num_layers * (1 + op.bidirectional) > 1
    given = [
        f"{{{index}}}{'.transpose(0, 1).contiguous()' if several else '[None]'}" for index in range(1, len(use.orders))
    ]
    start = f", ({', '.join(given)})" if len(given) > 1 else f", {given[0]}" if given else ""
    if not op.return_state:
        last = "" if op.return_sequences else "[:, -1]"
        return Step(code(f"{{self}}({{0}}{start})[0]{last}"), module, parts=parts)
    options_text = f"several={several}, sequences={op.return_sequences}"
    return Step(code(f"with_states({{self}}({{0}}{start}), {options_text})"), module, parts=(*parts, "with_states"))


def cell(use: Use) -> Step:
    """Return an `nn.LSTMCell`, `nn.GRUCell` or `nn.RNNCell`."""
    op: Any = use.op
    name = {"SimpleRNNCell": "RNNCell"}.get(type(op).__name__, type(op).__name__)
    if name == "GRUCell" and not op.reset_after:
        raise CannotExportError(use.node.layer, "nn.GRUCell resets the state after its weighted sum")
    sizes = {"input_size": use.shape[-1], "hidden_size": op.units}
    module = call(f"nn.{name}", sizes, bias=(op.use_bias, True))
    given = ", ".join(f"{{{index}}}" for index in range(1, len(use.orders)))
    start = f", ({given})" if len(op.state) > 1 and given else f", {given}" if given else ""
    if op.use_bias and op.bias_vectors == 1:
        return Step(code(f"{{self}}({{0}}{start})"), call("one_bias", {"cell": module}), parts=("one_bias",))
    return Step(code(f"{{self}}({{0}}{start})"), module)


def selective_scan(use: Use) -> Step:
    """Return Mamba's recurrence."""
    given = ", ".join(f"{{{index}}}" for index in range(len(use.orders)))
    return Step(code(f"selective_scan({given})"), parts=("selective_scan",))


def linear_attention(use: Use) -> Step:
    """Return attention without a softmax, step by step or by chunks of steps."""
    op: Any = use.op
    name = "linear_attention" if op.chunk is None else "linear_attention_by_chunks"
    if op.chunk is not None and len(use.orders) > WITH_DECAY:
        raise CannotExportError(use.node.layer, "a bonus is not computed by chunks: leave chunk out")
    if op.chunk is not None and len(use.orders) == WITH_DECAY and use.call.shapes[3][-1] != op.num_heads:
        raise CannotExportError(
            use.node.layer, "the decay of each key divides by what is next to nothing after a chunk: leave chunk out"
        )
    shared = op.groups not in (None, op.num_heads)
    options = "heads={heads}" + (", groups={groups}" if shared else "")
    options += ", chunk={chunk}" if op.chunk is not None else ""
    text = f"{name}({all_of_each_sample(use)}, {options})"
    return Step(code(text, heads=op.num_heads, groups=op.groups, chunk=op.chunk), parts=(name,))


WITH_DECAY = 4
"""Inputs of attention without a softmax: queries, keys, values and the factors of the decay."""


def delta_rule(use: Use) -> Step:
    """Return the delta rule, step by step."""
    op: Any = use.op
    text = f"delta_rule({all_of_each_sample(use)}, heads={{heads}})"
    return Step(code(text, heads=op.num_heads), parts=("delta_rule",))


def deformable_attention(use: Use) -> Step:
    """Return attention to points of maps."""
    op: Any = use.op
    text = f"deformable_attention({all_of_each_sample(use)}, {{sizes}})"
    return Step(code(text, sizes=op.sizes), parts=("deformable_attention",))


def neighborhood_attention(use: Use) -> Step:
    """Return attention to windows around positions."""
    op: Any = use.op
    lengths = use.call.shapes[0][1:-1]
    given = {"heads": op.num_heads, "lengths": lengths, "sizes": tuple(op.kernel_size), "steps": tuple(op.dilation)}
    module = call("NeighborhoodAttention", given, biases=(op.position_biases, False))
    return Step(code(f"{{self}}({all_of_each_sample(use)})"), module, parts=("NeighborhoodAttention",))


def generalized_delta_rule(use: Use) -> Step:
    """Return a state that decays, is changed by what it reads, and is added to, step by step."""
    op: Any = use.op
    text = f"generalized_delta_rule({all_of_each_sample(use)}, heads={{heads}})"
    return Step(code(text, heads=op.num_heads), parts=("generalized_delta_rule",))


def wkv(use: Use) -> Step:
    """Return RWKV 4's averages, step by step."""
    return Step(code(f"wkv({of_each_sample(use, 0)}, {{1}}, {{2}}, {{3}})"), parts=("wkv",))


def mlstm(use: Use) -> Step:
    """Return xLSTM's matrix memory, step by step or by chunks of steps."""
    op: Any = use.op
    options, parts = "heads={heads}", ("mlstm", "mlstm_step")
    if op.chunk is not None:
        options, parts = "heads={heads}, chunk={chunk}", ("mlstm_by_chunks", "mlstm_states")
    text = f"{parts[0]}({all_of_each_sample(use)}, {options})"
    return Step(code(text, heads=op.num_heads, chunk=op.chunk), parts=parts)


def slstm(use: Use) -> Step:
    """Return xLSTM's memory of numbers, step by step."""
    op: Any = use.op
    module = call("SLSTM", {"units": op.units, "heads": op.num_heads}, bias=(op.use_bias, True))
    return Step(code("{self}({0})"), module, parts=("SLSTM",))


def crf(use: Use) -> Step:
    """Return the best tags of a conditional random field."""
    op: Any = use.op
    return Step(code("{self}({0})"), call("CRF", {"num_tags": op.num_tags}), parts=("CRF",))


def masking(use: Use) -> Step:
    """Return steps of one value set to 0."""
    op: Any = use.op
    return Step(code("mask_steps({0}, {value})", value=op.mask_value), parts=("mask_steps",))


def embedding(use: Use) -> Step:
    """Return an `nn.Embedding`."""
    op: Any = use.op
    sizes = {"num_embeddings": op.input_dim, "embedding_dim": op.output_dim}
    dtype = use.call.inputs[0].dtype
    index = "{0}" if dtype in ("int64", "int32") else "{0}.long()"
    return Step(code(f"{{self}}({index})"), call("nn.Embedding", sizes))


def embedding_bag(use: Use) -> Step:
    """Return an `nn.EmbeddingBag`."""
    op: Any = use.op
    sizes = {"num_embeddings": op.input_dim, "embedding_dim": op.output_dim}
    index = "{0}" if use.call.inputs[0].dtype == "int64" else "{0}.long()"
    return Step(code(f"{{self}}({index})"), call("nn.EmbeddingBag", sizes, mode=(op.mode, "mean")))


def sinusoids(use: Use) -> Step:
    """Return sines and cosines of a number."""
    op: Any = use.op
    return Step(code("sinusoids({0}, {dim})", dim=op.dim), parts=("sinusoids",))


def positions(use: Use) -> Step:
    """Return learned positions, added."""
    op: Any = use.op
    shape = use.call.weights["position_embeddings"].shape
    if op.indexed:
        table = {"num_embeddings": shape[0], "embedding_dim": size(shape[1:])}
        kind = "SamplePositions" if op.indexed == "each_sample" else "IndexedPositions"
        return Step(code("{self}({0})"), call(kind, table), parts=(kind,))
    return Step(code("{self}({0})"), call("LearnedPositions", {"shape": shape}), parts=("LearnedPositions",))


def class_token(use: Use) -> Step:
    """Return the input behind learned tokens."""
    op: Any = use.op
    module = call("ClassToken", {"features": use.shape[-1]}, n=(op.n, 1))
    return Step(code("{self}({0})"), module, parts=("ClassToken",))


def learned_tokens(use: Use) -> Step:
    """Return learned tokens for each sample."""
    _, n, dim = use.output
    return Step(code("{self}({0})"), call("LearnedTokens", {"n": n, "dim": dim}), parts=("LearnedTokens",))


def parameter(use: Use) -> Step:
    """Return a learned tensor."""
    return Step(code("{self}()"), call("Parameter", {"shape": use.output[1:]}), parts=("Parameter",))


def constant(use: Use) -> Step:
    """Return a fixed tensor."""
    dtype = use.call.outputs[0].dtype
    options = {} if dtype == "float" else {"dtype": (Raw(torch_dtype(use.node, dtype)), None)}
    return Step(code("{self}()"), call("Constant", {"shape": use.output[1:]}, **options), parts=("Constant",))


def einsum_dense(use: Use) -> Step:
    """Return a product with a learned kernel."""
    op: Any = use.op
    weights = use.call.weights
    options = {"bias": (weights["bias"].shape if "bias" in weights else None, None)}
    module = call("EinsumDense", {"equation": written(*op.terms()), "shape": weights["kernel"].shape}, **options)
    step = Step(code("{self}({0})"), module, parts=("EinsumDense",))
    if op.bias_axes and not op.terms()[1].endswith(op.bias_axes):
        raise CannotExportError(use.node.layer, f"the bias of '{op.bias_axes}' does not lie along the last axes")
    return step


def einsum(use: Use) -> Step:
    """Return a sum of products."""
    op: Any = use.op
    operands = ", ".join(f"{{{index}}}" for index in range(len(use.orders)))
    return Step(code(f"torch.einsum({{equation}}, {operands})", equation=written(*op.aligned())))
