"""Networks with settings of their own, of commands that take several: `resnet50@input=160x160x3@classes=10`."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from archinspect.cli.kinds import Assignment, DataType, InputShape, SpecType
from archinspect.ops.figures import DTYPES

if TYPE_CHECKING:
    from collections.abc import Mapping

    from click.shell_completion import CompletionItem


class Asked(NamedTuple):
    """A network with settings of its own."""

    text: str
    """How it was asked for."""
    spec: str
    batch: int | None = None
    dtype: str | None = None
    inputs: Mapping[str, tuple[int, ...]] = {}
    params: Mapping[str, Any] = {}

    def figures(self, options: Mapping[str, Any]) -> dict[str, Any]:
        """Return the figure options, and in their place what the network has of its own."""
        own: dict[str, Any] = {
            "batch": self.batch or options["batch"],
            "dtype": self.dtype or options["dtype"],
            "inputs": {**options["inputs"], **self.inputs},
            "params": {**options["params"], **self.params},
        }
        return {**options, **own}


class SettingSpec(SpecType):
    """A spec, and settings of its own: `resnet50@input=160x160x3@classes=10`."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401 - click's
        """Return the network and its settings; a file's path may have an `@`, too."""
        if isinstance(value, Asked):
            return value
        if ctx and ctx.resilient_parsing:  # of a line that is being typed
            return Asked(value, value)
        parts = value.split("@")
        own = next((end for end in range(len(parts), 1, -1) if os.path.exists("@".join(parts[:end]))), 1)
        asked = Asked(value, super().convert("@".join(parts[:own]), param, ctx))
        for setting in parts[own:]:
            name, _, text = setting.partition("=")
            if name == "input":
                given, shape = InputShape().convert(text, param, ctx)
                asked = asked._replace(inputs={**asked.inputs, given: shape})
            elif name == "batch":
                asked = asked._replace(batch=click.IntRange(1, 10**6).convert(text, param, ctx))
            elif name == "dtype":
                kinds = [kind for kind in DTYPES if kind != "float"]
                asked = asked._replace(dtype=DataType(kinds).convert(text, param, ctx))
            else:
                name, given_value = Assignment().convert(setting, param, ctx)
                asked = asked._replace(params={**asked.params, name: given_value})
        return asked

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:
        """Return the networks that begin so; after an `@` the settings of the one before it."""
        from archinspect.cli.completion import settings  # only completion needs it

        # Bash takes `@` and `=` for words, and yet for a part of what it completes.
        words = [*(one.text for one in ctx.params.get("specs") or ()), incomplete]
        joined = re.sub(" ?([@=]) ?", r"\1", " ".join(words)).rpartition(" ")[2]
        if "@" not in joined:
            return super().shell_complete(ctx, param, incomplete)
        return settings(joined, incomplete)
