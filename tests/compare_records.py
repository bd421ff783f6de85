"""Compare the history of every run record in two folders: python tests/compare_records.py BEFORE AFTER.

Train the same recipes at equal seeds with two versions of the library, then compare: a change that must not touch the
numbers leaves every history equal to the last digit. Columns that only AFTER has are ignored. Exit status 1 if one
differs.
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd


def differing(before: Path, after: Path) -> list[str]:
    """Return the columns of the history `before` that `after` lacks or has with other values."""
    old, new = pd.read_csv(before), pd.read_csv(after)
    return [column for column in old if column not in new or not old[column].equals(new[column])]


def main(before: Path, after: Path) -> int:
    """Print each difference and the totals."""
    equal, wrong, files = 0, 0, sorted(before.glob("*/*/seed*/history.csv"))
    for file in files:
        name = file.relative_to(before).as_posix()
        other = after / name.replace("_smallest/", "_reduced/")  # a name of records before schema 2
        columns = differing(file, other) if other.is_file() else None
        if columns:
            print(f"{name}: {', '.join(columns)} differ")
        elif columns is None:
            print(f"{name}: missing")
        wrong += bool(columns)
        equal += columns == []
    print(f"{equal} equal, {wrong} differ, {len(files) - equal - wrong} missing")
    return 1 if wrong or not files else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:3])))
