"""`archinspect docs`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archinspect.cli.common import stdout_console

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


class Topic(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """A page of the documentation, which the shell can complete."""

    name = "topic"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return its name."""
        from archinspect.base.diagnostics import suggest
        from archinspect.render.pages import topics

        name, known = value.removesuffix(".md"), topics()
        if name not in known:
            self.fail(f"no page '{value}': {suggest(name, known)}", param, ctx)
        return name

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the names that begin so."""
        from click.shell_completion import CompletionItem  # only completion needs it

        from archinspect.render.pages import topics

        return [CompletionItem(name) for name in topics() if name.startswith(incomplete)]


@click.command("docs")
@click.argument("topic", required=False, type=Topic())
def command(topic: str | None) -> None:
    """Print a page of the documentation; without TOPIC, list them.

    \b
    Examples:
      archinspect docs
      archinspect docs spec
      archinspect docs counting
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect.render import pages  # a help page needs none

    if topic is None:
        pages.print_topics(stdout_console())
    else:
        pages.print_page(topic, stdout_console())
