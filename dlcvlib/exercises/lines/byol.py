"""Solutions with blanks of chapter 4, BYOL."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "byol_loss": (
        "from torch.nn import functional\n\n\ndef byol_loss(p1, p2, z1, z2):",
        Blank(
            "What becomes of the target's projections?",
            "    z1, z2 = z1.detach(), z2.detach()",
            {"    z1, z2 = z1.clone(), z2.clone()": "gradient_into_target"},
        ),
        Blank(
            "Give each vector the length 1.",
            "    p1, p2, z1, z2 = (functional.normalize(each, dim=1) for each in (p1, p2, z1, z2))",
            {
                "    p1, p2, z1, z2 = (functional.normalize(each, dim=0) for each in (p1, p2, z1, z2))": "wrong_axis",
            },
        ),
        Blank(
            "The loss of each pair of views.",
            "    loss = 4 - 2 * (p1 * z2).sum(1) - 2 * (p2 * z1).sum(1)",
            {
                "    loss = 4 - 2 * (p1 * z1).sum(1) - 2 * (p2 * z2).sum(1)": "same_view",
                "    loss = 4 + 2 * (p1 * z2).sum(1) + 2 * (p2 * z1).sum(1)": "sign",
                "    loss = 2 - (p1 * z2).sum(1) - (p2 * z1).sum(1)": "averaged_directions",
                "    loss = 2 - 2 * (p1 * z2).sum(1)": "one_direction",
            },
        ),
        Blank("The loss of the batch.", "    return loss.mean()", {"    return loss.sum()": "batch_summed"}),
    ),
    "update_ema": (
        "import torch\n\n\ndef update_ema(target, online, momentum):",
        Blank(
            "Is the update recorded?",
            "    with torch.no_grad():",
            {"    with torch.enable_grad():": "keeps_the_graph"},
        ),
        Blank(
            "What is averaged?",
            "        pairs = zip(target.parameters(), online.parameters(), strict=True)",
            {
                "        pairs = zip(target.state_dict().values(), online.state_dict().values(), strict=True)": (
                    "statistics_averaged"
                ),
            },
        ),
        "        for average, current in pairs:",
        Blank(
            "The new value of a parameter of the target.",
            "            average.copy_(momentum * average + (1 - momentum) * current)",
            {
                "            average.copy_((1 - momentum) * average + momentum * current)": "momentum_exchanged",
                "            average.copy_(momentum * average + current.mul_(1 - momentum))": "moves_online",
                "            average = momentum * average + (1 - momentum) * current": "rebound",
                "            average.copy_(average - average + (1 - momentum) * current)": "starts_again",
            },
        ),
    ),
}
