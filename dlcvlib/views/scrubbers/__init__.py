"""Interactive pictures with a slider over the epochs of a record, for JupyterLab and the built book."""

from dlcvlib.views.scrubbers.embedding_scrubber import EmbeddingScrubber
from dlcvlib.views.scrubbers.mask_scrubber import MaskScrubber
from dlcvlib.views.scrubbers.scrubber import Scrubber

__all__ = ["EmbeddingScrubber", "MaskScrubber", "Scrubber"]
