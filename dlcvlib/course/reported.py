"""Values that the five reports state for their own full settings, in [0, 1], by recipe."""

REPORTED_SETTINGS = {
    "R1": {"A": 0.048, "B": 0.31, "C": 0.228, "D": 0.272, "E": 0.198},
    "R3": {"A": 0.335, "B": 0.8005, "C": 0.6946, "D": 0.6675, "E": 0.5172},
}
"""Validation accuracy of the fine-tuning settings, by report and setting."""

REPORTED = {
    "r1_small_cnn": 0.622,
    "r1_resnet50": 0.8637,
    "r2_densenet121": 0.6416,
    "r2_convnext": 0.9052,
    "r4_vgg13_bn": 0.7454,
    "r4_beit": 0.9367,
    **{
        f"{report.lower()}_setting_{setting.lower()}": accuracy
        for report, accuracies in REPORTED_SETTINGS.items()
        for setting, accuracy in accuracies.items()
    },
    "r1_fcn32s": 0.533,
    "r2_fcn32s": 0.6927,
    "r4_fcn32s": 0.5893,
    "r5_fcn32s": 0.6720,
    "r5_fcn8s": 0.6921,
    "r1_deeplabv3": 0.7478,
    "r2_resnet101_fcn": 0.7475,
    "r3_unet": 0.697,
    "r3_unet_dropped": 0.680,
    "r3_deeplabv3plus": 0.761,
    "r4_deeplabv3_focal": 0.7438,
}
"""Validation accuracy, or mean IoU of a segmentation."""

REPORTED_CLASSES = {
    "r5_fcn32s": {
        **{"Urban": 0.7286, "Agriculture": 0.8754, "Rangeland": 0.2794},
        **{"Forest": 0.7785, "Water": 0.7244, "Barren": 0.6460},
    },
    "r5_fcn8s": {
        **{"Urban": 0.7604, "Agriculture": 0.8712, "Rangeland": 0.3499},
        **{"Forest": 0.7999, "Water": 0.7322, "Barren": 0.6388},
    },
}
"""IoU of each land class."""
