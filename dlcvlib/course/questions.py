"""Questions of the course's reports, edition by edition."""

from __future__ import annotations

from dataclasses import dataclass

from dlcvlib.course.systems import Systems

EDITIONS = (2018, 2021, 2022, 2023, 2024, 2025)
PROBLEM_1 = (2021, 2022, 2023)
"""Editions with the classification."""
PROBLEM_2 = (2021, 2022, 2023, 2024, 2025)
"""Editions with the self-supervised pre-training: homework 4 in 2021 and 2022."""


@dataclass(frozen=True)
class Question:
    """One question of a report.

    Args:
        key: name of the question in code.
        text: the question.
        editions: editions that ask it.
        chapter: file of the chapter that answers it, without its suffix.
        answered_by: systems whose results answer it; None if the chapter alone does.
        reports: reports that answer it without a system.
        shows: tables and pictures that it asks for, see `TABLES` in report/compose.py and `PICTURES` in
            report/pictures.py.
    """

    key: str
    text: str
    editions: tuple[int, ...]
    chapter: str
    answered_by: Systems | None = None
    reports: tuple[str, ...] = ()
    shows: tuple[str, ...] = ()


MODEL_A = Systems(dataset="classification", start="random")
MODEL_B = Systems(dataset="classification", unless={"start": "random"})
IMPROVED = Systems(dataset="satellite", unless={"model": ("vgg16_fcn32s", "unet")})
SEGMENTATION = ("table", "classes", "full settings", "architectures", "iou curves", "masks")
PRETRAINING = ("table", "full settings", "monitors")

# fmt: off
QUESTIONS = (
    Question("model_a", "classification: accuracy and details of model A, from scratch", PROBLEM_1, "02_classification",
             MODEL_A, shows=("table", "full settings", "architectures", "curves")),
    Question("model_b", "classification: how model B differs, and its accuracy", (2022, 2023), "02_classification",
             MODEL_B, shows=("table", "full settings", "curves")),
    Question("feature_maps", "PCA and t-SNE of model A's second-last layer at three epochs", (2022, 2023),
             "03_feature_space", MODEL_A, shows=("maps at three epochs",)),
    Question("byol", "self-supervised pre-training of one's own choice, here BYOL: its details",
             (2021, 2022, 2023, 2024), "04_byol", Systems(method=("byol", "simsiam")), shows=PRETRAINING),
    Question("dino", "self-supervised pre-training with DINO, which is designated: its details", (2025,), "05_dino",
             Systems(method="dino"), shows=PRETRAINING),
    Question("settings", "settings A to E: accuracies and discussion", PROBLEM_2, "06_finetuning_settings",
             Systems(dataset="office", unless={"setting": None}), shows=("table", "discussion")),
    Question("setting_c_maps", "t-SNE of setting C on the training set, first and last epoch", (2024, 2025),
             "06_finetuning_settings", Systems(setting="C"), shows=("t-SNE at two epochs",)),
    Question("fcn32s", "VGG16-FCN32s: architecture, mean IoU, three masks", (2018, 2021, 2022, 2023, 2024), "07_fcn",
             Systems(model="vgg16_fcn32s"), shows=SEGMENTATION),
    Question("unet", "U-Net: mean IoU, three masks, and a skip connection dropped", (2025,), "08_unet_ablation",
             Systems(model="unet"), shows=SEGMENTATION),
    Question("improved", "the improved segmentation: mean IoU, three masks at three epochs", EDITIONS, "09_deeplab",
             IMPROVED, shows=SEGMENTATION),
    Question("segment_anything", "Segment Anything on three validation images", (2024, 2025), "10_segment_anything",
             reports=("R3",)),
    Question("gradient", "bonus: the gradient of the cross-entropy", (2018,), "11_cross_entropy_gradient",
             reports=("R5",)),
    Question("report", "the report itself, in the order of an edition", EDITIONS, "12_report"),
)
# fmt: on

NAMED_IMAGES = {
    2018: ("0008", "0097", "0107"),
    2021: ("0010", "0097", "0107"),
    2022: ("0013", "0062", "0104"),
    2023: ("0013", "0062", "0104"),
    2024: ("0013", "0062", "0104"),
    2025: ("0013", "0065", "0104"),
}
"""Validation images whose masks an edition asks for."""
