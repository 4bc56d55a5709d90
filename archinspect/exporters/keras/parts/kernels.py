"""Layers whose kernel is made of other weights in each pass."""

import math

import keras
from keras import layers, ops


@keras.saving.register_keras_serializable()
class MadeKernel(layers.Wrapper):
    """Runs a layer with a kernel that `make` makes of its own; along `axis` are its outputs."""

    def __init__(self, layer, axis=-1, **kwargs):
        super().__init__(layer, **kwargs)
        self.axis = axis

    def call(self, x):
        kernel = self.layer.kernel
        made = self.make(kernel)
        state = [(v, made if v is kernel else v.value) for v in self.layer.variables]
        with keras.StatelessScope(state):
            return self.layer(x)

    def rows(self):
        """Return the sizes of the axes of outputs, those of others as 1, and which the others are."""
        shape = self.layer.kernel.shape
        axes = self.axis if isinstance(self.axis, (tuple, list)) else (self.axis,)
        own = {axis % len(shape) for axis in axes}
        others = [axis for axis in range(len(shape)) if axis not in own]
        return [
            1 if axis in others else size for axis, size in enumerate(shape)
        ], others

    def get_config(self):
        return {**super().get_config(), "axis": self.axis}


@keras.saving.register_keras_serializable()
class WeightNorm(MadeKernel):
    """Runs a layer whose kernel is a direction, with a learned length for each output."""

    def build(self, input_shape):
        super().build(input_shape)
        self.magnitude = self.add_weight(self.rows()[0], "ones", name="magnitude")

    def make(self, kernel):
        """Return the kernel with the lengths."""
        squares = ops.sum(ops.square(kernel), axis=self.rows()[1], keepdims=True)
        return kernel * (self.magnitude / ops.sqrt(squares))


@keras.saving.register_keras_serializable()
class WeightStandardization(MadeKernel):
    """Runs a layer whose kernel has mean 0 and deviation 1 for each output, and maybe a learned factor."""

    def __init__(self, layer, gain=False, gamma=1.0, epsilon=1e-6, axis=-1, **kwargs):
        super().__init__(layer, axis, **kwargs)
        self.has_gain, self.gamma, self.epsilon = gain, gamma, epsilon

    def build(self, input_shape):
        super().build(input_shape)
        if self.has_gain:
            self.gain = self.add_weight(self.rows()[0], "ones", name="gain")

    def make(self, kernel):
        """Return the kernel as it is standardized."""
        rows, others = self.rows()
        mean, variance = ops.moments(kernel, others, keepdims=True)
        made = (kernel - mean) * ops.rsqrt(variance + self.epsilon)
        if not self.has_gain:
            return made
        fan_in = ops.size(kernel) // math.prod(rows)
        return made * (self.gain * (self.gamma * fan_in**-0.5))

    def get_config(self):
        own = {"gain": self.has_gain, "gamma": self.gamma, "epsilon": self.epsilon}
        return {**super().get_config(), **own}


@keras.saving.register_keras_serializable()
class SpectralNorm(MadeKernel):
    """Runs a layer whose kernel is divided by its largest singular value, which two vectors follow in training."""

    def __init__(self, layer, power_iterations=1, axis=-1, **kwargs):
        super().__init__(layer, axis, **kwargs)
        self.power_iterations = power_iterations

    def build(self, input_shape):
        super().build(input_shape)
        rows, others = self.rows()
        columns = [
            size if axis in others else 1
            for axis, size in enumerate(self.layer.kernel.shape)
        ]
        self.u = self.add_weight(rows, "random_normal", trainable=False, name="u")
        self.v = self.add_weight(columns, "random_normal", trainable=False, name="v")

    def call(self, x, training=None):
        if training:
            for _ in range(self.power_iterations):
                kernel = ops.stop_gradient(self.layer.kernel)
                self.v.assign(self.direction(kernel * self.u, self.v))
                self.u.assign(self.direction(kernel * self.v, self.u))
        return super().call(x)

    def direction(self, products, vector):
        """Return sums of products that lie as a vector does, divided by their length."""
        axes = [axis for axis, size in enumerate(vector.shape) if size == 1]
        sums = ops.sum(products, axis=axes, keepdims=True)
        return sums / ops.sqrt(ops.sum(ops.square(sums)) + 1e-12)

    def make(self, kernel):
        """Return the kernel divided by the value."""
        return kernel / ops.sum(kernel * self.u * self.v)

    def get_config(self):
        return {**super().get_config(), "power_iterations": self.power_iterations}
