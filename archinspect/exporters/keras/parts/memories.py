"""Recurrences of states that are matrices or averages, a step at a time."""

import keras
from keras import layers, ops


def generalized_delta_rule(q, k, v, decay, read, write, heads=1):
    """Return what queries read of a state that decays, writes what it reads of itself, and is added to."""

    def apart(x):
        return ops.reshape(x, (-1, *x.shape[1:-1], heads, x.shape[-1] // heads))

    given = (apart(x) for x in (q, k, v, decay, read, write))
    q, k, v, decay, read, write = given
    state, outputs = ops.zeros_like(k[:, 0, :, :, None] * v[:, 0, :, None]), []
    for step in range(v.shape[1]):
        seen = ops.matmul(read[:, step, :, None], state)
        state = state * decay[:, step, ..., None] + write[:, step, ..., None] * seen
        state = state + k[:, step, ..., None] * v[:, step, :, None]
        found = ops.matmul(q[:, step, :, None], state)
        outputs.append(ops.reshape(found, (-1, heads * v.shape[-1])))
    return ops.stack(outputs, axis=1)


def wkv(key, value, decay, bonus):
    """Return averages of values, weighed by exponentials of keys that decay, step by step."""
    total, weight = (ops.zeros_like(key[:, 0]) for _ in range(2))
    top, outputs = ops.zeros_like(key[:, 0]) - 1e38, []
    for step in range(key.shape[1]):
        k, v = key[:, step], value[:, step]
        highest = ops.maximum(top, k + bonus)
        before, now = ops.exp(top - highest), ops.exp(k + bonus - highest)
        outputs.append((before * total + now * v) / (before * weight + now))
        highest = ops.maximum(top + decay, k)
        before, now = ops.exp(top + decay - highest), ops.exp(k - highest)
        total, weight = before * total + now * v, before * weight + now
        top = highest
    return ops.stack(outputs, axis=1)


def mlstm(q, k, v, entry, forget, heads=1):
    """Return what queries read of a matrix memory, step by step."""

    def apart(x):
        return ops.reshape(x, (-1, *x.shape[1:-1], heads, x.shape[-1] // heads))

    q, k, v, entry, forget = (apart(x) for x in (q, k, v, entry, forget))
    q, forget = q * k.shape[-1] ** -0.5, ops.log_sigmoid(forget)
    state, outputs = ops.zeros_like(k[:, 0, :, :, None] * v[:, 0, :, None]), []
    weight, top = ops.zeros_like(k[:, 0]), ops.zeros_like(entry[:, 0])
    for step in range(v.shape[1]):
        kept, i, key = forget[:, step] + top, entry[:, step], k[:, step]
        top = ops.maximum(kept, i)
        before, now = ops.exp(kept - top), ops.exp(i - top)
        added = ops.matmul(key[..., None], v[:, step, :, None])
        state = before[..., None] * state + now[..., None] * added
        weight = before * weight + now * key
        above = ops.matmul(q[:, step, :, None], state)
        below = ops.matmul(q[:, step, :, None], weight[..., None])
        below = ops.maximum(ops.abs(below), ops.exp(-top[..., None])) + 1e-6
        outputs.append(ops.reshape(above / below, (-1, heads * v.shape[-1])))
    return ops.stack(outputs, axis=1)


@keras.saving.register_keras_serializable()
class SLSTM(layers.Layer):
    """A memory of numbers with exponential gates; its input are the gates i, f, z and o."""

    def __init__(self, units, heads=1, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.units, self.heads, self.use_bias = units, heads, use_bias

    def build(self, input_shape):
        size = self.units // self.heads
        self.recurrent_kernel = self.add_weight((self.heads, size, 4 * size))
        if self.use_bias:
            self.bias = self.add_weight((4 * self.units,), initializer="zeros")

    def call(self, x):
        size = self.units // self.heads
        x = x + self.bias if self.use_bias else x
        x = ops.reshape(x, (-1, x.shape[1], 4, self.heads, size))
        y, state, weight = (ops.zeros_like(x[:, 0, 0]) for _ in range(3))
        top, outputs = ops.zeros_like(y) - float("inf"), []
        for step in range(x.shape[1]):
            again = ops.einsum("bhi,hio->bho", y, self.recurrent_kernel)
            again = ops.reshape(again, (-1, self.heads, 4, size))
            sums = x[:, step] + ops.transpose(again, (0, 2, 1, 3))
            kept, given = ops.log_sigmoid(sums[:, 1]) + top, ops.tanh(sums[:, 2])
            top = ops.maximum(sums[:, 0], kept)
            entry, forget = ops.exp(sums[:, 0] - top), ops.exp(kept - top)
            state, weight = forget * state + entry * given, forget * weight + entry
            y = ops.sigmoid(sums[:, 3]) * state / weight
            outputs.append(ops.reshape(y, (-1, self.units)))
        return ops.stack(outputs, axis=1)

    def get_config(self):
        own = {"units": self.units, "heads": self.heads, "use_bias": self.use_bias}
        return {**super().get_config(), **own}
