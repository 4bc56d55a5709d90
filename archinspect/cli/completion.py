"""What the shell completes beside options: names of the network that a command line names, and lists with commas."""

from __future__ import annotations

from contextlib import suppress
from functools import wraps
from typing import TYPE_CHECKING

from click.shell_completion import CompletionItem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    import click

    from archinspect._network import Network

    Completion = Callable[[click.Context, click.Parameter, str], list[CompletionItem]]


def _completion(names: Callable[[click.Context], Iterable[str]]) -> Completion:
    """Return the completion by names, of a list with commas for its last part; none where they cannot be found."""

    @wraps(names)
    def complete(ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        before, comma, last = incomplete.rpartition(",")
        with suppress(Exception):  # a shell has no place for messages
            return [CompletionItem(before + comma + name) for name in names(ctx) if name.startswith(last)]
        return []

    return complete


def _network(ctx: click.Context) -> Network:
    """Return the network that is named before; click leaves it as it is where an option still lacks its value."""
    from archinspect import api

    return api.network(ctx.params.get("spec") or ctx.args[0])


@_completion
def layers(ctx: click.Context) -> Iterable[str]:
    """Return the names of the network's layers and blocks."""
    graph = _network(ctx).graph
    return [*dict.fromkeys(node.layer for node in graph.nodes), *graph.composites]


@_completion
def assignments(ctx: click.Context) -> Iterable[str]:
    """Return the network's parameters, each with `=`."""
    return [f"{name}=" for name in _network(ctx).graph.params]


@_completion
def variables(ctx: click.Context) -> Iterable[str]:
    """Return the variables of the network's formulas."""
    from archinspect.analyses.formula import variables as found

    return found(_network(ctx).facts)


@_completion
def varied(ctx: click.Context) -> Iterable[str]:
    """Return what `fit` can vary."""
    params = _network(ctx).graph.params
    return ["batch", *(name for name, value in params.items() if type(value) is int)]


@_completion
def figures(ctx: click.Context) -> Iterable[str]:
    """Return the figures of formulas."""
    from archinspect.analyses.formula import FIGURES

    return FIGURES


@_completion
def columns(ctx: click.Context) -> Iterable[str]:
    """Return the columns of a summary."""
    from archinspect.render.columns import NAMES

    return NAMES


@_completion
def totals(ctx: click.Context) -> Iterable[str]:
    """Return the totals of a comparison."""
    from archinspect.reports.totals import TOTALS

    return TOTALS


@_completion
def devices(ctx: click.Context) -> Iterable[str]:
    """Return the devices, those of --devices among them."""
    from archinspect.analyses.devices import device_names

    return device_names(ctx.params.get("devices"))


def settings(network: str, word: str) -> list[CompletionItem]:
    """Return the settings of `resnet50@classes=10@in` that go on so, each with `=`, in the place of its last word."""
    from archinspect import api

    name, *_, begun = network.split("@")
    before = word[: word.rfind("@") + 1] or "@"
    with suppress(Exception):  # as above
        names = ("input", "batch", "dtype", *api.network(name).graph.params)
        return [CompletionItem(f"{before}{one}=") for one in names if one.startswith(begun)]
    return []
