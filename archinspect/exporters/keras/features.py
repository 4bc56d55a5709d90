"""Operators over features: products, attention, recurrence, tables."""

from __future__ import annotations

from string import ascii_letters
from typing import TYPE_CHECKING, Any

from archinspect.exporters.code import Raw, Step, call, code
from archinspect.exporters.keras.elementwise import activation_name
from archinspect.exporters.keras.use import Named, function, layer, own, with_arguments
from archinspect.graph.call import Call as OpCall
from archinspect.ops.activation import QuickGELU
from archinspect.ops.contraction import REST

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.exporters.code import Call
    from archinspect.exporters.keras.use import Chain, Use
    from archinspect.ops.base import Op


def dense(use: Use) -> Step:
    """Return a `Dense`."""
    op: Any = use.op
    return layer("Dense", {"units": use.output[-1]}, use_bias=(op.use_bias, True))


def attention(use: Use) -> Step:
    """Return attention of queries, keys and values that are there; further inputs are added to its scores."""
    op: Any = use.op
    step = own(
        "Attend",
        {"num_heads": op.num_heads},
        num_kv_heads=(op.num_kv_heads if op.kv_heads != op.num_heads else None, None),
        causal=(op.causal, False),
        window=(op.window, None),
        dropout=(op.dropout, 0.0),
        soft_cap=(op.soft_cap, None),
        sinks=(op.sinks, False),
    )
    names = [f"{{{index}}}" for index in range(len(use.shapes))]
    roles = (names[0], names[min(1, len(names) - 1)], names[-1])
    return step._replace(code=code(f"{{self}}([{', '.join(roles)}])"))


def further_step(use: Use) -> Step:
    """Return the learned step and that of zeros which attention adds after keys or values."""
    op: Any = use.op
    return own("FurtherStep", {}, learned=(op.learned, False), zeros=(op.zeros, False))


def rotary(use: Use) -> Step:
    """Return a rotation of pairs of features."""
    op: Any = use.op
    if len(use.shapes) > 1:
        return function("rotate_by", "{0}, {1}, {2}")
    return function("rotate", "{0}, {dim}", dim=op.dim or use.shape[-1])


def rotary_tables(use: Use) -> Step:
    """Return cosines and sines of angles of rotation."""
    op: Any = use.op
    return own("RotaryTables", {"dim": op.dim})


def experts(use: Use) -> Step:
    """Return a mixture of experts."""
    op: Any = use.op
    if op.capacity_factor is not None:
        raise use.refuse("which steps find a place is for a kernel to say: no capacity_factor")
    activation, parts = _inside(use, op.activation)
    step = own(
        "MixtureOfExperts",
        {"num_experts": op.num_experts, "units": op.units},
        top_k=(op.top_k, 2),
        shared_experts=(op.shared_experts, 0),
        gated=(op.gated, True),
        activation=(activation, "silu"),
        scoring=(op.scoring, "softmax"),
        groups=(op.groups, 1),
        top_k_groups=(op.top_k_groups or op.groups, 1),
        score_bias=(op.score_bias, False),
        use_bias=(op.use_bias, False),
        limit=(op.limit, None),
    )
    return step._replace(parts=(*step.parts, *parts))


def _inside(use: Use, activation: Op | None) -> tuple[Any, Sequence[str]]:
    """Return what a layer computes by an activation inside it: its name, or what has its arguments; and its parts."""
    name = activation_name(activation)
    if name is not None or activation is None:
        return name, ()
    if isinstance(activation, QuickGELU):
        return Raw("quick_gelu"), ("quick_gelu",)
    found = use.operators[type(activation).__name__](
        use._replace(call=OpCall(activation, use.call.inputs, use.call.outputs))
    )
    module = None if isinstance(found, list) else found.module
    if module is None:
        raise use.refuse("its activation has arguments, which Keras takes for no layer's activation")
    return module, ()


def _cell(use: Use, *, sequences: bool, states: bool) -> Call:
    """Return one recurrent layer of one direction."""
    op: Any = use.op
    kind = type(op).__name__.removesuffix("Cell")
    options = {"return_sequences": (sequences, False), "return_state": (states, False)}
    if kind == "GRU":
        if op.use_bias and op.bias_vectors != 1 + op.reset_after:
            raise use.refuse(
                f"Keras's GRU has {1 + op.reset_after} biases with reset_after: {str(op.reset_after).lower()}"
            )
        return call(
            "layers.GRU",
            {"units": op.units},
            reset_after=(op.reset_after, True),
            use_bias=(op.use_bias, True),
            **options,
        )
    projection = getattr(op, "proj_size", 0)
    if op.bias_vectors != 2 and not projection:  # noqa: PLR2004 - input's and state's
        return call(f"layers.{kind}", {"units": op.units}, use_bias=(op.use_bias, True), **options)
    sizes = {"proj_size": (projection, 0)} if kind == "LSTM" else {}
    cell = call(f"{kind}Cell", {"units": op.units}, biases=(op.bias_vectors, 2), **sizes)
    return call("layers.RNN", {"cell": cell}, **options)


def recurrent(use: Use) -> Chain:
    """Return an `LSTM`, `GRU` or `SimpleRNN`, both ways by `Bidirectional`, several as one after another."""
    op: Any = use.op
    count, given = op.num_layers, len(use.shapes) > 1
    states = op.return_state or given
    parts = (
        ("Cell", f"{type(op).__name__}Cell") if _cell(use, sequences=False, states=False).name == "layers.RNN" else ()
    )
    if count == 1 and not (op.bidirectional and states):
        module = _cell(use, sequences=op.return_sequences, states=op.return_state)
        if op.bidirectional:
            module = call("layers.Bidirectional", {"layer": module})
        names = [f"{{{index}}}" for index in range(1, len(use.shapes))]
        start = f", initial_state=[{', '.join(names)}]" if given else ""
        return [("", Step(code(f"{{self}}({{0}}{start})"), module, parts=parts))]
    last = count - 1
    if not states:
        chain: Chain = []
        for number in range(count):
            module = _cell(use, sequences=number < last or op.return_sequences, states=False)
            if op.bidirectional:
                module = call("layers.Bidirectional", {"layer": module})
            chain.append((f"-{number}" if number < last else "", Step(code("{self}({0})"), module, parts=parts)))
        return chain
    modules = []
    for number in range(count):
        module = _cell(use, sequences=number < last or op.return_sequences, states=True)
        if op.bidirectional:
            module = call("layers.Bidirectional", {"layer": module})
        modules.append(with_arguments(module, name=(Named(f"-{number}"), ...)))
    made = call("", {f"layer_{number}": module for number, module in enumerate(modules)})
    begun = "".join(f", {{{index}}}" for index in range(1, len(use.shapes)))
    options = "" if op.return_state else ", return_state=False"
    return [("", Step(code(f"run_layers({{self}}, {{0}}{begun}{options})"), made, parts=(*parts, "run_layers")))]


def one_step(use: Use) -> Step:
    """Return a recurrent layer that is run for one step: functions of Keras take no cell by itself."""
    op: Any = use.op
    module = _cell(use, sequences=False, states=True)
    names = "".join(f", {{{index}}}" for index in range(1, len(use.shapes)))
    parts = ("Cell", f"{type(op).__name__}") if module.name == "layers.RNN" else ()
    return Step(code(f"one_step({{self}}, {{0}}{names})"), module, parts=(*parts, "one_step"))


def selective_scan(use: Use) -> Step:
    """Return Mamba's recurrence."""
    return function("selective_scan", ", ".join(f"{{{index}}}" for index in range(len(use.shapes))))


def linear_attention(use: Use) -> Step:
    """Return attention without a softmax, step by step or, where all keys of a head decay alike, by chunks of steps."""
    op: Any = use.op
    given = ", ".join(f"{{{index}}}" for index in range(len(use.shapes)))
    sizes = {"heads": op.num_heads, "groups": op.groups or op.num_heads}
    others = use.shapes[3:]
    if op.chunk is None or len(others) > 1 or any(shape[-1] != op.num_heads for shape in others):
        return function("linear_attention", f"{given}, heads={{heads}}, groups={{groups}}", **sizes)
    template = f"{given}, heads={{heads}}, groups={{groups}}, chunk={{chunk}}"
    return function("linear_attention_by_chunks", template, **sizes, chunk=op.chunk)


def delta_rule(use: Use) -> Step:
    """Return the delta rule, step by step."""
    op: Any = use.op
    given = ", ".join(f"{{{index}}}" for index in range(len(use.shapes)))
    return function("delta_rule", f"{given}, heads={{heads}}", heads=op.num_heads)


def generalized_delta_rule(use: Use) -> Step:
    """Return a state that decays, is changed by what it reads, and is added to, step by step."""
    op: Any = use.op
    given = ", ".join(f"{{{index}}}" for index in range(len(use.shapes)))
    return function("generalized_delta_rule", f"{given}, heads={{heads}}", heads=op.num_heads)


def wkv(use: Use) -> Step:
    """Return RWKV 4's averages, step by step."""
    return function("wkv", "{0}, {1}, {2}, {3}")


def mlstm(use: Use) -> Step:
    """Return xLSTM's matrix memory, step by step or by chunks of steps."""
    op: Any = use.op
    given = "{0}, {1}, {2}, {3}, {4}, heads={heads}"
    if op.chunk is None:
        return function("mlstm", given, heads=op.num_heads)
    return function("mlstm_by_chunks", f"{given}, chunk={{chunk}}", heads=op.num_heads, chunk=op.chunk)


def slstm(use: Use) -> Step:
    """Return xLSTM's memory of numbers, step by step."""
    op: Any = use.op
    return own("SLSTM", {"units": op.units, "heads": op.num_heads}, use_bias=(op.use_bias, True))


def crf(use: Use) -> Step:
    """Return the best tags of a conditional random field."""
    op: Any = use.op
    return own("CRF", {"num_tags": op.num_tags})


def embedding(use: Use) -> Step:
    """Return an `Embedding`."""
    op: Any = use.op
    return layer("Embedding", {"input_dim": op.input_dim, "output_dim": op.output_dim})


def embedding_bag(use: Use) -> Chain:
    """Return an `Embedding`, and the vectors of each bag joined into one."""
    op: Any = use.op
    return [("-embedding", embedding(use)), ("", Step(code(f"ops.{op.mode}({{0}}, axis=1)")))]


def sinusoids(use: Use) -> Step:
    """Return sines and cosines of a number."""
    return function("sinusoids", "{0}, {dim}", dim=use.output[-1])


def positions(use: Use) -> Step:
    """Return learned positions, added."""
    op: Any = use.op
    return own("LearnedPositions", {}, input_dim=(op.input_dim, None))


def class_token(use: Use) -> Step:
    """Return the input after learned tokens."""
    op: Any = use.op
    return own("ClassToken", {}, n=(op.n, 1))


def learned_tokens(use: Use) -> Step:
    """Return learned tokens for each sample."""
    _, n, dim = use.output
    return own("LearnedTokens", {"n": n, "dim": dim})


def parameter(use: Use) -> Step:
    """Return a learned tensor; a layer of Keras needs an input, of which this uses nothing."""
    return own("Parameter", {"shape": use.output[1:]})


def constant(use: Use) -> Step:
    """Return a fixed tensor."""
    dtype = use.call.outputs[0].dtype
    options = {} if dtype == "float" else {"value_dtype": (dtype, None)}
    return own("Constant", {"shape": use.output[1:]}, **options)


def einsum(use: Use) -> Step:
    """Return a sum of products; the axes of `...` have letters, as Keras takes it for the first axes."""
    op: Any = use.op
    terms, output = op.aligned()
    count = max(len(shape) - len(term.replace(REST, "")) for shape, term in zip(use.shapes, terms, strict=True))
    return Step(code("ops.einsum({equation}, {all})", equation=_lettered(terms, output, count)))


def einsum_dense(use: Use) -> Step:
    """Return an `EinsumDense`, which takes `...` for the first axes or the last."""
    op: Any = use.op
    terms, output = op.terms()
    (entry, *_), sizes = terms, use.output[1:]
    equation = f"{','.join(terms)}->{output}".replace(REST, "...")
    if REST in output:
        at, count = output.index(REST), len(use.shape) - len(entry.replace(REST, ""))
        if {entry.index(REST), at} == {0} or (entry.endswith(REST) and output.endswith(REST)):
            sizes = (*use.output[:at], *use.output[at + count :])[bool(at) :]
        else:
            equation = _lettered(terms, output, count)
    options = {"bias_axes": (op.bias_axes, None)}
    shape = sizes[0] if len(sizes) == 1 else sizes
    return layer("EinsumDense", {"equation": equation, "output_shape": shape}, **options)


def _lettered(terms: Sequence[str], output: str, count: int) -> str:
    """Return an equation with letters for the axes of `...`."""
    letters = [letter for letter in ascii_letters if letter not in "".join(terms)][:count]
    return f"{','.join(terms)}->{output}".replace(REST, "".join(letters))
