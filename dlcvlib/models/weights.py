"""Where outside weights come from: a path given, a folder of files, or a download from torchvision or timm."""

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
PATIENCE = 5.0  # seconds until a server that does not answer counts as no network
RESIZABLE = ("relative_position_bias_table", "pos_embed")  # `Family.adapt` fits these to the image size


class NoWeightsError(RuntimeError):
    """There are no outside weights to be had; the message says why and what to do."""


@dataclass(frozen=True)
class Source:
    """Where a model's weights came from, and the images they expect.

    A file says nothing of its images; what is published under the network's name is assumed of it.
    """

    kind: str  # "path", "folder" or "download"
    location: str  # the file's path, or the published name
    sha256: str
    report: LoadReport
    mean: tuple[float, float, float]  # of the channels red, green, blue of images in [0, 1]
    std: tuple[float, float, float]
    image_size: int | None  # pixels, at which they were trained; None where not known


def pretrained(
    model: nn.Module,
    name: str,
    path: str | Path | None = None,
    folder: str | Path | None = None,
    allow_download: bool = True,
    kind: Kind = "imagenet",
) -> Source:
    """Load outside weights into `model`: from `path` if given, else a folder (see `find_weights`), else a download.

    Args:
        model: a classifier, or a backbone without its last layer.
        name: of the network.
        path: file of weights.
        folder: where to look for one, by default `$DLCV_WEIGHTS`; for kind "dino" its name begins with `dino_{name}`.
        allow_download: whether to fetch what is published.
        kind: "imagenet", trained with labels, or "dino", trained without by the authors of DINO.

    Raises:
        NoWeightsError: nothing is to be had, or what is published is for another form of the network than `model` is.
        ValueError, FileNotFoundError: a file was named or found, but is missing, damaged or does not fit.
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
    assert published is not None  # or there would have been no download
    location = str(published.torchvision or published.timm or published.url)
    return _from_file(model, name, file, "download", location, published)


def find_weights(name: str, folder: str | Path | None = None) -> Path | None:
    """File of weights for this network in `folder`, by default `$DLCV_WEIGHTS`.

    It is `{name}` with a suffix, else the only file that begins with `{name}`.

    Returns:
        None where there is no such file, or no folder is named.

    Raises:
        FileNotFoundError: the folder is not there.
        ValueError: several files begin with the name.
    """
    chosen = _weights_folder(folder)
    if chosen is None:
        return None
    if not chosen.is_dir():
        raise FileNotFoundError(f"the weights folder {chosen} is not there; mend `folder` or $DLCV_WEIGHTS")
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
    from torchvision import models  # here, so that finding a file in a folder does not need it

    enum, member = enum_member.split(".")
    url = getattr(models, enum)[member].url
    hash_prefix = Path(url).stem.rpartition("-")[2]  # torchvision's file names end in the first digits of the sha256
    return fetched(name, enum_member, url, hash_prefix)


def fetched(name: str, title: str, url: str, hash_prefix: str | None) -> Path:
    """The file at `url`, kept in torch's usual cache, which is not looked into again.

    Args:
        name: of the network, for the cure in the message.
        title: of the weights, for the message.
        url: of the file.
        hash_prefix: first digits of its SHA-256, or all; a download that has others is refused.

    Raises:
        NoWeightsError: there is no way to it, it broke off, or it has another checksum.
    """
    file = Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]
    if not file.is_file():
        _check_reachable(name, url)
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            torch.hub.download_url_to_file(url, str(file), hash_prefix)
        except (OSError, RuntimeError) as error:
            raise NoWeightsError(f"the download of {title} for {name} broke off ({error}); {_remedy(name)}") from error
    return file


def _from_timm(name: str, tag: str) -> Path:
    import huggingface_hub
    import timm

    configuration = timm.get_pretrained_cfg(tag)
    assert configuration is not None and configuration.hf_hub_id  # a test holds that every tag is known to timm
    repository, file = configuration.hf_hub_id, configuration.hf_hub_filename or "model.safetensors"
    cached = huggingface_hub.try_to_load_from_cache(repository, file)
    if isinstance(cached, str):
        return Path(cached)
    if huggingface_hub.constants.HF_HUB_OFFLINE:
        raise NoWeightsError(
            f"{tag} for {name} is not in the cache, and HF_HUB_OFFLINE forbids its download; {_remedy(name)}"
        )
    _check_reachable(
        name, huggingface_hub.hf_hub_url(repository, file)
    )  # without it the hub's client tries again for a minute
    try:
        return Path(huggingface_hub.hf_hub_download(repository, file))
    except OSError as error:
        raise NoWeightsError(f"the download of {tag} for {name} broke off ({error}); {_remedy(name)}") from error


def _check_reachable(name: str, url: str) -> None:
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=PATIENCE).close()
    except OSError as error:  # no network, no answer in time, or the server's refusal
        raise NoWeightsError(f"the published weights of {name} cannot be reached ({error}); {_remedy(name)}") from error


def _remedy(name: str) -> str:
    return f"put a file {_file_stem(name)}.safetensors (or .pt, .pth) into the folder $DLCV_WEIGHTS, or give its path"


def _file_stem(name: str) -> str:
    """Name of a file of weights of this network: "timm_resnet26" for "timm/resnet26"."""
    return name.replace("/", "_")


def _check_form(model: nn.Module, name: str) -> None:
    """Published weights fit only the report form with its default options: say so before anything is fetched.

    Raises:
        NoWeightsError: some layer but the last differs.
    """
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
                f"published weights of {name} fit its report form with default options only; "
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
