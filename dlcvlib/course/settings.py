"""Fine-tuning settings of problem 2, as the course states them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Setting:
    """Initial weights of the backbone, and the part that is trained."""

    init: Literal["random", "supplied", "ssl"]
    trains: Literal["model", "classifier"]
    in_words: str


SETTINGS: dict[str, Setting] = {
    "A": Setting("random", "model", "whole network, from random weights"),
    "B": Setting("supplied", "model", "whole network, from the supplied backbone"),
    "C": Setting("ssl", "model", "whole network, from our own self-supervised pre-training"),
    "D": Setting("supplied", "classifier", "classifier only, on the supplied backbone"),
    "E": Setting("ssl", "classifier", "classifier only, on our own self-supervised backbone"),
}

EXTRA: dict[str, Setting] = {
    "frozen random": Setting("random", "classifier", "classifier only, on a random backbone: what E must beat"),
    "LP-FT": Setting("ssl", "model", "C, but the classifier is trained first (Kumar et al. 2022)"),
}
"""Settings beside the course's."""


@dataclass(frozen=True)
class Reading:
    """Meaning of the settings in an edition of the course: image size and supplied backbone."""

    image_size: int
    supplied: Literal["mini", "dino"]
    supplied_in_words: str


READINGS: dict[str, Reading] = {
    "2023": Reading(128, "mini", "ResNet50 trained with labels on Mini-ImageNet (pretrain_model_SL.pt)"),
    "2025": Reading(224, "dino", "the official DINO ResNet50, trained without labels on ImageNet-1k"),
}
"""2021, 2022 and 2024 are as 2023."""
