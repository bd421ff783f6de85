"""Sentence about chance: differences between seeds of one fine-tuning setting, beside those between settings."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

from dlcvlib.runs import Run
from dlcvlib.views.settings import setting_groups, setting_of


def seed_range_in_words(rows: Sequence[Run | Sequence[Run]]) -> str:
    """Say how many pairs of settings differ by less than two seeds of one setting do, as Markdown.

    Args:
        rows: as for `settings_table`.

    Raises:
        ValueError: as `settings_table`.
    """
    groups = setting_groups(rows)
    ranges = {setting_of(group): max(group.values) - min(group.values) for group in groups if len(group.values) > 1}
    pairs = list(combinations((group.mean for group in groups), 2))
    if not ranges or not pairs:
        return "This page cannot say: it needs several settings, and several seeds of one."
    widest = max(ranges, key=lambda setting: ranges[setting])
    closer = sum(abs(first - second) < ranges[widest] for first, second in pairs)
    return (
        f"Two seeds of setting {widest} differ by up to **{100 * ranges[widest]:.1f} points**. Of the {len(pairs)} "
        f"pairs of settings, **{closer or 'none'}** differ{'' if closer > 1 else 's'} by less in the mean over seeds."
    )
