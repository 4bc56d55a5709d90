"""What some encoders of text have in the place of attention: ConvBERT's, Nyströmformer's.

Jiang et al. 2020, arXiv:2008.02496; Xiong et al. 2021, arXiv:2102.03902.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from archinspect.base.shape import size
from archinspect.importers.hf.parts import Attention, add, core, dense, within
from archinspect.ops.args import Int, arg
from archinspect.ops.axes import numbered
from archinspect.ops.base import Op
from archinspect.ops.conv import Conv1D
from archinspect.ops.figures import Weight, Work
from archinspect.ops.merge import Concatenate, Multiply
from archinspect.ops.source import Parameter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from archinspect.base.shape import Shape
    from archinspect.graph.builder import GraphBuilder
    from archinspect.graph.graph import Tensor
    from archinspect.importers.hf.config import Config


class HeadConvolution(Op):
    """Convolves all features of a head with one kernel over the steps. MACs: kernel per element. FLOPs: 2 per MAC."""

    keeps_unknown = True
    kind = "convolution"
    heads: int = arg("heads", Int(1))
    kernel: int = arg("steps of a kernel", Int(1))

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def weights(self, *shapes: Shape) -> dict[str, Weight]:  # noqa: ARG002, D102 - as every operator
        return {"kernel": Weight((self.heads, self.kernel), numbered(range(1, 3)))}

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: ARG002, D102 - as every operator
        return Work(size(output) * self.kernel)


class SpanConvolution(Op):
    """Convolves the features of each head with a kernel of its own at each step, which the second input has.

    MACs: kernel per element. FLOPs: 2 per MAC, 5 per number of a kernel for its softmax.
    """

    keeps_unknown = True
    kind = "convolution"
    inputs = (2, 2)

    heads: int = arg("heads", Int(1))

    def output(self, *shapes: Shape) -> Shape:  # noqa: D102 - as every operator
        return shapes[0]

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:  # noqa: D102 - as every operator
        return Work(size(output) * (shapes[1][-1] // self.heads), 5 * size(shapes[1]))


def nystrom(net: GraphBuilder, c: Config, a: Attention, x: Tensor, _: int) -> Tensor:
    """Add attention beside a convolution of values; landmarks other than all steps are refused."""
    if c.whole("num_landmarks") != c.whole("segment_means_seq_len"):
        raise c.refuse("fewer landmarks than segment_means_seq_len are not read")
    query, key, value = (dense(net, x, a.out, name) for name in (a.q, a.k, a.v))
    attended = net.add(core(a), query, key, value, name="attention")
    kernel = c.maybe("conv_kernel_size", 1)
    if kernel is not None:
        if kernel % 2 == 0:
            raise c.wrong("conv_kernel_size", "an odd number")
        attended = add(net, attended, net.add(HeadConvolution(heads=a.heads, kernel=kernel), value, name="self.conv"))
    return dense(net, attended, a.out, a.o)


def spans(net: GraphBuilder, c: Config, a: Attention, x: Tensor, _: int) -> Tensor:
    """Add attention of half the heads beside convolutions with kernels that steps make."""
    width, kernel = a.out, c.whole("conv_kernel_size")
    heads = max(a.heads // c.whole("head_ratio"), 1)
    if width % heads:
        raise c.wrong("head_ratio", f"such that the heads divide {width}, the hidden_size")
    if kernel % 2 == 0:
        raise c.wrong("conv_kernel_size", "an odd number")
    each = width // heads // 2
    inner = heads * each
    if not inner or 2 * inner != width:
        raise c.wrong("num_attention_heads", "such that each head has an even number of features")
    key, value = dense(net, x, inner, a.k), dense(net, x, inner, a.v)
    with within(net, "self.key_conv_attn_layer"):
        depthwise = Conv1D(filters=width, kernel_size=kernel, padding=kernel // 2, groups=width, use_bias=False)
        near = net.add(depthwise, x, name="depthwise")
        near = net.add(Conv1D(filters=inner, kernel_size=1, use_bias=False), near, name="pointwise")
        near = add(net, near, net.add(Parameter(shape=[inner]), name="bias"))
    query = dense(net, x, inner, a.q)
    kernels = dense(net, net.add(Multiply(), near, query), heads * kernel, "self.conv_kernel_layer")
    convolved = net.add(SpanConvolution(heads=heads), dense(net, x, inner, "self.conv_out_layer"), kernels)
    narrow = a._replace(heads=heads, kv_heads=heads, size=each)
    attended = net.add(core(narrow), query, key, value, name="attention")
    return dense(net, net.add(Concatenate(axis=-1), attended, convolved), width, a.o)
