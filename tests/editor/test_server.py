"""The language server, asked by a client over standard input and output as an editor asks it."""

from __future__ import annotations

import asyncio
import sys

import pytest
from lsprotocol import types as lsp
from pygls.lsp.client import LanguageClient

URI = "file:///net.yaml"
SPEC = "input: [8, 8, 3]\nlayers:\n  - Conv2D: {filters: 4, kernel_size: 3, name: é}\n  - Flatten\n  - Dense: 10\n"
DOCUMENT = lsp.TextDocumentIdentifier(URI)


class Client(LanguageClient):
    """An editor with one document."""

    def __init__(self):
        super().__init__("test", "1")
        self.told: asyncio.Queue = asyncio.Queue()
        self.edits = 0
        self.feature(lsp.TEXT_DOCUMENT_PUBLISH_DIAGNOSTICS)(lambda told: self.told.put_nowait(told))  # noqa: PLW0108 - a method cannot be marked

    async def open(self, text):
        await self.start_io(sys.executable, "-m", "archinspect", "lsp")
        await self.initialize_async(lsp.InitializeParams(capabilities=lsp.ClientCapabilities()))
        self.initialized(lsp.InitializedParams())
        self.text_document_did_open(lsp.DidOpenTextDocumentParams(lsp.TextDocumentItem(URI, "yaml", 0, text)))
        return await self.problems()

    async def problems(self):
        return list((await asyncio.wait_for(self.told.get(), 60)).diagnostics)

    async def write(self, text):
        self.edits += 1
        self.text_document_did_change(
            lsp.DidChangeTextDocumentParams(
                lsp.VersionedTextDocumentIdentifier(self.edits, URI),
                [lsp.TextDocumentContentChangeWholeDocument(text)],
            )
        )
        return await self.problems()


@pytest.fixture
def session():
    """Return what runs a conversation with a server."""

    def session(talk, text=SPEC):
        async def run():
            client = Client()
            try:
                await talk(client, await client.open(text))
            finally:
                await client.shutdown_async(None)
                client.exit(None)
                await client.stop()

        asyncio.run(run())

    return session


def at(line, character):
    return {"text_document": DOCUMENT, "position": lsp.Position(line, character)}


def test_what_is_wrong_is_told_while_typing(session):
    async def talk(client, first):
        assert first == []
        (wrong,) = await client.write(SPEC.replace("Flatten", "Flaten"))
        assert wrong.code == "unknown-op"
        assert wrong.range == lsp.Range(lsp.Position(3, 4), lsp.Position(3, 10))
        (action,) = await client.text_document_code_action_async(
            lsp.CodeActionParams(DOCUMENT, wrong.range, lsp.CodeActionContext([wrong]))
        )
        assert action.edit.changes[URI][0].new_text == "Flatten"
        assert await client.write(SPEC) == []

    session(talk)


def test_a_mistake_in_the_syntax_does_not_take_the_rest_away(session):
    async def talk(client, _):
        (wrong,) = await client.write(SPEC.replace("- Dense: 10", "- Dense: ["))
        assert wrong.code == "yaml"
        everything = lsp.Range(lsp.Position(0, 0), lsp.Position(9, 0))
        found = await client.text_document_inlay_hint_async(lsp.InlayHintParams(DOCUMENT, everything))
        assert [one.label for one in found] == ["8x8x3", "6x6x4", "144", "10"]

    session(talk)


def test_answers(session):
    async def talk(client, _):
        hover = await client.text_document_hover_async(lsp.HoverParams(**at(2, 6)))
        assert "112 parameters" in hover.contents.value
        found = await client.text_document_completion_async(lsp.CompletionParams(**at(3, 4)))
        assert "Conv2D" in [item.label for item in found.items]
        symbols = await client.text_document_document_symbol_async(lsp.DocumentSymbolParams(DOCUMENT))
        assert [one.name for one in symbols] == ["input", "layers"]

    session(talk)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SPEC.replace("input: ", "input:   "), [SPEC]),
        (SPEC, []),
        (SPEC + "  - {Dense: ", []),
        ("services:   {}\n", []),
    ],
)
def test_the_text_is_laid_out(session, text, expected):
    async def talk(client, _):
        asked = lsp.DocumentFormattingParams(DOCUMENT, lsp.FormattingOptions(2, insert_spaces=True))
        edits = await client.text_document_formatting_async(asked)
        assert [edit.new_text for edit in edits] == expected

    session(talk, text)


def test_names_are_found_and_changed(session):
    text = SPEC + "  - Dense: 3\n    from: é\n"

    async def talk(client, _):
        place = await client.text_document_definition_async(lsp.DefinitionParams(**at(6, 10)))
        assert place.range.start.line == 2
        edit = await client.text_document_rename_async(lsp.RenameParams(DOCUMENT, lsp.Position(6, 10), "first"))
        assert [one.range.start.line for one in edit.changes[URI]] == [2, 6]

    session(talk, text)
