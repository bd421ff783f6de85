"""Solutions with blanks of chapter 1, the data."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "standard_error": (
        "import numpy as np\n\n\ndef standard_error(predicted, labels):\n    hits = np.equal(predicted, labels)",
        Blank(
            "The standard error of the accuracy.",
            "    return np.sqrt(hits.mean() * (1 - hits.mean()) / hits.size)",
            {
                "    return np.sqrt(hits.mean() * (1 - hits.mean()))": "of_one_image",
                "    return np.sqrt(hits.mean() * (1 - hits.mean()) / (hits.size - 1))": "sample_deviation",
                "    return np.sqrt(hits.mean() * (1 - hits.mean()) / np.unique(labels).size)": "divided_by_classes",
                "    return 100 * np.sqrt(hits.mean() * (1 - hits.mean()) / hits.size)": "in_points",
                "    return np.sqrt(hits.mean() / hits.size)": "one_minus_forgotten",
                "    return hits.mean() * (1 - hits.mean()) / hits.size": "root_forgotten",
            },
        ),
    ),
    "class_ids": (
        "import numpy as np\n\n\ndef class_ids(rgb):",
        Blank(
            "Which channels of each pixel are on?",
            "    red, green, blue = np.moveaxis(rgb > 127, -1, 0)",
            {
                "    red, green, blue = np.moveaxis(rgb > 128, -1, 0)": "from_129_on",
                "    blue, green, red = np.moveaxis(rgb > 127, -1, 0)": "bgr",
            },
        ),
        Blank(
            "The class of each number from 0 to 7.",
            "    of_number = np.array([6, 4, 3, 0, 6, 2, 1, 5])",
            {
                "    of_number = np.array([6, 4, 3, 0, 0, 2, 1, 5])": "red_is_class_0",
                "    of_number = np.array([6, 6, 3, 1, 4, 2, 0, 5])": "bgr",
            },
        ),
        Blank(
            "The number of each pixel.",
            "    return of_number[4 * red + 2 * green + blue]",
            {"    return of_number[red + 2 * green + 4 * blue]": "bgr"},
        ),
    ),
}
