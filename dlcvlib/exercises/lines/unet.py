"""Solutions with blanks of chapter 8, the ablation of U-Net."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "up_step": (
        "import torch\n\n\ndef up_step(features, skip, enlarge, convolve):\n    height, width = skip.shape[-2:]",
        Blank(
            "Enlarge the map from below.",
            "    enlarged = enlarge(features)[..., :height, :width]",
            {"    enlarged = enlarge(features[..., :height, :width])": "not_cropped"},
        ),
        Blank(
            "Join both maps and convolve.",
            "    return convolve(torch.cat([skip, enlarged], dim=1))",
            {
                "    return convolve(torch.cat([enlarged, skip], dim=1))": "order_exchanged",
                "    return convolve(torch.cat([skip + enlarged] * 2, dim=1))": "adds",
            },
        ),
    ),
    "with_one_dropped": (
        'import torch\n\n\ndef with_one_dropped(skips, dropped, training):\n    if dropped == "random":',
        Blank(
            "When do all connections stay?",
            "        if not training:",
            {"        if dropped is None:": "also_in_evaluation"},
        ),
        "            return skips\n        dropped = torch.randint(1, 5, ()).item()",
        Blank(
            "What becomes of the connections beside the random one?",
            "        skips = [skip * 4 / 3 for skip in skips]",
            {"        skips = [skip.clone() for skip in skips]": "not_scaled"},
        ),
        "    return [",
        Blank(
            "The map of a level.",
            "        torch.zeros_like(skip) if level == dropped else skip",
            {"        skip.mul_(0.0) if level == dropped else skip": "in_place"},
        ),
        Blank(
            "The number of each level.",
            "        for level, skip in enumerate(skips, start=1)",
            {
                "        for level, skip in zip((4, 3, 2, 1), skips)": "from_the_deep_end",
                "        for level, skip in enumerate(skips, start=1) if level != dropped": "removed",
            },
        ),
        "    ]",
    ),
}
