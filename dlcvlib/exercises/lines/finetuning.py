"""Solutions with blanks of chapter 6, settings of fine-tuning."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "probe_step": (
        "from torch.nn import functional\n\n\ndef probe_step(backbone, classifier, optimizer, images, labels):",
        Blank(
            "What comes before a step?",
            "    optimizer.zero_grad()",
            {"    classifier.train()": "gradients_add_up", "    optimizer.state.clear()": "gradients_add_up"},
        ),
        Blank(
            "The features of the images.",
            "    fixed_features = backbone.eval()(images).detach()",
            {
                "    fixed_features = backbone.train()(images).detach()": "statistics_move",
                "    fixed_features = backbone.eval()(images.detach())": "backbone_trained",
            },
        ),
        "    loss = functional.cross_entropy(classifier(fixed_features), labels)\n    loss.backward()",
        Blank(
            "What follows?",
            "    optimizer.step()",
            {"    classifier.eval()": "not_stepped"},
        ),
        Blank(
            "The loss as a number.",
            "    return loss.item()",
            {"    return loss.mean()": "keeps_the_graph", "    return loss": "keeps_the_graph"},
        ),
    ),
    "standardised": (
        "def standardised(train, val):",
        Blank(
            "What is subtracted, and what divided by?",
            "    centre, scale = train.mean(0), train.std(0).clamp_min(1e-6)",
            {
                "    centre, scale = train.mean(0), train.var(0).clamp_min(1e-6)": "variance",
                "    centre, scale = train.mean(), train.std().clamp_min(1e-6)": "one_for_all",
                "    centre, scale = train.mean(0), train.std(0, correction=1)": "nan_at_zero_std",
                "    centre, scale = train.mean(0), train.std(0, correction=0).clamp_min(1e-6)": "ddof_0",
            },
        ),
        Blank(
            "Both sets, standardised.",
            "    return tuple((features - centre) / scale for features in (train, val))",
            {
                "    return tuple(features / scale for features in (train, val))": "not_centred",
                "    return (train - centre) / scale, (val - val.mean(0)) / val.std(0).clamp_min(1e-6)": (
                    "validation_by_its_own"
                ),
            },
        ),
    ),
}
