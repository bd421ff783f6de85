"""Pictures to scrub: a slider steps through the epochs of a record, in JupyterLab and in the built book."""

from dlcvlib.views.scrubbers.embedding_scrubber import EmbeddingScrubber
from dlcvlib.views.scrubbers.mask_scrubber import MaskScrubber
from dlcvlib.views.scrubbers.scrubber import Scrubber

__all__ = ["EmbeddingScrubber", "MaskScrubber", "Scrubber"]
