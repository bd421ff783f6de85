"""Solutions with blanks of chapter 11, the gradient of the cross-entropy."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "slope": (
        "import torch\n\n\ndef slope(w, z, t):",
        Blank(
            "The predictions.",
            "    x = torch.sigmoid(z @ w)",
            {"    x = z @ w": "sigmoid_forgotten"},
        ),
        Blank(
            "The slope of G along each weight.",
            "    return -(t - x) @ z",
            {
                "    return (t - x) @ z": "sign",
                "    return -(t - x) @ z / len(z)": "mean_for_sum",
                "    return -(t - x)": "z_forgotten",
                "    return -(t - x).sum()": "z_forgotten_and_summed",
                "    return -t * (1 - x) @ z": "label_0_left_out",
                "    return -2 * (t - x) * x * (1 - x) @ z": "squared_error",
            },
        ),
    ),
    "loss_of_logits": (
        "import torch\n\n\ndef loss_of_logits(a, t):",
        Blank(
            "The logarithm of $1 + e^a$.",
            "    softplus = a.clamp(min=0) + torch.log1p(torch.exp(-a.abs()))",
            {
                "    softplus = torch.log1p(torch.exp(a))": "exp_overflows",
                "    softplus = torch.log(torch.ones_like(a) + torch.exp(a))": "exp_overflows",
            },
        ),
        Blank(
            "The loss of the batch.",
            "    return (softplus - t * a).sum()",
            {
                "    return (softplus - t * a).mean()": "mean_for_sum",
                "    return (softplus - (1 - t) * a).sum()": "label_exchanged",
                "    return (t * (softplus - a)).sum()": "label_0_left_out",
            },
        ),
    ),
}
