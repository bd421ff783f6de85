"""Solutions with blanks of chapter 14, a convolutional network without a framework."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "fold": (
        "import torch\n\n\ndef fold(weight, bias, mean, var, gamma, beta, eps):",
        Blank(
            "The factor of each channel.",
            "    scale = gamma / torch.sqrt(var + eps)",
            {
                "    scale = gamma / torch.sqrt(var)": "epsilon_forgotten",
                "    scale = gamma / (torch.sqrt(var) + eps)": "epsilon_outside",
                "    scale = gamma / (var + eps)": "root_forgotten",
            },
        ),
        Blank(
            "The weight of the new convolution.",
            "    folded = weight * scale[:, None, None, None]",
            {
                "    folded = weight * scale": "columns",
                "    folded = weight.clone()  # as it was before the folding": "weight_not_scaled",
            },
        ),
        Blank(
            "Both results.",
            "    return folded, (bias - mean) * scale + beta",
            {
                "    return folded, bias * scale + beta": "mean_forgotten",
                "    return folded, bias - mean * scale + beta": "bias_not_scaled",
                "    return folded, bias * scale - mean + beta": "mean_not_scaled",
            },
        ),
    ),
    "windows": (
        "import numpy as np\nfrom numpy.lib.stride_tricks import sliding_window_view\n\n\n"
        "def windows(image, kernel, stride, padding):",
        Blank(
            "Zeros around the image.",
            "    padded = np.pad(image, [(0, 0), (padding, padding), (padding, padding)])",
            {
                "    padded = np.pad(image, [(0, 0), (0, 2 * padding), (0, 2 * padding)])": "padded_after",
                "    padded = image": "padding_forgotten",
            },
        ),
        "    every = sliding_window_view(padded, (kernel, kernel), axis=(1, 2))",
        Blank(
            "Where windows begin.",
            "    chosen = every[:, ::stride, ::stride]",
            {
                "    chosen = every[:, :-1:stride, :-1:stride]": "last_missing",
                "    chosen = every": "stride_forgotten",
            },
        ),
        Blank(
            "Axes: channel, row and column of the window, row and column within it.",
            "    ordered = chosen.transpose(0, 3, 4, 1, 2)",
            {
                "    ordered = chosen.transpose(0, 4, 3, 1, 2)": "turned",
                "    ordered = chosen.transpose(3, 4, 0, 1, 2)": "taps_first",
            },
        ),
        "    return ordered.reshape(len(image) * kernel**2, -1)",
    ),
}
