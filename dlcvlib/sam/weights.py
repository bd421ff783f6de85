"""SAM's weights from a path, a folder, or a download with checked size and SHA-256.

The digits in the published file names are those of the MD5. The SHA-256 below are those that micro-sam and 3D Slicer's
extension use for the same files; they were not recomputed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch
from segment_anything.modeling import Sam

from dlcvlib.models.loading import load_state
from dlcvlib.models.weights import NoWeightsError, fetched, find_weights, sha256_of
from dlcvlib.sam.building import DECODER_HEADS, Form, build_from

DEFAULT = "vit_b"
ADDRESS = "https://dl.fbaipublicfiles.com/segment_anything/"


@dataclass(frozen=True)
class Published:
    """Published file of weights."""

    file: str
    size: int  # bytes
    sha256: str


PUBLISHED = {
    "vit_b": Published(
        "sam_vit_b_01ec64.pth", 375_042_383, "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"
    ),
    "vit_l": Published(
        "sam_vit_l_0b3195.pth", 1_249_524_607, "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"
    ),
    "vit_h": Published(
        "sam_vit_h_4b8939.pth", 2_564_550_879, "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"
    ),
}


@dataclass(frozen=True, eq=False)
class LoadedSam:
    """SAM in evaluation mode, and the origin of its weights."""

    model: Sam
    form: Form
    file: Path
    origin: str  # "path", "folder" or "download"
    sha256: str  # of the file: the key of the cache

    @property
    def model_type(self) -> str:
        """ "vit_b", "vit_l", "vit_h", or "other"."""
        return self.form.model_type

    @property
    def in_words(self) -> str:
        """Description for a caption."""
        count = sum(parameter.numel() for parameter in self.model.parameters())
        return f"SAM {self.model_type} with {count:,} parameters, from {self.file.name}"


def load(
    path: str | Path | None = None,
    model_type: str | None = None,
    *,
    folder: str | Path | None = None,
    allow_download: bool = True,
    decoder_heads: int = DECODER_HEADS,
    device: str | torch.device | None = None,
) -> LoadedSam:
    """Load SAM from `path`, else from a folder, else from a cached download.

    In the folder the name of the file begins with `sam_{model_type}`; without a type with `sam_vit_b`, else it is the
    only one that begins with `sam`. The type is inferred from the weights. No code in a file is executed.

    Args:
        path: file of weights.
        model_type: "vit_b", "vit_l" or "vit_h"; None for any, or vit_b for a download.
        folder: folder of weights, by default `$DLCV_WEIGHTS`.
        allow_download: False to never download (375 MB for vit_b).
        decoder_heads: see `dlcvlib.sam.building.build`.
        device: by default a GPU if available.

    Raises:
        NoWeightsError: none are available; the message gives the remedy.
        ValueError, FileNotFoundError: the file is missing, damaged, not a SAM, or of another type than `model_type`.
    """
    if model_type is not None and model_type not in PUBLISHED:
        raise ValueError(f"model_type {model_type!r} is unknown; known are {', '.join(PUBLISHED)}, or None for any")
    file, origin = _file(path, model_type, folder, allow_download)
    state = load_state(file)
    try:
        model, form = build_from(state, decoder_heads=decoder_heads)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    if model_type is not None and form.model_type != model_type:
        raise ValueError(
            f"{file} holds a SAM of type {form.model_type} (width {form.width}, depth {form.depth}), but {model_type} "
            f"was asked for: give the path of a {model_type}, or leave model_type out"
        )
    device = device or ("cuda" if torch.cuda.is_available() else "cpu")
    return LoadedSam(model.to(device), form, file, origin, sha256_of(file))


def how_to_get(model_type: str = DEFAULT) -> str:
    """Return what a reader without SAM's weights does to get them, as Markdown.

    Args:
        model_type: "vit_b", "vit_l" or "vit_h".
    """
    published = PUBLISHED[model_type]
    return (
        f"SAM's weights were not there when this page was made. To see SAM here, put the file "
        f"[{published.file}]({ADDRESS}{published.file}) ({published.size / 1e6:.0f} MB) into a folder, name the folder "
        "in `DLCV_WEIGHTS`, and run this chapter again."
    )


def _file(
    path: str | Path | None, model_type: str | None, folder: str | Path | None, allow_download: bool
) -> tuple[Path, str]:
    if path is not None:
        return Path(path).expanduser(), "path"
    wanted = model_type or DEFAULT
    found = find_weights(f"sam_{wanted}", folder) or (None if model_type else find_weights("sam", folder))
    if found:
        return found, "folder"
    if not allow_download:
        raise NoWeightsError(
            f"no path to weights of SAM was given, none of {wanted} are in the folder of weights ($DLCV_WEIGHTS), and "
            f"download was not allowed; put {ADDRESS}{PUBLISHED[wanted].file} into that folder, or give its path"
        )
    return _downloaded(wanted), "download"


def _downloaded(model_type: str) -> Path:
    """Return the published file, downloaded on first use, with checked size and checksum."""
    published = PUBLISHED[model_type]
    file = fetched(f"sam_{model_type}", published.file, ADDRESS + published.file, published.sha256)
    check_file(file, published)
    return file


def check_file(file: Path, published: Published) -> None:
    """Raise a ValueError if the size or the checksum of `file` is not the published one."""
    size = file.stat().st_size
    if size != published.size:
        raise ValueError(f"{file} has {size:,} bytes, published are {published.size:,}: remove it and fetch it again")
    found = sha256_of(file)
    if found != published.sha256:
        raise ValueError(f"{file} has the SHA-256 {found}, published is {published.sha256}: remove it, fetch it again")
