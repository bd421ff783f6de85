"""Solutions with blanks of chapter 9, DeepLab."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "focal_loss": (
        "from torch.nn import functional\n\n\ndef focal_loss(logits, target, gamma):",
        Blank(
            "The logarithm of each class's probability at each pixel.",
            "    log_p = functional.log_softmax(logits, dim=1)",
            {
                "    log_p = functional.log_softmax(logits, dim=-1)": "wrong_axis",
                "    log_p = functional.softmax(logits, dim=1).log()": "log_of_softmax",
            },
        ),
        "    log_p = log_p.gather(1, target[:, None]).squeeze(1)  # of the true class",
        Blank(
            "The factor of each pixel.",
            "    factor = (1 - log_p.exp()) ** gamma",
            {
                "    factor = log_p.exp() ** gamma": "p_for_one_minus_p",
                "    factor = (1 - log_p.exp()).detach() ** gamma": "factor_detached",
            },
        ),
        Blank(
            "The loss of the batch.",
            "    return -(factor * log_p).mean()",
            {
                "    return -(factor * log_p).sum()": "summed",
                "    return (factor * log_p).mean()": "sign",
                "    return -(factor * log_p).sum() / factor.sum()": "normalised",
            },
        ),
    ),
    "class_weights": (
        "import torch\n\n\ndef class_weights(shares):\n    land = shares[:6]\n    present = land > 0\n"
        "    weights = torch.zeros_like(shares)",
        Blank(
            "The weights of the land classes that occur.",
            "    weights[:6][present] = land[present].quantile(0.5) / land[present]",
            {
                "    weights[:6][present] = land.quantile(0.5) / land[present]": "absent_in_median",
                "    weights[:6][present] = land[present].mean() / land[present]": "mean_for_median",
                "    weights[:6][present] = land[present].median() / land[present]": "lower_median",
                "    weights[:6][present] = torch.ones_like(land[present]) / land[present]": "median_forgotten",
            },
        ),
        "    return weights",
    ),
}
