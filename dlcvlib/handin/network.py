"""The network of a finished run record, rebuilt to see images exactly as it did in its own validation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dlcvlib import models, recipes, runs
from dlcvlib.damage import naming
from dlcvlib.memory import is_out_of_memory
from dlcvlib.recipes import ClassificationRecipe, SegmentationRecipe
from dlcvlib.runs import Run
from dlcvlib.training import classification, segmentation
from dlcvlib.training import device as devices
from dlcvlib.training.evaluation import Normalisation, classify, segment
from dlcvlib.training.prepare import build_model, decoded_size
from dlcvlib.training.satellite import build_segmenter


@dataclass(frozen=True)
class Network:
    """A trained network, and all that decides what it says of an image."""

    model: nn.Module
    recipe: ClassificationRecipe | SegmentationRecipe
    device: torch.device
    precision: devices.Precision
    normalisation: Normalisation
    labels: tuple[str, ...]
    """How the course writes each class in a csv; () for a segmentation, which has colours."""

    @property
    def decoded_size(self) -> int | None:
        """Side of the square that images are decoded to; None leaves them as they are."""
        return self.recipe.image_size if isinstance(self.recipe, SegmentationRecipe) else decoded_size(self.recipe)

    @property
    def batch_size(self) -> int:
        """Images at once in the validation of its training. Other batches round differently in the last bit."""
        segments = isinstance(self.recipe, SegmentationRecipe)
        return segmentation.EVALUATION_BATCH if segments else classification.EVALUATION_BATCH

    def predict(self, images: Tensor, size: tuple[int, int]) -> Tensor:
        """Class ids, on the CPU.

        Args:
            images: uint8 (N, 3, H, W), of `decoded_size`.
            size: height and width of the masks, of which a classifier takes no notice.

        Returns:
            (N,) int64 of a classifier, (N, *size) uint8 of a segmentation.
        """
        images = images.to(self.device)
        if isinstance(self.recipe, SegmentationRecipe):
            logits = segment(self.model, images, size, self.recipe, self.normalisation, self.precision)
            return logits.argmax(1).to(torch.uint8).cpu()
        return classify(self.model, images, self.recipe, self.normalisation, self.precision)[1].argmax(1).cpu()


def opened(record: Run | str | Path) -> Run:
    """The record, or the one in that folder.

    Raises:
        FileNotFoundError: it is none.
        ValueError: it is damaged.
    """
    if isinstance(record, Run):
        return record
    with naming(Path(record) / "run.json"):
        return runs.load(record)


def network_of(run: Run, device: str | None = None) -> Network:
    """Rebuild the network of `run` with the weights of its best epoch.

    Args:
        run: a finished record of a classification, fine-tuning or segmentation.
        device: such as "cpu" or "cuda:1"; None takes a GPU where there is one.

    Raises:
        ValueError: the record is unfinished, damaged, or a pre-training; its weights do not fit; or there is no such
            device.
        FileNotFoundError: the record has no weights.
        MemoryError: the network does not fit into the memory of the device.
    """
    with naming(run.path / "run.json"):
        info = run.info
        finished, recipe = info.get("status") == "finished", recipes.recorded(info["recipe"])
    if not finished:
        raise ValueError(f"{run.path} is not finished (status: {info.get('status')}); `dlcv train` resumes it")
    if not isinstance(recipe, ClassificationRecipe | SegmentationRecipe):
        raise ValueError(
            f"{run.path} is a pre-training, which knows no classes; name the record of a fine-tuning from it"
        )
    with naming(run.path / "run.json"):
        model = (
            build_segmenter(recipe)
            if isinstance(recipe, SegmentationRecipe)
            else build_model(recipe, info["data"]["classes"])
        )
        precision = devices.PRECISIONS[info["precision"]]
        normalisation = {name: tuple(values) for name, values in info["start"].get("normalisation", {}).items()}
        labels = () if isinstance(recipe, SegmentationRecipe) else _labels(info["data"])
    _load(model, run)
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
    """The device of that name; None takes a GPU where there is one.

    Raises:
        ValueError: there is no such device here.
    """
    if name is None:
        return devices.choose_device()
    try:
        device = torch.device(name)
        torch.zeros(1, device=device).item()  # "meta" and its like hold no values
    except (RuntimeError, AssertionError, ImportError) as error:
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"the device {name!r} cannot be used ({reason}); `dlcv check` says what is there, --device cpu always works"
        ) from error
    return device


def _labels(data: Mapping[str, Any]) -> tuple[str, ...]:
    """Words where the csv that it was trained on had words, else the ids themselves."""
    labels = tuple(data.get("labels") or map(str, range(data["classes"])))
    if len(labels) != data["classes"] or not all(isinstance(label, str) for label in labels):
        raise ValueError(f"{data['classes']} classes have the labels {labels}")
    return labels


def _load(model: nn.Module, run: Run) -> None:
    file = run.path / "model.safetensors"
    with naming(file):
        state = run.weights()
        models.check_weights(state, file)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"{file} does not fit the network that {run.path / 'run.json'} describes: {error}; train it anew"
        ) from error


def _moved(model: nn.Module, device: torch.device, run: Run) -> nn.Module:
    try:
        return model.to(device)
    except (MemoryError, RuntimeError) as error:
        if not is_out_of_memory(error):
            raise
        raise MemoryError(
            f"the network of {run.path} does not fit into the memory of {device}; --device cpu may have more of it"
        ) from error
