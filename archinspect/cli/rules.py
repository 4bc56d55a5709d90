"""The options that choose rules: --select, --ignore, --extend-select, --hints."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.shell_completion import CompletionItem


class Codes(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """Codes of rules and names of groups, separated by commas, which the shell can complete."""

    name = "codes"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return them; refuse what is none."""
        from archinspect.base.diagnostics import suggest
        from archinspect.checks.selection import names  # a help page needs none

        found = tuple(name.strip() for name in value.split(",") if name.strip())
        if not found:
            self.fail("no rule is named", param, ctx)
        known = names()
        for name in found:
            if name not in known:
                self.fail(f"no rule '{name}': {suggest(name, known)}", param, ctx)
        return found

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin as the last one does."""
        from click.shell_completion import CompletionItem  # only completion needs it

        from archinspect.checks.selection import names

        before, comma, last = incomplete.rpartition(",")
        return [CompletionItem(f"{before}{comma}{name}") for name in names() if name.startswith(last)]


def _option(name: str, help: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    return click.option(name, type=Codes(), multiple=True, metavar="CODES", help=help)


def rule_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options that choose rules; the command takes them as `rules`."""

    @wraps(function)
    def wrapper(
        *args: Any,  # noqa: ANN401 - the command's
        select: tuple[tuple[str, ...], ...],
        ignore: tuple[tuple[str, ...], ...],
        extend_select: tuple[tuple[str, ...], ...],
        hints: bool,
        **options: Any,  # noqa: ANN401 - the command's
    ) -> Any:  # noqa: ANN401 - the command's
        from archinspect.checks.selection import Choice  # a help page needs none

        extend = [*sum(extend_select, ()), *(["info"] if hints else [])]
        return function(*args, rules=Choice(sum(select, ()) if select else None, sum(ignore, ()), extend), **options)

    found: Callable[..., Any] = wrapper
    for option in (
        click.option(
            "--hints", is_flag=True, help="Also tell what is no mistake but is worth knowing: rules of severity info."
        ),
        _option("--extend-select", "Further rules."),
        _option("--ignore", "Rules that are not to run."),
        _option(
            "--select", "The rules that run: codes, or all, error, warning, info; `archinspect rule --all` lists them."
        ),
    ):
        found = option(found)
    return found
