"""Which YAML files are specs: other tools have some, too; and which folders are models."""

from __future__ import annotations

import os
import re

from archinspect.base.source import SourceError
from archinspect.language.library import SUFFIXES
from archinspect.language.parse import TOP_ALIASES, TOP_KEYS

MAX_LOOKED_AT = 2**20
"""Bytes of a file in which keys are looked for."""
_KEY = re.compile(r"^([\"']?)([A-Za-z_][\w-]*)\1 *:(?=\s|$)[ \t]*(.*)$", re.MULTILINE)
_FLOW = re.compile(r"\s*\{.*?\b(?:layers|extends)\b", re.DOTALL)
_BARE = re.compile(r"[\w.+-]+\s*(?:#.*)?\Z")


def is_spec(path: str) -> bool:
    """Return whether a YAML file is likely a spec: by `input`, `layers` or `extends` among its first keys.

    Of keys that no spec has there may be one, a mistake, or more where the file has both an input and layers. `inputs`
    alone is what actions of GitHub have.
    """
    try:
        with open(path, "rb") as file:
            text = file.read(MAX_LOOKED_AT).decode("utf-8-sig", "replace")
    except OSError:
        return True  # which `check` tells
    if _FLOW.match(text):
        return True
    keys = {name: value for _, name, value in _KEY.findall(text)}
    foreign = [name for name in keys if name not in TOP_KEYS and name not in TOP_ALIASES]
    marks = {*keys} & {"input", "layers"}
    if {"input", "inputs"} & {*keys} and any(TOP_ALIASES.get(name) == "layers" for name in keys):
        marks.add("layers")  # `model` alone is a key of many
    if _BARE.match(keys.get("extends", "")):
        marks.add("extends")
    if "inputs" in keys and (marks or not foreign):
        marks.add("inputs")
    return len(marks) > 1 or (len(marks) == 1 and len(foreign) <= 1)


def is_model(folder: str) -> bool:
    """Return whether a folder is one model, as those of Hugging Face are."""
    from archinspect.importers import evidence  # where a folder has no spec
    from archinspect.importers.file import File

    try:
        config = File(os.path.join(folder, "config.json"))
        return evidence.is_safetensors(File(folder)) or (os.path.isfile(config.path) and evidence.is_hf(config))
    except (OSError, SourceError):
        return False


def has_suffix(name: str) -> bool:
    """Return whether a file is called as specs are."""
    return name.endswith(SUFFIXES) and not name.startswith(".")
