"""What a scan computes at each step, as a graph of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from onnx import helper

if TYPE_CHECKING:
    from collections.abc import Sequence

    from onnx import GraphProto

    from archinspect.exporters.onnx.use import Use


def step_graph(
    use: Use, states: Sequence[str], inputs: Sequence[str], made: list[tuple[str, list[str], str]]
) -> GraphProto:
    """Return a step as a graph: operators by kind, what they read and make; what begins with `next_` is a new state.

    The last of what it gives is called `outputs` or `states`; other names are values of the network.
    """
    path = f"/{use.node.path.replace('.', '/')}/step"
    own = {*states, *inputs, *(name for _, _, names in made for name in names.split())}
    nodes = []
    for kind, read, names in made:
        several: dict[str, Any] = {"axis": -1, "num_outputs": 4} if kind == "Split" else {}
        given = [f"{path}/{name}" if name in own else name for name in read]
        outputs = [f"{path}/{name}" for name in names.split()]
        nodes.append(helper.make_node(kind, given, outputs, name=f"{outputs[0]}/{kind}", **several))
    last = "outputs" if "outputs" in own else "states"

    def infos(names: Sequence[str]) -> list[Any]:
        return [helper.make_tensor_value_info(f"{path}/{name}", use.writer.dtype, None) for name in names]

    return helper.make_graph(
        nodes, path, infos([*states, *inputs]), infos([*[f"next_{name}" for name in states], last])
    )
