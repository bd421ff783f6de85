"""Figures of the book, drawn from run records, arrays and recipes; nothing here trains."""

from dlcvlib.views import diagram as diagram
from dlcvlib.views.ablation import ablation_in_words
from dlcvlib.views.architecture import architecture
from dlcvlib.views.bars import class_counts
from dlcvlib.views.comparisons import settings_in_words
from dlcvlib.views.confusion import confusion
from dlcvlib.views.curves import curves
from dlcvlib.views.differences import difference_in_words
from dlcvlib.views.display import Picture, plotly_picture, svg_picture, table_picture
from dlcvlib.views.equal_epochs import at_equal_epochs
from dlcvlib.views.images import image_grid, mask_pairs, most_confused
from dlcvlib.views.iou import iou_table
from dlcvlib.views.iou_curves import iou_curves
from dlcvlib.views.iou_differences import iou_in_words
from dlcvlib.views.layers import layers_in_words
from dlcvlib.views.live import LiveSegmenter
from dlcvlib.views.maps import embedding_maps
from dlcvlib.views.monitors import collapse_in_words, monitors
from dlcvlib.views.neighbours import neighbours
from dlcvlib.views.network import network
from dlcvlib.views.predicted_masks import predicted_masks
from dlcvlib.views.recipes import recipes_overview, recipes_side_by_side, runs_overview, runs_side_by_side
from dlcvlib.views.regions import region_overlay, region_slider
from dlcvlib.views.right_and_wrong import right_and_wrong
from dlcvlib.views.scrubbers import EmbeddingScrubber, MaskScrubber
from dlcvlib.views.seeds import seed_range_in_words
from dlcvlib.views.settings import settings_table
from dlcvlib.views.source import source, source_file
from dlcvlib.views.tables import accuracy_table
from dlcvlib.views.tangents import tangents
from dlcvlib.views.worst_masks import pixel_confusion, worst_masks

__all__ = [
    "EmbeddingScrubber",
    "LiveSegmenter",
    "MaskScrubber",
    "Picture",
    "ablation_in_words",
    "accuracy_table",
    "architecture",
    "at_equal_epochs",
    "class_counts",
    "collapse_in_words",
    "confusion",
    "curves",
    "difference_in_words",
    "embedding_maps",
    "image_grid",
    "iou_curves",
    "iou_in_words",
    "iou_table",
    "layers_in_words",
    "mask_pairs",
    "monitors",
    "most_confused",
    "neighbours",
    "network",
    "pixel_confusion",
    "plotly_picture",
    "predicted_masks",
    "recipes_overview",
    "recipes_side_by_side",
    "region_overlay",
    "region_slider",
    "right_and_wrong",
    "runs_overview",
    "runs_side_by_side",
    "seed_range_in_words",
    "settings_in_words",
    "settings_table",
    "source",
    "source_file",
    "svg_picture",
    "table_picture",
    "tangents",
    "worst_masks",
]
