"""Keras models written by hand, as `model.to_json()` of its versions writes them, and what holds them."""

from __future__ import annotations

import io
import json
import struct
import zipfile

HDF5 = b"\x89HDF\r\n\x1a\n"


def tensor(layer, shape, call=0, output=0):
    """A tensor as Keras 3 has it among the arguments of a call."""
    config = {"shape": [None, *shape], "dtype": "float32", "keras_history": [layer, call, output]}
    return {"class_name": "__keras_tensor__", "config": config}


def layer(kind, name, *reads, module="keras.layers", calls=None, **config):
    """A layer of Keras 3, called once with these arguments, or as `calls` says."""
    nodes = [{"args": list(args), "kwargs": {}} for args in (calls or ([reads] if reads else []))]
    own = {"name": name, "trainable": True, "dtype": {"class_name": "DTypePolicy", "config": {"name": "float32"}}}
    if "ops" in module:
        own = {"name": name}
    return {"module": module, "class_name": kind, "config": {**own, **config}, "name": name, "inbound_nodes": nodes}


def entry(name, *shape):
    """An input of Keras 3."""
    config = {"batch_shape": [None, *shape], "dtype": "float32", "sparse": False, "name": name}
    return {
        "module": "keras.layers",
        "class_name": "InputLayer",
        "config": config,
        "name": name,
        "inbound_nodes": [],
    }


def functional(layers, inputs, outputs, name="functional", **config):
    """A functional model of Keras 3."""
    return {
        "module": "keras.src.models.functional",
        "class_name": "Functional",
        "config": {
            "name": name,
            "trainable": True,
            "layers": layers,
            "input_layers": [[one, 0, 0] for one in inputs],
            "output_layers": [[one, 0, 0] if isinstance(one, str) else one for one in outputs],
            **config,
        },
    }


def digits():
    """A functional model with a skip connection: 8x8 pictures, ten classes."""
    return functional(
        [
            entry("image", 8, 8, 1),
            layer(
                "Conv2D",
                "conv",
                tensor("image", (8, 8, 1)),
                filters=4,
                kernel_size=[3, 3],
                padding="same",
                activation="relu",
            ),
            layer("BatchNormalization", "norm", tensor("conv", (8, 8, 4)), axis=-1, momentum=0.99, epsilon=0.001),
            layer("Add", "add", [tensor("norm", (8, 8, 4)), tensor("conv", (8, 8, 4))]),
            layer("GlobalAveragePooling2D", "pool", tensor("add", (8, 8, 4)), keepdims=False),
            layer("Dense", "head", tensor("pool", (4,)), units=10, activation="softmax", use_bias=True),
        ],
        ["image"],
        ["head"],
        name="digits",
    )


def chain(*layers, version="2.4.0", name="chain"):
    """A Sequential of Keras 2; a layer is its class and its arguments."""
    made = [{"class_name": kind, "config": {"trainable": True, **config}} for kind, config in layers]
    return {
        "class_name": "Sequential",
        "config": {"name": name, "layers": made},
        "keras_version": version,
        "backend": "tensorflow",
    }


def zipped(model, version="3.15.0", weights=HDF5):
    """A `.keras` file."""
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as found:
        found.writestr("metadata.json", json.dumps({"keras_version": version}))
        found.writestr("config.json", json.dumps(model))
        found.writestr("model.weights.h5", weights)
    return data.getvalue()


def hdf5_groups(inside):
    """An HDF5 file of groups alone: dicts of what is in each, as h5py writes them."""
    blob = bytearray(HDF5 + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + struct.pack("<HHI", 4, 16, 0) + bytes(72))

    def put(data):
        blob.extend(data)
        return len(blob) - len(data)

    def group(inside):
        names = b"".join(name.encode() + b"\0" for name in inside)
        starts = [names.index(name.encode() + b"\0") for name in inside]
        links = [(start, group(held)) for start, held in zip(starts, inside.values(), strict=True)]
        heap = put(struct.pack("<4s4xQQQ", b"HEAP", len(names), 0, len(blob) + 32) + names)
        entries = b"".join(struct.pack("<QQ24x", *link) for link in links)
        leaf = put(struct.pack("<4sBBH", b"SNOD", 1, 0, len(links)) + entries)
        tree = put(struct.pack("<4sBBHQQQQQ", b"TREE", 0, 0, 1, 2**64 - 1, 2**64 - 1, 0, leaf, 0))
        return put(struct.pack("<BBHII4x", 1, 0, 1, 1, 24) + struct.pack("<HHB3xQQ", 0x11, 16, 0, tree, heap))

    root = group(inside)
    blob[24:56] = struct.pack("<QQQQ", 0, 2**64 - 1, len(blob), 2**64 - 1)
    blob[56:72] = struct.pack("<QQ", 0, root)
    return bytes(blob)


def hdf5(attributes, *, second=False):
    """An HDF5 file whose root has these texts as attributes, with headers of the first version or the second.

    The first has texts of variable length in the global heap, as h5py writes them; the second has them in place.
    """
    return _second(attributes) if second else _first(attributes)


def _first(attributes):
    heap = b"".join(
        struct.pack("<HH4xQ", at, 1, len(text)) + text + bytes(-len(text) % 8)
        for at, text in enumerate((text.encode() for text in attributes.values()), 1)
    )
    heap += bytes(16)
    space = bytes([1, 0, 0, 0, 0, 0, 0, 0])
    kind = struct.pack("<BBBBI", 0x19, 1, 0, 0, 16) + struct.pack("<BBBBI", 0x10, 0, 0, 0, 1) + bytes(8)
    messages, root, count = b"", 96, 0
    for at, (name, text) in enumerate(attributes.items(), 1):
        named = name.encode() + b"\0"
        named += bytes(-len(named) % 8)
        value = struct.pack("<IQI", len(text.encode()), 0, at)
        body = struct.pack("<BBHHH", 1, 0, len(name) + 1, len(kind), len(space)) + named + kind + space + value
        body += bytes(-len(body) % 8)
        messages += struct.pack("<HHB3x", 0x0C, len(body), 0) + body
        count += 1
    header = struct.pack("<BBHII4x", 1, 0, count, 1, len(messages))
    place = root + len(header) + len(messages)
    # The address of the heap stands behind the length of each text.
    for at, text in enumerate(attributes.values(), 1):
        old = struct.pack("<IQI", len(text.encode()), 0, at)
        messages = messages.replace(old, struct.pack("<IQI", len(text.encode()), place, at))
    start = HDF5 + bytes([0, 0, 0, 0, 0, 8, 8, 0]) + struct.pack("<HHI", 4, 16, 0)
    start += struct.pack("<QQQQ", 0, 2**64 - 1, place + 16 + len(heap), 2**64 - 1)
    start += struct.pack("<QQII16x", 0, root, 0, 0)
    assert len(start) == root
    return start + header + messages + b"GCOL" + struct.pack("<B3xQ", 1, 16 + len(heap)) + heap


def _second(attributes):
    messages = b""
    for name, text in attributes.items():
        value = text.encode()
        kind = struct.pack("<BBBBI", 0x13, 0, 0, 0, len(value))
        space = bytes([2, 0, 0, 0])
        body = struct.pack("<BBHHHB", 3, 0, len(name) + 1, len(kind), len(space), 0)
        body += name.encode() + b"\0" + kind + space + value
        messages += struct.pack("<BHB", 0x0C, len(body), 0) + body
    header = b"OHDR" + bytes([2, 2]) + struct.pack("<I", len(messages)) + messages + bytes(4)
    start = HDF5 + bytes([2, 8, 8, 0]) + struct.pack("<QQQQI", 0, 2**64 - 1, 48 + len(header), 48, 0)
    return start + header
