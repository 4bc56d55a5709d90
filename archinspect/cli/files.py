"""The options that say which files a command looks at."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any

import click

from archinspect.base.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from archinspect.project.discovery import Target

_OPTIONS = (
    click.option(
        "--config", multiple=True, metavar="FILE|KEY=VALUE", help="A configuration, or a value over those of it."
    ),
    click.option("--isolated", is_flag=True, help="No configuration."),
    click.option("--exclude", multiple=True, metavar="PATTERN", help="Files and folders to leave out."),
    click.option("--extend-exclude", multiple=True, metavar="PATTERN", help="Further ones."),
    click.option("--force-exclude/--no-force-exclude", default=None, help="Leave them out even where they are named."),
    click.option("--respect-gitignore/--no-respect-gitignore", default=None, help="Leave out what git ignores."),
    click.option(
        "--only-specs", is_flag=True, help="Leave out files that do not look like specs, even where they are named."
    ),
)


def file_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add the options; the command takes them as `targets`, what finds the files of the names that it is given.

    That raises :class:`click.UsageError` for a configuration that is wrong, and where nothing is found.
    """

    @wraps(function)
    def wrapper(  # noqa: PLR0913 - as there are options
        *args: Any,  # noqa: ANN401 - the command's
        config: tuple[str, ...],
        isolated: bool,
        exclude: tuple[str, ...],
        extend_exclude: tuple[str, ...],
        force_exclude: bool | None,
        respect_gitignore: bool | None,
        only_specs: bool,
        **options: Any,  # noqa: ANN401 - the command's
    ) -> Any:  # noqa: ANN401 - the command's
        def targets(names: tuple[str, ...]) -> list[Target]:
            from archinspect.project.configuration import ConfigurationError, Configurations
            from archinspect.project.discovery import Asked, Discovery, NothingFoundError  # a help page needs none

            asked = Asked(exclude or None, extend_exclude, respect_gitignore, force_exclude, only_specs)
            try:
                return list(Discovery(Configurations(config, isolated=isolated), asked).targets(names))
            except (ConfigurationError, NothingFoundError) as error:
                raise click.UsageError(printable(str(error))) from None

        return function(*args, targets=targets, **options)

    found: Callable[..., Any] = wrapper
    for option in reversed(_OPTIONS):
        found = option(found)
    return found
