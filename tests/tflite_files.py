"""TensorFlow Lite models written by hand: FlatBuffers of a few tensors and operators."""

from __future__ import annotations

import struct

from archinspect.importers.tflite.names import NAMES

NUMBERS = {"byte": ("<b", 1), "int": ("<i", 4), "uint": ("<I", 4), "float": ("<f", 4)}


def flatbuffer(root):
    """A table and all that it refers to: fields by number, each `(kind, value)`."""
    data = bytearray(b"\0\0\0\0TFL3")
    data[:4] = struct.pack("<I", _table(root, data))
    return bytes(data)


def _table(fields, data):
    """Append a table, then what it refers to; return its place."""
    data += bytes(-len(data) % 4)
    count = max(fields, default=-1) + 1
    start = len(data)
    data += bytes(4 + 2 * count)
    data += bytes(-len(data) % 4)
    place = len(data)
    data += struct.pack("<i", place - start)
    waiting = []
    for field, (kind, value) in fields.items():
        struct.pack_into("<H", data, start + 4 + 2 * field, len(data) - place)
        if kind in NUMBERS:
            data += struct.pack(NUMBERS[kind][0], value) + bytes(-NUMBERS[kind][1] % 4)
        else:
            waiting.append((len(data), kind, value))
            data += bytes(4)
    struct.pack_into("<HH", data, start, 4 + 2 * count, len(data) - place)
    for at, kind, value in waiting:
        struct.pack_into("<I", data, at, _child(kind, value, data) - at)
    return place


def _child(kind, value, data):
    if kind == "table":
        return _table(value, data)
    data += bytes(-len(data) % 4)
    place = len(data)
    if kind == "tables":
        data += struct.pack("<I", len(value)) + bytes(4 * len(value))
        for number, one in enumerate(value):
            at = place + 4 + 4 * number
            struct.pack_into("<I", data, at, _table(one, data) - at)
    elif kind == "ints":
        data += struct.pack(f"<I{len(value)}i", len(value), *value)
    else:
        data += struct.pack("<I", len(value)) + value + b"\0"
    return place


def model(tensors, operators, inputs, outputs):
    """A model: tensors as (name, shape, type, constant, signature), operators as (name, reads, gives, options).

    A constant is bytes, or None; types are the schema's: 0 float, 2 int32, 9 int8.
    """
    kinds = list(dict.fromkeys(kind for kind, *_ in operators))
    buffers: list[dict] = [{}] + [{} if one[3] is None else {0: ("bytes", one[3])} for one in tensors]
    return flatbuffer(
        {
            0: ("int", 3),
            1: ("tables", [_code(kind) for kind in kinds]),
            2: (
                "tables",
                [
                    {
                        0: (
                            "tables",
                            [_tensor(at, *one) for at, one in enumerate(tensors, 1)],
                        ),
                        1: ("ints", inputs),
                        2: ("ints", outputs),
                        3: (
                            "tables",
                            [
                                {
                                    0: ("uint", kinds.index(kind)),
                                    1: ("ints", reads),
                                    2: ("ints", gives),
                                    4: ("table", options),
                                }
                                for kind, reads, gives, options in operators
                            ],
                        ),
                    }
                ],
            ),
            4: ("tables", buffers),
        }
    )


def _tensor(at, name, shape, kind, _, signature=()):
    own = {7: ("ints", signature)} if signature else {}
    return {0: ("ints", shape), 1: ("byte", kind), 2: ("uint", at), 3: ("text", name.encode()), **own}


def _code(kind):
    if kind in NAMES:
        return {0: ("byte", min(NAMES.index(kind), 127)), 3: ("int", NAMES.index(kind))}
    return {0: ("byte", 32), 1: ("text", kind.encode()), 3: ("int", 32)}


def ints(*values):
    """Whole numbers as a constant."""
    return struct.pack(f"<{len(values)}i", *values)


def digits(kind=0):
    """A model of 8x8 pictures: a convolution, a skip connection, ten classes; weights of this type."""
    width = 1 if kind else 4
    return model(
        [
            ("image", [1, 8, 8, 1], kind, None),
            ("net/conv/kernel", [4, 3, 3, 1], kind, bytes(36 * width)),
            ("net/conv/bias", [4], 2 if kind else 0, bytes(16)),
            ("net/conv/Relu;net/conv/BiasAdd", [1, 8, 8, 4], kind, None),
            ("net/depth/kernel", [1, 3, 3, 4], kind, bytes(36 * width)),
            ("net/depth", [1, 8, 8, 4], kind, None),
            ("net/add", [1, 8, 8, 4], kind, None),
            ("axes", [2], 2, ints(1, 2)),
            ("net/mean", [1, 4], kind, None),
            ("net/head/kernel", [10, 4], kind, bytes(40 * width)),
            ("net/head", [1, 10], kind, None),
        ],
        [
            ("CONV_2D", [0, 1, 2], [3], {0: ("byte", 0), 1: ("int", 1), 2: ("int", 1), 3: ("byte", 1)}),
            ("DEPTHWISE_CONV_2D", [3, 4, -1], [5], {0: ("byte", 0), 1: ("int", 1), 2: ("int", 1), 3: ("int", 1)}),
            ("ADD", [3, 5], [6], {}),
            ("MEAN", [6, 7], [8], {}),
            ("FULLY_CONNECTED", [8, 9, -1], [10], {}),
        ],
        [0],
        [10],
    )


MADE = {"small.tflite": digits}
"""Files of the documentation, by name."""
