"""Solutions with blanks of chapter 10, Segment Anything."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "paint": (
        "import numpy as np\n\n\ndef paint(regions):",
        Blank(
            "What stands where no region is?",
            "    painted = np.full(regions.masks.shape[1:], -1)",
            {"    painted = np.full(regions.masks.shape[1:], 0)": "zero_for_uncovered"},
        ),
        Blank(
            "In which order are the regions painted?",
            '    for number in np.argsort(regions.areas, kind="stable")[::-1]:',
            {
                '    for number in np.argsort(regions.areas, kind="stable"):': "small_before_large",
                '    for number in np.argsort(-regions.areas, kind="stable"):': "ties_to_the_last",
                '    for number in np.argsort(regions.scores, kind="stable"):': "by_score",
                "    for number in np.arange(len(regions.masks)):": "in_their_order",
            },
        ),
        "        painted[regions.masks[number]] = number\n    return painted",
    ),
    "majority": (
        "import numpy as np\n\n\ndef majority(painted, ids):",
        Blank(
            "What do pixels in no region have?",
            "    voted = np.full(painted.shape, 6)",
            {"    voted = np.array(ids, dtype=int)": "uncovered_as_they_are"},
        ),
        Blank(
            "Which regions vote?",
            "    for number in np.unique(painted[painted >= 0]):",
            {"    for number in np.unique(painted):": "uncovered_as_a_region"},
        ),
        "        inside = painted == number",
        Blank(
            "The vote of a region.",
            "        voted[inside] = np.bincount(ids[inside], minlength=7).argmax()",
            {
                "        voted[inside] = np.bincount(ids[inside], minlength=7)[:6].argmax()": "unknown_left_out",
                "        voted[inside] = np.bincount(ids.ravel(), minlength=7).argmax()": "one_vote_for_all",
                "        voted[inside] = round(float(ids[inside].mean()))": "mean_of_ids",
                "        voted[inside] = int(np.median(ids[inside]))": "median_of_ids",
            },
        ),
        "    return voted",
    ),
}
