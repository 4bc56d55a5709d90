"""Definitions that exported programs take along where they need them: their text is copied, nothing here is imported.

Each stands for itself: a program holds those that its layers name, and those that these name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
import torch.nn.functional as F  # noqa: N812 - as everybody writes it
from torch import Tensor, nn

if TYPE_CHECKING:
    from collections.abc import Callable


def without(module: nn.Module, name: str) -> nn.Module:
    """Return a normalization without its `weight` or its `bias`."""
    module.register_parameter(name, None)
    return module


class FrozenBatchNorm(nn.Module):
    """Batch normalization whose vectors never train."""

    weight: Tensor
    bias: Tensor
    running_mean: Tensor
    running_var: Tensor

    def __init__(self, num_features: int, eps: float = 1e-5) -> None:
        super().__init__()
        self.eps = eps
        for name, value in (
            ("weight", 1.0),
            ("bias", 0.0),
            ("running_mean", 0.0),
            ("running_var", 1.0),
        ):
            self.register_buffer(name, torch.full((num_features,), value))

    def forward(self, x: Tensor) -> Tensor:
        scale = self.weight * (self.running_var + self.eps).rsqrt()
        shift = self.bias - self.running_mean * scale
        shape = (-1, *(1,) * (x.dim() - 2))
        return x * scale.reshape(shape) + shift.reshape(shape)


class LayerScale(nn.Module):
    """Multiplies by a learned vector along an axis, which is counted from the end."""

    def __init__(self, dim: int, value: float = 1e-6, *, axis: int = -1) -> None:
        super().__init__()
        self.axis = axis
        self.weight = nn.Parameter(torch.full((dim,), value))

    def forward(self, x: Tensor) -> Tensor:
        return x * self.weight.reshape(-1, *(1,) * (-1 - self.axis))


class GlobalResponseNorm(nn.Module):
    """Scales each channel by its share of all channels' norms."""

    def __init__(self, features: int, eps: float = 1e-6, axis: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(features))
        self.bias = nn.Parameter(torch.zeros(features))
        self.eps, self.axis = eps, axis

    def forward(self, x: Tensor) -> Tensor:
        places = tuple(axis for axis in range(1, x.dim()) if axis != self.axis)
        norms: Tensor = torch.linalg.vector_norm(x, dim=places, keepdim=True)
        shares = norms / (norms.mean(self.axis, keepdim=True) + self.eps)
        shape = (-1, *(1,) * (x.dim() - 1 - self.axis))
        return self.weight.reshape(shape) * (x * shares) + self.bias.reshape(shape) + x


class Normalization(nn.Module):
    """Subtracts a mean and divides by a deviation that were found in the data."""

    def __init__(self, shape: tuple[int, ...], *, invert: bool = False) -> None:
        super().__init__()
        self.mean = nn.Parameter(torch.zeros(shape))
        self.variance = nn.Parameter(torch.ones(shape))
        self.count = nn.Parameter(torch.zeros(()))
        self.invert = invert

    def forward(self, x: Tensor) -> Tensor:
        if self.invert:
            return self.mean + x * self.variance.sqrt().clamp(min=1e-7)
        return (x - self.mean) / self.variance.sqrt().clamp(min=1e-7)


class ElementwisePReLU(nn.Module):
    """A ReLU with a learned slope for each element."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        if self.weight.shape != x.shape[1:]:  # axes share slopes
            return torch.where(x > 0, x, self.weight * x)
        return F.prelu(x.flatten(1), self.weight.flatten()).view(x.shape)


class SpatialDropout(nn.Module):
    """Drops whole channels at random in training."""

    def __init__(self, rate: float, axis: int = 1) -> None:
        super().__init__()
        self.rate, self.axis = rate, axis

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        shape = [
            size if axis in (0, self.axis) else 1 for axis, size in enumerate(x.shape)
        ]
        return x * x.new_empty(shape).bernoulli_(1 - self.rate).div_(1 - self.rate)


class StochasticDepth(nn.Module):
    """Drops a path at random in training: that of a sample (`row`) or of the batch."""

    def __init__(self, rate: float, mode: str = "row") -> None:
        super().__init__()
        self.rate, self.mode = rate, mode

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        shape = (len(x) if self.mode == "row" else 1, *(1,) * (x.dim() - 1))
        return x * x.new_empty(shape).bernoulli_(1 - self.rate).div_(1 - self.rate)


class GaussianDropout(nn.Module):
    """Multiplies by random factors in training."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.deviation = (rate / max(1 - rate, 1e-9)) ** 0.5

    def forward(self, x: Tensor) -> Tensor:
        return (
            x * (torch.randn_like(x) * self.deviation + 1)
            if self.training and self.deviation
            else x
        )


class GaussianNoise(nn.Module):
    """Adds noise in training."""

    def __init__(self, stddev: float) -> None:
        super().__init__()
        self.stddev = stddev

    def forward(self, x: Tensor) -> Tensor:
        return (
            x + torch.randn_like(x) * self.stddev
            if self.training and self.stddev
            else x
        )


class LearnedPositions(nn.Module):
    """Adds a learned vector for every position."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(shape))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


class IndexedPositions(nn.Embedding):
    """Adds a learned vector for every position, looked up in a table."""

    def forward(self, x: Tensor) -> Tensor:
        return x + super().forward(torch.arange(x.shape[1], device=x.device)).reshape(
            x.shape[1:]
        )


class ClassToken(nn.Module):
    """Puts learned vectors in front of the steps."""

    def __init__(self, features: int, n: int = 1) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, n, features))

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([self.weight.expand(len(x), -1, -1), x], dim=1)


class LearnedTokens(nn.Module):
    """Learned vectors, the same for every sample."""

    def __init__(self, n: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, n, dim))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight.expand(len(x), -1, -1)


class Parameter(nn.Module):
    """A learned tensor, the same for every sample."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.zeros(shape))

    def forward(self) -> Tensor:
        return self.value[None]


class Constant(nn.Module):
    """A fixed tensor, the same for every sample."""

    value: Tensor

    def __init__(
        self, shape: tuple[int, ...], dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(shape, dtype=dtype))

    def forward(self) -> Tensor:
        return self.value[None]


class Arange(nn.Module):
    """Whole numbers in a row, the same for every sample."""

    device_of: Tensor

    def __init__(self, start: int, stop: int, step: int, dtype: torch.dtype) -> None:
        super().__init__()
        self.numbers, self.dtype = (start, stop, step), dtype
        self.register_buffer("device_of", torch.empty(0), persistent=False)

    def forward(self) -> Tensor:
        device = self.device_of.device
        return torch.arange(*self.numbers, dtype=self.dtype, device=device)[None]


class Fill(nn.Module):
    """One number everywhere, the same for every sample."""

    device_of: Tensor

    def __init__(
        self, shape: tuple[int, ...], value: float, dtype: torch.dtype | None = None
    ) -> None:
        super().__init__()
        self.shape, self.value, self.dtype = shape, value, dtype
        self.register_buffer("device_of", torch.empty(0), persistent=False)

    def forward(self) -> Tensor:
        dtype = self.device_of.dtype if self.dtype is None else self.dtype
        device = self.device_of.device
        return torch.full((1, *self.shape), self.value, dtype=dtype, device=device)


def scatter_add(x: Tensor, index: Tensor, dim: int, size: int) -> Tensor:
    """Return the sums, along an axis, of what has the same index."""
    shape = [*x.shape]
    shape[dim] = size
    others = [1] * (x.dim() - dim - 1)
    index = index.reshape(len(index), *[1] * (dim - 1), -1, *others)
    return x.new_zeros(shape).scatter_add_(dim, index.expand_as(x), x)


def one_hot(x: Tensor, size: int, dtype: torch.dtype | None = None) -> Tensor:
    """Return a vector with a single 1 for each integer."""
    zeros = torch.zeros(*x.shape, size, dtype=dtype, device=x.device)
    return zeros.scatter_(-1, x[..., None], 1)


class EinsumDense(nn.Module):
    """A product with a learned kernel, as an equation says."""

    def __init__(
        self, equation: str, shape: tuple[int, ...], bias: tuple[int, ...] | None = None
    ) -> None:
        super().__init__()
        self.equation = equation
        self.weight = nn.Parameter(torch.zeros(shape))
        self.bias = None if bias is None else nn.Parameter(torch.zeros(bias))

    def forward(self, x: Tensor) -> Tensor:
        x = torch.einsum(self.equation, x, self.weight)
        return x if self.bias is None else x + self.bias


class MixtureOfExperts(nn.Module):
    """Sends every step to a few of many small networks, and to those that all use."""

    def __init__(
        self,
        features: int,
        num_experts: int,
        units: int,
        top_k: int = 2,
        shared_experts: int = 0,
        *,
        gated: bool = True,
        activation: str = "silu",
        scoring: str = "softmax",
        groups: int = 1,
        top_k_groups: int = 1,
        score_bias: bool = False,
        bias: bool = False,
        limit: float | None = None,
    ) -> None:
        super().__init__()
        self.router = nn.Linear(features, num_experts, bias=bias)
        self.scoring, self.groups, self.top_k_groups = scoring, groups, top_k_groups
        self.score_bias: Tensor | None
        self.register_buffer(
            "score_bias", torch.zeros(num_experts) if score_bias else None
        )
        self.experts = nn.ModuleList(
            Expert(
                features,
                units,
                gated=gated,
                activation=activation,
                bias=bias,
                limit=limit,
            )
            for _ in range(num_experts + shared_experts)
        )
        self.num_experts, self.top_k = num_experts, top_k

    def forward(self, x: Tensor) -> Tensor:
        weights, chosen = self.choose(self.router(x))
        total = torch.zeros_like(x)
        for expert in self.experts[self.num_experts :]:
            total = total + expert(x)
        for index, expert in enumerate(self.experts[: self.num_experts]):
            found = (chosen == index).nonzero(as_tuple=True)
            places, slot = found[:-1], found[-1]
            if len(slot):
                total.index_put_(
                    places,
                    expert(x[places]) * weights[(*places, slot)][:, None],
                    accumulate=True,
                )
        return total

    def choose(self, scores: Tensor) -> tuple[Tensor, Tensor]:
        """Return the scores of the experts that each step goes to, and which they are."""
        sigmoid, late = self.scoring == "sigmoid", self.scoring == "softmax_of_chosen"
        if not late:
            scores = scores.sigmoid() if sigmoid else scores.softmax(-1)
        choice = scores if self.score_bias is None else scores + self.score_bias
        if self.groups > 1:
            apart = torch.unflatten(choice, -1, (self.groups, -1))
            most = apart.topk(min(2, apart.shape[-1]), dim=-1).values.sum(-1)
            best = most.topk(self.top_k_groups, dim=-1).indices
            left = torch.ones_like(most).scatter(-1, best, 0).bool()
            choice = apart.masked_fill(left[..., None], float("-inf")).flatten(-2)
        chosen = choice.topk(self.top_k, dim=-1).indices
        weights = scores.gather(-1, chosen)
        weights = weights.softmax(-1) if late else weights
        return (weights / weights.sum(-1, keepdim=True) if sigmoid else weights), chosen


class Expert(nn.Module):
    """Two projections with an activation between them; if gated, a third multiplies the activation."""

    def __init__(
        self,
        features: int,
        units: int,
        *,
        gated: bool,
        activation: str,
        bias: bool,
        limit: float | None,
    ) -> None:
        super().__init__()
        self.up = nn.Linear(features, units, bias=bias)
        self.gate = nn.Linear(features, units, bias=bias) if gated else None
        self.down = nn.Linear(units, features, bias=bias)
        own = globals().get(activation)  # PyTorch has no function for some
        self.activation = own or getattr(F, activation)
        self.limit = limit

    def forward(self, x: Tensor) -> Tensor:
        hidden = self.up(x)
        if self.limit is not None:
            hidden = hidden.clamp(max=self.limit)
        hidden = self.activation(hidden)
        if self.gate is not None:
            gate = self.gate(x)
            if self.limit is not None:
                gate = gate.clamp(-self.limit, self.limit) + 1
            hidden = hidden * gate
        x = self.down(hidden)
        return x


class RoIAlign(nn.Module):
    """Samples maps within boxes: left, top, right, bottom in positions of the first."""

    def __init__(
        self, output_size: tuple[int, int], sampling_ratio: int = 2, axis: int = 2
    ) -> None:
        super().__init__()
        self.options = (output_size, sampling_ratio, axis)

    def forward(self, *given: Tensor) -> Tensor:
        *maps, boxes = given
        sample: Any = BoxSampling.apply  # it has no types
        found: Tensor = sample(self.options, boxes.detach(), *maps)
        return found


class BoxSampling(torch.autograd.Function):
    """Samples maps within boxes, of which backward keeps only these: in one list, with their samples' numbers."""

    @staticmethod
    def forward(
        ctx: Any,
        options: tuple[tuple[int, int], int, int],
        boxes: Tensor,
        *maps: Tensor,
    ) -> Tensor:
        samples, count, _ = boxes.shape
        number = torch.arange(samples, device=boxes.device).repeat_interleave(count)
        listed = torch.cat([number[:, None].to(boxes.dtype), boxes.flatten(0, 1)], 1)
        ctx.save_for_backward(listed)
        ctx.options, ctx.shapes = options, [x.shape for x in maps]
        return sample_boxes(list(maps), boxes, *options)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Any:
        (gradient,), (listed,) = gradients, ctx.saved_tensors
        boxes = listed[:, 1:].unflatten(0, gradient.shape[:2])
        with torch.enable_grad():  # of what is linear in the maps
            maps = [gradient.new_zeros(shape).requires_grad_() for shape in ctx.shapes]
            made = sample_boxes(maps, boxes, *ctx.options)
        return None, None, *torch.autograd.grad(made, maps, gradient)


def sample_boxes(
    maps: list[Tensor], boxes: Tensor, size: tuple[int, int], ratio: int, axis: int
) -> Tensor:
    """Return each box of one map, the finer the smaller it is (Lin et al. 2017), its channels at an axis."""
    chosen = sample_boxes_of(maps[0], boxes, maps[0], size, ratio)
    area = (boxes[..., 2] - boxes[..., 0]) * (boxes[..., 3] - boxes[..., 1])
    level = torch.floor(4 + torch.log2(area.sqrt() / 224) - 2 + 1e-6)
    for number, x in enumerate(maps[1:], 1):
        other = sample_boxes_of(x, boxes, maps[0], size, ratio)
        chosen = torch.where((level >= number)[..., None, None, None], other, chosen)
    return chosen.movedim(2, axis).contiguous()


def sample_boxes_of(
    x: Tensor, boxes: Tensor, first: Tensor, size: tuple[int, int], ratio: int
) -> Tensor:
    """Return what a map has in the boxes, whose corners are positions of the first map."""
    left, top, right, bottom = boxes.unbind(-1)
    rows, columns = (count * ratio for count in size)
    down = (torch.arange(rows, device=boxes.device) + 0.5) / rows
    across = (torch.arange(columns, device=boxes.device) + 0.5) / columns
    down = top[..., None] + (bottom - top)[..., None] * down
    across = left[..., None] + (right - left)[..., None] * across
    height, width = first.shape[2:]
    grid = torch.stack(
        [
            across[:, :, None].expand(-1, -1, rows, -1) * 2 / width - 1,
            down[..., None].expand(-1, -1, -1, columns) * 2 / height - 1,
        ],
        dim=-1,
    )
    points = F.grid_sample(x, grid.flatten(1, 2), align_corners=False)
    pooled = F.avg_pool2d(points, ratio)
    boxed = torch.unflatten(pooled, 2, (boxes.shape[1], size[0]))
    return boxed.transpose(1, 2)


class Custom(nn.Module):
    """A layer that its spec only counts: write what it computes."""

    def __init__(self, name: str, params: int, buffers: int = 0) -> None:
        super().__init__()
        self.name = name
        self.weight = nn.Parameter(torch.zeros(params))
        if buffers:
            self.register_buffer("buffer", torch.zeros(buffers))

    def forward(self, *given: Tensor) -> Tensor:
        raise NotImplementedError(f"the spec does not say what '{self.name}' computes")


class OneBiasRNN(nn.RNN):
    """A recurrent layer with one bias, not one for the input and one for the state."""

    def __init__(self, *args: int, **options: bool) -> None:
        super().__init__(*args, **options)
        drop_second_biases(self)


class OneBiasLSTM(nn.LSTM):
    """An LSTM with one bias in each gate, not one for the input and one for the state."""

    def __init__(self, *args: int, **options: bool) -> None:
        super().__init__(*args, **options)
        drop_second_biases(self)


class OneBiasGRU(nn.GRU):
    """A GRU with one bias in each gate, not one for the input and one for the state."""

    def __init__(self, *args: int, **options: bool) -> None:
        super().__init__(*args, **options)
        drop_second_biases(self)


def drop_second_biases(layer: nn.RNNBase) -> None:
    """Leave zeros, which nothing trains, where a recurrent layer has its second biases."""
    for name, bias in list(layer.named_parameters()):
        if name.startswith("bias_hh"):
            delattr(layer, name)
            setattr(layer, name, torch.zeros_like(bias, requires_grad=False))
    layer._init_flat_weights()


def one_bias(cell: nn.RNNCellBase) -> nn.RNNCellBase:
    """Return a recurrent cell with zeros, which nothing trains, where it has its second biases."""
    zeros = torch.zeros_like(cell.bias_hh, requires_grad=False)
    del cell.bias_hh
    cell.register_buffer("bias_hh", zeros, persistent=False)
    return cell


def selective_scan(
    x: Tensor,
    delta: Tensor,
    decay: Tensor,
    entry: Tensor,
    out: Tensor,
    skip: Tensor | None = None,
) -> Tensor:
    """Return Mamba's recurrence, step by step."""
    decays = torch.exp(delta.unsqueeze(-1) * decay.unsqueeze(1))
    entries = delta.unsqueeze(-1) * entry.unsqueeze(-2)
    entries = entries * x.unsqueeze(-1)
    state = torch.zeros_like(decays[:, 0])
    outputs = []
    for step in range(x.shape[1]):
        state = decays[:, step] * state + entries[:, step]
        outputs.append((state @ out[:, step].unsqueeze(-1)).squeeze(-1))
    found = torch.stack(outputs, dim=1)
    return found if skip is None else found + x * skip.unsqueeze(1)


def delta_rule(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    beta: Tensor,
    decay: Tensor | None = None,
    *,
    heads: int = 1,
) -> Tensor:
    """Return what queries read of a state in which each step replaces what its key reads."""
    q, k, v = (torch.unflatten(x, -1, (heads, -1)) for x in (q, k, v))
    if decay is not None:
        decay = torch.unflatten(decay, -1, (heads, -1))[..., None]
    state = v.new_zeros(len(v), heads, q.shape[-1], v.shape[-1])
    outputs = []
    for step in range(v.shape[1]):
        if decay is not None:
            state = state * decay[:, step]
        seen = (k[:, step, :, None] @ state).squeeze(-2)
        new = (v[:, step] - seen) * beta[:, step, :, None]
        state = state + k[:, step, ..., None] * new[:, :, None]
        outputs.append((q[:, step, :, None] @ state).squeeze(-2))
    return torch.stack(outputs, dim=1).flatten(-2)


def linear_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor | None = None,
    bonus: Tensor | None = None,
    *,
    heads: int = 1,
    groups: int = 0,
) -> Tensor:
    """Return attention without a softmax: a state of keys by values, carried from step to step."""
    q, k = (torch.unflatten(x, -1, (groups or heads, -1)) for x in (q, k))
    if groups:
        q, k = (x.repeat_interleave(heads // groups, dim=-2) for x in (q, k))
    v = torch.unflatten(v, -1, (heads, -1))
    if decay is not None:
        decay = (
            decay[:, None].expand(-1, v.shape[1], -1)
            if decay.dim() != v.dim() - 1
            else decay
        )
        decay = torch.unflatten(decay, -1, (heads, -1))[..., None]
    if bonus is not None:
        bonus = torch.unflatten(bonus, -1, (heads, -1))[..., None]
    state = v.new_zeros(len(v), heads, q.shape[-1], v.shape[-1])
    outputs, entry = [], v
    for step in range(v.shape[1]):
        if bonus is not None and decay is not None and step:
            state = state * decay[:, step - 1] + entry
        entry = k[:, step, ..., None] * v[:, step, :, None]
        if bonus is not None:
            seen = state + bonus * entry
        else:
            state = (state if decay is None else state * decay[:, step]) + entry
            seen = state
        outputs.append((q[:, step, :, None] @ seen).squeeze(-2))
    return torch.stack(outputs, dim=1).flatten(-2)


def linear_attention_by_chunks(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    decay: Tensor | None = None,
    *,
    heads: int = 1,
    groups: int = 0,
    chunk: int = 64,
) -> Tensor:
    """Return attention without a softmax: products within chunks of steps, and a state from one to the next."""
    steps, missing = v.shape[1], -v.shape[1] % chunk
    q, k, v = (F.pad(x, (0, 0, 0, missing)) for x in (q, k, v))
    q, k = (torch.unflatten(x, -1, (groups or heads, -1)) for x in (q, k))
    if groups:
        q, k = (x.repeat_interleave(heads // groups, dim=2) for x in (q, k))
    every = (q, k, torch.unflatten(v, -1, (heads, -1)))
    q, k, v = (torch.unflatten(x, 1, (-1, chunk)).permute(0, 3, 1, 2, 4) for x in every)
    if decay is None:
        sums = v.new_zeros(1).expand(1, 1, v.shape[2], chunk)
    else:
        of_all = decay.dim() < v.dim() - 2
        each = decay[:, None].expand(-1, steps, -1) if of_all else decay
        logs = each.clamp(min=torch.finfo(each.dtype).tiny).log()
        logs = torch.unflatten(F.pad(logs, (0, 0, 0, missing)), 1, (-1, chunk))
        sums = logs.permute(0, 3, 1, 2).cumsum(-1)
    later = torch.ones(chunk, chunk, dtype=torch.bool, device=v.device).triu(1)
    between = sums[..., None] - sums[..., None, :]
    kept = between.masked_fill(later, float("-inf")).exp()
    end = sums[..., -1:, None]
    entries = (k * (end - sums[..., None]).exp()).transpose(-1, -2) @ v
    state, states = torch.zeros_like(entries[:, :, 0]), []
    for index in range(v.shape[2]):
        states.append(state)
        state = state * end[:, :, index].exp() + entries[:, :, index]
    before = (q * sums[..., None].exp()) @ torch.stack(states, dim=2)
    x = ((q @ k.transpose(-1, -2)) * kept) @ v + before
    return x.permute(0, 2, 3, 1, 4).flatten(1, 2)[:, :steps].flatten(-2)


def mask_steps(x: Tensor, value: float) -> Tensor:
    """Set steps to 0 all of whose features are this value."""
    return x * (x != value).any(dim=-1, keepdim=True)


def with_states(
    made: tuple[Tensor, Tensor | tuple[Tensor, ...]],
    *,
    several: bool,
    sequences: bool,
) -> tuple[Tensor, ...]:
    """Return what a recurrent layer makes, then its states, the batch first."""
    output, last = made
    found = last if isinstance(last, tuple) else (last,)
    return (
        output if sequences else output[:, -1],
        *(state.transpose(0, 1) if several else state[0] for state in found),
    )


def shuffle_pixels(x: Tensor, factor: int) -> Tensor:
    """Make a map larger along all its axes by as much as its channels become fewer."""
    rank = x.dim() - 2
    sizes = [length * factor for length in x.shape[2:]]
    order = [axis + more for axis in range(2, rank + 2) for more in (rank, 0)]
    x = torch.unflatten(x, 1, (-1, *[factor] * rank)).permute(0, 1, *order)
    return x.reshape(len(x), -1, *sizes)


def unshuffle_pixels(x: Tensor, factor: int) -> Tensor:
    """Make channels of the positions of every cube of a map."""
    rank = x.dim() - 2
    sizes = [length // factor for length in x.shape[2:]]
    for axis in reversed(range(2, rank + 2)):
        x = torch.unflatten(x, axis, (-1, factor))
    inner, outer = (range(first, 2 * rank + 2, 2) for first in (3, 2))
    return x.permute(0, 1, *inner, *outer).reshape(len(x), -1, *sizes)


class ConvLSTM(nn.Module):
    """An LSTM whose weighted sums are convolutions."""

    def __init__(
        self,
        of_input: nn.Module,
        of_state: nn.Module,
        *,
        sequences: bool = False,
        states: bool = False,
        channels_last: bool = False,
    ) -> None:
        super().__init__()
        self.of_input, self.of_state = of_input, of_state
        self.sequences, self.states = sequences, states
        self.channels_last = channels_last

    def forward(
        self, x: Tensor, output: Tensor | None = None, state: Tensor | None = None
    ) -> Tensor | tuple[Tensor, ...]:
        outputs: list[Tensor] = []
        for step in x.unbind(1):
            sums = self.of_input(step)
            if output is None or state is None:
                shape = (len(x), sums.shape[1] // 4, *sums.shape[2:])
                output = state = sums.new_zeros(shape)
            sums = sums + self.of_state(output)
            enter, keep, new, leave = sums.chunk(4, 1)
            state = keep.sigmoid() * state + enter.sigmoid() * new.tanh()
            output = leave.sigmoid() * state.tanh()
            if not self.sequences:
                outputs.clear()
            outputs.append(output)
        made = [torch.stack(outputs, 1) if self.sequences else outputs[0]]
        made += [outputs[-1], state] if self.states and state is not None else []
        if self.channels_last:
            made = [tensor.movedim(1 - outputs[0].dim(), -1) for tensor in made]
        return tuple(made) if self.states else made[0]


def attend(
    q: Tensor, k: Tensor, v: Tensor, heads: int, p: float = 0.0, *, causal: bool = False
) -> Tensor:
    """Return attention of heads that stand side by side in the last axis."""
    q, k, v = (torch.unflatten(x, -1, (heads, -1)).transpose(-3, -2) for x in (q, k, v))
    x = F.scaled_dot_product_attention(q, k, v, dropout_p=p, is_causal=causal)
    return x.transpose(-3, -2).flatten(-2)


def heads_of(x: Tensor, heads: int) -> Tensor:
    """Return heads that stand side by side in the last axis, each with all its steps."""
    return torch.unflatten(x, -1, (heads, -1)).transpose(-3, -2)


def attend_grouped(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    kv_heads: int,
    p: float = 0.0,
    *,
    causal: bool = False,
) -> Tensor:
    """Return attention of heads that stand side by side in the last axis, with fewer heads of keys and values."""
    q, k, v = heads_of(q, heads), heads_of(k, kv_heads), heads_of(v, kv_heads)
    x = F.scaled_dot_product_attention(
        q, k, v, dropout_p=p, is_causal=causal, enable_gqa=True
    )
    return x.transpose(-3, -2).flatten(-2)


def attend_biased(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    bias: Tensor,
    kv_heads: int = 0,
    p: float = 0.0,
    *,
    causal: bool = False,
) -> Tensor:
    """Return attention of heads that stand side by side in the last axis, with a bias on each score."""
    grouped = kv_heads > 0
    q = heads_of(q, heads)
    k, v = (heads_of(x, kv_heads or heads) for x in (k, v))
    if causal:
        bias = bias + torch.full(
            bias.shape[-2:], float("-inf"), device=bias.device
        ).triu(1)
    x = F.scaled_dot_product_attention(q, k, v, bias, p, enable_gqa=grouped)
    return x.transpose(-3, -2).flatten(-2)


def attend_capped(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    heads: int,
    kv_heads: int = 0,
    p: float = 0.0,
    bias: Tensor | None = None,
    sinks: Tensor | None = None,
    *,
    cap: float = 0.0,
    causal: bool = False,
) -> Tensor:
    """Return attention of heads that stand side by side, with a soft cap on the scores or a sink beside them."""
    q = heads_of(q, heads)
    k, v = (heads_of(x, kv_heads or heads) for x in (k, v))
    if kv_heads:
        k, v = (x.repeat_interleave(heads // kv_heads, dim=-3) for x in (k, v))
    scores: Tensor = (q @ k.mT) * q.shape[-1] ** -0.5
    if cap:
        scores = torch.tanh(scores / cap) * cap
    if bias is not None:
        scores = scores + bias
    if causal:
        sizes, low = scores.shape[-2:], float("-inf")
        scores = scores + torch.full(sizes, low, device=scores.device).triu(1)
    if sinks is None:
        scores = scores.softmax(-1)
    else:
        beside = sinks[:, None, None].expand(*scores.shape[:-1], 1)
        scores = torch.cat([scores, beside], dim=-1).softmax(-1)[..., :-1]
    if p:
        scores = F.dropout(scores, p)
    return (scores @ v).transpose(-3, -2).flatten(-2)


class AttentionWithSinks(nn.Module):
    """Attention with a learned score of each head beside those of the keys."""

    def __init__(
        self,
        heads: int,
        kv_heads: int = 0,
        dropout: float = 0.0,
        *,
        cap: float = 0.0,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.heads, self.kv_heads, self.dropout = heads, kv_heads, dropout
        self.cap, self.causal = cap, causal
        self.sinks = nn.Parameter(torch.zeros(heads))

    def forward(
        self, q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None = None
    ) -> Tensor:
        p = self.dropout if self.training else 0.0
        sizes = (self.heads, self.kv_heads, p, bias, self.sinks)
        return attend_capped(q, k, v, *sizes, cap=self.cap, causal=self.causal)


class FurtherStep(nn.Module):
    """A learned step and one of zeros after those of keys or values."""

    def __init__(
        self, features: int, *, learned: bool = False, zeros: bool = False
    ) -> None:
        super().__init__()
        self.step = nn.Parameter(torch.zeros(features)) if learned else None
        self.zeros = zeros

    def forward(self, x: Tensor) -> Tensor:
        first = x[..., :1, :]
        if self.step is not None:
            x = torch.cat([x, self.step.expand_as(first)], dim=-2)
        return torch.cat([x, torch.zeros_like(first)], dim=-2) if self.zeros else x


class PositionBiases(nn.Module):
    """Learned biases of each head, by how far a key stands from a query."""

    def __init__(self, count: int, num_heads: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(count, num_heads))

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        places, steps = (
            torch.arange(x.shape[-2], device=x.device) for x in (key, query)
        )
        index = places - steps[:, None] + len(self.weight) // 2
        index = index.clamp(0, len(self.weight) - 1)
        return F.embedding(index, self.weight).permute(2, 0, 1)


class WindowBiases(nn.Module):
    """Learned biases of each head, by how far a key of a square window stands from a query in rows and columns."""

    index: Tensor

    def __init__(self, width: int, num_heads: int) -> None:
        super().__init__()
        reach = 2 * width - 1
        self.weight = nn.Parameter(torch.zeros(reach**2, num_heads))
        places = torch.arange(width**2)
        rows, columns = places // width, places % width
        rows, columns = (x[:, None] - x + width - 1 for x in (rows, columns))
        self.register_buffer("index", rows * reach + columns, persistent=False)

    def forward(self) -> Tensor:
        return F.embedding(self.index, self.weight).permute(2, 0, 1)


class Mask(nn.Module):
    """What the network adds to the scores of attention: set it."""

    value: Tensor

    def __init__(self, shape: tuple[int, ...]) -> None:
        super().__init__()
        self.register_buffer("value", torch.zeros(shape), persistent=False)

    def forward(self) -> Tensor:
        return self.value


class Window(nn.Module):
    """What hides from each step all but those near it: added to the scores of attention."""

    value: Tensor

    def __init__(
        self, steps: int, keys: int, window: int, *, causal: bool = False
    ) -> None:
        super().__init__()
        apart = torch.arange(keys) - torch.arange(steps)[:, None]
        hidden = (apart <= -window) | (apart > (0 if causal else window - 1))
        value = torch.zeros(steps, keys).masked_fill(hidden, -torch.inf)
        self.register_buffer("value", value, persistent=False)

    def forward(self) -> Tensor:
        return self.value


class Rotary(nn.Module):
    """Rotates pairs of the features of heads by angles that grow with the step."""

    cos: Tensor
    sin: Tensor

    def __init__(self, steps: int, dim: int) -> None:
        super().__init__()
        speeds = 10_000.0 ** -(torch.arange(0, dim, 2) / dim)
        angles = torch.outer(torch.arange(steps), speeds).repeat(1, 2)[:, None]
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        steps = x.shape[-2]
        x = torch.unflatten(x, -1, (-1, self.cos.shape[-1]))
        one, other = x.chunk(2, dim=-1)
        x = x * self.cos[:steps] + torch.cat([-other, one], dim=-1) * self.sin[:steps]
        return x.flatten(-2)


def sinusoids(x: Tensor, dim: int) -> Tensor:
    """Return sines and cosines of numbers at `dim / 2` frequencies."""
    pairs = dim // 2
    angles = x.unsqueeze(-1) * 10_000.0 ** -(
        torch.arange(pairs, device=x.device) / pairs
    )
    return torch.cat([angles.sin(), angles.cos()], dim=-1)


def sample_gaussian(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Draw from a normal distribution."""
    return mean + torch.exp(log_variance / 2) * torch.randn_like(mean)


def quick_gelu(x: Tensor) -> Tensor:
    """Return a GELU by a sigmoid."""
    return x * torch.sigmoid(1.702 * x)


def bounded_relu(
    x: Tensor, max_value: float | None, negative_slope: float, threshold: float
) -> Tensor:
    """Return a ReLU with a bound, a slope below the threshold, and a threshold, as Keras's."""
    x = torch.where(x >= threshold, x, negative_slope * (x - threshold))
    return x if max_value is None else x.clamp(max=max_value)


def as_complex(x: Tensor) -> Tensor:
    """View real and imaginary parts as complex numbers, or a copy where they do not lie in pairs."""
    *others, last = x.stride()
    pairs = last == 1 and all(stride % 2 == 0 for stride in others)
    return torch.view_as_complex(x if pairs else x.contiguous())


def along(function: Callable[..., Tensor], x: Tensor, axes: tuple[int, ...]) -> Tensor:
    """Apply a function of one axis along several, as if they were one."""
    last = tuple(range(-len(axes), 0))
    moved = x.movedim(axes, last)
    return (
        function(moved.flatten(-len(axes)), dim=-1)
        .reshape(moved.shape)
        .movedim(last, axes)
    )


def average_inside(
    x: Tensor,
    kernel_size: tuple[int, ...],
    stride: tuple[int, ...],
    padding: tuple[int, ...],
) -> Tensor:
    """Return the means of windows, over the positions of the input alone."""
    pool: Callable[..., Tensor] = getattr(F, f"avg_pool{len(kernel_size)}d")
    inside = pool(F.pad(torch.ones_like(x[:1, :1]), padding), kernel_size, stride)
    return pool(F.pad(x, padding), kernel_size, stride) / inside


def crop_like(x: Tensor, like: Tensor) -> Tensor:
    """Cut a map down to the size of another, around the middle."""
    for axis, size in enumerate(like.shape[2:], 2):
        x = x.narrow(axis, (x.shape[axis] - size) // 2, size)
    return x


def windows_of(x: Tensor, size: int) -> Tensor:
    """Cut a map, its channels last, into windows; one that is no multiple is padded at its end."""
    _, height, width, channels = x.shape
    x = F.pad(x, (0, 0, 0, -width % size, 0, -height % size))
    x = torch.unflatten(torch.unflatten(x, 2, (-1, size)), 1, (-1, size))
    x = x.transpose(2, 3)
    return x.reshape(len(x), -1, size * size, channels)


def from_windows(x: Tensor, height: int, width: int) -> Tensor:
    """Put windows together to a map, its channels last; padding is cut off."""
    size = round(x.shape[2] ** 0.5)
    rows, columns = -(-height // size), -(-width // size)
    x = x.reshape(len(x), rows, columns, size, size, -1).transpose(2, 3)
    return x.reshape(len(x), rows * size, columns * size, -1)[:, :height, :width]


def unfold_steps(x: Tensor, like: Tensor) -> Tensor:
    """Make steps again of a batch of steps."""
    return torch.unflatten(x, 0, like.shape[:2])
