"""Discussion of the settings A to E: differences with their 95 % intervals, in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations, pairwise

from dlcvlib.metrics import Difference
from dlcvlib.runs import Group, Run
from dlcvlib.runs.starts import one_pretraining, shared_start_in_words
from dlcvlib.views.differences import difference_of_accuracies, in_words, points, verdict
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
    """Return the differences between settings with 95 % intervals, and their order in the reports, as Markdown.

    A difference is clear if its interval excludes 0. Intervals are over seeds: of the paired differences where both
    settings have the same seeds, else Welch's. With one seed, or if all seeds have equal accuracy, they are normal
    intervals over the validation images. Settings whose seeds all start from one pre-training are named.

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
    if shared := shared_start_in_words(ours):
        lines.append(f"- {shared}")
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
    """Return the difference, and what its interval is taken over, in words."""
    difference, basis = difference_of_accuracies(first, second)
    return difference, basis + _of_one_pretraining(first, second)


def _of_one_pretraining(*groups: Group) -> str:
    """Return which settings have one pre-training for all seeds, after a comma; "" if none has."""
    records = {setting_of(group): record for group in groups if (record := one_pretraining(group))}
    if not records:
        return ""
    if len(records) == len(groups) and len(set(records.values())) == 1:
        return ", all from one pre-training"
    return f", those of {' and of '.join(records)}{' each' if len(records) > 1 else ''} from one pre-training"


def _in_words(first: Group, second: Group) -> str:
    return f"{first.mean:.3f} against {second.mean:.3f}, {in_words(*_difference(first, second))}."


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
            turned.append(f"{first} against {second} (ours {points(difference.value)}, {verdict(difference)})")
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
