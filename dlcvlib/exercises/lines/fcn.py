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
    ),
    "bilinear_kernel": (
        "import torch\n\n\ndef bilinear_kernel(channels, factor):",
        Blank(
            "The distance of each weight from the middle.",
            "    distance = (torch.arange(2 * factor) - (factor - 0.5)).abs()",
            {"    distance = (torch.arange(2 * factor) - factor).abs()": "half_a_pixel_off"},
        ),
        Blank(
            "The weights along a line.",
            "    line = 1 - distance / factor",
            {"    line = (1 - distance / factor) / factor": "sums_to_one"},
        ),
        "    kernel = torch.zeros(channels, channels, 2 * factor, 2 * factor)\n    for channel in range(channels):",
        Blank(
            "Which class is made of which?",
            "        kernel[channel, channel] = torch.outer(line, line)",
            {"        kernel[channel, :channels] = torch.outer(line, line)": "classes_mixed"},
        ),
        "    return kernel",
    ),
}
