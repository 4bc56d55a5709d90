"""The layout of a spec's text: what `archinspect fmt` writes.

It is made of PyYAML's events, whose places say which comments belong to what. A library that keeps comments by itself,
such as ruamel.yaml, would be a second reader of YAML, with rules of its own on what a text means and where lines break.
"""

from __future__ import annotations

import re

import yaml

from archinspect.base.source import LINE_BREAK, Source, SourceError, Span
from archinspect.base.yaml_core import read_tree
from archinspect.graph.graph import collection_paused
from archinspect.language.layout.lines import WIDTH, Layout
from archinspect.language.layout.nodes import Document, read
from archinspect.language.layout.order import put_in_order

__all__ = ["WIDTH", "formatted"]


@collection_paused()
def formatted(source: Source, width: int = WIDTH) -> str:
    """Return the text laid out anew, in lines of at most `width` characters where they can be broken.

    Values and comments are the same, and so is their order, but for the keys at the top.
    Raise :class:`SourceError` for what is no YAML, and for what cannot be laid out without changing it.
    """
    before = _values(source)  # which also meets limits of size and depth
    if re.search("[\x85\u2028\u2029]", source.text):
        raise _refused(source, "line breaks that other programs do not know")
    text = re.sub(LINE_BREAK, "\n", source.text)
    document = read(text)
    put_in_order(document)
    found = Layout(document, width).text()
    if not _is_same(found, before, document):
        raise _refused(source, "something that is not laid out")
    return found


def _is_same(text: str, before: str, document: Document) -> bool:
    """Return whether a text has the values and comments that it had, and would be laid out as it is."""
    try:
        if _values(Source("", text)) != before:
            return False
        return sorted(one.text for one in read(text).comments) == sorted(one.text for one in document.comments)
    except (SourceError, yaml.YAMLError):
        return False


def _values(source: Source) -> str:
    """Return the values of a text, which tell 1 from 1.0, whatever the order of the keys at the top."""
    value = read_tree(source).plain()
    return repr(sorted(value.items(), key=repr) if isinstance(value, dict) else value)


def _refused(source: Source, what: str) -> SourceError:
    return SourceError("yaml", f"this text has {what}: it is left as it is", Span(source))
