"""The network of a finished run record, with the preprocessing of its validation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dlcvlib import recipes, runs
from dlcvlib.files.damage import naming
from dlcvlib.memory import is_out_of_memory
from dlcvlib.recipes import Recipe
from dlcvlib.runs import Run
from dlcvlib.training import device as devices
from dlcvlib.training import load_network
from dlcvlib.training.tasks import task_class
from dlcvlib.training.tasks.base import Normalisation


@dataclass(frozen=True)
class Network:
    """A trained network with its preprocessing and its labels."""

    model: nn.Module
    recipe: Recipe
    device: torch.device
    precision: devices.Precision
    normalisation: Normalisation
    labels: tuple[str, ...]
    """Label of each class in a csv; () for a segmentation."""

    @property
    def decoded_size(self) -> int | None:
        """Side of the square that images are decoded to; None keeps their own size."""
        return task_class(self.recipe).decoded_size(self.recipe)

    @property
    def batch_size(self) -> int:
        """Images at once in the validation of its training. Other batches round differently in the last bit."""
        return task_class(self.recipe).evaluation_batch

    def predict(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """Predict class ids, on the CPU.

        Args:
            images: uint8 (N, 3, H, W), of `decoded_size`.
            size: height and width of the masks; a classifier does not use it.

        Returns:
            on the CPU, int64 (N,) for classification, uint8 (N, *size) for segmentation.
        """
        kind = task_class(self.recipe)
        images = images.to(self.device)
        logits = kind.logits(self.model, images, size, self.recipe, self.normalisation, self.precision)
        predicted = logits.argmax(1)
        return (predicted if predicted.ndim == 1 else predicted.to(torch.uint8)).cpu()


def open_record(record: Run | str | Path) -> Run:
    """Return the record, or the one in the folder `record`.

    Raises:
        FileNotFoundError: the folder is not a record.
        ValueError: the record is damaged.
    """
    if isinstance(record, Run):
        return record
    with naming(Path(record) / "run.json"):
        return runs.load(record)


def network_of(run: Run, device: str | None = None, *, epoch: int | None = None) -> Network:
    """Rebuild the network of `run` with the weights of an epoch.

    Args:
        run: a finished record of a classification, fine-tuning or segmentation.
        device: such as "cpu" or "cuda:1"; None uses a GPU if there is one.
        epoch: one of `run.weight_epochs`; None takes the best epoch.

    Raises:
        ValueError: the record is unfinished, damaged, or a pre-training; it keeps no weights of this epoch, or they do
            not fit; or the device cannot be used.
        FileNotFoundError: the record has no weights.
        MemoryError: the network does not fit into the memory of the device.
    """
    with naming(run.path / "run.json"):
        info = run.info
        finished, recipe = info.get("status") == "finished", recipes.recorded(info["recipe"])
    if not finished:
        raise ValueError(f"{run.path} is not finished (status: {info.get('status')}); `dlcv train` resumes it")
    kind = task_class(recipe)
    if not kind.predicts:
        raise ValueError(f"{run.path} is a pre-training, without classes; name the record of a fine-tuning of it")
    with naming(run.path / "run.json"):
        precision = devices.PRECISIONS[info["precision"]]
        normalisation = {name: tuple(values) for name, values in info["start"].get("normalisation", {}).items()}
        labels = kind.class_labels(info["data"])
    model = load_network(run, epoch)
    chosen = choose_device(device)
    return Network(
        _moved(model, chosen, run).to(memory_format=torch.channels_last),
        recipe,
        chosen,
        precision,
        normalisation,
        labels,
    )


def choose_device(name: str | None) -> torch.device:
    """Return the device `name`; None means a GPU if there is one.

    Raises:
        ValueError: the device cannot be used.
    """
    if name is None:
        return devices.choose_device()
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # fails for "meta", which holds no values
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"the device {name!r} cannot be used ({reason}); see `dlcv check`, or use --device cpu"
        ) from error
    return device


def _moved(model: nn.Module, device: torch.device, run: Run) -> nn.Module:
    try:
        return model.to(device)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"the network of {run.path} does not fit into the memory of {device}; try --device cpu"
        ) from error
