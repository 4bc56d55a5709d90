"""What other tools count: one table of rules, read from their source and held to what they print.

A rule says of which layers it is, how much it counts of which quantity, and why. `tests/test_conventions.py` holds the
rules to the tools; docs/conventions.md shows them.
"""

from __future__ import annotations

from archinspect.conventions.rules import Convention, Params, Rule, ToolFigure

MODULES = (
    "A layer is taken for PyTorch's module of this name, `GlobalAveragePooling2D` for `nn.AdaptiveAvgPool2d(1)`, "
    "`MultiHeadAttention` for `nn.MultiheadAttention`; merges for operators such as `+`."
)
_ONCE = Params("learned weights, a shared one once")
_FACTOR = {"macs": 1}
_OWN_PARAMETERS = "LearnedPositions ClassToken LearnedTokens LayerScale Parameter"
_IN_PLACE = "ReLU ReLU6 LeakyReLU"

_BATCH_NORM = Rule("BatchNormalization", {"input": 1, "scaled": 1}, "one factor, one term if it is affine")
_OTHER_NORMS = Rule(
    "LayerNormalization GroupNormalization InstanceNormalization",
    {"input": 4, "scaled": 1},
    "the tool's estimate: 5 per element, 4 without scale",
)
_LOCAL_NORM = Rule(
    "LocalResponseNormalization",
    {"input": 3, "margin": 1},
    "inside PyTorch's function: a product, a pooling over padded channels, a factor, a term",
)
_CELLS = "SimpleRNNCell LSTMCell GRUCell"

CONVENTIONS: dict[str, Convention] = {
    "archinspect": Convention(
        "archinspect",
        "archinspect summary",
        "MACs are the multiply-accumulates of convolutions, matrix products, attention and recurrences; FLOPs are 2 "
        "for each of them and 1 for every other operation (biases, normalization, activations, pooling, additions)",
        _ONCE,
        (
            ToolFigure("macs", "MACs", "macs", (Rule("", _FACTOR, "the operator's own MACs"),)),
            ToolFigure("flops", "FLOPs", "flops", (Rule("", {"flops": 1}, "the operator's own FLOPs"),)),
        ),
    ),
    "macs": Convention(
        "archinspect",
        "archinspect summary",
        "MACs are the multiply-accumulates of convolutions, matrix products, attention and recurrences, and nothing "
        "else",
        _ONCE,
        (ToolFigure("macs", "MACs", "macs", (Rule("", _FACTOR, "the operator's own MACs"),)),),
    ),
    "torch": Convention(
        "torch 2.13.0",
        "torch.utils.flop_counter.FlopCounterMode()",
        "FLOPs are 2 for each multiply-accumulate of convolutions, matrix products, attention and recurrences, and "
        "nothing else",
        _ONCE,
        (
            ToolFigure(
                "flops", "FLOPs", "flops", (Rule("", {"macs": 2}, "2 per MAC; elementwise work is not counted"),)
            ),
        ),
        "On meta tensors; on those of a CPU the counter misses fused attention.",
    ),
    "torchinfo": Convention(
        "torchinfo 1.8.0",
        "torchinfo.summary(model, input_data=...)",
        "multiply-adds are the weights of a layer times the positions of its output in convolutions and recurrent "
        "layers, and the weights once per sample in all other layers, biases and tables included; functions without "
        "weights and `nn.MultiheadAttention` count nothing",
        Params("learned weights; one that two modules share counts in both", again=True),
        (
            ToolFigure(
                "macs",
                "mult-adds",
                "macs",
                (
                    Rule("convolution", {"weight_position": 1}, "weights and biases, for every output position"),
                    Rule("recurrent", {"weight_step": 1}, "weights and biases, for every step"),
                    Rule(_CELLS, {"weight_element": 1}, "weights and biases, for every element of the output"),
                    Rule(
                        "MultiHeadAttention.dense attention",
                        {},
                        "`nn.MultiheadAttention` is no leaf and its projections are no calls; products of "
                        "activations have no weights",
                    ),
                    Rule(_OWN_PARAMETERS, {}, "a parameter of a module that has children, which are looked at instead"),
                    Rule(
                        "LearnedPositions.table",
                        {"table": 1},
                        "with `input_dim` an `nn.Embedding`, looked up once for all samples",
                    ),
                    Rule(
                        "MixtureOfExperts",
                        _FACTOR,
                        "an expert takes the steps that chose it as samples, and has every weight once for each",
                    ),
                    Rule("", {"weight": 1}, "every weight once per sample, whatever the positions or tokens"),
                ),
            ),
            ToolFigure(
                "memory",
                "forward/backward pass",
                "output_bytes",
                (
                    Rule("MultiHeadAttention.dense attention", {}, "no leaf"),
                    Rule(_OWN_PARAMETERS, {}, "a parameter of a module that has children"),
                    Rule("recurrent", {"sequence": 2}, "all steps, and as many gradients"),
                    Rule(_CELLS, {"output": 2}, "the first output, and as many gradients"),
                    Rule(
                        "LearnedPositions.table",
                        {"row": 2},
                        "the rows looked up for all samples, and as many gradients",
                    ),
                    Rule(
                        "MixtureOfExperts", {"inside": 2}, "outputs of the linear layers inside, and as many gradients"
                    ),
                    Rule("", {"learned": 2}, "outputs of layers with weights, and as many gradients"),
                ),
            ),
        ),
        MODULES,
        estimates=True,
    ),
    "fvcore": Convention(
        "fvcore 0.1.5.post20221221",
        "fvcore.nn.FlopCountAnalysis(model, inputs).total()",
        "FLOPs are 1 for each multiply-accumulate of convolutions, linear layers and matrix products, 2 per element "
        "for batch normalization, 5 for other affine normalization, 1 per input element for adaptive average pooling; "
        "fused attention, recurrent layers and activations count nothing",
        _ONCE,
        (
            ToolFigure(
                "flops",
                "FLOPs",
                "macs",
                (
                    Rule("convolution dense Dot", _FACTOR, "1 per MAC, biases not"),
                    Rule(
                        "MatMul",
                        {"first_product": 1},
                        "1 per element of the first factor and column of the second: 1 per MAC where neither stretches",
                    ),
                    _BATCH_NORM,
                    _OTHER_NORMS,
                    Rule(
                        "GlobalAveragePooling2D AdaptiveAveragePooling2D",
                        {"input": 1},
                        "`adaptive_avg_pool2d`; one or three axes, and other pooling, have no rule",
                    ),
                    Rule("Upsample2D.nearest", {"output": 1}, "nearest neighbor in two axes"),
                    Rule("Upsample2D.bilinear", {"output": 4}, "bilinear"),
                    Rule("", {}, "no rule: `scaled_dot_product_attention`, `lstm`, `relu`, `max_pool2d`, `add`, ..."),
                ),
            ),
        ),
        "It traces functions, so modules and functions count alike. Attention is taken for PyTorch's fused function; "
        "written as two products, its MACs count.",
    ),
    "thop": Convention(
        "thop 0.1.1.post2209072238",
        "thop.profile(model, inputs)",
        "operations are 1 for each multiply-accumulate of modules of convolution (a transposed convolution's for each "
        "output position) and linear layers, 4 per element for affine batch and layer normalization, and few others; "
        "`nn.MultiheadAttention`, tables and functions count nothing, nor do their weights",
        Params(
            "weights of modules that have a rule; one that two modules share counts in both that have one",
            again=True,
            without="MultiHeadAttention.dense attention embedding GroupNormalization RMSNormalization LayerScale other",
        ),
        (
            ToolFigure(
                "macs",
                "MACs",
                "macs",
                (
                    Rule(
                        "convolution",
                        {"kernel_position": 1},
                        "the kernel for every output position, also if transposed; biases not",
                    ),
                    Rule("dense", _FACTOR, "1 per MAC, biases not"),
                    Rule("MultiHeadAttention.dense", {}, "`nn.MultiheadAttention` has no rule"),
                    Rule(
                        "BatchNormalization LayerNormalization InstanceNormalization",
                        {"input": 2, "scaled": 2},
                        "2 per element, twice if it is affine",
                    ),
                    Rule("PReLU", {"input": 1}, "1 per element"),
                    Rule("Softmax", {"input": 3, "softmax_row": -1}, "exp and quotient an element, the sum"),
                    Rule("AveragePooling", {"output": 1}, "the quotient"),
                    Rule("GlobalAveragePooling AdaptiveAveragePooling", {"input": 1, "output": 1}, "sum and quotient"),
                    Rule("Upsample.nearest", {"output": 1}, "1 per output element"),
                    Rule("Upsample.linear", {"output": 5}, "5 per output element"),
                    Rule("Upsample.bilinear", {"output": 11}, "11 per output element"),
                    Rule("Upsample.bicubic", {"output": 259}, "259 per output element"),
                    Rule("SimpleRNN", {"macs": 1, "state": 1, "biased_state": 2}, "MACs, their sum, two biases"),
                    Rule(
                        "LSTM",
                        {"plain_gate_mac": 1, "state": 8, "biased_state": 8},
                        "MACs of the gates as if outputs were not projected, sums 4, new state 4, biases 8",
                    ),
                    Rule("GRU", {"macs": 1, "state": 7, "biased_state": 6}, "MACs, sums 3, new state 4, biases 6"),
                    Rule("", {}, "no rule, or one that counts nothing"),
                ),
            ),
        ),
        MODULES,
    ),
    "ptflops": Convention(
        "ptflops 0.7.5",
        "ptflops.get_model_complexity_info(model, input_res)",
        "MACs are 1 for each multiply-accumulate and bias of convolutions, linear layers, recurrences and "
        "`nn.MultiheadAttention`, 2 per element for ReLU, GELU and affine batch normalization, 2 per input element for "
        "pooling, 1 per element for layer normalization and few others; additions count nothing",
        Params("weights that are trained, a shared one once", frozen=False),
        (
            ToolFigure(
                "macs",
                "MACs",
                "macs",
                (
                    Rule("convolution dense", {"macs": 1, "bias": 1}, "MACs and biases"),
                    Rule(
                        "MixtureOfExperts.ReLU MixtureOfExperts.GELU",
                        {"macs": 1, "hidden": 2},
                        "MACs of linear layers, and the activation inside: module and function",
                    ),
                    Rule(
                        "MixtureOfExperts.SiLU",
                        {"macs": 1, "hidden": 1},
                        "MACs of linear layers, and the activation inside: the module",
                    ),
                    Rule("MixtureOfExperts", _FACTOR, "MACs of linear layers"),
                    Rule(
                        "MultiHeadAttention.attention",
                        {"macs": 1, "score": 1, "input": 1},
                        "MACs, 1 per score for the softmax, 1 per element for the scale of the queries",
                    ),
                    Rule("MatMul Dot", _FACTOR, "`torch.matmul` and `torch.bmm`; the operator `@` does not count"),
                    Rule(
                        "ReLU ELU PReLU GELU",
                        {"output": 2},
                        "1 per element in the module, and 1 more in the function that it calls",
                    ),
                    Rule(
                        "ReLU6 LeakyReLU SiLU Softmax",
                        {"output": 1},
                        "1 per element: only the module, or only its function",
                    ),
                    Rule("pooling", {"input": 2}, "1 per input element in the module, and 1 in its function"),
                    Rule("Upsample", {"output": 2}, "1 per output element in the module, and 1 in its function"),
                    _BATCH_NORM._replace(layers="BatchNormalization InstanceNormalization GroupNormalization"),
                    Rule("LayerNormalization", {"input": 1}, "1 per element"),
                    _LOCAL_NORM,
                    Rule("SimpleRNN", {"macs": 1, "state": 1, "biased_state": 2}, "MACs, their sum, biases"),
                    Rule(
                        "LSTM",
                        {"gate_mac": 1, "state": 10, "biased_state": 8},
                        "MACs but those of a projection, sums 4, new state 6, biases 8",
                    ),
                    Rule("GRU", {"macs": 1, "state": 7, "biased_state": 6}, "MACs, sums 3, new state 4, biases 6"),
                    Rule("", {}, "no rule: fused attention, Sigmoid, Tanh, the operators `+` and `*`, ..."),
                ),
            ),
        ),
        MODULES + " A function called instead of its module counts once where the module counts twice. The backend is "
        "`pytorch`, the default.",
    ),
    "calflops": Convention(
        "calflops 0.3.2",
        "calflops.calculate_flops(model, ...)",
        "MACs are those of convolutions, linear layers and matrix products; FLOPs are 2 for each of them, 1 per output "
        "element for a convolution's bias, 1 per element for ReLU, GELU and pooling, 2 for batch and 5 for other "
        "affine normalization; fused attention counts nothing, recurrent layers have FLOPs but no MACs",
        Params("weights that are trained, a shared one once", frozen=False),
        (
            ToolFigure(
                "macs",
                "MACs",
                "macs",
                (
                    Rule("convolution dense MatMul", _FACTOR, "1 per MAC"),
                    Rule("", {}, "no MACs: recurrent layers have FLOPs alone, fused attention has neither"),
                ),
            ),
            ToolFigure(
                "flops",
                "FLOPs",
                "flops",
                (
                    Rule("convolution", {"macs": 2, "bias": 1}, "2 per MAC, 1 per output element for the bias"),
                    Rule(
                        "ConvTranspose",
                        {"macs": 2, "bias_as_if_plain": 1},
                        "2 per MAC; the bias counts for the positions that a convolution not transposed would give",
                    ),
                    Rule("dense MatMul", {"macs": 2}, "2 per MAC, the bias of a linear layer not"),
                    Rule(
                        "MixtureOfExperts.ReLU MixtureOfExperts.GELU MixtureOfExperts.SiLU",
                        {"macs": 2, "hidden": 1},
                        "2 per MAC, and 1 per element for the activation inside",
                    ),
                    Rule("MixtureOfExperts", {"macs": 2}, "2 per MAC"),
                    Rule(
                        "ReLU LeakyReLU PReLU ELU SiLU GELU Softmax",
                        {"output": 1},
                        "1 per element; Sigmoid, Tanh and others have no rule, nor has what `nn.ReLU6` calls",
                    ),
                    Rule("pooling Upsample", {"input": 1}, "1 per input element"),
                    _BATCH_NORM,
                    _OTHER_NORMS,
                    _LOCAL_NORM,
                    Rule("SimpleRNN", {"macs": 2, "state": -1, "biased_state": 2}, "2 per MAC, sums, biases"),
                    Rule(
                        "LSTM",
                        {"gate_mac": 2, "state": 2, "biased_state": 8},
                        "2 per MAC but those of a projection, sums, new state, biases",
                    ),
                    Rule("GRU", {"macs": 2, "state": 1, "biased_state": 6}, "2 per MAC, sums, new state, biases"),
                    Rule("", {}, "no rule: fused attention, the operators `+` and `*`, ..."),
                ),
            ),
        ),
        "It wraps functions, so modules and functions count alike. Attention is taken for PyTorch's fused function; "
        "written with `torch.matmul`, its products count, with the operator `@` they do not.",
    ),
    "keras": Convention(
        "keras 3.15.1",
        "model.summary()",
        "Keras counts no operations",
        Params("all weights; running statistics are non-trainable ones", buffers=True),
        (),
        "The weights are those of the spec. An `LSTM` with `biases: 2` is PyTorch's; Keras's has one bias a gate.",
    ),
    "convnet-burden": Convention(
        "convnet-burden 2019-01",
        "burden.m",
        "FLOPs are 1 for each multiply-accumulate and bias, 2 per element for ReLU, 2 for each input position that a "
        "pooling window moves over, 1 per element for an addition; batch normalization is merged into convolutions; "
        "feature memory is that of the outputs of all layers but ReLUs, which are computed in place",
        Params("all weights, the moments of batch normalization included", buffers=True),
        (
            ToolFigure(
                "flops",
                "FLOPs",
                "macs",
                (
                    Rule("convolution dense", {"macs": 1, "bias": 1}, "MACs and biases"),
                    Rule(_IN_PLACE, {"output": 2}, "a comparison and a product"),
                    Rule("pooling", {"strided": 2}, "2 per output element and position of a stride"),
                    Rule("Add", {"output": 1}, "1 per element"),
                    Rule(
                        "LocalResponseNormalization",
                        {"output": 3, "position": 2},
                        "common factors: 2 per element, 2 per place",
                    ),
                    Rule("AdaptiveAveragePooling AdaptiveMaxPooling", {}, "MatConvNet has no such layer"),
                    Rule("", {}, "batch normalization is merged; softmax and moving data count nothing"),
                ),
            ),
            ToolFigure(
                "memory",
                "feature memory",
                "output_bytes",
                (
                    Rule(_IN_PLACE, {}, "in place"),
                    Rule("Flatten Reshape", {}, "the same data"),
                    Rule("Concatenate", {"joined": 1}, "of one tensor it is the same data"),
                    Rule(
                        "Dropout SpatialDropout AlphaDropout GaussianDropout GaussianNoise StochasticDepth Identity",
                        {},
                        "removed at inference",
                    ),
                    Rule("AdaptiveAveragePooling AdaptiveMaxPooling", {}, "MatConvNet has no such layer"),
                    Rule("", {"output": 1}, "every other output, that of batch normalization included; the input not"),
                ),
            ),
        ),
        "Runs in MATLAB. Models are those that MatConvNet has: AlexNet without local response normalization, GoogLeNet "
        "without batch normalization, VGG with a softmax at its end.",
    ),
}
