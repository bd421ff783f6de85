"""Discussion of the settings A to E: differences with their standard errors, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

from dlcvlib.metrics import Difference, difference_of_means, difference_of_shares
from dlcvlib.runs import Group, Run
from dlcvlib.views.settings import ORDER, reported_values, setting_groups, setting_of

QUESTIONS = (
    ("C", "A", "what self-supervision is worth when the whole network is trained"),
    ("E", "frozen random", "what the self-supervised features know by themselves"),
    ("B", "A", "what the supplied backbone is worth when the whole network is trained"),
    ("C", "B", "our pre-training against the supplied backbone, the whole network trained"),
    ("D", "E", "the supplied features against ours, both frozen"),
    ("C", "E", "fine-tuning against freezing, from our pre-training"),
    ("B", "D", "fine-tuning against freezing, from the supplied backbone"),
    ("LP-FT", "C", "training the classifier first"),
)


def settings_in_words(
    rows: Sequence[Run | Sequence[Run]], reported: Mapping[str, Mapping[str, float]] | None = None
) -> str:
    """Return the differences between settings with standard errors, and their order in the reports, as Markdown.

    A difference is clear if it exceeds two standard errors. These are over seeds; with one seed, or if all seeds have
    equal accuracy, they are binomial standard errors over the validation images.

    Args:
        rows: as for `settings_table`, of one network, profile and data set.
        reported: further values to compare the order with, as report → setting → accuracy in [0, 1].

    Raises:
        ValueError: as `settings_table`; or two rows of one setting, or rows of different networks, profiles or data.
    """
    ordered = setting_groups(rows)
    _refuse_incomparable(ordered)
    ours = {setting_of(group): group for group in ordered}
    lines = [
        f"- **{first} against {second}** ({question}): {_in_words(ours[first], ours[second])}"
        for first, second, question in QUESTIONS
        if first in ours and second in ours
    ]
    orders = [_order(report, values, ours) for report, values in reported_values(ordered, reported).items()]
    lines += [order for order in orders if order]
    if not lines:
        raise ValueError(f"there is nothing to compare among the settings {', '.join(ours)}: give A and C, or D and E")
    return "\n".join(lines)


def _refuse_incomparable(groups: list[Group]) -> None:
    settings = [setting_of(group) for group in groups]
    if twice := sorted({setting for setting in settings if settings.count(setting) > 1}):
        raise ValueError(
            f"setting {', '.join(twice)} stands in several rows: give one series, and all seeds of a setting as one row"
        )
    for name, keys in {
        "profiles": ("profile",),
        "networks": ("recipe", "model"),
        "image sizes": ("recipe", "image_size"),
        "numbers of validation images": ("data", "val_images"),
    }.items():
        values = {setting_of(group): group.entry(*keys) for group in groups}
        if len(set(values.values())) > 1:
            raise ValueError(f"settings of different {name} cannot be compared: {values}")


def _difference(first: Group, second: Group) -> tuple[Difference, str]:
    """Return the difference, and what its error is taken over, in words."""
    seeds = len(first.runs), len(second.runs)
    if min(seeds) > 1:
        difference = difference_of_means(first.values, second.values)
        if difference.error > 0:  # a classifier fitted to its end is the same for every seed, and yet not known exactly
            return difference, f"over {seeds[0]} and {seeds[1]} seeds"
    reason = "there is one seed" if min(seeds) == 1 else "the seeds agree"
    if first.images is None or second.images is None:
        return Difference(first.mean - second.mean, math.nan), reason
    shares = difference_of_shares(first.mean, first.images, second.mean, second.images)
    return shares, f"of {first.images} validation images, since {reason}"


def _in_words(first: Group, second: Group) -> str:
    difference, basis = _difference(first, second)
    values = f"{first.mean:.3f} against {second.mean:.3f}, {_points(difference.value)}"
    if math.isnan(difference.error):
        return f"{values}; the records name no number of validation images, so no standard error can be given."
    return f"{values} with a standard error of {100 * difference.error:.1f} {basis}: {_verdict(difference)}."


def _verdict(difference: Difference) -> str:
    if math.isnan(difference.error):
        return "of unknown error"
    return "clear, more than two standard errors" if difference.clear else "may be luck, within two standard errors"


def _points(share: float) -> str:
    return f"{100 * share:+.1f} points".replace("-", "−")


def _order(report: str, values: Mapping[str, float], ours: Mapping[str, Group]) -> str:
    """Compare the order of the settings that a report and ours share, in words; empty for fewer than two."""
    both = sorted((setting for setting in ours if setting in values), key=ORDER.index)
    if len(both) < 2:
        return ""
    found = {setting: round(ours[setting].mean, 9) for setting in both}  # the order of a sum decides nothing
    turned, clear, pairs = [], 0, list(combinations(both, 2))
    for first, second in pairs:
        difference, _ = _difference(ours[first], ours[second])
        clear += difference.clear
        if (values[first] - values[second]) * (found[first] - found[second]) < 0:
            turned.append(f"{first} against {second} (ours {_points(difference.value)}, {_verdict(difference)})")
    stated, mine = _ascending({setting: values[setting] for setting in both}), _ascending(found)
    summary = f"- **The order in {report}**, {stated}: ours is {'the same' if mine == stated else mine}."
    if turned:
        summary += f" The other way round: {'; '.join(turned)}."
    return f"{summary} Clear among our differences: {clear} of {len(pairs)}."


def _ascending(accuracies: Mapping[str, float]) -> str:
    """Return the settings from the lowest to the highest, `=` between equal ones."""
    ranked = sorted(accuracies, key=lambda setting: accuracies[setting])
    words = ranked[0]
    for lower, higher in pairwise(ranked):
        words += f" {'=' if accuracies[lower] == accuracies[higher] else '<'} {higher}"
    return words
