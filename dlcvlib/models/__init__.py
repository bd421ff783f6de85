"""Networks by name, with their features, weights, stages and receptive fields."""

from dlcvlib.models.backbone import LinearClassifier, as_backbone, feature_dim
from dlcvlib.models.features import classifier_name, classifier_of, penultimate
from dlcvlib.models.loading import LoadReport, load_into, load_recorded, load_state
from dlcvlib.models.receptive_field import radius_of, receptive_field
from dlcvlib.models.registry import backbone_of, build, build_at, names, options_of
from dlcvlib.models.segmenter import Segmenter, WithAuxiliary
from dlcvlib.models.stages import Stage, stages
from dlcvlib.models.summary import layer_table
from dlcvlib.models.weights import (
    NoWeightsError,
    Source,
    find_weights,
    pretrained,
    sha256_of,
)

__all__ = [
    "LinearClassifier",
    "LoadReport",
    "NoWeightsError",
    "Segmenter",
    "Source",
    "Stage",
    "WithAuxiliary",
    "as_backbone",
    "backbone_of",
    "build",
    "build_at",
    "classifier_name",
    "classifier_of",
    "feature_dim",
    "find_weights",
    "layer_table",
    "load_into",
    "load_recorded",
    "load_state",
    "names",
    "options_of",
    "penultimate",
    "pretrained",
    "radius_of",
    "receptive_field",
    "sha256_of",
    "stages",
]
