"""What the course's reports are asked, edition by edition, and the chapter that answers it."""

from __future__ import annotations

from dataclasses import dataclass

EDITIONS = (2018, 2021, 2022, 2023, 2024, 2025)


@dataclass(frozen=True)
class Question:
    """One question of a report."""

    key: str
    asked: str
    editions: tuple[int, ...]
    chapter: str
    """File of the chapter, without its suffix."""


PROBLEM_1 = (2021, 2022, 2023)
"""Editions with the classification."""
PROBLEM_2 = (2021, 2022, 2023, 2024, 2025)
"""Editions with the self-supervised pre-training: homework 4 in 2021 and 2022."""

QUESTIONS = (
    Question(
        "model_a", "classification: accuracy and details of model A, from scratch", PROBLEM_1, "02_classification"
    ),
    Question("model_b", "classification: how model B differs, and its accuracy", (2022, 2023), "02_classification"),
    Question(
        "feature_maps", "PCA and t-SNE of model A's second-last layer at three epochs", (2022, 2023), "03_feature_space"
    ),
    Question(
        "byol",
        "self-supervised pre-training of one's own choice, here BYOL: its details",
        (2021, 2022, 2023, 2024),
        "04_byol",
    ),
    Question("dino", "self-supervised pre-training with DINO, which is designated: its details", (2025,), "05_dino"),
    Question("settings", "settings A to E: accuracies and discussion", PROBLEM_2, "06_finetuning_settings"),
    Question(
        "setting_c_maps",
        "t-SNE of setting C on the training set, first and last epoch",
        (2024, 2025),
        "06_finetuning_settings",
    ),
    Question("fcn32s", "VGG16-FCN32s: architecture, mean IoU, three masks", (2018, 2021, 2022, 2023, 2024), "07_fcn"),
    Question("unet", "U-Net: mean IoU, three masks, and a skip connection dropped", (2025,), "08_unet_ablation"),
    Question("improved", "the improved segmentation: mean IoU, three masks at three epochs", EDITIONS, "09_deeplab"),
    Question("segment_anything", "Segment Anything on three validation images", (2024, 2025), "10_segment_anything"),
    Question("gradient", "bonus: the gradient of the cross-entropy", (2018,), "11_cross_entropy_gradient"),
    Question("report", "the report itself, in the order of an edition", EDITIONS, "12_report"),
)

NAMED_IMAGES = {
    2018: ("0008", "0097", "0107"),
    2021: ("0010", "0097", "0107"),
    2022: ("0013", "0062", "0104"),
    2023: ("0013", "0062", "0104"),
    2024: ("0013", "0062", "0104"),
    2025: ("0013", "0065", "0104"),
}
"""The validation images whose masks an edition asks for."""
