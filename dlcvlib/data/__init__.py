"""Course data: finding them on disk, checking them, and decoding them once to uint8."""

from dlcvlib.data.decode import Decoded, decode
from dlcvlib.data.editions import find, toy_root
from dlcvlib.data.sets import CourseData, DataError, ImageSet, Problem, Split

__all__ = ["CourseData", "DataError", "Decoded", "ImageSet", "Problem", "Split", "decode", "find", "toy_root"]
