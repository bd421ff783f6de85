"""Every network by name: how its forms are built, and what is published for it. A new one is an entry in `FAMILIES`."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from torch import Tensor, nn

from dlcvlib.models import airbench, beit, convnext, densenet, mobilenet, resnet, resnet9, small_cnn, squeezenet, vgg

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
FORMS = ("report", "smallest")

Adapt = Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]]


@dataclass(frozen=True)
class Published:
    """Weights that others publish for a network, and the images they expect."""

    torchvision: str | None = None  # "ResNet50_Weights.IMAGENET1K_V2"
    timm: str | None = None  # a timm model name with its tag
    url: str | None = None  # a file elsewhere
    mean: tuple[float, float, float] = IMAGENET_MEAN  # of the channels red, green, blue of images in [0, 1]
    std: tuple[float, float, float] = IMAGENET_STD
    image_size: int = 224  # pixels, at which they were trained


@dataclass(frozen=True)
class Family:
    """One name: the report's own form, a form for CPUs and small images, and weights that fit the report form."""

    report: Callable[..., nn.Module]  # report(num_classes, *, options)
    smallest: Callable[..., nn.Module]
    published: Published | None = None
    dino: Published | None = None  # self-supervised, by the authors of DINO
    adapt: Adapt | None = None  # brings published keys and sizes to those of the model


FAMILIES: dict[str, Family] = {
    "small_cnn": Family(small_cnn.report, small_cnn.smallest),
    "vgg13_bn": Family(vgg.report, vgg.smallest),
    "densenet121": Family(
        densenet.report,
        densenet.smallest,
        Published(torchvision="DenseNet121_Weights.IMAGENET1K_V1"),
        adapt=densenet.rename_published_keys,
    ),
    "resnet18": Family(resnet.report18, resnet.smallest18, Published(torchvision="ResNet18_Weights.IMAGENET1K_V1")),
    "resnet50": Family(
        resnet.report50,
        resnet.smallest50,
        Published(torchvision="ResNet50_Weights.IMAGENET1K_V2", image_size=176),
        dino=Published(url="https://dl.fbaipublicfiles.com/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth"),
    ),
    "mobilenet_v2": Family(
        mobilenet.report,
        mobilenet.smallest,
        Published(torchvision="MobileNet_V2_Weights.IMAGENET1K_V2", image_size=176),
    ),
    "squeezenet1_0": Family(
        squeezenet.report, squeezenet.smallest, Published(torchvision="SqueezeNet1_0_Weights.IMAGENET1K_V1")
    ),
    "convnext_tiny": Family(
        convnext.report, convnext.smallest, Published(torchvision="ConvNeXt_Tiny_Weights.IMAGENET1K_V1", image_size=176)
    ),
    "beit_base": Family(
        beit.report,
        beit.smallest,
        Published(timm=beit.TIMM_TAG, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        adapt=beit.resize_position_bias,
    ),
    "resnet9": Family(resnet9.report, resnet9.smallest),
    "airbench": Family(airbench.report, airbench.smallest),
}


def names() -> tuple[str, ...]:
    """Every name that `build` knows."""
    return tuple(FAMILIES)


def options_of(name: str, form: str = "report") -> tuple[str, ...]:
    """Names of the options that `build` takes for this network in this form.

    Raises:
        ValueError: no network or form has this name.
    """
    return tuple(inspect.signature(_builder(name, form)).parameters)[1:]


def build(name: str, num_classes: int, *, form: str = "report", **options: object) -> nn.Module:
    """A classifier with random weights, mapping images (N, 3, H, W) float to logits (N, num_classes).

    Args:
        name: one of `names()`.
        num_classes: number of logits, at least 1.
        form: "report", as in the literature; or "smallest", the same family made for CPUs and images of about 32 px.
        **options: those of `options_of(name, form)`, such as `width` or `stem`, or `image_size` where that is fixed.

    Raises:
        ValueError: an unknown name, form or option, or a value out of range; the message names it, and those there are.
    """
    builder = _builder(name, form)
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        raise ValueError(f"num_classes={num_classes!r} must be a whole number of at least 1")
    known = options_of(name, form)
    for option in options:
        if option not in known:
            raise ValueError(_unknown("option", option, known, f" of {name} (form {form!r})"))
    return builder(num_classes, **options)


def family(name: str) -> Family:
    """The entry of this name.

    Raises:
        ValueError: no network has this name.
    """
    if name not in FAMILIES:
        raise ValueError(_unknown("network", name, names()))
    return FAMILIES[name]


def _builder(name: str, form: str) -> Callable[..., nn.Module]:
    entry = family(name)
    if form not in FORMS:
        raise ValueError(_unknown("form", form, FORMS))
    return entry.report if form == "report" else entry.smallest


def _unknown(kind: str, value: object, known: Iterable[str], where: str = "") -> str:
    known = sorted(known)
    close = difflib.get_close_matches(str(value), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    there_are = f"known are {', '.join(known)}" if known else "it takes none"
    return f"{kind} {value!r}{where} is not known; {hint}{there_are}"
