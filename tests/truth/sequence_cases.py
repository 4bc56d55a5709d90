"""Layers over sequences that `measure_ops.py` measures: the cases, and modules that PyTorch does not have."""

import torch
from torch import nn

CELLS = ("RNNCell", "LSTMCell", "GRUCell")


class SelectiveScan(nn.Module):
    """Mamba's scan as the loop over steps that `MambaMixer` of transformers is without a kernel, the steps second."""

    def forward(self, given, delta, decay, into, out, skip=None):
        decays = torch.exp(delta.unsqueeze(-1) * decay.unsqueeze(1))
        entries = delta.unsqueeze(-1) * into.unsqueeze(-2)
        entries = entries * given.unsqueeze(-1)
        state = torch.zeros_like(decays[:, 0])
        outputs = []
        for step in range(given.shape[1]):
            state = decays[:, step] * state + entries[:, step]
            outputs.append((state @ out[:, step].unsqueeze(-1)).squeeze(-1))
        found = torch.stack(outputs, dim=1)
        return found if skip is None else found + given * skip.unsqueeze(1)


class LinearAttention(nn.Module):
    """A loop over the steps."""

    def __init__(self, num_heads=1, groups=0):
        super().__init__()
        self.heads, self.groups = num_heads, groups

    def forward(self, q, k, v, decay=None, bonus=None):
        heads, groups = self.heads, self.groups
        q, k = (torch.unflatten(x, -1, (groups or heads, -1)) for x in (q, k))
        if groups:
            q, k = (x.repeat_interleave(heads // groups, dim=-2) for x in (q, k))
        v = torch.unflatten(v, -1, (heads, -1))
        if decay is not None:
            decay = decay[:, None].expand(-1, v.shape[1], -1) if decay.dim() < 3 else decay
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


class DeltaRule(nn.Module):
    """A loop over the steps, as `torch_recurrent_gated_delta_rule` of transformers."""

    def __init__(self, num_heads=1):
        super().__init__()
        self.heads = num_heads

    def forward(self, q, k, v, beta, decay=None):
        q, k, v = (torch.unflatten(x, -1, (self.heads, -1)) for x in (q, k, v))
        if decay is not None:
            decay = torch.unflatten(decay, -1, (self.heads, -1))[..., None]
        state = v.new_zeros(len(v), self.heads, q.shape[-1], v.shape[-1])
        outputs = []
        for step in range(v.shape[1]):
            if decay is not None:
                state = state * decay[:, step]
            seen = (k[:, step, :, None] @ state).squeeze(-2)
            new = (v[:, step] - seen) * beta[:, step, :, None]
            state = state + k[:, step, ..., None] * new[:, :, None]
            outputs.append((q[:, step, :, None] @ state).squeeze(-2))
        return torch.stack(outputs, dim=1).flatten(-2)


class Masking(nn.Module):
    """As Keras's layer computes it."""

    def __init__(self, mask_value=0.0):
        super().__init__()
        self.value = mask_value

    def forward(self, given):
        return given * (given != self.value).any(dim=-1, keepdim=True)


class Fourier(nn.Module):
    """A transform of PyTorch, complex numbers as a last axis of two."""

    def __init__(self, axes=(-1,), *, parts=False, n=None, factor=1):
        super().__init__()
        self.axes = tuple(axes) if isinstance(axes, list | tuple) else (axes,)
        self.parts, self.n, self.factor = parts, n, factor


class Transpose(nn.Module):
    def __init__(self, dim0, dim1):
        super().__init__()
        self.dims = dim0, dim1

    def forward(self, given):
        return given.transpose(*self.dims)


class FFT(Fourier):
    def forward(self, given):
        given = torch.view_as_complex(given) if self.parts else given
        return torch.view_as_real(torch.fft.fftn(given, dim=self.axes))


class InverseFFT(Fourier):
    def forward(self, given):
        return torch.view_as_real(torch.fft.ifftn(torch.view_as_complex(given), dim=self.axes))


class RFFT(Fourier):
    def forward(self, given):
        sizes = [given.shape[axis] for axis in self.axes]
        sizes[-1] *= self.factor
        return torch.view_as_real(torch.fft.rfftn(given, sizes, dim=self.axes))


class InverseRFFT(Fourier):
    def forward(self, given):
        given = torch.view_as_complex(given)
        sizes = [given.shape[axis] for axis in self.axes]
        sizes[-1] = self.n or 2 * (sizes[-1] - 1)
        found = torch.fft.irfftn(given, sizes, dim=self.axes)
        return found.narrow(self.axes[-1], 0, sizes[-1] // self.factor)


class ComplexMultiply(nn.Module):
    def forward(self, one, other):
        return torch.view_as_real(torch.view_as_complex(one) * torch.view_as_complex(other))


class FFTConvolution(nn.Module):
    def __init__(self, axis=1):
        super().__init__()
        self.axis = axis

    def forward(self, given, kernel):
        length = given.shape[self.axis]
        product = torch.fft.rfft(given, 2 * length, dim=self.axis) * torch.fft.rfft(kernel, 2 * length, dim=self.axis)
        return torch.fft.irfft(product, 2 * length, dim=self.axis).narrow(self.axis, 0, length)


MODULES = {
    **{module.__name__: module for module in (FFT, InverseFFT, RFFT, InverseRFFT, ComplexMultiply, FFTConvolution)},
    "Transpose": Transpose,
    "SelectiveScan": SelectiveScan,
    "LinearAttention": LinearAttention,
    "DeltaRule": DeltaRule,
    "Masking": Masking,
}


def case(op, *inputs, **args):
    return op, inputs, args


def torch_cases():
    bag = {"num_embeddings": 20, "embedding_dim": 6}
    for batch in (1, 3):
        for mode in ("sum", "mean", "max"):
            yield case("EmbeddingBag", (batch, 5), **bag, mode=mode)
    yield case("EmbeddingBag", (2, 7), **bag)
    yield case("EmbeddingBag", (2,), **bag)
    # Cells, from zeros and from states
    for batch in (1, 3):
        for name in CELLS:
            told = {"input_size": 6, "hidden_size": 8, "biases": 2}
            states = [(batch, 8)] * (1 + (name == "LSTMCell"))
            yield case(name, (batch, 6), **told)
            yield case(name, (batch, 6), *states, **told)
            yield case(name, (batch, 6), *states, **told, bias=False)
            yield case(name, (batch, 6), *[(batch, 7)] * len(states), **told)
            yield case(name, (batch, 5), **told)
    yield case("RNNCell", (2, 6), **told, nonlinearity="relu")
    # Sequence mixers
    for batch in (1, 3):
        for steps, channels, states in ((5, 6, 4), (1, 6, 4), (7, 3, 1)):
            wave, many = (batch, steps, channels), (batch, steps, states)
            yield case("SelectiveScan", wave, wave, (batch, channels, states), many, many)
            yield case("SelectiveScan", wave, wave, (batch, channels, states), many, many, (batch, channels))
    yield case("SelectiveScan", (2, 5, 6), (2, 5, 6), (2, 7, 4), (2, 5, 4), (2, 5, 4))
    yield case("SelectiveScan", (2, 5, 6), (2, 5, 6), (2, 6, 4), (2, 5, 4), (2, 5, 3))
    yield case("SelectiveScan", (2, 5, 6), (2, 5, 5), (2, 6, 4), (2, 5, 4), (2, 5, 4))
    yield from _linear()
    yield from _fourier()
    for batch in (1, 3):
        yield case("Masking", (batch, 5, 6))
        yield case("Transpose", (batch, 5, 6), dim0=1, dim1=2)
    yield case("Masking", (2, 3, 5, 6), mask_value=-1.0)


def _fourier():
    for batch in (1, 3):
        wave, image = (batch, 6, 5), (batch, 6, 8, 3)
        yield case("FFT", wave)
        yield case("FFT", image, axes=[1, 2])
        yield case("FFT", (batch, 6, 5, 2), axes=1, parts=True)
        yield case("InverseFFT", (batch, 6, 5, 2), axes=[1, 2])
        yield case("InverseFFT", (batch, 7, 2))
        yield case("RFFT", wave)
        yield case("RFFT", wave, axes=1, factor=2)
        yield case("RFFT", image, axes=[1, 2])
        yield case("InverseRFFT", (batch, 6, 5, 2))
        yield case("InverseRFFT", (batch, 6, 5, 2), axes=1, n=11)
        yield case("InverseRFFT", (batch, 7, 5, 2), axes=1, factor=2)
        yield case("InverseRFFT", (batch, 6, 5, 3, 2), axes=[1, 2])
        yield case("ComplexMultiply", (batch, 5, 6, 2), (batch, 5, 6, 2))
        yield case("ComplexMultiply", (batch, 5, 6, 2), (batch, 1, 6, 2))
        yield case("FFTConvolution", wave, wave)
    yield case("FFT", (2, 6, 5), parts=True)


def _linear():
    for batch in (1, 3):
        for steps, heads, keys, values in ((5, 3, 4, 2), (1, 2, 3, 5), (4, 1, 2, 3)):
            wide, value = (batch, steps, heads * keys), (batch, steps, heads * values)
            how = {"num_heads": heads}
            yield case("LinearAttention", wide, wide, value, **how)
            for decay in ((batch, heads), (batch, steps, heads), wide):
                yield case("LinearAttention", wide, wide, value, decay, **how)
                yield case("LinearAttention", wide, wide, value, decay, (batch, heads * keys), **how)
        shared = {"num_heads": 4, "groups": 2}
        yield case("LinearAttention", (batch, 5, 6), (batch, 5, 6), (batch, 5, 8), (batch, 5, 4), **shared)
        yield case("LinearAttention", (batch, 5, 6), (batch, 5, 6), (batch, 5, 8), **shared)
    yield case("LinearAttention", (2, 5, 6), (2, 5, 6), (2, 5, 8), num_heads=4)
    for batch in (1, 3):
        for steps, heads, keys, values in ((5, 3, 4, 2), (1, 2, 3, 5), (4, 1, 2, 3)):
            wide, value, beta = (batch, steps, heads * keys), (batch, steps, heads * values), (batch, steps, heads)
            yield case("DeltaRule", wide, wide, value, beta, num_heads=heads)
            for decay in (beta, wide):
                yield case("DeltaRule", wide, wide, value, beta, decay, num_heads=heads)
    yield case("DeltaRule", (2, 5, 6), (2, 5, 6), (2, 5, 8), (2, 5, 4), num_heads=4)


def keras_cases():
    for batch in (1, 3):
        query, memory = (batch, 5, 6), (batch, 7, 6)
        for how in ({}, {"use_scale": True}, {"score_mode": "concat", "dropout": 0.1}):
            yield case("Attention", query, memory, **how)
            yield case("Attention", query, memory, (batch, 7, 6), **how)
        yield case("Attention", query, memory, use_scale=True, score_mode="concat")
        yield case("AdditiveAttention", query, memory)
        yield case("AdditiveAttention", query, memory, (batch, 7, 6), use_scale=False, dropout=0.1)
    yield case("Attention", (2, 5, 6), (2, 7, 5))
    yield case("Masking", (2, 5, 6))
    yield case("Masking", (2, 5, 6), mask_value=-1.0)
    for name in ("SimpleRNNCell", "LSTMCell", "GRUCell"):
        states = [(2, 8)] * (1 + (name == "LSTMCell"))
        yield case(name, (2, 6), *states, units=8)
        yield case(name, (2, 6), *states, units=8, use_bias=False, dropout=0.1, activation="tanh")
    yield case("GRUCell", (2, 6), (2, 8), units=8, reset_after=False)
