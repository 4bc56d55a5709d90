"""Layers with weights or values of their own."""

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
class FurtherStep(layers.Layer):
    """Puts a learned step after those of keys or values, or one of zeros, or both."""

    def __init__(self, learned=False, zeros=False, **kwargs):
        super().__init__(**kwargs)
        self.learned, self.zeros = learned, zeros

    def build(self, input_shape):
        if self.learned:
            self.step = self.add_weight((input_shape[-1],), "zeros")

    def call(self, x):
        zeros = ops.zeros_like(x[..., :1, :])
        more = [zeros + self.step] if self.learned else []
        more += [zeros] if self.zeros else []
        return ops.concatenate([x, *more], axis=-2)

    def get_config(self):
        own = {"learned": self.learned, "zeros": self.zeros}
        return {**super().get_config(), **own}


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
class Keep(layers.Layer):
    """Gives its first input; what makes the others stays in the model, though no output needs it."""

    def call(self, inputs):
        return inputs[0]


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
class RotaryTables(layers.Layer):
    """Cosines and sines of angles that grow with the step, the same for every sample."""

    def __init__(self, dim, **kwargs):
        super().__init__(**kwargs)
        self.dim = dim

    def call(self, x):
        speeds = 10_000.0 ** (-ops.arange(0, self.dim, 2, dtype="float32") / self.dim)
        angles = ops.arange(x.shape[1], dtype="float32")[:, None] * speeds
        angles = ops.tile(angles, (1, 2))[None]
        tables = ops.cos(angles), ops.sin(angles)
        return tuple(ops.cast(table, self.compute_dtype) for table in tables)


@keras.saving.register_keras_serializable()
class Fill(layers.Layer):
    """One number, the same for every sample; its input only places it in the model."""

    def __init__(self, shape, value, value_dtype, **kwargs):
        super().__init__(**kwargs)
        self.value_shape, self.value, self.value_dtype = shape, value, value_dtype

    def call(self, x):
        return ops.full((1, *self.value_shape), self.value, self.value_dtype)


def each_sample(x, like):
    """Repeat what is the same for all samples for each sample of another tensor."""
    blank = ops.reshape(ops.zeros_like(like), (-1, math.prod(like.shape[1:])))[:, :1]
    blank = ops.reshape(blank, (-1, *[1] * (len(x.shape) - 1)))
    return x + ops.cast(blank, x.dtype)


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
