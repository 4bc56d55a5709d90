"""A network's figures as plain, frozen data: what the API returns, the renderers format and JSON holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from archinspect.analyses.cost import Cost, sum_of_costs
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from archinspect.analyses.receptive_field import Fields
    from archinspect.base.diagnostics import Diagnostic
    from archinspect.graph.graph import Graph
    from archinspect.graph.stored import Stored
    from archinspect.reports.folding import Group

SCHEMA = 1
"""Version of the JSON form; keys are only ever added."""

BatchShape: TypeAlias = tuple[int | None, ...]
"""A shape with the batch first, None unless a batch was asked for."""


class Edge(NamedTuple):
    """A tensor that a row reads: the layer, or input of the network, that gives it, and which of its outputs it is."""

    layer: str
    output: int


class Row(NamedTuple):
    """A layer, or a composite folded into one row."""

    name: str
    """The path, such as `stage1.0.conv2d`."""
    type: str
    """The operator's name, a block's name, or `group`."""
    kind: str
    """What it is to a reader: convolution, dense, pooling, ..., or composite."""
    label: str
    """A few words for a picture, such as `3x3 conv, 64`."""
    inputs: tuple[str, ...]
    """The layers or inputs that it reads."""
    input_shape: BatchShape
    """Shape of the first input."""
    output_shape: BatchShape
    cost: Cost
    args: dict[str, object]
    """The operator's arguments that differ from their defaults."""
    layers: int = 1
    """How many layers the row stands for."""
    shares: str = ""
    """The layer whose weights it uses."""
    field: Fields = ()
    """What a position sees of the input, an entry a spatial axis; None where it sees everything."""
    counted: Mapping[str, int | None] = {}
    """What another tool counts, where a convention was asked for: params, and the tool's figures by name; None for
    those that are not known."""
    kept: int | None = None
    """Bytes of what it makes that backward keeps, where memory was asked for."""
    unknown: tuple[str, ...] = ()
    """Figures that count as nothing, as they are not known: some of `params`, `macs`, `flops`, and of those of a tool,
    `thop macs`."""
    edges: tuple[Edge, ...] = ()
    """What it reads from outside, in order, each as often as it is read."""
    output_shapes: tuple[BatchShape, ...] = ()
    """Shapes of all outputs."""
    copies: int = 1
    """How many copies in a row it stands for; its figures are their sums."""
    equal: bool = True
    """Whether the copies are equal in their figures, not only in their structure."""

    @property
    def shown_kind(self) -> str:
        """What kind it is drawn as: max and average pooling are two."""
        if self.kind != "pooling":
            return self.kind
        return next((f"{way} pooling" for way in ("max", "average") if way in self.type.lower()), self.kind)

    def as_dict(self) -> dict[str, Any]:
        """Return the row in the JSON form."""
        return {
            "name": self.name,
            "type": self.type,
            "inputs": list(self.inputs),
            "input_shape": list(self.input_shape),
            "output_shape": list(self.output_shape),
            **self.cost.as_dict(),
            "receptive_field": self.field and [_number(axis.size) for axis in self.field],
            "jump": self.field and [_number(axis.jump) for axis in self.field],
            "center": self.field and [_number(axis.center) for axis in self.field],
            "args": self.args,
            "edges": [edge._asdict() for edge in self.edges],
            **({"output_shapes": list(map(list, self.output_shapes))} if len(self.output_shapes) > 1 else {}),
            **({"shares": self.shares} if self.shares else {}),
            **({"convention": dict(self.counted)} if self.counted else {}),
            **({"kept_bytes": self.kept} if self.kept is not None else {}),
            **({"copies": self.copies} if self.copies > 1 else {}),
            **({} if self.equal else {"equal": False}),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the same: the name that pandas and others use."""
        return self.as_dict()

    def flat(self) -> dict[str, object]:
        """Return the row with one plain value per column, as CSV and tables have it."""
        figures = {
            name: None if name in self.unknown and not value else value for name, value in self.cost.as_dict().items()
        }
        return {
            "name": self.name,
            "type": self.type,
            "label": self.label,
            "inputs": " ".join(self.inputs),
            "output_shape": _shape_text(self.output_shape),
            **figures,
            **({"kept_bytes": self.kept} if self.kept is not None else {}),
            **self.counted,
        }

    def __repr__(self) -> str:
        shape = _shape_text(self.output_shape)
        return f"<Row {self.name} ({self.type}): {shape}, {self.cost.params:,} params, {self.cost.macs:,} MACs>"


def likeness(row: Row) -> Row | None:
    """Return a composite without what differs among equal ones: its place, and what it sees of the input."""
    return plain(row) if row.kind == "composite" else None


def plain(row: Row) -> Row:
    """Return a row without what differs among equal ones: its place, its arguments, what it sees of the input."""
    return row._replace(name="", label="", inputs=(), edges=(), field=(), args={})


class Memory(NamedTuple):
    """Bytes of activations that are held at one time."""

    peak_bytes: int
    """The most alive at inference."""
    peak_layer: str
    """Where that is."""
    kept_bytes: int
    """What backward keeps in training, the network's inputs included."""


class Report(NamedTuple):
    """What a network is and costs. The rows of `layers` stand in execution order and sum to `totals`."""

    name: str
    source: str
    description: str
    metrics: dict[str, Any]
    """Facts that the spec states, such as `year` and `top5_error`."""
    params: dict[str, Any]
    """The spec's parameters and their values."""
    layout: str
    dtype: str
    batch: int | None
    inputs: dict[str, BatchShape]
    outputs: dict[str, BatchShape]
    totals: Cost
    param_bytes: int
    layers: tuple[Row, ...]
    groups: Mapping[str, str]
    """Path of every composite and what it is: a block's name, `group`."""
    convention: str = ""
    """The tool whose figures the rows' `counted` are; empty for none."""
    uncounted: Mapping[str, tuple[str, ...]] = {}
    """The layers of whose figures some are not known, and which: `params`, `macs`, `flops`, a tool's, `thop macs`."""
    memory: Memory | None = None
    """What is held at one time, where it was asked for."""
    warnings: tuple[Diagnostic, ...] = ()
    """What likely is not as it was meant, though it means something."""
    past: int = 0
    """Steps that a decoder has cached, after which the figures are of a step."""
    before: tuple[str, ...] = ()
    """The layers that ran once, before the steps, as an encoder: they have no work in one."""
    lora: Mapping[str, Any] = {}
    """The adapters that were asked for: `r`, `targets`, `alpha`; empty without."""
    fold_bn: bool = False
    """Whether batch normalization was folded into what is before it."""
    input_bytes: int = 0
    """Bytes of the network's inputs."""
    stored: Stored | None = None
    """What the files of its weights hold, where there are some."""

    @property
    def estimates(self) -> dict[str, int]:
        """Return the bytes of inputs, weights and all, by its own count, where the convention's tool prints them."""
        if not self.convention:
            return {}
        from archinspect.conventions import find_convention  # only where one is asked for

        if not find_convention(self.convention).estimates:
            return {}
        counted, word = self.counted, DTYPES[self.dtype]
        weights = counted["params"] * word
        return {
            "input_bytes": self.input_bytes,
            "param_bytes": weights,
            "total_bytes": self.input_bytes + weights + counted["memory"],
        }

    @property
    def counted(self) -> dict[str, int]:
        """What that tool counts of the network; the rows sum to it, those left out of which it is not known."""
        if not self.convention:
            return {}
        from archinspect.conventions import find_convention  # only where one is asked for

        found = _counted(self.layers)
        names = ["params", *(figure.name for figure in find_convention(self.convention).figures)]
        return {name: found.get(name) or 0 for name in names}

    @property
    def status(self) -> str:
        """`complete`, or `partial` where figures of a layer are not known."""
        return status(self.uncounted)

    @property
    def coverage(self) -> dict[str, Any]:
        """The status, and where it is partial what is not known, in the JSON form."""
        unknown = {name: list(figures) for name, figures in self.uncounted.items()}
        return {"status": self.status, **({"uncounted": unknown} if unknown else {})}

    @property
    def depth(self) -> int:
        """Return the number of levels: 1 for a network without composites."""
        return max((row.name.count(".") + 1 for row in self.layers), default=1)

    def fold(self, depth: int, *, equal: bool = False, at_most: int = 0) -> tuple[Row, ...]:
        """Return the rows with everything below `depth` levels summed into its composite.

        With `equal`, equal composites that follow one another are summed into one row, such as `blocks.0-11`, and so
        are several that come again in one order. With `at_most`, rows beyond that number are folded as
        :func:`archinspect.reports.flat.short_groups` can.
        """
        composites: dict[str, list[Row]] = {}
        for row in self.layers:
            composites.setdefault(".".join(row.name.split(".")[:depth]), []).append(row)
        rows = self._merged([(name, parts, None) for name, parts in composites.items()])
        if not equal:
            return rows
        groups = self.groups_of(rows, at_most=at_most)
        return self._merged([(group.name, group.rows, group) for group in groups])

    def groups_of(
        self, rows: Sequence[Row], *, at_most: int = 0, figures: Callable[[Row], object] = lambda _: None
    ) -> list[Group[Row]]:
        """Return folded rows in the groups of which each is one row; what has other `figures` is not equal."""
        from archinspect.reports.folding import equal_groups  # only where rows fold

        groups = equal_groups(rows, lambda row: (alike := likeness(row)) and (alike, figures(row)))
        if not at_most or len(groups) <= at_most:
            return groups
        from archinspect.reports.flat import short_groups  # few networks need it

        return short_groups(rows, at_most, lambda row: repr((tuple(plain(row)), figures(row))))

    def _merged(self, parts: Sequence[tuple[str, Sequence[Row], Group[Row] | None]]) -> tuple[Row, ...]:
        names = {row.name: name for name, rows, _ in parts for row in rows}
        return tuple([self._folded(name, rows, names, group) for name, rows, group in parts])

    def _folded(self, name: str, rows: Sequence[Row], names: Mapping[str, str], group: Group[Row] | None) -> Row:
        edges = [
            edge._replace(layer=names.get(edge.layer, edge.layer))
            for row in rows
            for edge in row.edges
            if names.get(edge.layer) != name
        ]
        outside = tuple(dict.fromkeys(edge.layer for edge in edges))
        if len(rows) == 1 and rows[0].name == name:
            return rows[0]._replace(inputs=outside, edges=tuple(edges))
        what = group.type if group else self.groups.get(name, "group")
        shape = rows[-1].output_shape
        channels = shape[1:2] if self.layout == "channels_first" else shape[1:][-1:]
        return Row(
            name=name,
            type=what,
            kind="composite",
            label=", ".join([_own_name(name) if what == "group" else what, *map(str, channels)]),
            inputs=outside,
            input_shape=rows[0].input_shape,
            output_shape=shape,
            cost=sum_of_costs(row.cost for row in rows),
            args={},
            layers=sum(row.layers for row in rows),
            field=rows[-1].field,
            counted=_counted(rows),
            kept=None if rows[0].kept is None else sum(row.kept or 0 for row in rows),
            unknown=tuple(dict.fromkeys(figure for row in rows for figure in row.unknown)),
            edges=tuple(edges),
            output_shapes=rows[-1].output_shapes,
            copies=group.copies if group else 1,
            equal=group.equal if group else True,
        )

    def as_dict(self) -> dict[str, Any]:
        """Return the JSON form, whose keys docs/json.md explains."""
        return {**self.head_dict(), "layers": [row.as_dict() for row in self.layers]}

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked for beside batch and type, in the JSON form, as far as it was: `past`, `lora`, `fold_bn`.

        Beside `past` there is `before` where layers ran before.
        """
        found = {"past": self.past, "before": list(self.before), "lora": dict(self.lora), "fold_bn": self.fold_bn}
        return {name: value for name, value in found.items() if value}

    def head_dict(self) -> dict[str, Any]:
        """Return the JSON form without the layers, of which there may be many."""
        return {
            "schema": SCHEMA,
            "name": self.name,
            "source": self.source,
            **self.coverage,
            "layout": self.layout,
            "dtype": self.dtype,
            "batch": self.batch,
            **self.asked,
            "params": self.params,
            "metrics": self.metrics,
            "inputs": {name: list(shape) for name, shape in self.inputs.items()},
            "outputs": {name: list(shape) for name, shape in self.outputs.items()},
            "totals": {**self.totals.as_dict(), "param_bytes": self.param_bytes},
            **({"convention": _convention_dict(self)} if self.convention else {}),
            **({"memory": self.memory._asdict()} if self.memory else {}),
            **({"stored": self.stored.as_dict(self.totals.params)} if self.stored else {}),
        }

    def to_dict(self) -> dict[str, Any]:
        """Return the same: the name that pandas and others use."""
        return self.as_dict()

    def rows(self) -> list[dict[str, Any]]:
        """Return a dict of plain values per layer."""
        return [row.flat() for row in self.layers]

    def to_pandas(self) -> Any:  # noqa: ANN401 - a pandas.DataFrame
        """Return the layers as a `pandas.DataFrame`; raise ImportError without the extra `pandas`."""
        from archinspect.base.frames import frame  # notebooks alone need these two

        return frame(self.rows())

    def __repr__(self) -> str:
        return f"<Report {self.name}: {', '.join(self._facts())}>"

    def _repr_html_(self) -> str:
        from archinspect.base.html import table

        rows = self.rows()
        header = ["name", "type", "output_shape", "params", "macs", "flops", "output_bytes"]
        return table(self.name, self._facts(), header, [[row[name] for name in header] for row in rows])

    def _facts(self) -> list[str]:
        totals = self.totals
        figures = [
            (totals.params, "params"),
            (totals.macs, "MACs"),
            (totals.flops, "FLOPs"),
            (len(self.layers), "layers"),
        ]
        return [*(f"{value:,} {what}" for value, what in figures), self.status]


def _shape_text(dims: BatchShape) -> str:
    return "(" + ", ".join(map(str, dims)) + ("," if len(dims) == 1 else "") + ")"


def _own_name(path: str) -> str:
    """Return a group's name, of a copy of a repeat that of the repeat."""
    return next((name for name in reversed(path.split(".")) if not name.isdigit()), path)


def _convention_dict(report: Report) -> dict[str, Any]:
    from archinspect.conventions import find_convention  # only where one is asked for

    tool = find_convention(report.convention).tool
    return {"name": report.convention, "tool": tool, **report.counted, **report.estimates}


def _number(value: float) -> float:
    """Return whole numbers as integers."""
    return int(value) if value == int(value) else value


def _counted(rows: Iterable[Row]) -> dict[str, int | None]:
    """Return the sum of what another tool counts of the rows, as far as it is known."""
    sums: dict[str, int | None] = {}
    for row in rows:
        add(row.counted, sums)
    return sums


def add(figures: Mapping[str, int | None], sums: dict[str, int | None]) -> None:
    """Add figures to sums, in which None stands for nothing that is known."""
    for name, figure in figures.items():
        before = sums.get(name)
        sums[name] = before if figure is None else figure + (before or 0)


def status(uncounted: Mapping[str, tuple[str, ...]]) -> str:
    """Return `complete`, or `partial` where figures of a layer are not known."""
    return "partial" if uncounted else "complete"


def uncounted(graph: Graph) -> dict[str, tuple[str, ...]]:
    """Return the layers of whose figures some are not known, and which: `params`, `macs`, `flops`."""
    return {node.layer: unknown for node in graph.nodes if (unknown := node.op.unknown())}
