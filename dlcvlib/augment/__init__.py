"""Augmentation of whole batches on the device, with parameters drawn for every sample."""

from dlcvlib.augment.auto_augment import auto_augment
from dlcvlib.augment.erasing import random_erasing
from dlcvlib.augment.geometry import horizontal_flip, random_crop, random_rotation, resize, rotate
from dlcvlib.augment.pipeline import IMAGENET_MEAN, IMAGENET_STD, check_names, prepare

__all__ = [
    "IMAGENET_MEAN",
    "IMAGENET_STD",
    "auto_augment",
    "check_names",
    "horizontal_flip",
    "prepare",
    "random_crop",
    "random_erasing",
    "random_rotation",
    "resize",
    "rotate",
]
