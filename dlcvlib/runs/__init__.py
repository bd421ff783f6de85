"""Run records: folders that hold the results of a training run."""

from dlcvlib.runs.collapse import Collapse, collapse_of
from dlcvlib.runs.group import Group, group_of, grouped, measure_of
from dlcvlib.runs.info import SCHEMA, DamagedRecordError, Info
from dlcvlib.runs.listing import list_runs, load, path_of, readable_runs
from dlcvlib.runs.results import export_result, read_results, result, summary
from dlcvlib.runs.run import Run, weights_file
from dlcvlib.runs.shared import record_of, records_of
from dlcvlib.runs.writing import (
    as_json,
    drop_previous_checkpoint,
    read_checkpoint,
    resumable_checkpoint,
    write_best_masks,
    write_checkpoint,
    write_history,
    write_info,
    write_masks,
    write_snapshot,
    write_weights,
    write_weights_at,
)

__all__ = [
    "SCHEMA",
    "Collapse",
    "DamagedRecordError",
    "Group",
    "Info",
    "Run",
    "as_json",
    "collapse_of",
    "drop_previous_checkpoint",
    "export_result",
    "group_of",
    "grouped",
    "list_runs",
    "load",
    "measure_of",
    "path_of",
    "read_checkpoint",
    "read_results",
    "readable_runs",
    "record_of",
    "records_of",
    "result",
    "resumable_checkpoint",
    "summary",
    "weights_file",
    "write_best_masks",
    "write_checkpoint",
    "write_history",
    "write_info",
    "write_masks",
    "write_snapshot",
    "write_weights",
    "write_weights_at",
]
