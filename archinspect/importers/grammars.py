"""Texts of other grammars that describe networks and are not read: how each is known, and what it is."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from archinspect.importers.file import File

GRAMMARS: tuple[tuple[tuple[bytes, ...], str, str], ...] = (
    (
        (rb"^arch\s*:", rb"^dataset\s*:", rb"\bprocessors\s*:"),
        "a network of ai8x",
        "channels are masks there",
    ),
    ((rb"^input_channel\s*:", rb"^backbone\s*:"), "a model of Kindle", ""),
    ((rb"^module\s*:", rb"^\s*\[\s*-?\d+\s*,\s*\d+\s*,\s*\w+\s*,\s*\["), "a module of Kindle", ""),
    ((rb"^model\s*:", rb"^(?:train|evaluate)\s*:", rb"^loss\s*:"), "a Kurfile", ""),
    (
        (rb"^architecture\s*:\s*\w+\s*$", rb"^\w+\s*:\s*$"),
        "a configuration of PaddleDetection",
        "its parts are programs",
    ),
    ((rb"^Collections\s*:", rb"^Models\s*:"), "a list of models of OpenMMLab", "it has no architecture"),
    ((rb"^model\s*=\s*dict\(",), "a configuration of OpenMMLab", "it is a program, which is not run"),
    ((rb"^_base_\s*=",), "a configuration of OpenMMLab", "it is a program, which is not run"),
    ((rb"^MODEL\s*:\s*$", rb"META_ARCHITECTURE\s*:"), "a configuration of Detectron2", "its parts are programs"),
    ((rb"^input_features\s*:", rb"^output_features\s*:"), "a configuration of Ludwig", "its encoders are programs"),
    ((rb'"_class_name"\s*:', rb'"_diffusers_version"\s*:'), "a configuration of diffusers", "its parts are programs"),
    ((rb'"peft_type"\s*:',), "a configuration of an adapter", "name its folder, or the model that it is for"),
    (
        (rb'^\s*\{\s*"(?:metadata|weight_map)"\s*:', rb'"weight_map"\s*:'),
        "a list of files of weights",
        "name its folder",
    ),
    ((rb'"(?:_from_model_config|do_sample)"\s*:',), "a configuration of generation", "name config.json, beside it"),
    ((rb'"architecture"\s*:', rb'"pretrained_cfg"\s*:'), "a configuration of timm", "it names a program"),
    ((rb'"model_cfg"\s*:', rb'"(?:vision|text)_cfg"\s*:'), "a configuration of OpenCLIP", ""),
    ((rb"^\s*_target_\s*:",), "a configuration of Hydra", "its parts are programs"),
    ((rb"^hf_config\s*:", rb"^n_embd\s*:"), "a configuration of LitGPT", "that of Hugging Face is"),
    ((rb"^fragment\s+\w+", rb"->\s*\("), "NNEF", ""),
    ((rb"^version\s+\d+\.\d+\s*;", rb"^graph\s+\w+"), "NNEF", ""),
    ((rb"^\?(?:convolutional|fullyconnected)\b",), "a network of CN24", ""),
    (
        (rb"^\s*Network\s+\S+\s*\{", rb"\bDimensions\s*\{"),
        "a list of layers for MAESTRO",
        "what reads what does not stand there",
    ),
    ((rb"^tokenizer\s*:", rb"^transformer_encoder\s*:"), "a model of fast-plate-ocr", ""),
    ((rb"^macros\s*:", rb"^backbone\s*:"), "a recipe of torchvision-customizer", ""),
    ((rb"^network_spec\s*:",), "a specification of pytorch-custom-module", ""),
    ((rb"^anchors_p\d",), "a list of anchors of YOLOv5", "it has no architecture"),
    ((rb"^(?:import|from)\s+(?:torch|tensorflow|keras)\b",), "a Python program, which is not run", ""),
)
"""What all have to be found in the beginning, what that is, and why it is not read or what to do."""
INSTEAD = "`archinspect formats` lists what is read; export the model from a program that reads it: docs/formats.md"


def refuse(file: File) -> None:
    """Raise :class:`SourceError` for a text of a grammar that is known and not read."""
    for patterns, what, reason in GRAMMARS:
        if all(re.search(pattern, file.head, re.MULTILINE) for pattern in patterns):
            because = f": {reason}" if reason else ""
            raise file.refuse(f"this is {what}, which is not read{because}", INSTEAD)
