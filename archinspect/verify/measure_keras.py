"""Measure an exported Keras model: run by the Python that has keras, with jobs on its input.

`python measure_keras.py < jobs.json > figures.json`. A job has `text`, the program's source, `name`, the function that
makes the model, `batch`, and `stubs`, layers of which nothing is known but shape and type of each output. Where it has
`numbers`, values are computed: `inputs`, `weights` of layers by name, `steps`, further layers that have those of one,
and `wanted`, the layers. The backend is that of KERAS_BACKEND or of Keras's own settings, else one that is installed.
The model is built without numbers: a stateless scope makes no weight before something reads it. It imports nothing but
keras and Python's own library.
"""

import json
import os
import sys
import warnings
from importlib.util import find_spec
from math import prod

BACKENDS = {"tensorflow": "tensorflow", "torch": "torch", "jax": "jax"}
"""Keras's backends that can be any, each with the package that it needs; its own default first."""


def choose_backend():
    """Name a backend that is there, where KERAS_BACKEND names none; Keras's settings name one even if it is not."""
    if "KERAS_BACKEND" in os.environ:
        return
    home = os.environ.get("KERAS_HOME", os.path.expanduser("~/.keras"))
    try:
        with open(os.path.join(home, "keras.json"), encoding="utf-8") as settings:
            wanted = json.load(settings)["backend"]
    except (OSError, ValueError, KeyError, TypeError):
        wanted = "tensorflow"
    found = next((name for name in (wanted, *BACKENDS) if find_spec(BACKENDS.get(name, name))), None)
    if found:
        os.environ["KERAS_BACKEND"] = found


def of_batch(make, batch):
    """Return the function that makes inputs, with this batch for those that leave it open."""

    def made(shape=None, batch_shape=None, **options):
        return make(batch_shape=batch_shape or (batch, *shape), **options)

    return made


def first(value):
    """Return the first of several values."""
    while isinstance(value, (list, tuple, dict)):
        value = next(iter(value.values())) if isinstance(value, dict) else value[0]
    return value


def build(keras, job):
    """Return the model, and the first output of each of its layers, and of each value that its text observes."""
    noted = {}

    def observe(name, value):
        noted.setdefault(name, first(value))
        return value

    names = {"__name__": "exported", "observe": observe}
    exec(compile(job["text"], "<exported>", "exec"), names)
    names["Custom"] = stub(keras, job["stubs"])
    make = keras.Input
    keras.Input = of_batch(make, job["batch"])
    try:
        model = names[job["name"]]()
    finally:
        keras.Input = make
    for layer in model.layers:
        if layer.name not in noted:
            noted[layer.name] = first(layer.output)
    return model, noted


def stub(keras, outputs):
    """Return a layer of which nothing is known but what it gives: shape and type of each output, by its name."""

    class Stub(keras.layers.Layer):
        def __init__(self, *_said, name, **_options):
            super().__init__(name=name)

        def compute_output_spec(self, _inputs):
            types = [(shape, None if dtype == "float" else dtype) for shape, dtype in outputs[self.name]]
            made = [keras.KerasTensor(tuple(shape), dtype or self.compute_dtype) for shape, dtype in types]
            return made if len(made) > 1 else made[0]

    return Stub


def count(variables):
    """Return the elements of variables; where random numbers start from is no weight."""
    return sum(prod(variable.shape) for variable in variables if "seed" not in variable.path.rpartition("/")[2])


def measure(job):
    """Return the figures of a job."""
    import keras

    with keras.StatelessScope(initialize_variables=False):
        model, noted = build(keras, job)
        return {
            "version": f"{keras.__version__} with {keras.backend.backend()}",
            "weights": count(model.weights),
            "trainable": count(model.trainable_weights),
            "outputs": [list(output.shape) for output in model.outputs],
            "shapes": {name: list(value.shape) for name, value in noted.items()},
            "layer_weights": {layer.name: count(layer.weights) for layer in model.layers},
        }


def computed(job):
    """Return the values of layers, computed with the numbers of the job."""
    import keras

    numbers = job["numbers"]
    model, noted = build(keras, job)
    for layer, of in [*numbers["steps"], *((name, name) for name in numbers["weights"])]:
        weights = numbers["weights"][of]
        for variable in model.get_layer(layer).weights if layer in {one.name for one in model.layers} else ():
            name = variable.path.rpartition("/")[2]
            if name in weights:
                variable.assign(keras.ops.convert_to_tensor(weights[name], dtype=variable.dtype))
    given = [
        keras.ops.convert_to_tensor(values, dtype=tensor.dtype)
        for values, tensor in zip(numbers["inputs"], model.inputs, strict=True)
    ]
    made = keras.Model(model.inputs, [noted[name] for name in numbers["wanted"]])(given)
    arrays = [keras.ops.convert_to_numpy(array).tolist() for array in made]
    values = dict(zip(numbers["wanted"], arrays, strict=True))
    return {"values": values, "computed_by": f"Keras with {keras.backend.backend()}"}


def answer(job):
    """Return the figures of a job, or what Keras says against it."""
    try:
        return computed(job) if "numbers" in job else measure(job)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    """Read the jobs, write the figures of each."""
    warnings.simplefilter("ignore")
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as out:
        os.dup2(2, 1)  # whatever a program prints is no part of the answer
        choose_backend()
        import keras  # noqa: F401 - that it is missing is no error of the program's

        json.dump([answer(job) for job in json.load(sys.stdin)], out)


if __name__ == "__main__":
    main()
