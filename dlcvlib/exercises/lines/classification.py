"""Solutions with blanks of chapter 2, classification."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "random_crops": (
        "import torch\n\n\ndef random_crops(images, size, generator=None):\n    height, width = images.shape[-2:]",
        Blank(
            "The first row and the first column of each window.",
            "    down = torch.randint(height - size + 1, (len(images),), generator=generator)\n"
            "    across = torch.randint(width - size + 1, (len(images),), generator=generator)",
            {
                "    down = torch.randint(max(height - size, 1), (len(images),), generator=generator)\n"
                "    across = torch.randint(max(width - size, 1), (len(images),), generator=generator)": (
                    "last_position_missing"
                ),
                "    down = torch.randint(height - size + 1, (len(images),))\n"
                "    across = torch.randint(width - size + 1, (len(images),))": "seed_ignored",
            },
        ),
        Blank(
            "The corners of the windows.",
            "    corners = zip(down.tolist(), across.tolist(), strict=True)",
            {
                "    corners = zip(down.tolist(), down.tolist(), strict=True)": "rows_and_columns_tied",
                "    corners = [(int(down[0]), int(across[0]))] * len(images)": "one_draw_a_batch",
            },
        ),
        "    return torch.stack(\n        [\n            image[:, y : y + size, x : x + size]",
        Blank(
            "The image of each window.",
            "            for image, (y, x) in zip(images, corners, strict=True)",
            {"            for image, (y, x) in zip(images.roll(1, 0), corners, strict=True)": "neighbours_image"},
        ),
        "        ]\n    )",
    ),
    "smoothed_cross_entropy": (
        "def smoothed_cross_entropy(logits, labels, epsilon):",
        Blank(
            "The logarithm of each class's probability.",
            "    log_probabilities = logits.log_softmax(dim=1)",
            {
                "    log_probabilities = logits.log_softmax(dim=0)": "wrong_axis",
                "    log_probabilities = logits.softmax(dim=1).log_softmax(dim=1)": "softmax_twice",
            },
        ),
        "    of_true_class = log_probabilities[range(len(labels)), labels]",
        Blank(
            "What is shared among the classes?",
            "    of_all_classes = log_probabilities.mean(dim=1)",
            {
                "    of_all_classes = (log_probabilities.sum(dim=1) - of_true_class) / (logits.shape[1] - 1)": (
                    "over_the_others"
                )
            },
        ),
        Blank(
            "The loss of the batch.",
            "    return -((1 - epsilon) * of_true_class + epsilon * of_all_classes).mean()",
            {
                "    return -((1 - epsilon) * of_true_class + epsilon * of_all_classes).sum()": "summed",
                "    return -(of_true_class + epsilon * of_all_classes).mean()": "one_minus_forgotten",
            },
        ),
    ),
}
