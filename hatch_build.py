"""The README as package indexes show it, where links to files of the repository lead nowhere."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from hatchling.metadata.plugin.interface import MetadataHookInterface

_PICTURE = re.compile(r"!\[([^]]*)]\((?!https?:)[^)]*\)")
_PAGE = re.compile(r"\[([^]]*)]\(docs/([\w-]+)\.md(?:#[^)]*)?\)")
_FILE = re.compile(r"\[([^]]*)]\((?!https?:|#)[^)]*\)")


class Readme(MetadataHookInterface):
    """Gives the package its long description."""

    def update(self, metadata: dict[str, Any]) -> None:
        """Add it to the metadata."""
        text = Path(self.root, "README.md").read_text(encoding="utf-8")
        metadata["readme"] = {"content-type": "text/markdown", "text": for_index(text)}


def for_index(readme: str) -> str:
    """Return the text with what prints a page, `archinspect docs spec`, for links to it, and words for pictures."""
    text = _PICTURE.sub(r"*Picture: \1*", readme)
    text = _PAGE.sub(r"\1 (`archinspect docs \2`)", text)
    return _FILE.sub(r"\1", text)
