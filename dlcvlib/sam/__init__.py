"""Segment Anything: region proposals, prompts, and scores of regions without classes."""

from dlcvlib.sam.prompts import prompted, regions_under
from dlcvlib.sam.proposals import automatic, felzenszwalb, slic
from dlcvlib.sam.regions import Regions
from dlcvlib.sam.scoring import RegionScore, majority, paint, score
from dlcvlib.sam.weights import PUBLISHED, LoadedSam, how_to_get, load

__all__ = [
    "PUBLISHED",
    "LoadedSam",
    "RegionScore",
    "Regions",
    "automatic",
    "felzenszwalb",
    "how_to_get",
    "load",
    "majority",
    "paint",
    "prompted",
    "regions_under",
    "score",
    "slic",
]
