"""Experts, boxes, samples, and what a spec leaves open."""

import keras
from keras import layers, ops


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
        use_bias=False,
        limit=None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.use_bias, self.limit = use_bias, limit
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
        if self.gated:
            self.gate = self.add_weight(shape=(experts, features, self.units))
        self.down = self.add_weight(shape=(experts, self.units, features))
        if self.use_bias:
            self.router_bias = self.add_weight((self.num_experts,), "zeros")
            self.up_bias = self.add_weight((experts, self.units), "zeros")
            if self.gated:
                self.gate_bias = self.add_weight((experts, self.units), "zeros")
            self.down_bias = self.add_weight((experts, features), "zeros")

    def call(self, x):
        scores = ops.matmul(x, self.router)
        scores = scores + self.router_bias if self.use_bias else scores
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
        made = self.compute_experts(x)
        total = ops.sum(
            made[..., : self.num_experts, :] * ops.expand_dims(scores, -1), axis=-2
        )
        return total + ops.sum(made[..., self.num_experts :, :], axis=-2)

    def compute_experts(self, x):
        """Return what each expert makes."""
        hidden = ops.einsum("...f,efu->...eu", x, self.up)
        hidden = hidden + self.up_bias if self.use_bias else hidden
        if self.limit is not None:
            hidden = ops.minimum(hidden, self.limit)
        hidden = self.activation(hidden)
        if self.gated:
            gate = ops.einsum("...f,efu->...eu", x, self.gate)
            gate = gate + self.gate_bias if self.use_bias else gate
            if self.limit is not None:
                gate = ops.clip(gate, -self.limit, self.limit) + 1
            hidden = hidden * gate
        made = ops.einsum("...eu,euf->...ef", hidden, self.down)
        return made + self.down_bias if self.use_bias else made

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
