"""The choice of a network's first layers: as published for 224-px images, or at full resolution for 32-px images."""

from __future__ import annotations

STEMS = ("imagenet", "small")


def check_stem(stem: str) -> str:
    """Return `stem`.

    Raises:
        ValueError: it is neither "imagenet" nor "small".
    """
    if stem not in STEMS:
        raise ValueError(
            f"stem={stem!r} is not known; choose {' or '.join(map(repr, STEMS))} (small is for images of about 32 px)"
        )
    return stem
