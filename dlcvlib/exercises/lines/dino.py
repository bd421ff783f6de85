"""Solutions with blanks of chapter 5, DINO."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "new_center": (
        "def new_center(center, teacher, momentum=0.9):",
        Blank(
            "What does the batch say?",
            "    of_this_batch = teacher.detach().mean(dim=0)",
            {
                "    of_this_batch = teacher.detach().mean(dim=1)": "over_prototypes",
                "    of_this_batch = teacher.detach().sum(dim=0)": "summed",
                "    of_this_batch = teacher.mean(dim=0)": "keeps_the_graph",
                "    of_this_batch = teacher.detach().softmax(dim=1).mean(dim=0)": "of_probabilities",
            },
        ),
        Blank(
            "The centre after this batch.",
            "    return momentum * center + (1 - momentum) * of_this_batch",
            {
                "    return (1 - momentum) * center + momentum * of_this_batch": "momentum_exchanged",
                "    return momentum * center + of_this_batch": "unweighted",
                "    return momentum * of_this_batch + (1 - momentum) * of_this_batch": "forgets_the_past",
            },
        ),
    ),
    "dino_loss": (
        "import torch\n\n\ndef dino_loss(student, teacher, center, teacher_temp=0.04, student_temp=0.1):",
        Blank(
            "The probabilities that the student is to predict.",
            "    targets = ((teacher.detach() - center) / teacher_temp).softmax(-1)",
            {
                "    targets = ((teacher.detach() - center) / student_temp).softmax(-1)": "one_temperature",
                "    targets = ((teacher - center) / teacher_temp).softmax(-1)": "gradient_into_teacher",
                "    targets = (teacher.detach() / teacher_temp).softmax(-1)": "teacher_not_centred",
            },
        ),
        Blank(
            "The logarithms of the student's probabilities.",
            "    predictions = (student / student_temp).log_softmax(-1)",
            {"    predictions = ((student - center) / student_temp).log_softmax(-1)": "student_centred"},
        ),
        "    of_pairs = []\n    for t, target in enumerate(targets):\n"
        "        for s, prediction in enumerate(predictions):",
        Blank(
            "Which pairs count?",
            "            if s != t:",
            {
                "            if s != t and s < 2:": "only_global_views",
                "            if s >= 0:": "view_against_itself",
            },
        ),
        "                of_pairs.append(-(target * prediction).sum(-1).mean())",
        Blank(
            "The loss of the batch.",
            "    return torch.stack(of_pairs).mean()",
            {
                "    return torch.stack(of_pairs).sum()": "sum_of_pairs",
                "    return sum(of_pairs) / (len(targets) * len(predictions))": "wrong_number_of_pairs",
            },
        ),
    ),
}
