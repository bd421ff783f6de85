"""Problems that an edition's graders run."""

from __future__ import annotations

PROBLEMS = {
    "2023": ("classification", "office", "satellite"),
    "2024": ("office", "satellite"),
    "2025": ("office", "satellite"),
}
"""Data set of each problem of an edition, in the order hw1_1.sh, hw1_2.sh, …."""
