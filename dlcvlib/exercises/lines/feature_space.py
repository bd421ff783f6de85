"""Solutions with blanks of chapter 3, the feature space."""

from __future__ import annotations

from dlcvlib.exercises.lines.blank import Blank

LINES: dict[str, tuple[str | Blank, ...]] = {
    "pca": (
        "import numpy as np\n\n\ndef pca(features):",
        Blank(
            "What is decomposed?",
            "    about_mean = features - features.mean(axis=0)",
            {
                "    about_mean = features - features.mean(axis=1, keepdims=True)": "rows_for_columns",
                "    about_mean = (features - features.mean(axis=0)) / features.std(axis=0)": "standardised",
                "    about_mean = np.array(features, dtype=float)": "not_centred",
            },
        ),
        "    left, spread, _ = np.linalg.svd(about_mean, full_matrices=False)",
        Blank(
            "The two coordinates of each point.",
            "    return left[:, :2] * spread[:2]",
            {"    return left[:, :2]": "whitened"},
        ),
    ),
    "tsne_chain": (
        "def tsne_chain(features, tsne):\n    maps = [tsne(features[0])]\n    for of_epoch in features[1:]:",
        Blank(
            'The map of a later epoch. `tsne` has the defaults `init="pca"` and `early_exaggeration=12`.',
            "        maps.append(tsne(of_epoch, init=maps[-1], early_exaggeration=1))",
            {
                "        maps.append(tsne(of_epoch, init=maps[0], early_exaggeration=1))": "always_from_the_first",
                "        maps.append(tsne(of_epoch, init=maps[-1], early_exaggeration=12))": "exaggerated_again",
                '        maps.append(tsne(of_epoch, init="pca", early_exaggeration=12))': "separate_starts",
            },
        ),
        Blank(
            "What is returned?",
            "    return maps",
            {"    return maps[-1]": "last_map_only"},
        ),
    ),
}
