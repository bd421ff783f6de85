"""A trained network as an ONNX file, which other programs and languages run without PyTorch.

The packages onnx, onnxscript and onnxruntime are an extra: `pip install 'dlcvlib[onnx]'`.
"""

from __future__ import annotations

import json
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dlcvlib.augment import IMAGENET_MEAN, IMAGENET_STD
from dlcvlib.files.outputs import output_file
from dlcvlib.handin.network import Network, network_of, open_record
from dlcvlib.runs import Run

INSTALL = "writing ONNX needs further packages: pip install 'dlcvlib[onnx]'"
TOLERANCE = 1e-4
"""Largest difference from torch, as a share of the largest logit."""
CHECKED = 3
"""Number of random images that the check compares."""


@dataclass(frozen=True)
class Exported:
    """An ONNX file and how far it is from the network."""

    path: Path
    size: int
    """Height and width of its images."""
    error: float
    """Largest difference of its logits from torch's, as a share of the largest logit."""


class FromUnitRange(nn.Module):
    """A network with its normalisation, so that it takes images in [0, 1]."""

    mean: Tensor
    std: Tensor

    def __init__(self, network: nn.Module, mean: Tensor, std: Tensor) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", mean)
        self.register_buffer("std", std)

    def forward(self, images: Tensor) -> Tensor:
        """Logits of `images`, float32 (N, 3, H, W) in [0, 1]."""
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


def export_onnx(
    record: Run | str | Path,
    path: str | Path,
    *,
    epoch: int | None = None,
    size: int | None = None,
    replace: bool = False,
) -> Exported:
    """Write the network of a finished record as ONNX, and compare it with torch by onnxruntime.

    The file maps `images`, float32 (N, 3, size, size) in [0, 1], to `logits`; N is free. Its metadata hold the record's
    recipe and, for a classifier, the labels. Averages over flipped or turned images, which some recipes predict by, are
    left to the caller.

    Args:
        record: a classification, fine-tuning or segmentation.
        path: the file to write.
        epoch: one of `Run.weight_epochs`; None takes the best epoch.
        size: height and width of the images; None takes the recipe's.
        replace: replace a file that dlcvlib did not write.

    Raises:
        ValueError: the extra is not installed, the record cannot be used (see `network_of`), ONNX has no operation for
            a layer, or onnxruntime gives other logits; nothing is written.
        ForeignFileError: `path` is not ours to replace.
    """
    onnxruntime = _onnxruntime()
    run = open_record(record)
    found = network_of(run, "cpu", epoch=epoch)
    side = size or found.recipe.image_size
    network, images = with_normalisation(found), torch.rand(CHECKED, 3, side, side)
    with output_file(path, replace=replace) as file:
        content = _converted(network, images, run, found)
        with torch.no_grad():
            expected = network(images).numpy()
        session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
        (logits,) = session.run(None, {"images": images.numpy()})
        error = float(abs(logits - expected).max() / abs(expected).max())
        if not error <= TOLERANCE:
            raise ValueError(
                f"onnxruntime differs from torch by {error:.1e} of the largest logit: {path} is not written"
            )
        file.write(content)
    return Exported(Path(path), side, error)


def with_normalisation(network: Network) -> nn.Module:
    """Return a network that takes images in [0, 1], float32, on the CPU."""
    mean, std = (
        torch.tensor(network.normalisation.get(name, default))
        for name, default in (("mean", IMAGENET_MEAN), ("std", IMAGENET_STD))
    )
    model = network.model.float().to(memory_format=torch.contiguous_format)
    return FromUnitRange(model, mean.view(3, 1, 1), std.view(3, 1, 1)).eval()


def _converted(network: nn.Module, images: Tensor, run: Run, found: Network) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch, about its own internals
        try:
            program = torch.onnx.export(
                network,
                (images,),
                dynamo=True,
                verbose=False,
                input_names=["images"],
                output_names=["logits"],
                dynamic_shapes=({0: torch.export.Dim("N")},),
            )
        except torch.onnx.OnnxExporterError as error:
            reason = str(error.__cause__ or error).strip().partition("\n")[0]
            raise ValueError(
                f"the network of {run.path} has a layer that torch cannot write as ONNX: {reason}"
            ) from error
    assert program is not None
    model: Any = program.model_proto
    facts = {"recipe": found.recipe.name, "profile": run.path.parts[-3], "labels": json.dumps(found.labels)}
    for key, value in facts.items():
        model.metadata_props.add(key=key, value=value)
    return bytes(model.SerializeToString())


def _onnxruntime() -> Any:
    try:
        import onnx  # noqa: F401
        import onnxruntime
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise ValueError(f"{INSTALL} ({error})") from error
    return onnxruntime
