"""Learned tables and tokens: embeddings of words, of positions, of classes and queries."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from archinspect.base.shape import Mismatch, size, smallest
from archinspect.base.strides import in_order, is_in_order, lies_alike, of_concatenated, of_elements, ordered
from archinspect.ops.args import Choice, Int, Optional, arg
from archinspect.ops.axes import numbered, same
from archinspect.ops.base import Op
from archinspect.ops.declared import ArgumentError
from archinspect.ops.figures import Backward, Kept, Weight, Work

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from archinspect.base.shape import Shape
    from archinspect.ops.figures import Elements, Run


class Embedding(Op):
    """Looks up a learned vector for every integer of its input. No MACs, no FLOPs.

    A network's input of integers is declared so: `input: {shape: [256], dtype: int32}`.
    """

    kind = "embedding"
    has_kernel = True
    is_table = True
    looks_up = True
    kept_as: ClassVar[Mapping[int, str]] = {0: "int64"}
    ignores: ClassVar[tuple[str, ...]] = (
        *("embeddings_initializer", "embeddings_regularizer", "embeddings_constraint", "mask_zero", "input_length"),
        *("padding_idx", "max_norm", "norm_type", "scale_grad_by_freq", "sparse"),
    )
    input_dim: int = arg("entries of the table", Int(1), aliases=("num_embeddings", "vocabulary_size", "vocab_size"))
    output_dim: int = arg("size of a vector", Int(1), aliases=("embedding_dim",))

    def output(self, *shapes: Shape) -> Shape:
        return (*shapes[0], self.output_dim)

    def output_dtype(self, *dtypes: str) -> str:
        return "float"

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"embeddings": Weight((self.input_dim, self.output_dim), ("in", "out"))}

    def axis_flow(self, *shapes: Shape) -> str:
        return "... -> ... out"

    def weights_read(self, shapes: Sequence[Shape], output: Shape) -> int:
        return smallest(super().weights_read(shapes, output), size(output))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept((0,)) if run.weights else Kept()

    def label(self) -> str:
        return f"embedding, {self.output_dim}"


class EmbeddingBag(Embedding):
    """The sum, mean or maximum of the vectors of a bag of integers, without these vectors (Joulin et al. 2016).

    Its input is the integers of a bag, all bags of one size; arXiv:1607.01759, PyTorch's `nn.EmbeddingBag`. No MACs.
    FLOPs: 1 per element looked up but the first of a bag. FLOPs of a mean: 1 per element looked up (with the division).
    """

    ignores = (*Embedding.ignores, "include_last_offset")
    pointwise = False
    index_dtypes = ("int64",)
    mode: str = arg("what becomes of a bag's vectors", Choice("sum", "mean", "max"), "mean")

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != 2:  # noqa: PLR2004 - the batch, the bag
            raise Mismatch(f"needs an input of 1 axis, the integers of a bag, got {len(shape) - 1}")
        return (shape[0], self.output_dim)

    def axis_flow(self, *shapes: Shape) -> str:
        return "batch bag -> batch out"

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=(shapes[0][1] - (self.mode != "mean")) * size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        # An addition for each vector that was used, after a division of the bag's gradient.
        used = 1 if self.mode == "max" else shapes[0][1] + (self.mode == "mean")
        return Backward(weights=Work(other=run.weights * used * size(output)))

    def weights_read(self, shapes: Sequence[Shape], output: Shape) -> int:
        return smallest(self.input_dim * self.output_dim, size(shapes[0]) * self.output_dim)

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        if not run.weights:
            return Kept()
        copied = self._copied(shapes[0], run)
        return Kept(() if copied else (0,), extra=(*self._places(shapes[0], output), ("int64", copied)))

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (*self._places(shapes[0], output), ("int64", self._copied(shapes[0], run)))

    def _copied(self, shape: Shape, run: Run) -> int:
        """Return the elements of a copy of integers that do not lie side by side."""
        return 0 if not run.strides or is_in_order(shape, run.strides) else size(shape)

    def _places(self, shape: Shape, output: Shape) -> Elements:
        # PyTorch's: where each bag begins, how many it holds, of which bag each integer is, which one was the largest.
        return (("int64", 2 * shape[0] + size(shape) + size(output) * (self.mode == "max")),)

    def label(self) -> str:
        return f"embedding bag, {self.output_dim}"


class SinusoidalEmbedding(Op):
    """Sines and cosines of a number at `dim / 2` fixed frequencies (Vaswani et al. 2017, arXiv:1706.03762).

    It makes a vector of every element of its input, such as the time step of a diffusion model: `input: []` is a
    single number. FLOPs: 3 per pair of output elements (an angle, its sine and its cosine).
    """

    kind = "embedding"
    has_kernel = True
    is_table = True
    aliases = ("Timesteps", "SinusoidalPosEmb")
    ignores = ("flip_sin_to_cos", "downscale_freq_shift", "scale", "max_period", "max_wavelength")
    dim: int = arg("size of a vector, an even number", Int(2), aliases=("num_channels", "output_dim"))

    def check(self) -> None:
        if self.dim % 2:
            raise ArgumentError(f"SinusoidalEmbedding: dim must be even, not {self.dim}", "dim")

    def output(self, *shapes: Shape) -> Shape:
        return (*shapes[0], self.dim)

    def output_dtype(self, *dtypes: str) -> str:
        return "float"

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=3 * (size(output) // 2))

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(extra=(("float", self.dim // 2 + size(output) // 2),))  # frequencies and angles

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        return (("float", 3 * (size(output) // 2)),)  # angles, sines, cosines

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        if strides[0] is None:
            return None
        half = (*shapes[0], self.dim // 2)
        angles = of_elements([(*shapes[0], 1), half[-1:]], [(*strides[0], 1), None], half)
        # The sines have the format of the angles, where that is told by axes of several positions.
        for order in (range(len(half)), (0, *range(2, len(half)), 1)):
            if lies_alike(half, angles, ordered(half, order)):
                return of_concatenated(half, ordered(half, order), output)
        return of_concatenated(half, angles, output)

    def label(self) -> str:
        return f"sines, {self.dim}"


class LearnedPositions(Op):
    """Adds a learned vector for every position (Devlin et al. 2018, arXiv:1810.04805). FLOPs: 1 per element.

    The table has the input's own shape, [steps, features] or [height, width, features], unless `input_dim` says
    how many steps it is for.
    """

    kind = "embedding"
    has_kernel = True
    is_table = True
    pointwise = True
    ignores = ("initializer",)
    aliases = ("PositionEmbedding", "PositionalEmbedding")
    gives_floats = True
    promotes = True
    input_dim: int | None = arg(
        "steps the table holds; the input may have fewer",
        Optional(Int(1)),
        None,
        aliases=("sequence_length", "max_length", "num_embeddings"),
    )
    indexed: bool | str = arg(
        "look the table up by int64 indices made anew in every pass, as GPT-2, and not by a buffer of them, as BERT: "
        "backward keeps them; `each_sample` by those of each sample, as RoBERTa and Whisper",
        Choice(False, True, "each_sample"),
        default=False,
    )

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) < 3:  # noqa: PLR2004 - the batch, steps, features
            raise Mismatch(f"needs an input of at least two axes (steps, features), got {len(shape) - 1}")
        if self.input_dim is not None and shape[1] > self.input_dim:
            raise Mismatch(f"input_dim is {self.input_dim}, but the input has {shape[1]} steps", args=("input_dim",))
        return shape

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        _, steps, *rest = shapes[0]
        axes = numbered(range(1, len(shapes[0])))
        first = axes[:1] if self.input_dim is None else ("positions",)
        return {"position_embeddings": Weight((self.input_dim or steps, *rest), (*first, *axes[1:]))}

    def axis_flow(self, *shapes: Shape) -> str:
        return same(len(shapes[0]))

    def work(self, shapes: Sequence[Shape], output: Shape) -> Work:
        return Work(other=size(output))

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(weights=Work(other=run.weights * size(output)))

    def weights_read(self, shapes: Sequence[Shape], output: Shape) -> int:
        return size(output[1:])

    def kept(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Kept:
        return Kept(extra=(("int64", self._tables(output) * output[1]),)) if run.weights and self.indexed else Kept()

    def workspace(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Elements:
        if not self.indexed:
            return ()
        # What is looked up, beside the sum; or the places, where these are longer than the sum. Those of each sample
        # are copies of one row, which may be longer than what is looked up.
        each = self.indexed == "each_sample"
        tables, steps, found = self._tables(output), output[1], self._tables(output) * size(output[1:])
        if each and steps * (2 + 2 * tables) > max(found + size(output), found + 2 * tables * steps):
            return (("float", -size(output)), ("int64", steps * (1 + tables)))
        longer = 2 * tables * steps > size(output)
        return (("float", found - longer * size(output)), ("int64", longer * tables * steps))

    def _tables(self, output: Shape) -> int:
        """Return how often the places are looked up."""
        return output[0] if self.indexed == "each_sample" else 1

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return of_elements([output, output[1:]], [strides[0], None], output) if strides[0] else None

    def variants(self, *shapes: Shape) -> tuple[str, ...]:
        return ("LearnedPositions.table",) if self.input_dim else ()

    def label(self) -> str:
        return "positions"


class ClassToken(Op):
    """Puts learned vectors in front of the steps (Dosovitskiy et al. 2020, arXiv:2010.11929). No FLOPs.

    One is the class token of a vision transformer; more are a distillation token or registers.
    """

    kind = "embedding"
    has_kernel = True
    is_table = True
    gives_floats = True
    promotes = True
    n: int = arg("how many", Int(1), 1, aliases=("num_tokens",))

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if len(shape) != 3:  # noqa: PLR2004 - the batch, steps, features
            raise Mismatch(
                f"needs an input of 2 axes (steps, features), got {len(shape) - 1}",
                help="`Reshape: [-1, features]` makes steps of a map",
            )
        return (shape[0], shape[1] + self.n, shape[2])

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"tokens": Weight((self.n, shapes[0][-1]), ("tokens", "channels"))}

    def backward(self, shapes: Sequence[Shape], output: Shape, run: Run) -> Backward:
        return Backward(weights=Work(other=run.weights * output[0] * self.n * output[-1]))

    def label(self) -> str:
        return "class token" if self.n == 1 else f"{self.n} tokens"


class LearnedTokens(Op):
    """Learned vectors instead of an input, such as the queries of DETR (Carion et al. 2020, arXiv:2005.12872).

    They are the same for every sample; of the input only the batch is used, and the size of its last axis unless
    `dim` is given. No FLOPs.
    """

    kind = "embedding"
    has_kernel = True
    is_table = True
    aliases = ("LearnedQueries",)
    reads = 0
    n: int = arg("how many", Int(1), aliases=("num_tokens", "num_queries"))
    dim: int | None = arg(
        "size of a vector; the input's last axis by default", Optional(Int(1)), None, aliases=("output_dim",)
    )

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if self.dim is None and len(shape) == 1:
            raise Mismatch("dim is not given, and the input has no axis that it could follow from", args=("dim",))
        return (shape[0], self.n, self.dim or shape[-1])

    def output_dtype(self, *dtypes: str) -> str:
        return "float"

    def weights(self, *shapes: Shape) -> dict[str, Weight]:
        return {"tokens": Weight(self.output(*shapes)[1:], ("tokens", "channels"))}

    def stored(self, shapes: Sequence[Shape], output: Shape) -> int:
        return 0  # the samples' tokens are one and the same, a weight

    def own_strides(self, shapes: Sequence[Shape], strides: Sequence[Shape | None], output: Shape) -> Shape | None:
        return (0, *in_order(output[1:])) if output[0] != 1 else None

    def label(self) -> str:
        return f"{self.n} learned tokens"
