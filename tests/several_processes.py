"""Training of small recipes, started by a test in one process or in several with `torchrun`.

    python -m torch.distributed.run --nproc-per-node=2 tests/several_processes.py DATA [RECIPE…]

`$KILL_AT=RANK:EPOCH` has that process die, as by the system, before it measures that epoch.
"""

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
sys.path.insert(0, str(Path(__file__).resolve().parent))

import torch
from training_worlds import small_pretraining, small_recipe, small_segmentation

from dlcvlib import processes, recipes
from dlcvlib.cli import main
from dlcvlib.recipes import Optimizer, Recipe
from dlcvlib.training.tasks import Segmentation

BATCH = 64
SHORT = {"epochs": 2, "batch_size": BATCH, "report": "test", "kept_weights": 2}
RECIPES: dict[str, Recipe] = {
    recipe.name: recipe
    for recipe in (
        small_pretraining("byol", **SHORT, optimizer=Optimizer("sgd", 0.05, weight_decay=1e-4, decay="matrices")),
        small_pretraining("dino", **SHORT, optimizer=Optimizer("sgd", 0.05, weight_decay=1e-4, decay="matrices")),
        small_recipe(
            **SHORT,
            name="small_finetuning",
            dataset="office",
            start="ssl",
            pretraining="small_byol",
            model="resnet18",
            model_options={"width": 8},
            image_size=24,
            head="linear",
            augmentation={"random_resized_crop": {}, "colour_jitter": {"brightness": 0.4}, "random_erasing": {}},
            mixup_alpha=0.0,
            cutmix_alpha=0.0,
        ),
        small_segmentation(
            **SHORT,
            ignore_unknown=True,
            weigh_classes=True,
            weight_average=0.9,
            optimizer=Optimizer("sgd", 0.05),
            augmentation={"random_dihedral": {}, "colour_jitter": {"contrast": 0.4, "probability": 0.5}},
        ),
    )
}


def die_at(rank: int, epoch: int) -> None:
    """Have this process die before it measures that epoch, if it is the one."""
    evaluate = Segmentation.evaluate
    calls = []

    def deadly(task: Segmentation) -> dict[str, float]:
        calls.append(None)
        if processes.rank() == rank and len(calls) == epoch + 1:  # the first is that of the untrained network
            os.kill(os.getpid(), signal.SIGKILL)
        return evaluate(task)

    Segmentation.evaluate = deadly  # type: ignore[method-assign]


if __name__ == "__main__":
    torch.use_deterministic_algorithms(True)
    recipes.RECIPES |= RECIPES
    if at := os.environ.get("KILL_AT"):
        die_at(*map(int, at.split(":")))
    names = sys.argv[2:] or list(RECIPES)
    sys.exit(main(["train", *names, "--profile", "smoke", "--data", sys.argv[1]]))
