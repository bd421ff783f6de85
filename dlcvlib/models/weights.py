"""Pretrained weights from a path, a folder, or a download from torchvision or timm."""

from __future__ import annotations

import hashlib
import os
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import nn

from dlcvlib.models.backbone import removed_layers
from dlcvlib.models.features import classifier_name
from dlcvlib.models.loading import SUFFIXES, LoadReport, load_into, load_state
from dlcvlib.models.registry import IMAGENET_MEAN, IMAGENET_STD, Published, build, family

Kind = Literal["imagenet", "dino"]
TIMEOUT = 5.0  # seconds until a server counts as unreachable
RESIZABLE = ("relative_position_bias_table", "pos_embed")  # endings of keys that `Family.adapt` resamples


class NoWeightsError(RuntimeError):
    """No pretrained weights are available; the message gives the reason and the remedy."""


@dataclass(frozen=True)
class Source:
    """Origin and preprocessing of loaded weights. The preprocessing of a file is that of the published weights."""

    kind: str  # "path", "folder" or "download"
    location: str  # path of the file, or published name
    sha256: str
    report: LoadReport
    mean: tuple[float, float, float]  # per channel, of RGB images in [0, 1]
    std: tuple[float, float, float]
    image_size: int | None  # of training, in pixels; None if unknown


def pretrained(
    model: nn.Module,
    name: str,
    path: str | Path | None = None,
    folder: str | Path | None = None,
    allow_download: bool = True,
    kind: Kind = "imagenet",
) -> Source:
    """Load pretrained weights into `model`: from `path`, else a folder (see `find_weights`), else a download.

    Args:
        model: classifier, or backbone without its last layer.
        name: name of the network.
        path: file of weights.
        folder: folder of weights, by default `$DLCV_WEIGHTS`; the files of kind "dino" begin with `dino_{name}`.
        allow_download: False to never download.
        kind: "imagenet" for supervised weights, "dino" for those of the authors of DINO.

    Raises:
        NoWeightsError: none are available, or `model` differs from the published network.
        ValueError, FileNotFoundError: the file is missing, damaged or does not fit.
    """
    published = _published(name, kind)
    if path is not None:
        return _from_file(model, name, Path(path), "path", str(path), published)
    if published is not None:
        _check_form(model, name)
    stem = _file_stem(name)
    if found := find_weights(stem if kind == "imagenet" else f"{kind}_{stem}", folder):
        return _from_file(model, name, found, "folder", str(found), published)
    if not allow_download:
        where = _weights_folder(folder) or "$DLCV_WEIGHTS, which is not set"
        raise NoWeightsError(
            f"no weights of {name} in the folder {where}, and download was not allowed; {_remedy(name)}"
        )
    file = download_file(name, kind)
    assert published is not None  # else `download_file` has raised
    location = str(published.torchvision or published.timm or published.url)
    return _from_file(model, name, file, "download", location, published)


def find_weights(name: str, folder: str | Path | None = None) -> Path | None:
    """Return the file of weights of a network in `folder`, by default `$DLCV_WEIGHTS`, or None.

    It is `{name}` with a suffix, else the only file that begins with `{name}`.

    Raises:
        FileNotFoundError: the folder does not exist.
        ValueError: several files begin with the name.
    """
    chosen = _weights_folder(folder)
    if chosen is None:
        return None
    if not chosen.is_dir():
        raise FileNotFoundError(f"the weights folder {chosen} does not exist; correct `folder` or $DLCV_WEIGHTS")
    found = sorted(file for file in chosen.glob(f"{name}*") if file.suffix in SUFFIXES)
    exact = [file for file in found if file.stem == name]
    if len(exact or found) > 1:
        several = ", ".join(file.name for file in exact or found)
        raise ValueError(f"{chosen} holds several weights of {name}: {several}; give the path of one")
    return next(iter(exact or found), None)


def download_file(name: str, kind: Kind = "imagenet") -> Path:
    """Return the file of published weights, downloaded into the cache of torch or timm on first use.

    Raises:
        NoWeightsError: none are published, or the server cannot be reached.
    """
    published = _published(name, kind)
    if published and published.torchvision:
        return _from_torchvision(name, published.torchvision)
    if published and published.timm:
        return _from_timm(name, published.timm)
    if published and published.url:
        return fetched(name, published.url, published.url, None)
    raise NoWeightsError(
        f"nobody publishes weights that fit our {name}; give a path to your own, or train it from scratch"
    )


def _from_torchvision(name: str, enum_member: str) -> Path:
    from torchvision import models  # only here: files in a folder do not need it

    enum, member = enum_member.split(".")
    url = getattr(models, enum)[member].url
    hash_prefix = Path(url).stem.rpartition("-")[2]  # part of torchvision's file names
    return fetched(name, enum_member, url, hash_prefix)


def fetched(name: str, title: str, url: str, hash_prefix: str | None) -> Path:
    """Return the file at `url`, from torch's cache if it is there.

    Args:
        name: name of the network, for the message.
        title: title of the weights, for the message.
        url: URL of the file.
        hash_prefix: first digits of the SHA-256 that a download must have.

    Raises:
        NoWeightsError: the server cannot be reached, the download failed, or the checksum differs.
    """
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not file.is_file():
        _check_reachable(name, url)
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(file), hash_prefix)
        except (OSError, RuntimeError) as error:
            raise NoWeightsError(f"the download of {title} for {name} failed ({error}); {_remedy(name)}") from error
    return file


def _from_timm(name: str, tag: str) -> Path:
    import huggingface_hub
    import timm

    configuration = timm.get_pretrained_cfg(tag)
    assert configuration is not None and configuration.hf_hub_id  # our tags are tested
    repository, file = configuration.hf_hub_id, configuration.hf_hub_filename or "model.safetensors"
    cached = huggingface_hub.try_to_load_from_cache(repository, file)
    if isinstance(cached, str):
        return Path(cached)
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        raise NoWeightsError(
            f"{tag} for {name} is not in the cache, and HF_HUB_OFFLINE forbids its download; {_remedy(name)}"
        )
    _check_reachable(name, huggingface_hub.hf_hub_url(repository, file))  # the hub's client retries for a minute
    try:
        return Path(huggingface_hub.hf_hub_download(repository, file))
    except OSError as error:
        raise NoWeightsError(f"the download of {tag} for {name} failed ({error}); {_remedy(name)}") from error


def _check_reachable(name: str, url: str) -> None:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=TIMEOUT).close()
    except OSError as error:  # no network, timeout, or HTTP error
        raise NoWeightsError(f"the published weights of {name} cannot be reached ({error}); {_remedy(name)}") from error


def _remedy(name: str) -> str:
    return f"put a file {_file_stem(name)}.safetensors (or .pt, .pth) into the folder $DLCV_WEIGHTS, or give its path"


def _file_stem(name: str) -> str:
    """Name of a file of weights of this network: "timm_resnet26" for "timm/resnet26"."""
    return name.replace("/", "_")


def _check_form(model: nn.Module, name: str) -> None:
    """Raise a NoWeightsError if `model` is not the full network with default options, apart from the last layer."""
    with torch.device("meta"):
        expected = build(name, num_classes=2)
    exempt = tuple(f"{name}." for name in (classifier_name(expected), *removed_layers(model)))
    own = model.state_dict()
    for key, tensor in expected.state_dict().items():
        if key.startswith(exempt) or key.endswith(RESIZABLE):
            continue
        if key not in own or own[key].shape != tensor.shape:
            has = tuple(own[key].shape) if key in own else "nothing"
            raise NoWeightsError(
                f"published weights of {name} fit the full network with default options only; "
                f"this model has {has} for {key} {tuple(tensor.shape)}"
            )


def _published(name: str, kind: Kind) -> Published | None:
    return family(name).dino if kind == "dino" else family(name).published


def _from_file(
    model: nn.Module, name: str, file: Path, kind: str, location: str, published: Published | None
) -> Source:
    adapt = family(name).adapt
    state = load_state(file)
    if adapt is not None:
        state = adapt(state, model)
    report = load_into(model, state)
    return Source(
        kind,
        location,
        sha256_of(file),
        report,
        published.mean if published else IMAGENET_MEAN,
        published.std if published else IMAGENET_STD,
        published.image_size if published else None,
    )


def _weights_folder(folder: str | Path | None) -> Path | None:
    named = folder or os.environ.get("DLCV_WEIGHTS")
    return Path(named).expanduser() if named else None


def sha256_of(file: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
