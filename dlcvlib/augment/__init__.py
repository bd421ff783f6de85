"""Augmentation of whole batches on the device, with parameters drawn for every sample."""

from dlcvlib.augment.auto_augment import auto_augment
from dlcvlib.augment.blur import blur, gaussian_blur
from dlcvlib.augment.colour import (
    adjust_brightness,
    adjust_contrast,
    adjust_hue,
    adjust_saturation,
    colour_jitter,
    grey,
    solarize,
)
from dlcvlib.augment.crops import draw_boxes, random_resized_crop, resized_crop
from dlcvlib.augment.erasing import random_erasing
from dlcvlib.augment.geometry import horizontal_flip, random_crop, random_rotation, resize, rotate
from dlcvlib.augment.pipeline import IMAGENET_MEAN, IMAGENET_STD, check_names, prepare

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "adjust_brightness",
    "adjust_contrast",
    "adjust_hue",
    "adjust_saturation",
    "auto_augment",
    "blur",
    "check_names",
    "colour_jitter",
    "draw_boxes",
    "gaussian_blur",
    "grey",
    "horizontal_flip",
    "prepare",
    "random_crop",
    "random_erasing",
    "random_resized_crop",
    "random_rotation",
    "resize",
    "resized_crop",
    "rotate",
    "solarize",
]
