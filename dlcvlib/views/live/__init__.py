"""Views in which a trained network itself runs in the reader's page (`dlcvlib.live`)."""

from dlcvlib.views.live.segmenter import LiveSegmenter

__all__ = ["LiveSegmenter"]
