"""Registry of networks: constructors and published weights by name. A new network is an entry in `FAMILIES`."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, cast

from torch import Tensor, nn

from dlcvlib.models import (
    airbench,
    beit,
    convnext,
    deeplab,
    densenet,
    fcn,
    mobilenet,
    resnet,
    small_cnn,
    squeezenet,
    timm_networks,
    unet,
    vgg,
)
from dlcvlib.models.segmenter import fit_auxiliary_head

IMAGENET_MEAN = (0.485, 0.456, 0.406)
IMAGENET_STD = (0.229, 0.224, 0.225)
FORMS = ("full", "reduced")

Task = Literal["classification", "segmentation", "backbone"]
TASKS: tuple[Task, ...] = ("classification", "segmentation", "backbone")  # the last: inside segmenters only

Adapt = Callable[[dict[str, Tensor], nn.Module], dict[str, Tensor]]


@dataclass(frozen=True)
class Published:
    """Published weights of a network and their preprocessing."""

    torchvision: str | None = None  # "ResNet50_Weights.IMAGENET1K_V2"
    timm: str | None = None  # timm model name with tag
    url: str | None = None  # of a file elsewhere
    mean: tuple[float, float, float] = IMAGENET_MEAN  # per channel, of RGB images in [0, 1]
    std: tuple[float, float, float] = IMAGENET_STD
    image_size: int = 224  # of training, in pixels


@dataclass(frozen=True)
class Family:
    """Full network of the literature, reduced network for CPUs, and published weights of the full network."""

    full: Callable[..., nn.Module]  # full(num_classes, *, options); with a backbone full(network, num_classes, …)
    reduced: Callable[..., nn.Module] | None  # None: there is none
    published: Published | None = None
    dino: Published | None = None  # self-supervised weights by the authors of DINO
    adapt: Adapt | None = None  # fits published keys and shapes to the model
    task: Task = "classification"
    backbone: str | None = None  # of a segmenter: name of the classifier that it is built on


FAMILIES: dict[str, Family] = {
    "small_cnn": Family(small_cnn.full, small_cnn.reduced),
    "vgg13_bn": Family(vgg.full, vgg.reduced),
    "densenet121": Family(
        densenet.full,
        densenet.reduced,
        Published(torchvision="DenseNet121_Weights.IMAGENET1K_V1"),
        adapt=densenet.rename_published_keys,
    ),
    "resnet18": Family(resnet.full18, resnet.reduced18, Published(torchvision="ResNet18_Weights.IMAGENET1K_V1")),
    "resnet50": Family(
        resnet.full50,
        resnet.reduced50,
        Published(torchvision="ResNet50_Weights.IMAGENET1K_V2", image_size=176),
        dino=Published(url="https://dl.fbaipublicfiles.com/dino/dino_resnet50_pretrain/dino_resnet50_pretrain.pth"),
    ),
    "mobilenet_v2": Family(
        mobilenet.full,
        mobilenet.reduced,
        Published(torchvision="MobileNet_V2_Weights.IMAGENET1K_V2", image_size=176),
    ),
    "squeezenet1_0": Family(
        squeezenet.full, squeezenet.reduced, Published(torchvision="SqueezeNet1_0_Weights.IMAGENET1K_V1")
    ),
    "convnext_tiny": Family(
        convnext.full, convnext.reduced, Published(torchvision="ConvNeXt_Tiny_Weights.IMAGENET1K_V1", image_size=176)
    ),
    "beit_base": Family(
        beit.full,
        beit.reduced,
        Published(timm=beit.TIMM_TAG, mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5)),
        adapt=timm_networks.fit_state,
    ),
    "airbench": Family(airbench.full, airbench.reduced),
    "vgg16": Family(vgg.full16, vgg.reduced16, Published(torchvision="VGG16_Weights.IMAGENET1K_V1"), task="backbone"),
    "resnet101": Family(
        resnet.full101, resnet.reduced50, Published(torchvision="ResNet101_Weights.IMAGENET1K_V2"), task="backbone"
    ),
    "vgg16_fcn32s": Family(fcn.full32s, fcn.reduced32s, task="segmentation", backbone="vgg16"),
    "vgg16_fcn8s": Family(fcn.full8s, fcn.reduced8s, task="segmentation", backbone="vgg16"),
    "resnet101_fcn": Family(
        fcn.full_resnet,
        fcn.full_resnet,
        Published(torchvision="FCN_ResNet101_Weights.COCO_WITH_VOC_LABELS_V1", image_size=520),
        adapt=fit_auxiliary_head,
        task="segmentation",
        backbone="resnet101",
    ),
    "unet": Family(unet.full, unet.reduced, task="segmentation"),
    "deeplabv3_resnet50": Family(
        deeplab.full_v3,
        deeplab.reduced_v3,
        Published(torchvision="DeepLabV3_ResNet50_Weights.COCO_WITH_VOC_LABELS_V1", image_size=520),
        adapt=fit_auxiliary_head,
        task="segmentation",
        backbone="resnet50",
    ),
    "deeplabv3_resnet18": Family(deeplab.full_v3, deeplab.reduced_v3, task="segmentation", backbone="resnet18"),
    "deeplabv3_mobilenet_v2": Family(deeplab.full_v3, deeplab.reduced_v3, task="segmentation", backbone="mobilenet_v2"),
    "deeplabv3plus_resnet50": Family(
        deeplab.full_v3plus, deeplab.reduced_v3plus, task="segmentation", backbone="resnet50"
    ),
    "deeplabv3plus_resnet18": Family(
        deeplab.full_v3plus, deeplab.reduced_v3plus, task="segmentation", backbone="resnet18"
    ),
    "deeplabv3plus_mobilenet_v2": Family(
        deeplab.full_v3plus, deeplab.reduced_v3plus, task="segmentation", backbone="mobilenet_v2"
    ),
}


def names(task: Task = "classification") -> tuple[str, ...]:
    """Names of our networks for a task: "classification", "segmentation", or "backbone" (inside segmenters only).

    Raises:
        ValueError: unknown task.
    """
    if task not in TASKS:
        raise ValueError(_unknown("task", task, TASKS))
    return tuple(name for name, entry in FAMILIES.items() if entry.task == task)


def backbone_of(name: str) -> str | None:
    """Name of the classifier whose weights fit `models.build(name, …).backbone`; None for a network without it.

    `models.pretrained(model.backbone, models.backbone_of(name))` loads its ImageNet weights,
    `models.load_into(model.backbone, state)` those of a classifier or pre-training of the same form and options.

    Raises:
        ValueError: unknown network.
    """
    return family(name).backbone


def options_of(name: str, form: str = "full") -> tuple[str, ...]:
    """Names of the options of a network for `build`; a timm network takes all of timm's besides.

    Raises:
        ValueError: unknown network or form.
    """
    parameters = inspect.signature(_builder(name, form)).parameters.values()
    own = tuple(parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY)
    return (*own, "backbone_options") if backbone_of(name) else own


def build(name: str, num_classes: int, *, form: str = "full", **options: object) -> nn.Module:
    """Build a network with random weights.

    A classifier maps images (N, 3, H, W) float to logits (N, num_classes), a segmenter to (N, num_classes, H, W).

    Args:
        name: one of `names()` or `names("segmentation")`, or "timm/" and the name of any classifier of timm.
        num_classes: number of logits, at least 1.
        form: "full" as in the literature, or "reduced" for CPUs and images of about 32 px (64 px for segmenters).
        **options: options of `options_of(name, form)`, such as `width`, `stem` or `image_size`; `backbone_options` is a
            dict of options of the classifier inside a segmenter.

    Raises:
        ValueError: unknown name, form or option, or a value out of range; the message lists the known ones.
    """
    builder = _builder(name, form)
    if isinstance(num_classes, bool) or not isinstance(num_classes, int) or num_classes < 1:
        raise ValueError(f"num_classes={num_classes!r} must be an integer of at least 1")
    known = options_of(name, form)
    for option in options:
        if option not in known and not name.startswith(timm_networks.PREFIX):  # timm checks its own
            raise ValueError(_unknown("option", option, known, f" of {name} (form {form!r})"))
    backbone = backbone_of(name)
    if backbone is None:
        return builder(num_classes, **options)
    backbone_options = cast(Mapping[str, object], options.pop("backbone_options", {}))
    return builder(build(backbone, 1, form=form, **backbone_options), num_classes, **options)


def build_at(image_size: int, name: str, num_classes: int, *, form: str = "full", **options: object) -> nn.Module:
    """Build a network for square images of `image_size` pixels, which only some networks need to know; see `build`."""
    if "image_size" in options_of(name, form):
        options["image_size"] = image_size
    return build(name, num_classes, form=form, **options)


def family(name: str) -> Family:
    """Return the entry of a network.

    Raises:
        ValueError: unknown network.
    """
    if name.startswith(timm_networks.PREFIX):
        return _timm_family(name)
    if name not in FAMILIES:
        raise ValueError(_unknown("network", name, FAMILIES))
    return FAMILIES[name]


def _builder(name: str, form: str) -> Callable[..., nn.Module]:
    entry = family(name)
    if form not in FORMS:
        raise ValueError(_unknown("form", form, FORMS))
    if form == "full":
        return entry.full
    if entry.reduced is None:
        raise ValueError(f"{name} has no reduced network: use form='full', and a smaller network of timm on a CPU")
    return entry.reduced


def _timm_family(name: str) -> Family:
    configuration = timm_networks.configuration(name)
    published = Published(
        timm=f"{configuration.architecture}.{configuration.tag}" if configuration.hf_hub_id else None,
        url=configuration.url or None,
        mean=configuration.mean,
        std=configuration.std,
        image_size=configuration.input_size[-1],
    )
    return Family(timm_networks.constructor(name), None, published, adapt=timm_networks.fit_state)


def _unknown(kind: str, value: object, known: Iterable[str], where: str = "") -> str:
    known = sorted(known)
    close = difflib.get_close_matches(str(value), known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    there_are = f"known are {', '.join(known)}" if known else "it takes none"
    return f"{kind} {value!r}{where} is not known; {hint}{there_are}"
