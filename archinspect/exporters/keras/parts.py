"""Definitions that exported programs take along where they need them: their text is copied, nothing here is imported.

Each stands for itself: a program holds those that its layers name, and those that these name.
"""

import math

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable()
class UntrackedBatchNormalization(layers.Layer):
    """Batch normalization by the batch's own statistics, at inference too."""

    def __init__(self, axis=-1, epsilon=1e-3, center=True, scale=True, **kwargs):
        super().__init__(**kwargs)
        self.axis, self.epsilon, self.center, self.scale = axis, epsilon, center, scale

    def build(self, input_shape):
        shape = (input_shape[self.axis],)
        self.gamma = (
            self.add_weight(shape=shape, initializer="ones") if self.scale else None
        )
        self.beta = self.add_weight(shape=shape) if self.center else None

    def call(self, x):
        axis = self.axis % len(x.shape)
        axes = [other for other in range(len(x.shape)) if other != axis]
        mean = ops.mean(x, axis=axes, keepdims=True)
        x = (x - mean) * ops.rsqrt(
            ops.mean(ops.square(x - mean), axis=axes, keepdims=True) + self.epsilon
        )
        shape = [-1 if other == axis else 1 for other in range(len(x.shape))]
        if self.gamma is not None:
            x = x * ops.reshape(self.gamma, shape)
        return x if self.beta is None else x + ops.reshape(self.beta, shape)


@keras.saving.register_keras_serializable()
class LayerScale(layers.Layer):
    """Multiplies by a learned vector."""

    def __init__(self, value=1e-6, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.value, self.axis = value, axis

    def build(self, input_shape):
        axis = self.axis % len(input_shape)
        self.gamma = self.add_weight(
            shape=(input_shape[axis], *[1] * (len(input_shape) - 1 - axis)),
            initializer=keras.initializers.Constant(self.value),
        )

    def call(self, x):
        return x * self.gamma


@keras.saving.register_keras_serializable()
class LearnedPositions(layers.Layer):
    """Adds a learned vector for every position."""

    def __init__(self, input_dim=None, **kwargs):
        super().__init__(**kwargs)
        self.input_dim = input_dim

    def build(self, input_shape):
        _, steps, *rest = input_shape
        self.table = self.add_weight(shape=(self.input_dim or steps, *rest))

    def call(self, x):
        return x + self.table[: x.shape[1]]


@keras.saving.register_keras_serializable()
class ClassToken(layers.Layer):
    """Puts learned vectors in front of the steps."""

    def __init__(self, n=1, **kwargs):
        super().__init__(**kwargs)
        self.n = n

    def build(self, input_shape):
        self.tokens = self.add_weight(shape=(1, self.n, input_shape[-1]))

    def call(self, x):
        tokens = ops.zeros_like(x[:, :1]) + self.tokens
        return ops.concatenate([tokens, x], axis=1)


@keras.saving.register_keras_serializable()
class LearnedTokens(layers.Layer):
    """Learned vectors, the same for every sample; of the input it uses the batch alone."""

    def __init__(self, n, dim, **kwargs):
        super().__init__(**kwargs)
        self.n, self.dim = n, dim

    def build(self, input_shape):
        self.tokens = self.add_weight(shape=(1, self.n, self.dim))

    def call(self, x):
        return ops.repeat(self.tokens, ops.shape(x)[0], axis=0)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], self.n, self.dim)


@keras.saving.register_keras_serializable()
class Parameter(layers.Layer):
    """A learned tensor, the same for every sample; its input only places it in the model."""

    def __init__(self, shape, **kwargs):
        super().__init__(**kwargs)
        self.value_shape = shape

    def build(self, input_shape):
        self.value = self.add_weight(shape=self.value_shape)

    def call(self, x):
        return ops.expand_dims(self.value, 0)


@keras.saving.register_keras_serializable()
class Constant(layers.Layer):
    """A fixed tensor, the same for every sample; its input only places it in the model."""

    def __init__(self, shape, value_dtype=None, **kwargs):
        super().__init__(**kwargs)
        self.value_shape, self.value_dtype = shape, value_dtype

    def build(self, input_shape):
        self.value = self.add_weight(
            shape=self.value_shape,
            dtype=self.value_dtype,
            initializer="zeros",
            trainable=False,
        )

    def call(self, x):
        return ops.expand_dims(self.value, 0)


@keras.saving.register_keras_serializable()
class Arange(layers.Layer):
    """Whole numbers, the same for every sample; its input only places it in the model."""

    def __init__(self, start, stop, step, value_dtype, **kwargs):
        super().__init__(**kwargs)
        self.start, self.stop, self.step = start, stop, step
        self.value_dtype = value_dtype

    def call(self, x):
        return ops.arange(self.start, self.stop, self.step, self.value_dtype)[None]


@keras.saving.register_keras_serializable()
class Fill(layers.Layer):
    """One number, the same for every sample; its input only places it in the model."""

    def __init__(self, shape, value, value_dtype, **kwargs):
        super().__init__(**kwargs)
        self.value_shape, self.value, self.value_dtype = shape, value, value_dtype

    def call(self, x):
        return ops.full((1, *self.value_shape), self.value, self.value_dtype)


def scatter_add(x, index, axis, size):
    """Return the sums, along an axis, of what has the same index."""
    chosen = ops.one_hot(index, size, dtype=x.dtype)
    x = ops.moveaxis(x, axis, 1)
    flat = ops.reshape(x, (-1, x.shape[1], math.prod(x.shape[2:])))
    sums = ops.matmul(ops.swapaxes(chosen, 1, 2), flat)
    return ops.moveaxis(ops.reshape(sums, (-1, size, *x.shape[2:])), 1, axis)


@keras.saving.register_keras_serializable()
class Tied(layers.Layer):
    """A fully connected layer with another layer's table or kernel, transposed if need be."""

    def __init__(self, units, source, use_bias=True, activation=None, **kwargs):
        super().__init__(**kwargs)
        self.units, self.use_bias = units, use_bias
        self.activation = keras.activations.get(activation)
        # A function, so that the other layer's weights do not count here, too.
        self.table = lambda: source.weights[0]

    def build(self, input_shape):
        self.bias = None
        if self.use_bias:
            self.bias = self.add_weight(shape=(self.units,), initializer="zeros")

    def call(self, x):
        table = self.table()
        if tuple(table.shape) != (x.shape[-1], self.units):
            table = ops.transpose(table)
        x = ops.matmul(x, table)
        return self.activation(x if self.bias is None else x + self.bias)


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


@keras.saving.register_keras_serializable()
class MixtureOfExperts(layers.Layer):
    """Sends every step to a few of many small networks, and to those that all use.

    All experts are computed; those that were not chosen count nothing.
    """

    def __init__(
        self,
        num_experts,
        units,
        top_k=2,
        shared_experts=0,
        gated=True,
        activation="silu",
        scoring="softmax",
        groups=1,
        top_k_groups=1,
        score_bias=False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.scoring, self.groups, self.top_k_groups = scoring, groups, top_k_groups
        self.has_score_bias = score_bias
        self.num_experts, self.units, self.top_k = num_experts, units, top_k
        self.shared_experts, self.gated = shared_experts, gated
        self.activation = keras.activations.get(activation)

    def build(self, input_shape):
        features, experts = input_shape[-1], self.num_experts + self.shared_experts
        self.router = self.add_weight(shape=(features, self.num_experts))
        if self.has_score_bias:
            self.score_bias = self.add_weight(
                shape=(self.num_experts,), initializer="zeros", trainable=False
            )
        self.up = self.add_weight(shape=(experts, features, self.units))
        self.gate = (
            self.add_weight(shape=(experts, features, self.units))
            if self.gated
            else None
        )
        self.down = self.add_weight(shape=(experts, self.units, features))

    def call(self, x):
        scores = ops.matmul(x, self.router)
        sigmoid = self.scoring == "sigmoid"
        late = self.scoring == "softmax_of_chosen"
        if not late:
            scores = ops.sigmoid(scores) if sigmoid else ops.softmax(scores, axis=-1)
        chosen = ops.top_k(self.choice(scores), self.top_k)[1]
        used = ops.sum(
            ops.one_hot(chosen, self.num_experts, dtype=scores.dtype), axis=-2
        )
        if late:
            scores = ops.softmax(ops.where(used > 0, scores, -1e9), axis=-1)
        scores = scores * used
        if sigmoid:
            scores = scores / ops.sum(scores, axis=-1, keepdims=True)
        hidden = self.activation(ops.einsum("...f,efu->...eu", x, self.up))
        if self.gate is not None:
            hidden = hidden * ops.einsum("...f,efu->...eu", x, self.gate)
        made = ops.einsum("...eu,euf->...ef", hidden, self.down)
        total = ops.sum(
            made[..., : self.num_experts, :] * ops.expand_dims(scores, -1), axis=-2
        )
        return total + ops.sum(made[..., self.num_experts :, :], axis=-2)

    def choice(self, scores):
        """Return what the largest are taken of: scores with their bias, of the best groups."""
        choice = scores + self.score_bias if self.has_score_bias else scores
        if self.groups == 1:
            return choice
        each = self.num_experts // self.groups
        apart = ops.reshape(choice, (-1, *choice.shape[1:-1], self.groups, each))
        most = ops.sum(ops.top_k(apart, min(2, each))[0], axis=-1)
        least = ops.top_k(most, self.top_k_groups)[0][..., -1:]
        apart = ops.where(ops.expand_dims(most >= least, -1), apart, -1e9)
        return ops.reshape(apart, (-1, *choice.shape[1:]))


@keras.saving.register_keras_serializable()
class RoIAlign(layers.Layer):
    """Samples the first map within boxes (left, top, right, bottom in positions of the map)."""

    def __init__(
        self, output_size, sampling_ratio=2, data_format="channels_last", **kwargs
    ):
        super().__init__(**kwargs)
        self.size, self.ratio, self.data_format = (
            output_size,
            sampling_ratio,
            data_format,
        )

    def call(self, inputs):
        x, boxes = inputs[0], inputs[-1]
        if self.data_format == "channels_first":
            x = ops.transpose(x, (0, 2, 3, 1))
        rows = self.shares(boxes[..., 1], boxes[..., 3], self.size[0], x.shape[1])
        columns = self.shares(boxes[..., 0], boxes[..., 2], self.size[1], x.shape[2])
        x = ops.einsum("bnrh,bhwc->bnrwc", rows, x)
        x = ops.einsum("bnsw,bnrwc->bnrsc", columns, x)
        return (
            ops.transpose(x, (0, 1, 4, 2, 3))
            if self.data_format == "channels_first"
            else x
        )

    def shares(self, start, end, count, length):
        """Return what each position of the output has of each of the map, along one axis."""
        points = (ops.arange(count * self.ratio, dtype=start.dtype) + 0.5) / (
            count * self.ratio
        )
        points = start[..., None] + (end - start)[..., None] * points - 0.5
        points = ops.clip(points, 0, length - 1)
        shares = points[..., None] - ops.arange(length, dtype=start.dtype)
        shares = ops.maximum(1 - ops.abs(shares), 0)
        shape = (-1, start.shape[1], count, self.ratio, length)
        return ops.mean(ops.reshape(shares, shape), axis=3)


@keras.saving.register_keras_serializable()
class Custom(layers.Layer):
    """A layer that its spec only counts: write what it computes."""

    def __init__(self, output_shape, params=0, buffers=0, **kwargs):
        super().__init__(**kwargs)
        self.made, self.params, self.buffers = output_shape, params, buffers

    def build(self, input_shape):
        if self.params:
            self.kernel = self.add_weight(shape=(self.params,), initializer="zeros")
        if self.buffers:
            self.buffer = self.add_weight(
                shape=(self.buffers,), initializer="zeros", trainable=False
            )

    def call(self, inputs):
        raise NotImplementedError(f"the spec does not say what '{self.name}' computes")

    def compute_output_shape(self, input_shape):
        return (input_shape[0][0], *self.made)


@keras.saving.register_keras_serializable()
class SampleGaussian(layers.Layer):
    """Draws from a normal distribution of given mean and logarithm of the variance."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.seeds = keras.random.SeedGenerator()

    def call(self, inputs):
        mean, log_variance = inputs
        noise = keras.random.normal(ops.shape(mean), seed=self.seeds)
        return mean + ops.exp(log_variance / 2) * noise

    def compute_output_shape(self, input_shape):
        return input_shape[0]


@keras.saving.register_keras_serializable()
class Cell(layers.Layer):
    """What a step of a recurrent layer weighs: its input and its state, with a bias for each."""

    gates = 1

    def __init__(self, units, biases=2, proj_size=0, **kwargs):
        super().__init__(**kwargs)
        self.units, self.biases, self.proj_size = units, biases, proj_size
        self.state_size = self.output_size = proj_size or units

    def build(self, input_shape):
        sums = self.gates * self.units
        self.kernel = self.add_weight(shape=(input_shape[-1], sums))
        self.recurrent_kernel = self.add_weight(
            shape=(self.output_size, sums), initializer="orthogonal"
        )
        self.bias = None
        if self.biases:
            self.bias = self.add_weight(shape=(self.biases, sums), initializer="zeros")
        self.projection = None
        if self.proj_size:
            self.projection = self.add_weight(shape=(self.units, self.proj_size))

    def sums(self, x, state):
        x = ops.matmul(x, self.kernel) + ops.matmul(state, self.recurrent_kernel)
        return x if self.bias is None else x + ops.sum(self.bias, axis=0)


@keras.saving.register_keras_serializable()
class SimpleRNNCell(Cell):
    """A step without gates."""

    def call(self, x, states):
        x = ops.tanh(self.sums(x, states[0]))
        return x, [x]


@keras.saving.register_keras_serializable()
class LSTMCell(Cell):
    """A step of a long short-term memory."""

    gates = 4

    def __init__(self, units, biases=2, proj_size=0, **kwargs):
        super().__init__(units, biases=biases, proj_size=proj_size, **kwargs)
        self.state_size = [self.output_size, self.units]

    def call(self, x, states):
        given, state = states
        sums = ops.split(self.sums(x, given), 4, axis=-1)
        entry, forget, output = (ops.sigmoid(sums[gate]) for gate in (0, 1, 3))
        state = forget * state + entry * ops.tanh(sums[2])
        x = output * ops.tanh(state)
        if self.projection is not None:
            x = ops.matmul(x, self.projection)
        return x, [x, state]


def selective_scan(x, delta, decay, entry, out, skip=None):
    """Return Mamba's recurrence, step by step."""
    wide = ops.expand_dims(delta, -1)
    decays = ops.exp(wide * ops.expand_dims(decay, 1))
    entries = wide * ops.expand_dims(entry, -2) * ops.expand_dims(x, -1)
    state, outputs = ops.zeros_like(entries[:, 0]), []
    for step in range(x.shape[1]):
        state = decays[:, step] * state + entries[:, step]
        found = ops.matmul(state, ops.expand_dims(out[:, step], -1))
        outputs.append(ops.squeeze(found, -1))
    x = x * ops.expand_dims(skip, 1) if skip is not None else 0
    return ops.stack(outputs, axis=1) + x


def delta_rule(q, k, v, beta, decay=None, heads=1):
    """Return what queries read of a state in which each step replaces what its key reads."""

    def apart(x):
        return ops.reshape(x, (-1, *x.shape[1:-1], heads, x.shape[-1] // heads))

    q, k, v, beta = (apart(x) for x in (q, k, v, beta))
    state, outputs = ops.zeros_like(k[:, 0, :, :, None] * v[:, 0, :, None]), []
    for step in range(v.shape[1]):
        if decay is not None:
            state = state * ops.expand_dims(apart(decay)[:, step], -1)
        seen = ops.matmul(k[:, step, :, None], state)
        new = (v[:, step, :, None] - seen) * beta[:, step, :, None]
        state = state + ops.expand_dims(k[:, step], -1) * new
        found = ops.matmul(q[:, step, :, None], state)
        outputs.append(ops.reshape(found, (-1, heads * v.shape[-1])))
    return ops.stack(outputs, axis=1)


def linear_attention(q, k, v, decay=None, bonus=None, heads=1, groups=1):
    """Return attention without a softmax: a state of keys by values, carried from step to step."""

    def apart(x, count):
        return ops.reshape(x, (-1, *x.shape[1:-1], count, x.shape[-1] // count))

    q, k = (ops.repeat(apart(x, groups), heads // groups, axis=-2) for x in (q, k))
    v = apart(v, heads)
    entries = ops.expand_dims(k, -1) * ops.expand_dims(v, -2)
    state, outputs = ops.zeros_like(entries[:, 0]), []
    if decay is not None:
        decay = decay if decay.shape[1:-1] else ops.expand_dims(decay, 1)
        decay = ops.expand_dims(apart(decay, heads), -1)
        decay = decay + ops.zeros_like(entries[..., :1])
    for step in range(v.shape[1]):
        if bonus is not None:
            seen = state + ops.expand_dims(apart(bonus, heads), -1) * entries[:, step]
        if decay is not None:
            state = state * decay[:, step]
        state = state + entries[:, step]
        seen = state if bonus is None else seen
        found = ops.matmul(ops.expand_dims(q[:, step], -2), seen)
        outputs.append(ops.reshape(found, (-1, heads * v.shape[-1])))
    return ops.stack(outputs, axis=1)


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


def one_step(recurrent, x, *states):
    """Run a recurrent layer for one step; return its states, the first of which is its output."""
    _, *last = recurrent(ops.expand_dims(x, 1), initial_state=list(states) or None)
    return last[0] if len(last) == 1 else last


def run_layers(recurrent, x, *states, return_state=True):
    """Run recurrent layers one after another; their states are stacked, of both ways in turn."""
    ends, begun = [], 0
    for layer in recurrent:
        ways = 2 if isinstance(layer, layers.Bidirectional) else 1
        several = ways * len(recurrent) > 1
        given = []
        for way in range(ways if states else 0):
            given += [state[:, begun + way] if several else state for state in states]
        x, *last = layer(x, initial_state=given or None)
        begun += ways
        kinds = len(last) // ways
        ends += [last[way * kinds : (way + 1) * kinds] for way in range(ways)]
    if not return_state:
        return x
    return x, *(ops.stack(kind, axis=1) for kind in zip(*ends, strict=True))


def max_pool(
    x, pool_size, strides, padding, dilation=None, channels_first=False, indices=False
):
    """Pool windows whose taps may stand apart, and say where each element was found."""
    first = 2 if channels_first else 1
    rank = len(pool_size)
    dilation = dilation or (1,) * rank
    lengths = x.shape[first : first + rank]
    pads = [*[(0, 0)] * first, *padding, *[(0, 0)] * (2 - first)]
    x = ops.pad(x, pads, constant_values=float("-inf"))
    counts = [
        (x.shape[first + axis] - (pool_size[axis] - 1) * dilation[axis] - 1)
        // strides[axis]
        + 1
        for axis in range(rank)
    ]
    shape = [1] * len(x.shape)
    found, place = None, None
    for tap in range(math.prod(pool_size)):
        part, here, rest = x, 0, tap
        for axis in reversed(range(rank)):
            rest, at = divmod(rest, pool_size[axis])
            start = at * dilation[axis]
            stop = start + (counts[axis] - 1) * strides[axis] + 1
            part = part[
                (slice(None),) * (first + axis) + (slice(start, stop, strides[axis]),)
            ]
            steps = ops.arange(counts[axis]) * strides[axis] + start - padding[axis][0]
            shape_of_steps = [*shape[: first + axis], -1, *shape[first + axis + 1 :]]
            here = here + ops.reshape(steps, shape_of_steps) * math.prod(
                lengths[axis + 1 :]
            )
        if found is None:
            found, place = part, ops.zeros_like(part, dtype="int32") + here
        else:
            place = ops.where(part > found, here, place)
            found = ops.maximum(found, part)
    return (found, place) if indices else found


def average_inside(x, pool_size, strides, padding, counted, channels_first=False):
    """Average what of each window lies in the map and the part of its padding that counts."""
    first, rank = (2 if channels_first else 1), len(pool_size)
    order = "channels_first" if channels_first else "channels_last"

    def mean(x, pads):
        pads = [(0, 0)] * first + pads + [(0, 0)] * (2 - first)
        return ops.average_pool(
            ops.pad(x, pads), pool_size, strides, "valid", data_format=order
        )

    sizes = [
        length + sum(pad)
        for length, pad in zip(x.shape[first : first + rank], counted, strict=True)
    ]
    ones = ops.ones((1,) * first + tuple(sizes) + (1,) * (2 - first), dtype=x.dtype)
    beyond = [
        (pad[0] - part[0], pad[1] - part[1])
        for pad, part in zip(padding, counted, strict=True)
    ]
    return mean(x, list(padding)) / mean(ones, beyond)


def resize(
    x, size, mode="nearest", align_corners=False, channels_first=False, factors=()
):
    """Interpolate a map to a size, along one axis after another."""
    first = 2 if channels_first else 1
    for axis, count in enumerate(size, first):
        length = x.shape[axis]
        step = 1 / factors[axis - first] if factors else length / count
        places = [(i + 0.5) * step - 0.5 for i in range(count)]
        if align_corners:
            places = [i * (length - 1) / max(count - 1, 1) for i in range(count)]
        places = [min(max(place, 0), length - 1) for place in places]
        if mode == "linear":
            low = [int(place) for place in places]
            high = [min(place + 1, length - 1) for place in low]
            shape = [-1 if other == axis else 1 for other in range(len(x.shape))]
            share = [place - below for place, below in zip(places, low, strict=True)]
            share = ops.reshape(ops.convert_to_tensor(share, dtype=x.dtype), shape)
            low, high = (ops.take(x, part, axis=axis) for part in (low, high))
            x = low + (high - low) * share
        else:
            exact = mode == "nearest-exact"
            half = 0.5 if exact else 0
            x = ops.take(
                x,
                [min(int((i + half) * step), length - 1) for i in range(count)],
                axis=axis,
            )
    return x


@keras.saving.register_keras_serializable()
class GlobalResponseNormalization(layers.Layer):
    """Scales each channel by its share of all channels' norms."""

    def __init__(self, epsilon=1e-6, axis=-1, **kwargs):
        super().__init__(**kwargs)
        self.epsilon, self.axis = epsilon, axis

    def build(self, shape):
        size = shape[self.axis]
        self.gamma = self.add_weight((size,), initializer="zeros", name="gamma")
        self.beta = self.add_weight((size,), initializer="zeros", name="beta")

    def call(self, x):
        rank = len(x.shape)
        axis = self.axis % rank
        places = [place for place in range(1, rank) if place != axis]
        norms = ops.sqrt(ops.sum(ops.square(x), axis=places, keepdims=True))
        shares = norms / (ops.mean(norms, axis=axis, keepdims=True) + self.epsilon)
        shape = [-1 if place == axis else 1 for place in range(rank)]
        gamma, beta = (ops.reshape(part, shape) for part in (self.gamma, self.beta))
        return gamma * (x * shares) + beta + x

    def get_config(self):
        return {**super().get_config(), "epsilon": self.epsilon, "axis": self.axis}


def shuffle_pixels(x, factor, channels_first=False):
    """Make a map larger along all its axes by as much as its channels become fewer."""
    rank = len(x.shape) - 2
    if not channels_first:
        x = ops.moveaxis(x, -1, 1)
    _, channels, *lengths = x.shape
    x = ops.reshape(x, (-1, channels // factor**rank, *[factor] * rank, *lengths))
    order = [axis + more for axis in range(2, rank + 2) for more in (rank, 0)]
    x = ops.transpose(x, (0, 1, *order))
    sizes = [length * factor for length in lengths]
    x = ops.reshape(x, (-1, channels // factor**rank, *sizes))
    return x if channels_first else ops.moveaxis(x, 1, -1)


def unshuffle_pixels(x, factor, channels_first=False):
    """Make channels of the positions of every cube of a map."""
    rank = len(x.shape) - 2
    if not channels_first:
        x = ops.moveaxis(x, -1, 1)
    _, channels, *lengths = x.shape
    apart = [size for length in lengths for size in (length // factor, factor)]
    x = ops.reshape(x, (-1, channels, *apart))
    order = [*range(3, 2 * rank + 2, 2), *range(2, 2 * rank + 2, 2)]
    x = ops.transpose(x, (0, 1, *order))
    sizes = [length // factor for length in lengths]
    x = ops.reshape(x, (-1, channels * factor**rank, *sizes))
    return x if channels_first else ops.moveaxis(x, 1, -1)


def patches_of(x, kernel_size, strides, padding, dilation, channels_first=False):
    """Return the patches of a map, the positions of each channel side by side."""
    if not channels_first:
        x = ops.moveaxis(x, -1, 1)
    x = ops.pad(x, ((0, 0), (0, 0), *((side, side) for side in padding)))
    counts = [
        (length - (size - 1) * rate - 1) // stride + 1
        for length, size, rate, stride in zip(
            x.shape[2:], kernel_size, dilation, strides, strict=True
        )
    ]
    parts = []
    for tap in range(kernel_size[0] * kernel_size[1]):
        part = x
        for axis, at in enumerate(divmod(tap, kernel_size[1])):
            places = range(counts[axis])
            start, step = at * dilation[axis], strides[axis]
            part = ops.take(part, [start + i * step for i in places], axis=axis + 2)
        parts.append(ops.reshape(part, (-1, x.shape[1], 1, counts[0] * counts[1])))
    x = ops.concatenate(parts, axis=2)
    x = ops.reshape(x, (-1, x.shape[1] * x.shape[2], x.shape[3]))
    return x if channels_first else ops.transpose(x, (0, 2, 1))


@keras.saving.register_keras_serializable()
class Bilinear(layers.Layer):
    """Weighs all products of a feature of one input and one of the other."""

    def __init__(self, units, use_bias=True, **kwargs):
        super().__init__(**kwargs)
        self.units, self.use_bias = units, use_bias

    def build(self, shapes):
        first, second = (shape[-1] for shape in shapes)
        self.kernel = self.add_weight((self.units, first, second), name="kernel")
        if self.use_bias:
            self.bias = self.add_weight((self.units,), initializer="zeros", name="bias")

    def call(self, inputs):
        first, second = inputs
        x = ops.einsum("...i,oij,...j->...o", first, self.kernel, second)
        return x + self.bias if self.use_bias else x

    def get_config(self):
        own = {"units": self.units, "use_bias": self.use_bias}
        return {**super().get_config(), **own}


def pad_around(x, padding, mode, first=1):
    """Put what is there around a map: mirrored, its ends again, or its other end."""
    for axis, (before, after) in enumerate(padding, first):
        length = x.shape[axis]
        places = range(-before, length + after)
        if mode == "circular":
            places = [place % length for place in places]
        elif mode == "reflect":
            places = [length - 1 - abs(length - 1 - abs(place)) for place in places]
        else:
            places = [min(max(place, 0), length - 1) for place in places]
        x = ops.take(x, places, axis=axis)
    return x


def bounded_relu(x, max_value, negative_slope, threshold):
    """Return a ReLU with a bound, a threshold, and a slope below it."""
    x = ops.where(x >= threshold, x, negative_slope * (x - threshold))
    return x if max_value is None else ops.minimum(x, max_value)


def local_response(x, size, alpha, beta, k, axis=-1):
    """Divide by the activity of neighboring channels."""
    x = ops.moveaxis(x, axis, -1)
    before, channels = size // 2, x.shape[-1]
    pads = [(0, 0)] * (len(x.shape) - 1) + [(before, size - 1 - before)]
    squares = ops.pad(ops.square(x), pads)
    total = sum(squares[..., shift : shift + channels] for shift in range(size))
    return ops.moveaxis(x / (k + alpha / size * total) ** beta, -1, axis)


def rotate(x, dim):
    """Rotate pairs of features, in heads of `dim`, by angles that grow with the step."""
    steps, features = x.shape[-2:]
    frequencies = 10_000.0 ** (-ops.arange(0, dim, 2, dtype=x.dtype) / dim)
    angles = ops.arange(steps, dtype=x.dtype)[:, None] * frequencies[None]
    angles = ops.tile(angles, (1, 2 * (features // dim)))
    heads = ops.reshape(x, (-1, *x.shape[1:-1], features // dim, 2, dim // 2))
    one, other = heads[..., 0, :], heads[..., 1, :]
    turned = ops.concatenate([-other, one], axis=-1)
    turned = ops.reshape(turned, (-1, *x.shape[1:]))
    return x * ops.cos(angles) + turned * ops.sin(angles)


def sinusoids(x, dim):
    """Return sines and cosines of numbers at `dim / 2` frequencies."""
    pairs = dim // 2
    frequencies = 10_000.0 ** (-ops.arange(pairs, dtype="float32") / pairs)
    angles = ops.expand_dims(ops.cast(x, "float32"), -1) * frequencies
    return ops.concatenate([ops.sin(angles), ops.cos(angles)], axis=-1)


def top_k(x, k, axis=-1, largest=True):
    """Return the largest elements along an axis, or the smallest, and where they were."""
    sign = 1 if largest else -1
    values, places = ops.top_k(sign * ops.moveaxis(x, axis, -1), k)
    return sign * ops.moveaxis(values, -1, axis), ops.moveaxis(places, -1, axis)


def windows_of(x, size):
    """Cut a map into windows, each a sequence; padded at its end where it is no multiple."""
    _, height, width, channels = x.shape
    x = ops.pad(x, ((0, 0), (0, -height % size), (0, -width % size), (0, 0)))
    rows, columns = x.shape[1] // size, x.shape[2] // size
    x = ops.reshape(x, (-1, rows, size, columns, size, channels))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    return ops.reshape(x, (-1, rows * columns, size * size, channels))


def map_of(x, height, width, size):
    """Put windows together to a map; padding is cut off."""
    rows, columns = -(-height // size), -(-width // size)
    x = ops.reshape(x, (-1, rows, columns, size, size, x.shape[-1]))
    x = ops.transpose(x, (0, 1, 3, 2, 4, 5))
    x = ops.reshape(x, (-1, rows * size, columns * size, x.shape[-1]))
    return x[:, :height, :width]


def channel_shuffle(x, groups, channels_first=False):
    """Interleave the channels of groups."""
    if channels_first:
        _, channels, height, width = x.shape
        x = ops.reshape(x, (-1, groups, channels // groups, height, width))
        x = ops.transpose(x, (0, 2, 1, 3, 4))
        return ops.reshape(x, (-1, channels, height, width))
    _, height, width, channels = x.shape
    x = ops.reshape(x, (-1, height, width, groups, channels // groups))
    x = ops.transpose(x, (0, 1, 2, 4, 3))
    return ops.reshape(x, (-1, height, width, channels))


def pixel_shuffle(x, factor, channels_first=False):
    """Make a map larger by as much as its channels become fewer."""
    if not channels_first:
        x = ops.transpose(x, (0, 3, 1, 2))
    _, channels, height, width = x.shape
    channels = channels // factor**2
    x = ops.reshape(x, (-1, channels, factor, factor, height, width))
    x = ops.transpose(x, (0, 1, 4, 2, 5, 3))
    x = ops.reshape(x, (-1, channels, height * factor, width * factor))
    return x if channels_first else ops.transpose(x, (0, 2, 3, 1))


def pixel_unshuffle(x, factor, channels_first=False):
    """Make channels of the positions of every square."""
    if not channels_first:
        x = ops.transpose(x, (0, 3, 1, 2))
    _, channels, height, width = x.shape
    x = ops.reshape(
        x, (-1, channels, height // factor, factor, width // factor, factor)
    )
    x = ops.transpose(x, (0, 1, 3, 5, 2, 4))
    x = ops.reshape(x, (-1, channels * factor**2, height // factor, width // factor))
    return x if channels_first else ops.transpose(x, (0, 2, 3, 1))
