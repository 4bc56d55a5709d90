"""Recurrence: layers with one bias, scans, convolutional cells."""

from __future__ import annotations

import torch
from torch import Tensor, nn


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
