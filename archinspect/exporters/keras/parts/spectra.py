"""Fourier transforms of complex numbers as a last axis of two."""

from keras import ops


def transform(x, axes, parts=True, inverse=False):
    """Return a transform along axes, or its inverse; without `parts` of real numbers."""
    real, imaginary = parts_of(x) if parts else (x, ops.zeros_like(x))
    return ops.stack(along_each((real, imaginary), axes, inverse), axis=-1)


def transform_real(x, axes, length):
    """Return the half of a transform of real numbers that is not redundant; the last axis is filled up to a length."""
    *others, last = axes
    found = ops.rfft(ops.moveaxis(x, last, -1), length)
    found = tuple(ops.moveaxis(part, -1, last) for part in found)
    return ops.stack(along_each(found, others), axis=-1)


def inverse_to_real(x, axes, length, kept):
    """Return the inverse of half a transform: real numbers, of which the first ones of the last axis are kept."""
    *others, last = axes
    found = along_each(parts_of(x), others, inverse=True)
    found = ops.irfft(tuple(ops.moveaxis(part, last, -1) for part in found), length)
    return ops.moveaxis(found[..., :kept], -1, last)


def along_each(parts, axes, inverse=False):
    """Return the transform of real and imaginary parts along axes; the inverse is that of conjugates."""
    for axis in axes:
        real, imaginary = (ops.moveaxis(part, axis, -1) for part in parts)
        real, imaginary = ops.fft((real, -imaginary if inverse else imaginary))
        if inverse:
            real, imaginary = (x / real.shape[-1] for x in (real, -imaginary))
        parts = tuple(ops.moveaxis(part, -1, axis) for part in (real, imaginary))
    return parts


def parts_of(x):
    """Return real and imaginary parts."""
    return x[..., 0], x[..., 1]


def complex_product(x, y):
    """Return the product of complex numbers."""
    (a, b), (c, d) = parts_of(x), parts_of(y)
    return ops.stack([a * c - b * d, a * d + b * c], axis=-1)
