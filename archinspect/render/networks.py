"""The list of built-in networks."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from archinspect.render.numbers import count

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from rich.console import Console

    from archinspect.language.library import BuiltIn

METRICS = ("year", "top1", "top5", "ilsvrc_top5_error")
SORT_KEYS = ("name", "year", "params", "macs", *METRICS[1:])
LEAST_WIDTH = 20
"""What a narrow terminal leaves of a source before it goes."""
LEAST_COLUMNS = 4


class NetworkColumn(NamedTuple):
    """A column: its title, whether it is a number, how long a narrow terminal keeps it."""

    title: str
    number: bool
    keep: int


COLUMNS = {
    "name": NetworkColumn("Name", number=False, keep=9),
    "year": NetworkColumn("Year", number=True, keep=5),
    "params": NetworkColumn("Params", number=True, keep=7),
    "macs": NetworkColumn("MACs", number=True, keep=6),
    **{name: NetworkColumn(name, number=True, keep=8) for name in METRICS[1:]},
    "source": NetworkColumn("Source", number=False, keep=1),
}

Line = tuple[str, "BuiltIn | None"]
"""What stands in the place of the name, and the network; None for a family, or for what is just extended."""


def chosen_networks(networks: Iterable[BuiltIn], words: Sequence[str], sort: str) -> list[BuiltIn]:
    """Return the networks whose family, name or source has each of the words, sorted."""
    found = [
        one
        for one in networks
        if all(word.lower() in f"{one.family} {one.name} {one.title} {one.source}".lower() for word in words)
    ]
    return found if sort == "name" else sorted(found, key=lambda one: _key(one, sort))


def _key(network: BuiltIn, sort: str) -> float:
    """Return what sorts a network: largest first, an error rate smallest first, unknown ones last."""
    if sort in ("params", "macs"):
        return -float(getattr(network, sort))
    value = network.metrics.get(sort)
    if not isinstance(value, int | float):
        return float("inf")
    return float(value) if sort.endswith("error") else -float(value)


def print_networks(
    networks: Sequence[BuiltIn], sort: str, console: Console, *, exact: bool = False, tree: bool = False
) -> None:
    """Print a line per network, by family unless they are sorted by a figure, which then has a column.

    As a `tree`, a spec that extends another one stands below it.
    """
    from archinspect.render.layers import LineTable, keep_start  # programs' formats do without Rich

    if tree:
        lines = list(_tree(networks, plain=console.options.ascii_only))
    elif sort == "name":
        lines = list(_by_family(networks))
    else:
        lines = [(one.name, one) for one in networks]
    cells = {"name": [name for name, _ in lines], **_figures([one for _, one in lines], sort, exact=exact)}
    styles = {"name": ["none" if one else "section" for _, one in lines]}
    table = LineTable(cells, COLUMNS, gives="source", cut=keep_start)
    table.print(console, least_width=LEAST_WIDTH, least=LEAST_COLUMNS, styles=styles)


def _figures(networks: Sequence[BuiltIn | None], sort: str, *, exact: bool) -> dict[str, list[str]]:
    """Return the columns after the name; empty where no network stands."""
    metrics = ["year", *([sort] if sort in METRICS[1:] else [])]
    facts = {name: _decimals([one.metrics.get(name, "") if one else "" for one in networks]) for name in metrics}
    year = {"year": facts.pop("year")}
    counts = {
        name: [count(getattr(one, name), exact=exact) if one else "" for one in networks] for name in ("params", "macs")
    }
    return {**year, **counts, **facts, "source": [one.source if one else "" for one in networks]}


def _decimals(values: Sequence[object]) -> list[str]:
    """Write numbers with as many decimals as the one with the most, so that their points stand below one another."""
    most = max((len(str(value).partition(".")[2]) for value in values if isinstance(value, float)), default=0)
    return [f"{value:.{most}f}" if isinstance(value, int | float) else str(value) for value in values]


def _by_family(networks: Sequence[BuiltIn]) -> Iterator[Line]:
    for family, members in _families(networks).items():
        yield family, None
        yield from ((f"  {one.name}", one) for one in members)


def _families(networks: Iterable[BuiltIn]) -> dict[str, list[BuiltIn]]:
    families: dict[str, list[BuiltIn]] = {}
    for one in networks:
        families.setdefault(one.family, []).append(one)
    return dict(sorted(families.items()))


def _tree(networks: Sequence[BuiltIn], *, plain: bool) -> Iterator[Line]:
    """Yield families, and below each its networks, each below the one that it extends, if that is of the family."""
    for family, members in _families(networks).items():
        known: dict[str, BuiltIn | None] = {one.name: one for one in members}
        below: dict[str, list[str]] = {}
        for one in members:
            base = one.extends if one.extends_family == family else ""
            below.setdefault(base, []).append(one.name)
            if base and base not in known:  # a template, or a network that was not chosen
                known[base] = None
                below.setdefault("", []).append(base)
        yield family, None
        yield from _branches("", below, known, "", plain=plain)


def _branches(
    name: str, below: Mapping[str, Sequence[str]], known: Mapping[str, BuiltIn | None], indent: str, *, plain: bool
) -> Iterator[Line]:
    children = sorted(below.get(name, ()))
    branch, last, bar = ("|-- ", "`-- ", "|   ") if plain else ("├── ", "└── ", "│   ")
    for child in children:
        is_last = child == children[-1]
        yield f"{indent}{last if is_last else branch}{child}", known[child]
        yield from _branches(child, below, known, indent + ("    " if is_last else bar), plain=plain)


def networks_text(networks: Sequence[BuiltIn], form: str, *, exact: bool = False) -> str:
    """Return the list as JSON, CSV or Markdown."""
    from archinspect.render import data  # the table does without

    if form == "json":
        return data.json_text([_as_dict(one) for one in networks])
    header = ["name", "params", "macs", *METRICS, "source", "family"]
    if form == "csv":
        return data.csv_text(header, ([_as_dict(one).get(key, "") for key in header] for one in networks))
    rows = (
        [
            one.name,
            one.family,
            str(one.metrics.get("year", "")),
            *(count(n, exact=exact) for n in (one.params, one.macs)),
            one.source,
        ]
        for one in networks
    )
    return data.markdown_table(["Name", "Family", "Year", "Params", "MACs", "Source"], rows, (3, 4))


def _as_dict(network: BuiltIn) -> dict[str, object]:
    figures = {"params": network.params, "macs": network.macs}
    names = {"name": network.name, "title": network.title, "family": network.family}
    return {**names, **figures, **network.metrics, "source": network.source}
