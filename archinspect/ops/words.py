"""Tables of words, as Keras's layers have them: numbers of words, or vectors with a place for each."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from archinspect.base.shape import Mismatch, text
from archinspect.ops.args import Bool, Choice, Int, Kind, Optional, arg
from archinspect.ops.declared import ArgumentError
from archinspect.ops.preprocess import Categories

if TYPE_CHECKING:
    from archinspect.base.shape import Shape
    from archinspect.base.source import Value


class Words(Kind):
    """A list of words or numbers."""

    expected = "a list of words or numbers"

    def convert(self, value: Value, rank: int = 0) -> tuple[str | int | float, ...]:
        """Return a tuple of them."""
        if not isinstance(value, list) or not all(isinstance(item, str | int | float) for item in value):
            raise ValueError(self.expected)
        return tuple(cast("list[str | int | float]", value))


class _OfWords(Categories):
    """What reads words, whose numbers are large."""

    number = "int64"
    reads_words = True


class Hashing(_OfWords):
    """The number of the bin into which a word or number is hashed, as Keras's layer. No FLOPs."""

    ignores = ("mask_value", "salt")
    num_bins: int = arg("how many bins", Int(1))
    output_mode: str = arg(
        "the number, or vectors as of `CategoryEncoding`", Choice("int", "one_hot", "multi_hot", "count"), "int"
    )

    def categories(self) -> int:
        return self.num_bins


class HashedCrossing(_OfWords):
    """The number of the bin into which several words or numbers are hashed together, as Keras's layer. No FLOPs.

    Its inputs have one value for each sample, [] or [1].
    """

    inputs: ClassVar[tuple[int, int | None]] = (2, None)
    num_bins: int = arg("how many bins", Int(1))
    output_mode: str = arg("the number, or a vector with a place for each bin", Choice("int", "one_hot"), "int")

    def output(self, *shapes: Shape) -> Shape:
        if any(shape != shapes[0] for shape in shapes) or shapes[0][1:] not in ((), (1,)):
            raise Mismatch(f"needs one value of each sample, [] or [1], not {' and '.join(map(text, shapes))}")
        return super().output(shapes[0])

    def categories(self) -> int:
        return self.num_bins


class _Lookup(_OfWords):
    """What looks words up in a table without learned numbers, which is found in the data unless `vocabulary` is given.

    An output of vectors needs to know how many there are: by `vocabulary`, or `max_tokens` with `pad_to_max_tokens`.
    """

    main = "vocabulary"
    ignores = ("mask_token", "oov_token", "vocabulary_dtype", "idf_weights", "invert", "oov_method", "salt", "encoding")
    max_tokens: int | None = arg("the most words, those that are not known among them", Optional(Int(1)), None)
    num_oov_indices: int = arg("numbers for words that are not known", Int(0), 1)
    vocabulary: tuple[str | int | float, ...] | None = arg("the words", Optional(Words()), None)
    pad_to_max_tokens: bool = arg("let vectors have `max_tokens` places", Bool(), default=False)
    output_mode: str = arg(
        "the number, or vectors as of `CategoryEncoding`",
        Choice("int", "one_hot", "multi_hot", "count", "tf_idf"),
        "int",
    )

    def check(self) -> None:
        if self.output_mode != "int" and not self.categories():
            name = type(self).__name__
            message = f"{name}: how many words there are is not said"
            raise ArgumentError(
                message, "output_mode", help="give `vocabulary`, or `max_tokens` and `pad_to_max_tokens`"
            )

    def categories(self) -> int:
        if self.pad_to_max_tokens and self.max_tokens:
            return self.max_tokens
        return len(self.vocabulary) + self.num_oov_indices if self.vocabulary else 0


class IntegerLookup(_Lookup):
    """The number of an integer in a table, as Keras's layer. No FLOPs."""


class StringLookup(_Lookup):
    """The number of a word in a table, as Keras's layer. No FLOPs."""


class TextVectorization(_OfWords):
    """The numbers of a text's words, or a vector with a place for each word, as Keras's layer. No FLOPs.

    A text is one word of the input, [] or [1], that the layer splits. How many numbers it becomes has to be said, by
    `output_sequence_length`; how many places a vector has, by `vocabulary`, or `max_tokens` with `pad_to_max_tokens`.
    """

    ignores = ("standardize", "split", "ngrams", "encoding", "idf_weights", "ragged")
    max_tokens: int | None = arg("the most words, that of unknown ones among them", Optional(Int(1)), None)
    output_sequence_length: int | None = arg("numbers that a text becomes, cut or filled up", Optional(Int(1)), None)
    vocabulary: tuple[str | int | float, ...] | None = arg("the words", Optional(Words()), None)
    pad_to_max_tokens: bool = arg("let vectors have `max_tokens` places", Bool(), default=False)
    output_mode: str = arg(
        "the numbers, or a vector of all words", Choice("int", "multi_hot", "count", "tf_idf"), "int"
    )

    def check(self) -> None:
        if self.output_mode != "int" and not self.categories():
            raise ArgumentError(
                "TextVectorization: how many words there are is not said",
                "output_mode",
                help="give `vocabulary`, or `max_tokens` and `pad_to_max_tokens`",
            )
        if self.output_mode == "int" and self.output_sequence_length is None:
            raise ArgumentError(
                "TextVectorization: how many numbers a text becomes is not said",
                "output_sequence_length",
                help="give `output_sequence_length`: it is as long as the longest text of a batch without it",
            )

    def categories(self) -> int:
        if self.pad_to_max_tokens and self.max_tokens:
            return self.max_tokens
        return len(self.vocabulary) + 1 if self.vocabulary else 0

    def output(self, *shapes: Shape) -> Shape:
        (shape,) = shapes
        if shape[1:] not in ((), (1,)):
            raise Mismatch(f"needs one text of each sample, [] or [1], not {text(shape)}")
        return (shape[0], self.output_sequence_length or 0 if self.output_mode == "int" else self.categories())
