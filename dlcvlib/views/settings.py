"""Table of the fine-tuning settings A to E: initial weights, trained part and accuracy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dlcvlib.counting import counted
from dlcvlib.course import EXTRA, REPORTED, SETTINGS
from dlcvlib.runs import Group, Run, group_of
from dlcvlib.runs.starts import start_title
from dlcvlib.views.display import Picture, table_picture
from dlcvlib.views.provenance import explained, noted, provenance
from dlcvlib.views.records import REDUCED
from dlcvlib.views.shared_rows import Row, shared_in_words
from dlcvlib.views.table_html import Noted

ORDER = tuple(SETTINGS | EXTRA)
STARTS = {"random": "random weights", "supplied": "supplied", "ssl": "self-supervised"}


def setting_of(group: Group) -> str:
    """Return the fine-tuning setting of some runs."""
    return str(group.entry("recipe", "setting"))


def setting_groups(rows: Sequence[Run | Sequence[Run]]) -> list[Group]:
    """Return the runs of each setting in the course's order: A, B, C, D, E, then the others.

    Args:
        rows: for each row a run, or several runs that differ in their seed only.

    Raises:
        ValueError: no row, a row without a run or of different recipes or profiles, or an unknown setting.
    """
    if not rows:
        raise ValueError("there is no run of a fine-tuning setting: give at least one")
    found = []
    for row in rows:
        group = group_of(row, "val_accuracy")
        if setting_of(group) not in ORDER:
            raise ValueError(
                f"{group.runs[0].path} is of setting {setting_of(group)}; known are {', '.join(ORDER)}: "
                "for trainings other than fine-tuning use accuracy_table"
            )
        found.append(group)
    return sorted(found, key=lambda group: ORDER.index(setting_of(group)))


def reported_values(
    groups: Sequence[Group], reported: Mapping[str, Mapping[str, float]] | None = None
) -> dict[str, dict[str, float]]:
    """Return reported values as report → setting → accuracy in [0, 1]: of the recipes of `groups`, and those given."""
    values: dict[str, dict[str, float]] = {}
    for group in groups:
        value = REPORTED.get(group.entry("recipe", "name"))
        if value is not None:
            values.setdefault(group.entry("recipe", "report"), {})[setting_of(group)] = value
    for report, stated in (reported or {}).items():
        values[report] = values.get(report, {}) | dict(stated)
    return values


def settings_table(
    rows: Sequence[Run | Sequence[Run]], reported: Mapping[str, Mapping[str, float]] | None = None
) -> Picture:
    """Return a table of the settings: accuracy, standard deviation over seeds, standard error, and reported values.

    An entry that is not recorded is shown as a dash.

    Args:
        rows: for each row a fine-tuning run, or several that differ in their seed only; in any order.
        reported: further reported values, as report → setting → accuracy in [0, 1].

    Raises:
        ValueError: as `setting_rows`, or a run without a best epoch.
    """
    ordered = setting_groups(rows)
    stated = reported_values(ordered, reported)
    table, made = noted([_cells(group, stated) for group in ordered], [_made(group) for group in ordered])
    best = ordered[int(table["accuracy"].argmax())]
    caption = (
        f"Accuracy on the validation set at the best epoch.{explained(table)} "
        f"The highest is setting {setting_of(best)} with {best.mean:.3f}.{made} "
        "The best epoch is chosen on that same validation set, which flatters"
    )
    caption += (
        ", and the reported values are of other backbones and data: compare the order of the settings, not the values."
        if stated
        else "."
    )
    if table["starts from"].map(str).str.contains("stand-in").any():
        caption += (
            " “(stand-in)”: the supplied backbone was not available and is replaced by one that we trained with labels."
        )
    if any(group.is_reduced for group in ordered):
        caption += REDUCED
    caption += shared_in_words([Row((group,)) for group in ordered])
    return table_picture(table, caption=caption)


def _cells(group: Group, stated: Mapping[str, Mapping[str, float]]) -> dict[str, object]:
    setting, trained = setting_of(group), group.entry("trained_parameters")
    cells: dict[str, object] = {
        "setting": setting,
        "starts from": Noted(_start(group, setting), start_title(group.infos[0])),
        "trains": Noted(_trains(group), "" if trained is None else counted(trained, "parameter")),
        "accuracy": group.mean,
        "std": group.std,
        "error": group.error,
    }
    return cells | {f"reported, {report}": values.get(setting) for report, values in stated.items()}


def _made(group: Group) -> dict[str, str]:
    """Return the provenance but for the initial weights, which have a column."""
    return {name: text for name, text in provenance(group).items() if name != "start"}


def _start(group: Group, setting: str) -> str:
    """Return the initial weights of the backbone in words; the supplied one may have a stand-in of our own."""
    init = (SETTINGS | EXTRA)[setting].init
    own = init == "supplied" and group.entry("start", "from") == "record"
    return f"{STARTS[init]} (stand-in)" if own else STARTS[init]


def _trains(group: Group) -> str:
    if group.entry("recipe", "trains") == "classifier":
        return "classifier only"
    return "classifier, then all" if group.entry("recipe", "classifier_first") else "whole network"
