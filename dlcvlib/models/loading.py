"""Reading a file of weights, and putting them into a model without a silent mismatch."""

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
WRAPPERS = (
    "state_dict",
    "model_state_dict",
    "model",
    "teacher",
    "student",
)  # DINO evaluates the teacher, so it comes first
BACKBONE_PREFIXES = ("backbone.", "encoder.")
DEEPEST = 4  # wrappings in one another; a pickle may even hold itself
MOST_SHOWN = 10


@dataclass(frozen=True)
class LoadReport:
    """What became of the weights that did not go straight into the model."""

    classifier: tuple[
        str, ...
    ] = ()  # keys of the model's last layer that kept their own weights, being absent or of another size in the file
    left_out: tuple[
        str, ...
    ] = ()  # keys of the file outside of its backbone, such as a projection head, which no part of the model takes


def load_state(path: str | Path) -> State:
    """Read the weights in a .safetensors, .pt or .pth file, to the CPU.

    Half precision becomes float32; a checkpoint's wrapping ("state_dict", "model", "teacher", …) and DataParallel's
    prefix `module.` are taken off. Nothing in the file is executed: .pt and .pth are read with `weights_only=True`.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: another suffix, a damaged file, one that holds no weights, or one whose weights are not finite.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f"{path} has the suffix {path.suffix!r}; weights are read from {', '.join(SUFFIXES)}")
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there, so no weights can be read from it")
    state = _unwrapped(_content(path), path)
    check_weights(state, path)
    if all(key.startswith("module.") for key in state):
        state = {key.removeprefix("module."): tensor for key, tensor in state.items()}
    return {
        key: tensor.float() if tensor.dtype in (torch.float16, torch.bfloat16) else tensor
        for key, tensor in state.items()
    }


def check_weights(state: Mapping[str, Tensor], file: Path) -> None:
    """Make certain that weights are plain numbers, all of them finite.

    Args:
        state: as read from `file`, on the CPU.
        file: for the message.

    Raises:
        ValueError: a tensor is sparse, quantised or without values, or holds nan or infinity; the message names one.
    """
    for key, tensor in state.items():
        if not _is_plain(tensor):
            raise ValueError(f"{file}: {key} is no plain tensor; save `model.state_dict()` with its tensors whole")
        if not torch.isfinite(tensor).all():
            raise ValueError(
                f"{file}: {key} holds nan or infinity, so every prediction would; the training diverged, or the file "
                "is damaged: take other weights"
            )


def load_into(model: nn.Module, state: Mapping[str, Tensor]) -> LoadReport:
    """Copy `state` into `model`; only the last layer may be missing or of another size: it then keeps its own.

    A backbone, whose last layer was taken out, leaves that of the file out.
    A prefix `backbone.` or `encoder.` that the model itself does not have is taken off, and whatever stands beside it
    in the file is left out; the report names it.

    Raises:
        ValueError: any other key is missing, unexpected or of another shape; the model is then unchanged.
    """
    own = model.state_dict()
    state, left_out = _backbone_of(dict(state), own)
    removed = tuple(f"{name}." for name in removed_layers(model))
    left_out += tuple(key for key in state if key.startswith(removed))
    state = {key: tensor for key, tensor in state.items() if not key.startswith(removed)}
    try:
        last = classifier_name(model) + "."
    except ValueError:  # a bare backbone has no last layer to make an exception for
        last = "\0"
    kept = tuple(
        key for key in own if key.startswith(last) and (key not in state or state[key].shape != own[key].shape)
    )
    if kept:  # weight and bias belong together: a new weight with an old bias would be neither
        kept = tuple(key for key in own if key.startswith(last))
    used = {key: tensor for key, tensor in state.items() if not (kept and key.startswith(last))}

    counted = "num_batches_tracked"  # which weights of before 2018 do not have
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
            f"the weights do not fit {type(model).__name__}: {found}; are they of the same network and form?"
        )
    model.load_state_dict(used, strict=False)
    return LoadReport(kept, left_out)


def _content(path: Path) -> Any:
    """What the file holds; damaged ones make the readers raise almost anything, and all of it means the same here."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        _refuse_compressed(path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except OSError:
        raise
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{path} is damaged, or holds whole objects, which are not read because they could run code; "
            "save `model.state_dict()` instead"
        ) from error
    except Exception as error:
        if is_out_of_memory(error):
            raise MemoryError(f"{path} holds more than fits into memory; free some, or take smaller weights") from error
        reason = str(error).partition("\n")[0]
        raise ValueError(
            f"{path} cannot be read as weights, perhaps cut short ({reason}); fetch or save it again"
        ) from error


def _refuse_compressed(path: Path) -> None:
    """torch compresses nothing; a small file that unpacks to a large one was made to fill the memory."""
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        unpacked = sum(entry.file_size for entry in archive.infolist())
    if unpacked > path.stat().st_size:
        raise ValueError(f"it would unpack to {unpacked:,} bytes, more than it has")


def _is_plain(tensor: Tensor) -> bool:
    if tensor.layout != torch.strided or tensor.device.type != "cpu" or tensor.is_quantized:
        return False
    if tensor.is_floating_point() and tensor.itemsize < 2:
        return False
    # A view may claim any size: repeated along a stride of 0, a file of 1 kB would fill the memory.
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
            f"{path} holds entries that are no tensors: {_first(others)}; known wrappings are {', '.join(WRAPPERS)}"
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
