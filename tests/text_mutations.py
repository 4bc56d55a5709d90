"""Texts with something wrong, made of right ones: by numbers, words, lines and bytes."""

from __future__ import annotations

import re

NUMBERS = ["0", "-1", "1", "2", "3", "7", "17", "1e9", "0.5", "1000000", "99999999999999999999", "nan", "", "x", "-3"]
_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORD = re.compile(r"[A-Za-z_]\w*")


def mutated(text: str, rng) -> bytes:
    """Return a text with up to four changes."""
    data = text.encode()
    for _ in range(rng.choice((1, 1, 1, 2, 4))):
        data = rng.choice(CHANGES)(data.decode("utf-8", "replace"), rng).encode()
        if rng.random() < 0.05:
            place = rng.randrange(len(data) + 1)
            data = data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
    return data


def _number(text, rng):
    return _instead(text, rng, _NUMBER, NUMBERS)


def _word(text, rng):
    return _instead(text, rng, _WORD, _WORD.findall(text) or ["x"])


def _instead(text, rng, pattern, values):
    found = list(pattern.finditer(text))
    if not found:
        return text
    one = rng.choice(found)
    return text[: one.start()] + rng.choice(values) + text[one.end() :]


def _line(text, rng):
    lines = text.split("\n")
    place, other = rng.randrange(len(lines)), rng.randrange(len(lines))
    how = rng.randrange(4)
    if how == 0:
        del lines[place]
    elif how == 1:
        lines.insert(place, lines[other])
    elif how == 2:
        lines[place], lines[other] = lines[other], lines[place]
    else:
        lines = lines[:place]
    return "\n".join(lines)


def _character(text, rng):
    place = rng.randrange(len(text) + 1)
    return text[:place] + rng.choice("{}[]:=,#-\"'\n\t\0é&*!|>%@ ") + text[place + rng.randrange(2) :]


CHANGES = (_number, _number, _word, _line, _character)
