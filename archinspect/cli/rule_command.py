"""`archinspect rule`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from archinspect.cli.common import stdout_console
from archinspect.cli.options import format_option

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

    from archinspect.base.diagnostics import Diagnostic
    from archinspect.checks.rule import Rule


class RuleCode(click.ParamType):  # type: ignore[type-arg] # generic from click 8.4 on
    """The code of a rule, which the shell can complete."""

    name = "code"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return it; refuse what is none."""
        from archinspect.base.codes import CODES
        from archinspect.base.diagnostics import suggest
        from archinspect.checks.table import RULES  # a help page needs none

        if value in RULES:
            return value
        is_code = value in CODES
        help_ = "it is an error: `archinspect docs errors` explains it" if is_code else suggest(value, RULES)
        return self.fail(f"no rule '{value}': {help_}", param, ctx)

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the codes that begin so."""
        from click.shell_completion import CompletionItem  # only completion needs it

        from archinspect.checks.table import RULES

        return [CompletionItem(code) for code in RULES if code.startswith(incomplete)]


@click.command("rule")
@click.argument("code", required=False, type=RuleCode())
@click.option("--all", "every", is_flag=True, help="Every rule; without a code the same.")
@format_option("text", "json", "markdown", help="markdown writes docs/checks.md.")
def command(code: str | None, form: str, *, every: bool) -> None:
    """Explain a rule of `archinspect check`: what it finds, why, an example, and what to do.

    \b
    Examples:
      archinspect rule bias-before-norm
      archinspect rule --all
      archinspect check net.yaml --extend-select bias-before-norm
    """  # noqa: D301 - \b is click's mark for lines that stay as they are
    from archinspect.checks.table import RULES, rule_of  # a help page needs none
    from archinspect.render import rules as render

    if code and every:
        raise click.UsageError("either a code, or --all")
    found = [rule_of(one) for one in ([code] if code else RULES)]
    if form == "json":
        click.echo(render.as_json(found))
    elif form == "markdown":
        from archinspect import api
        from archinspect.checks import limits_of

        examples: dict[str, list[Diagnostic]] = {
            one.code: api.check(one.example, _default_and(one), limits_of(one)).diagnostics for one in found
        }
        click.echo(render.markdown(found, examples), nl=False)
    elif code:
        render.print_rule(found[0], stdout_console())
    else:
        render.print_rules(found, stdout_console())


def _default_and(rule: Rule) -> frozenset[str]:
    from archinspect.checks.selection import Choice, chosen

    return chosen([Choice(extend=[rule.code])])
