"""Attention of each position to those in a window around it."""

import math

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable()
class NeighborhoodAttention(layers.Layer):
    """Attention of each position to a window around it, which borders move inside."""

    def __init__(self, heads, sizes, steps, biases=False, **kwargs):
        super().__init__(**kwargs)
        self.heads, self.sizes, self.steps, self.has_biases = (
            heads,
            sizes,
            steps,
            biases,
        )

    def build(self, shapes):
        if self.has_biases:
            shape = (self.heads, *(2 * size - 1 for size in self.sizes))
            self.biases = self.add_weight(shape, "zeros", name="biases")

    def call(self, inputs):
        shape = inputs[2].shape
        q, k, v = (ops.transpose(self.apart(x), (0, 2, 1, 3)) for x in inputs)
        places, offsets = self.neighbors(shape[1:-1])
        q, k, v = (
            q[:, :, :, None],
            ops.take(k, places, axis=2),
            ops.take(v, places, axis=2),
        )
        scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) * q.shape[-1] ** -0.5
        if self.has_biases:
            biases = ops.reshape(self.biases, (self.heads, -1))
            scores = scores + ops.take(biases, offsets, axis=1)[:, :, None]
        x = ops.matmul(ops.softmax(scores, axis=-1), v)[:, :, :, 0]
        return ops.reshape(ops.transpose(x, (0, 2, 1, 3)), (-1, *shape[1:]))

    def apart(self, x):
        """Return all positions along one axis, then heads."""
        return ops.reshape(
            x, (-1, math.prod(x.shape[1:-1]), self.heads, x.shape[-1] // self.heads)
        )

    def neighbors(self, lengths):
        """Return which positions each one reads, and which biases."""
        places, offsets = [[0]], [[0]]
        for length, size, step in zip(lengths, self.sizes, self.steps, strict=True):
            there, which = [], []
            for at in range(length):
                row, rest = divmod(at, step)
                last = (length - 1 - rest) // step + 1 - size
                first = min(max(row - size // 2, 0), last)
                there.append([(first + tap) * step + rest for tap in range(size)])
                which.append([size - 1 - row + first + tap for tap in range(size)])
            places = [
                [one * length + more for one in each for more in own]
                for each in places
                for own in there
            ]
            offsets = [
                [one * (2 * size - 1) + more for one in each for more in own]
                for each in offsets
                for own in which
            ]
        return places, offsets

    def get_config(self):
        own = {
            "heads": self.heads,
            "sizes": self.sizes,
            "steps": self.steps,
            "biases": self.has_biases,
        }
        return {**super().get_config(), **own}
