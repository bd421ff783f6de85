"""Augmentation of batches on the device, with random parameters drawn per sample."""

from dlcvlib.augment import pairs
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
from dlcvlib.augment.cutmix import cutmix
from dlcvlib.augment.dihedral import dihedral_views, undo_dihedral
from dlcvlib.augment.draws import part_of_batch
from dlcvlib.augment.erasing import random_erasing
from dlcvlib.augment.geometry import horizontal_flip, random_crop, random_rotation, resize, rotate
from dlcvlib.augment.pair_pipeline import check_pair_names, prepare_pairs
from dlcvlib.augment.pipeline import IMAGENET_MEAN, IMAGENET_STD, check_names, normalise, prepare

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
    "check_pair_names",
    "colour_jitter",
    "cutmix",
    "dihedral_views",
    "draw_boxes",
    "gaussian_blur",
    "grey",
    "horizontal_flip",
    "normalise",
    "pairs",
    "part_of_batch",
    "prepare",
    "prepare_pairs",
    "random_crop",
    "random_erasing",
    "random_resized_crop",
    "random_rotation",
    "resize",
    "resized_crop",
    "rotate",
    "solarize",
    "undo_dihedral",
]
