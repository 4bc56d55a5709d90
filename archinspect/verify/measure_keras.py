"""Measure an exported Keras model: run by the Python that has keras, with jobs on its input.

`python measure_keras.py < jobs.json > figures.json`. A job has `text`, the program's source, `name`, the function that
makes the model, and `batch`. The backend is that of KERAS_BACKEND or of Keras's own settings, else one that is
installed. The model is built without numbers: a stateless scope makes no weight before something reads it. It imports
nothing but keras and Python's own library.
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


def build(keras, job, noted):
    """Return the model; the shapes that its text observes are put into `noted`."""

    def observe(name, value):
        noted.setdefault(name, list(first(value).shape))
        return value

    names = {"__name__": "exported", "observe": observe}
    exec(compile(job["text"], "<exported>", "exec"), names)
    make = keras.Input
    keras.Input = of_batch(make, job["batch"])
    try:
        return names[job["name"]]()
    finally:
        keras.Input = make


def count(variables):
    """Return the elements of variables; where random numbers start from is no weight."""
    return sum(prod(variable.shape) for variable in variables if "seed" not in variable.path.rpartition("/")[2])


def measure(job):
    """Return the figures of a job."""
    import keras

    noted = {}
    with keras.StatelessScope(initialize_variables=False):
        model = build(keras, job, noted)
        for layer in model.layers:
            if layer.name not in noted:
                noted[layer.name] = list(first(layer.output).shape)
        return {
            "version": f"{keras.__version__} with {keras.backend.backend()}",
            "weights": count(model.weights),
            "trainable": count(model.trainable_weights),
            "outputs": [list(output.shape) for output in model.outputs],
            "shapes": noted,
            "layer_weights": {layer.name: count(layer.weights) for layer in model.layers},
        }


def answer(job):
    """Return the figures of a job, or what Keras says against it."""
    try:
        return measure(job)
    except Exception as error:
        return {"error": f"{type(error).__name__}: {error}"}


def main():
    """Read the jobs, write the figures of each."""
    warnings.simplefilter("ignore")
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)  # whatever a program prints is no part of the answer
    choose_backend()
    import keras  # noqa: F401 - that it is missing is no error of the program's

    json.dump([answer(job) for job in json.load(sys.stdin)], out)


if __name__ == "__main__":
    main()
