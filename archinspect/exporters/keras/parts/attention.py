"""Attention, and what its scores are given."""

import math

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable()
class Attend(layers.Layer):
    """Attention of heads that stand side by side in the last axis."""

    def __init__(
        self,
        num_heads,
        num_kv_heads=None,
        causal=False,
        window=None,
        dropout=0.0,
        soft_cap=None,
        sinks=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads, self.num_kv_heads = num_heads, num_kv_heads or num_heads
        self.causal, self.window = causal, window
        self.soft_cap, self.has_sinks = soft_cap, sinks
        self.dropout = layers.Dropout(dropout)

    def build(self, input_shape):
        if self.has_sinks:
            self.sinks = self.add_weight(shape=(self.num_heads,), name="sinks")

    def call(self, inputs, training=None):
        query, key, value, *added = inputs
        query = self.split(query, self.num_heads)
        key, value = (self.split(x, self.num_kv_heads) for x in (key, value))
        key, value = (self.repeat(x) for x in (key, value))
        scores = ops.matmul(query, ops.swapaxes(key, -1, -2)) / math.sqrt(
            query.shape[-1]
        )
        if self.soft_cap:
            scores = ops.tanh(scores / self.soft_cap) * self.soft_cap
        for bias in added:
            scores = scores + bias
        if self.causal or self.window:
            steps, keys = scores.shape[-2:]
            apart = ops.arange(keys)[None] - ops.arange(steps)[:, None]
            last = 0 if self.causal else self.window - 1
            first = 1 - (self.window or steps)
            scores = ops.where((apart > last) | (apart < first), -1e9, scores)
        if self.has_sinks:
            sinks = ops.zeros_like(scores[..., :1]) + self.sinks[:, None, None]
            scores = ops.softmax(ops.concatenate([scores, sinks], axis=-1))[..., :-1]
        else:
            scores = ops.softmax(scores, axis=-1)
        scores = self.dropout(scores, training=training)
        x = ops.swapaxes(ops.matmul(scores, value), -2, -3)
        return ops.reshape(x, (-1, *x.shape[1:-2], x.shape[-2] * x.shape[-1]))

    def repeat(self, x):
        if self.num_kv_heads == self.num_heads:
            return x
        repeated = ops.stack([x] * (self.num_heads // self.num_kv_heads), axis=-3)
        shape = (-1, *x.shape[1:-3], self.num_heads, *x.shape[-2:])
        return ops.reshape(repeated, shape)

    def split(self, x, heads):
        x = ops.reshape(x, (-1, *x.shape[1:-1], heads, x.shape[-1] // heads))
        return ops.swapaxes(x, -2, -3)


@keras.saving.register_keras_serializable()
class PositionBiases(layers.Layer):
    """Learned biases of each head, by how far a key stands from a query."""

    def __init__(self, count, num_heads, **kwargs):
        super().__init__(**kwargs)
        self.count, self.num_heads = count, num_heads

    def build(self, input_shape):
        self.table = self.add_weight(shape=(self.count, self.num_heads))

    def call(self, inputs):
        query, key = inputs
        steps, keys = query.shape[-2], key.shape[-2]
        width = math.isqrt(keys)
        if self.count == (2 * width - 1) ** 2 and steps == width * width:  # a window
            places = ops.arange(steps)
            rows, columns = places // width, places % width
            rows = rows[:, None] - rows[None] + width - 1
            columns = columns[:, None] - columns[None] + width - 1
            index = rows * (2 * width - 1) + columns
        else:  # buckets of distances
            index = ops.arange(keys)[None] - ops.arange(steps)[:, None]
            index = ops.clip(index + self.count // 2, 0, self.count - 1)
        biases = ops.take(self.table, ops.reshape(index, (-1,)), axis=0)
        biases = ops.reshape(ops.transpose(biases), (self.num_heads, steps, keys))
        return ops.expand_dims(biases, 0)


@keras.saving.register_keras_serializable()
class Mask(layers.Layer):
    """What the network adds to the scores of attention: set its `value`."""

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.mask_shape = shape
        self.value = None

    def call(self, x):
        value = ops.zeros(self.mask_shape) if self.value is None else self.value
        return ops.expand_dims(value, 0)
