"""Recurrence: cells, scans, runs of layers."""

import keras
from keras import layers, ops


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
