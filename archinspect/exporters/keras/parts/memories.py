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


def by_chunks(x, heads, chunk):
    """Return the steps of each head in chunks, the last one filled up: [batch, heads, chunks, steps, features]."""
    x = ops.pad(x, ((0, 0), (0, -x.shape[1] % chunk), (0, 0)))
    shape = (-1, x.shape[1] // chunk, chunk, heads, x.shape[2] // heads)
    return ops.transpose(ops.reshape(x, shape), (0, 3, 1, 2, 4))


def in_a_row(x, steps):
    """Return chunks of steps one after another, and their heads side by side."""
    _, heads, chunks, length, features = x.shape
    x = ops.transpose(x, (0, 2, 3, 1, 4))
    return ops.reshape(x, (-1, chunks * length, heads * features))[:, :steps]


def among_steps(x, y):
    """Return differences of a step's number and an earlier one's of a chunk; of later ones minus infinity."""
    places = ops.arange(x.shape[-2])
    later = places > places[:, None]
    return ops.where(later, -float("inf"), x - ops.swapaxes(y, -1, -2))


def linear_attention_by_chunks(q, k, v, decay=None, heads=1, groups=1, chunk=64):
    """Return attention without a softmax: products within chunks of steps, and a state from one to the next."""
    steps = v.shape[1]
    q, k = (by_chunks(x, groups, chunk) for x in (q, k))
    q, k = (ops.repeat(x, heads // groups, axis=1) for x in (q, k))
    v = by_chunks(v, heads, chunk)
    sums = ops.zeros_like(v[..., :1])
    if decay is not None:
        decay = decay if decay.shape[1:-1] else ops.expand_dims(decay, 1)
        logs = ops.log(ops.maximum(decay, 1e-37)) + ops.zeros((1, steps, 1))
        sums = ops.cumsum(by_chunks(logs, heads, chunk), axis=-2)
    end = sums[..., -1:, :]
    entries = ops.matmul(ops.swapaxes(k * ops.exp(end - sums), -1, -2), v)
    state, states = ops.zeros_like(entries[:, :, 0]), []
    for index in range(v.shape[2]):
        states.append(state)
        state = state * ops.exp(end[:, :, index]) + entries[:, :, index]
    before = ops.matmul(q * ops.exp(sums), ops.stack(states, axis=2))
    scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) * ops.exp(among_steps(sums, sums))
    return in_a_row(ops.matmul(scores, v) + before, steps)


def mlstm_by_chunks(q, k, v, entry, forget, heads=1, chunk=64):
    """Return what queries read of a matrix memory: products within chunks of steps, and the states before them."""
    steps, given = v.shape[1], (q, k, v, entry, forget)
    q, k, v, entry, forget = (by_chunks(x, heads, chunk) for x in given)
    sums = ops.cumsum(ops.log_sigmoid(forget), axis=-2)
    end = sums[..., -1:, :]
    state = ops.zeros_like(ops.swapaxes(k[:, :, 0, :1], -1, -2) * v[:, :, 0, :1])
    weight, top, states = state[..., :1], state[..., :1, :1], []
    for index in range(v.shape[2]):
        states.append((state, weight, top))
        kept = end[:, :, index] + top
        logs = end[:, :, index] - sums[:, :, index] + entry[:, :, index]
        top = ops.maximum(kept, ops.max(logs, axis=-2, keepdims=True))
        keys = ops.swapaxes(k[:, :, index] * ops.exp(logs - top), -1, -2)
        kept = ops.exp(kept - top)
        state = kept * state + ops.matmul(keys, v[:, :, index])
        weight = kept * weight + ops.sum(keys, axis=-1, keepdims=True)
    state, weight, top = (ops.stack(x, axis=2) for x in zip(*states, strict=True))
    before, logs = sums + top, among_steps(sums, sums - entry)
    highest = ops.maximum(before, ops.max(logs, axis=-1, keepdims=True))
    q = q * k.shape[-1] ** -0.5
    scores = ops.matmul(q, ops.swapaxes(k, -1, -2)) * ops.exp(logs - highest)
    q = q * ops.exp(before - highest)
    above = ops.matmul(scores, v) + ops.matmul(q, state)
    below = ops.sum(scores, axis=-1, keepdims=True) + ops.matmul(q, weight)
    below = ops.maximum(ops.abs(below), ops.exp(-highest)) + 1e-6
    return in_a_row(above / below, steps)


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


@keras.saving.register_keras_serializable()
class CRF(layers.Layer):
    """The best tags of all steps, by scores of tags and of pairs that follow one another."""

    def __init__(self, num_tags, **kwargs):
        super().__init__(**kwargs)
        self.num_tags = num_tags

    def build(self, input_shape):
        self.start_transitions = self.add_weight((self.num_tags,))
        self.end_transitions = self.add_weight((self.num_tags,))
        self.transitions = self.add_weight((self.num_tags, self.num_tags))

    def call(self, x):
        scores, places = self.start_transitions + x[:, 0], []
        for step in range(1, x.shape[1]):
            pairs = scores[:, :, None] + self.transitions + x[:, step, None]
            scores = ops.max(pairs, axis=1)
            places.append(ops.argmax(pairs, axis=1))
        tags = ops.argmax(scores + self.end_transitions, axis=-1)[:, None]
        found = [tags]
        for place in reversed(places):
            tags = ops.take_along_axis(place, tags, axis=1)
            found.append(tags)
        return ops.cast(ops.concatenate(found[::-1], axis=1), "int64")

    def get_config(self):
        return {**super().get_config(), "num_tags": self.num_tags}
