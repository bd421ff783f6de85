"""Loading of weights: safe reading of a file, and strict copying into a model."""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor, nn

from dlcvlib.memory import is_out_of_memory
from dlcvlib.models.backbone import removed_layers
from dlcvlib.models.features import classifier_name

State = dict[str, Tensor]
SUFFIXES = (".safetensors", ".pt", ".pth")
WRAPPERS = ("state_dict", "model_state_dict", "model", "teacher", "student")  # teacher first: DINO evaluates it
BACKBONE_PREFIXES = ("backbone.", "encoder.")
DEEPEST = 4  # nested wrappers; a pickle can even contain itself
MOST_SHOWN = 10


@dataclass(frozen=True)
class LoadReport:
    """Keys that were not copied into the model."""

    classifier: tuple[str, ...] = ()
    """Keys of the model's last layer, missing in the file or of another shape there."""
    left_out: tuple[str, ...] = ()
    """Keys of the file that the model does not have, such as those of a projection head."""


def load_state(path: str | Path) -> State:
    """Read the weights in a .safetensors, .pt or .pth file, to the CPU.

    Half precision becomes float32; wrappers ("state_dict", "model", "teacher", …) and DataParallel's prefix `module.`
    are removed. No code in the file is executed: .pt and .pth are read with `weights_only=True`.

    Raises:
        FileNotFoundError: the file does not exist.
        ValueError: unknown suffix, damaged file, no weights in it, or weights that are not finite.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path} has the suffix {path.suffix!r}; supported are {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist, so no weights can be read from it")
    state = _unwrapped(_content(path), path)
    check_weights(state, path)
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    return {
        key: tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
        for key, tensor in state.items()
    }


def check_weights(state: Mapping[str, Tensor], file: Path) -> None:
    """Check that all weights are plain, finite tensors.

    Args:
        state: state dict on the CPU.
        file: its file, for the message.

    Raises:
        ValueError: a tensor is sparse, quantised or on another device, or holds nan or infinity.
    """
    for key, tensor in state.items():
        if not _is_plain(tensor):
            raise ValueError(f"{file}: {key} is not a plain dense tensor; save `model.state_dict()`")
        if not torch.isfinite(tensor).all():
            raise ValueError(
                f"{file}: {key} holds nan or infinity; the training diverged, or the file is damaged: take other "
                "weights"
            )


def load_recorded(model: nn.Module, state: Mapping[str, Tensor], file: Path) -> None:
    """Load the weights of a run record into its own network: every name and shape is the same.

    Args:
        model: the network that the record describes; changed in place.
        state: state dict on the CPU; float16 becomes the network's dtype.
        file: its file, for the message.

    Raises:
        ValueError: a weight is unusable (`check_weights`), missing, unexpected or of another shape.
    """
    check_weights(state, file)
    try:
        model.load_state_dict(state)
    except RuntimeError as error:
        raise ValueError(
            f"{file} does not fit the network in the record's run.json: {error}; remove the record and train again"
        ) from error


def load_into(model: nn.Module, state: Mapping[str, Tensor]) -> LoadReport:
    """Copy `state` into `model`. A last layer that is missing or of another shape in `state` keeps its weights.

    A backbone skips the last layer of the file. A prefix `backbone.` or `encoder.` that the model does not have is
    removed, and keys without it are skipped.

    Raises:
        ValueError: another key is missing, unexpected or of another shape; the model is then unchanged.
    """
    own = model.state_dict()
    state, left_out = _backbone_of(dict(state), own)
    removed = tuple(f"{name}." for name in removed_layers(model))
    left_out += tuple(key for key in state if key.startswith(removed))
    state = {key: tensor for key, tensor in state.items() if not key.startswith(removed)}
    try:
        last = classifier_name(model) + "."
    except ValueError:  # a backbone has no last layer
        last = "\0"
    kept = tuple(
        key for key in own if key.startswith(last) and (key not in state or state[key].shape != own[key].shape)
    )
    if kept:  # weight and bias are kept together
        kept = tuple(key for key in own if key.startswith(last))
    used = {key: tensor for key, tensor in state.items() if not (kept and key.startswith(last))}

    counted = "num_batches_tracked"  # not in weights from before 2018
    missing = [key for key in own if key not in used and key not in kept and not key.endswith(counted)]
    unexpected = [key for key in used if key not in own and not key.endswith(counted)]
    other_shape = [
        f"{key} {tuple(tensor.shape)} for {tuple(own[key].shape)}"
        for key, tensor in used.items()
        if key in own and tensor.shape != own[key].shape
    ]
    wrong = [("missing", missing), ("unexpected", unexpected), ("of another shape", other_shape)]
    if any(keys for _, keys in wrong):
        found = "; ".join(f"{len(keys)} {what}: {_first(keys)}" for what, keys in wrong if keys)
        raise ValueError(
            f"the weights do not fit {type(model).__name__}: {found}; are they of the same network, options and form?"
        )
    model.load_state_dict(used, strict=False)
    return LoadReport(kept, left_out)


def _content(path: Path) -> Any:
    """Read the file; the many exceptions of the readers for damaged files become a ValueError."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        _refuse_compressed(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is damaged, or holds pickled objects, which are not read because they could run code; "
            "save `model.state_dict()` instead"
        ) from error
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(f"{path} does not fit into memory; free some, or take smaller weights") from error
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{path} cannot be read as weights, perhaps cut short ({reason}); fetch or save it again"
        ) from error


def _refuse_compressed(path: Path) -> None:
    """Refuse compressed archives: torch writes none, and a small one could unpack to more than the memory."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > path.stat().st_size:
        raise ValueError(f"it is compressed, and would unpack to {unpacked:,} bytes")


def _is_plain(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return False
    if tensor.is_floating_point() and tensor.itemsize < 2:
        return False
    # A view with stride 0 could expand a file of 1 kB to more than the memory.
    return tensor.nbytes <= tensor.untyped_storage().nbytes()


def _unwrapped(content: Any, path: Path) -> State:
    for _ in range(DEEPEST):
        if not isinstance(content, dict):
            break
        content = next((content[key] for key in WRAPPERS if isinstance(content.get(key), dict)), content)
    if not isinstance(content, dict) or not content:
        raise ValueError(
            f"{path} holds no weights but {'an empty dict' if content == {} else f'a {type(content).__name__}'}"
        )
    others = [str(key) for key, value in content.items() if not (isinstance(key, str) and isinstance(value, Tensor))]
    if others:
        raise ValueError(
            f"{path} holds entries that are not tensors: {_first(others)}; known wrappers are {', '.join(WRAPPERS)}"
        )
    return dict(content)


def _backbone_of(state: State, own: Mapping[str, Tensor]) -> tuple[State, tuple[str, ...]]:
    for prefix in BACKBONE_PREFIXES:
        inside = {key.removeprefix(prefix): tensor for key, tensor in state.items() if key.startswith(prefix)}
        if inside and not any(key.startswith(prefix) for key in own):
            return inside, tuple(key for key in state if not key.startswith(prefix))
    return state, ()


def _first(keys: list[str]) -> str:
    more = f", … ({len(keys) - MOST_SHOWN} more)" if len(keys) > MOST_SHOWN else ""
    return ", ".join(keys[:MOST_SHOWN]) + more
