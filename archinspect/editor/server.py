"""The language server: the editor's questions over standard input and output, answered by `answers` and `completion`.

Protocol: Language Server Protocol 3.17, by pygls. Lines and columns are counted from 0 there, columns in units of the
encoding that the editor asks for.
"""

from __future__ import annotations

from pathlib import Path  # noqa: TID253 - this module is imported when an editor is served
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse
from urllib.request import url2pathname

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer

from archinspect import __version__
from archinspect.base.source import Span
from archinspect.editor import answers
from archinspect.editor.completion import completions
from archinspect.editor.document import Document

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from archinspect.base.diagnostics import Diagnostic, Fix

SEVERITIES = {
    "error": lsp.DiagnosticSeverity.Error,
    "warning": lsp.DiagnosticSeverity.Warning,
    "info": lsp.DiagnosticSeverity.Information,
}
KINDS = {
    "operator": lsp.CompletionItemKind.Class,
    "block": lsp.CompletionItemKind.Function,
    "argument": lsp.CompletionItemKind.Property,
    "key": lsp.CompletionItemKind.Keyword,
    "layer": lsp.CompletionItemKind.Variable,
    "value": lsp.CompletionItemKind.EnumMember,
    "network": lsp.CompletionItemKind.File,
}
SYMBOLS = {
    "section": lsp.SymbolKind.Namespace,
    "block": lsp.SymbolKind.Function,
    "layer": lsp.SymbolKind.Variable,
}


class Server(LanguageServer):
    """Keeps the documents that are open; of one with a mistake in its syntax also the last without."""

    def __init__(self) -> None:
        super().__init__("archinspect", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Incremental)
        self.documents: dict[str, Document] = {}
        self.whole: dict[str, Document] = {}
        """The last text of each that could be read as far as shapes."""

    def read(self, uri: str) -> None:
        """Read a document's text, and tell the editor what is wrong."""
        text = self.workspace.get_text_document(uri)
        document = self.documents[uri] = Document(text.source, _path(uri))
        if document.calls:
            self.whole[uri] = document
        problems = [self._diagnostic(uri, one) for one in document.diagnostics if one.span.source is document.source]
        self.text_document_publish_diagnostics(
            lsp.PublishDiagnosticsParams(uri=uri, diagnostics=problems, version=text.version)
        )

    def document(self, uri: str) -> Document:
        """Return a document that is open."""
        if uri not in self.documents:
            self.read(uri)
        return self.documents[uri]

    def with_shapes(self, uri: str) -> Document:
        """Return a document, or while it cannot be read the last that could, unless lines were added or removed."""
        document = self.document(uri)
        whole = self.whole.get(uri, document)
        same = document.source.text.count("\n") == whole.source.text.count("\n")
        return whole if not document.calls and same else document

    def place(self, uri: str, position: lsp.Position) -> tuple[int, int]:
        """Return a line and a column from 1, in characters."""
        text = self.workspace.get_text_document(uri)
        found = text.position_codec.position_from_client_units(text.lines, position)
        return found.line + 1, found.character + 1

    def range(self, uri: str, span: Span) -> lsp.Range:
        """Return a stretch as the editor counts."""
        text = self.workspace.get_text_document(uri)
        line = max(span.line, 1) - 1
        start = lsp.Position(line, max(span.column, 1) - 1)
        end = lsp.Position(max(span.end_line, 1) - 1, max(span.end_column, 1) - 1)
        if end.line > line:  # what has many lines is marked in its first
            end = lsp.Position(line, len(text.lines[line].rstrip("\r\n")) if line < len(text.lines) else 0)
        return text.position_codec.range_to_client_units(text.lines, lsp.Range(start, end))

    def edit(self, uri: str, changes: Sequence[Fix]) -> lsp.WorkspaceEdit:
        """Return changes of a document as an edit."""
        return lsp.WorkspaceEdit(changes={uri: [lsp.TextEdit(self.range(uri, one.span), one.text) for one in changes]})

    def _diagnostic(self, uri: str, one: Diagnostic) -> lsp.Diagnostic:
        message = f"{one.message}\n{one.help}" if one.help else one.message
        return lsp.Diagnostic(
            self.range(uri, one.span),
            message,
            severity=SEVERITIES[one.severity],
            code=one.code,
            source="archinspect",
            related_information=[
                lsp.DiagnosticRelatedInformation(lsp.Location(uri, self.range(uri, span)), text)
                for text, span in one.notes
                if span.source is one.span.source
            ],
        )


def _path(uri: str) -> str:
    parts = urlparse(uri)
    return url2pathname(unquote(parts.path)) if parts.scheme == "file" else ""


def start() -> None:
    """Serve an editor over standard input and output until it ends."""
    make().start_io()


def make() -> Server:
    """Return the server with its answers."""
    server = Server()
    for method, (function, options) in ANSWERS.items():
        server.feature(method, options)(function)
    return server


def opened(ls: Server, asked: lsp.DidOpenTextDocumentParams) -> None:
    """Read a document that is opened."""
    ls.read(asked.text_document.uri)


def changed(ls: Server, asked: lsp.DidChangeTextDocumentParams) -> None:
    """Read a document that has changed."""
    ls.read(asked.text_document.uri)


def closed(ls: Server, asked: lsp.DidCloseTextDocumentParams) -> None:
    """Forget a document."""
    for kept in (ls.documents, ls.whole):
        kept.pop(asked.text_document.uri, None)


def hover(ls: Server, asked: lsp.HoverParams) -> lsp.Hover | None:
    """Say what stands at a place."""
    uri = asked.text_document.uri
    text = answers.hover(ls.with_shapes(uri), *ls.place(uri, asked.position))
    return lsp.Hover(lsp.MarkupContent(lsp.MarkupKind.Markdown, text)) if text else None


def hints(ls: Server, asked: lsp.InlayHintParams) -> list[lsp.InlayHint]:
    """Show the shape that each step gives."""
    uri = asked.text_document.uri
    document = ls.with_shapes(uri)
    found = []
    for one in answers.hints(document, asked.range.start.line + 1, asked.range.end.line + 1):
        end = len(ls.document(uri).source.line(one.line)) + 1
        place = ls.range(uri, Span(document.source, one.line, end, one.line, end)).start
        found.append(lsp.InlayHint(place, one.text, padding_left=True))
    return found


def complete(ls: Server, asked: lsp.CompletionParams) -> lsp.CompletionList:
    """List what can be written at a place."""
    uri = asked.text_document.uri
    found = completions(ls.document(uri), *ls.place(uri, asked.position))
    items = [lsp.CompletionItem(one.text, kind=KINDS[one.kind], documentation=one.doc or None) for one in found]
    return lsp.CompletionList(is_incomplete=False, items=items)


def definition(ls: Server, asked: lsp.DefinitionParams) -> lsp.Location | None:
    """Find where a name is given."""
    uri = asked.text_document.uri
    found = answers.definition(ls.document(uri), *ls.place(uri, asked.position))
    if found is None:
        return None
    if found.source is ls.document(uri).source:
        return lsp.Location(uri, ls.range(uri, found))
    return lsp.Location(Path(found.source.path).resolve().as_uri(), lsp.Range(lsp.Position(0, 0), lsp.Position(0, 0)))


def rename(ls: Server, asked: lsp.RenameParams) -> lsp.WorkspaceEdit | None:
    """Write another name wherever a layer or block is named."""
    uri = asked.text_document.uri
    found = answers.renamed(ls.document(uri), *ls.place(uri, asked.position), asked.new_name)
    return ls.edit(uri, found) if found else None


def symbols(ls: Server, asked: lsp.DocumentSymbolParams) -> list[lsp.DocumentSymbol]:
    """List the parts of a spec."""
    uri = asked.text_document.uri
    return [_symbol(ls, uri, one) for one in answers.symbols(ls.document(uri))]


def formatting(ls: Server, asked: lsp.DocumentFormattingParams) -> list[lsp.TextEdit]:
    """Lay the text out as `archinspect fmt` does; leave what cannot be read as it is."""
    uri = asked.text_document.uri
    before = ls.document(uri).source.text
    after = answers.laid_out(ls.document(uri))
    end = lsp.Position(before.count("\n") + 1, 0)
    return [lsp.TextEdit(lsp.Range(lsp.Position(0, 0), end), after)] if after != before else []


def actions(ls: Server, asked: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    """Offer what a program may write by itself."""
    uri = asked.text_document.uri
    found = answers.fixes(ls.document(uri), asked.range.start.line + 1, asked.range.end.line + 1)
    return [lsp.CodeAction(title, kind=lsp.CodeActionKind.QuickFix, edit=ls.edit(uri, [fix])) for title, fix in found]


def _symbol(server: Server, uri: str, one: answers.Symbol) -> lsp.DocumentSymbol:
    place = server.range(uri, one.span)
    inner = [_symbol(server, uri, child) for child in one.children]
    return lsp.DocumentSymbol(one.name, SYMBOLS[one.kind], place, place, children=inner)


ANSWERS: Mapping[str, tuple[Callable[..., object], object]] = {
    lsp.TEXT_DOCUMENT_DID_OPEN: (opened, None),
    lsp.TEXT_DOCUMENT_DID_CHANGE: (changed, None),
    lsp.TEXT_DOCUMENT_DID_CLOSE: (closed, None),
    lsp.TEXT_DOCUMENT_HOVER: (hover, None),
    lsp.TEXT_DOCUMENT_INLAY_HINT: (hints, None),
    lsp.TEXT_DOCUMENT_COMPLETION: (complete, lsp.CompletionOptions(trigger_characters=[":", " ", "-", "{", ","])),
    lsp.TEXT_DOCUMENT_DEFINITION: (definition, None),
    lsp.TEXT_DOCUMENT_RENAME: (rename, None),
    lsp.TEXT_DOCUMENT_DOCUMENT_SYMBOL: (symbols, None),
    lsp.TEXT_DOCUMENT_FORMATTING: (formatting, None),
    lsp.TEXT_DOCUMENT_CODE_ACTION: (actions, None),
}
"""What is answered, by the protocol's name, and what the editor is told of it."""
