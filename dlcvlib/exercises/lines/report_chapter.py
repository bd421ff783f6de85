"""Solutions with blanks of chapter 12, the report."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "row_of_report": (
        "import math\nimport statistics\n\n\ndef row_of_report(runs, reported, is_toy):",
        Blank(
            "The score of each seed.",
            '    values = [float(run["test"][run["val"].idxmax()]) for run in runs]',
            {
                '    values = [float(run["test"][run["test"].idxmax()]) for run in runs]': "best_epoch_on_test",
                '    values = [float(run["val"][run["val"].idxmax()]) for run in runs]': "validation_score",
                '    values = [float(run["test"][run["test"].index[-1]]) for run in runs]': "last_epoch",
            },
        ),
        "    return {",
        Blank(
            "The column of this book.",
            '        "here": statistics.fmean(values),',
            {'        "here": max(values, default=None),': "best_seed"},
        ),
        Blank(
            "The column of the deviation.",
            '        "std": statistics.stdev(values) if len(values) > 1 else None,',
            {
                '        "std": statistics.pstdev(values) if len(values) > 1 else None,': "ddof_0",
                '        "std": statistics.stdev(values) if len(values) > 1 else 0.0,': "std_of_one_seed_0",
                '        "std": statistics.stdev(values) if len(values) > 1 else math.nan,': "std_of_one_seed_nan",
            },
        ),
        Blank(
            "The column of the reported value.",
            '        "reported": None if is_toy else reported,',
            {'        "reported": reported if runs else None,': "toy_beside_reported"},
        ),
        "    }",
    ),
    "course_csv": (
        "def course_csv(files, labels):",
        Blank(
            "The file and the label of each row.",
            "    rows = zip(files, labels.tolist(), strict=True)",
            {
                "    rows = zip(files, labels.float().tolist(), strict=True)": "labels_as_floats",
                "    rows = zip(files, sorted(labels.tolist()), strict=True)": "labels_sorted",
            },
        ),
        Blank(
            "The lines of the file.",
            '    lines = ["filename,label", *(f"{file.name},{label}" for file, label in rows)]',
            {
                '    lines = ["filename,label", *(f"{file},{label}" for file, label in rows)]': "whole_path",
                '    lines = ["filename, label", *(f"{file.name}, {label}" for file, label in rows)]': (
                    "blank_after_comma"
                ),
                '    lines = ["label,filename", *(f"{label},{file.name}" for file, label in rows)]': (
                    "columns_exchanged"
                ),
                '    lines = ["", *(f"{file.name},{label}" for file, label in rows)][1:]': "no_header",
            },
        ),
        Blank(
            "The text of the file.",
            r'    return "\n".join(lines) + "\n"',
            {
                r'    return "\r\n".join(lines) + "\r\n"': "crlf",
                r'    return "\n".join(lines)': "no_last_line_end",
            },
        ),
    ),
}
