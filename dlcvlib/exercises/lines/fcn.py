"""Solutions with blanks of chapter 7, FCN."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "mean_iou": (
        "def mean_iou(pred, target):\n    scores = []",
        Blank(
            "Which classes have a score?",
            "    for number in range(6):",
            {"    for number in range(7):": "unknown_counted"},
        ),
        "        predicted, true = pred == number, target == number\n        both = (predicted & true).sum()",
        Blank(
            "What is the overlap divided by?",
            "        union = (predicted | true).sum()",
            {
                "        union = predicted.sum() + true.sum()": "overlap_twice",
                "        union = predicted.sum()": "precision",
                "        union = true.sum()": "recall",
            },
        ),
        "        scores.append(both / union)\n    return sum(scores) / len(scores)",
    )
}
