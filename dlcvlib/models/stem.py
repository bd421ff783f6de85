"""Choice of the stem: as published for 224-px images, or at full resolution for 32-px images."""

from __future__ import annotations

STEMS = ("imagenet", "small")


def check_stem(stem: str) -> str:
    """Return `stem`; raise a ValueError unless it is "imagenet" or "small"."""
    if stem not in STEMS:
        raise ValueError(
            f"stem={stem!r} is not known; choose {' or '.join(map(repr, STEMS))} (small is for images of about 32 px)"
        )
    return stem
