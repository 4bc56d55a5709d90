"""What operators read that are not floats of each sample: data types of inputs, and inputs that all samples share.

The scripts that measure and the tests give inputs of these types. Every other input is of floats, a sample's own.
"""

from typing import NamedTuple


class InputType(NamedTuple):
    dtype: str = "float"
    shared: bool = False
    """Whether it is the same for all samples: its first axis has size 1."""


FLOAT, BOOL, INT = InputType(), InputType("bool"), InputType("int64")
INPUTS = {
    "Embedding": (INT,),
    "EmbeddingBag": (INT,),
    "LogicalNot": (BOOL,),
    **dict.fromkeys(("LogicalAnd", "LogicalOr", "LogicalXor"), (BOOL, BOOL, BOOL)),
    **dict.fromkeys(("ReduceAny", "ReduceAll"), (BOOL,)),
    "Where": (BOOL,),
    "MaskedFill": (FLOAT, BOOL),
    "Gather": (FLOAT, InputType("int64", shared=True)),
    "EmbeddingLookup": (INT, InputType(shared=True)),
    **dict.fromkeys(("TakeAlongAxis", "ScatterAdd"), (FLOAT, INT)),
    "OneHot": (INT,),
    "RotaryEmbedding": (FLOAT, InputType(shared=True), InputType(shared=True)),
    **dict.fromkeys(("MaxUnpooling1D", "MaxUnpooling2D", "MaxUnpooling3D"), (FLOAT, INT)),
}


def input_types(name: str, count: int) -> list[InputType]:
    """Return the types of so many inputs of an operator, by its own name."""
    given = INPUTS.get(name, ())
    return [*given, *[FLOAT] * (count - len(given))][:count]
