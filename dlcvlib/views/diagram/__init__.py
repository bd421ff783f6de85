"""Diagrams of the methods: boxes and arrows, with sizes and numbers from recipes and built networks."""

from dlcvlib.views.diagram.atrous import atrous, taps, taps_inside
from dlcvlib.views.diagram.byol import byol
from dlcvlib.views.diagram.classifier import classifier
from dlcvlib.views.diagram.dino import dino
from dlcvlib.views.diagram.fcn import fcn
from dlcvlib.views.diagram.sam import sam
from dlcvlib.views.diagram.settings import settings
from dlcvlib.views.diagram.simsiam import simsiam
from dlcvlib.views.diagram.unet import unet

__all__ = ["atrous", "byol", "classifier", "dino", "fcn", "sam", "settings", "simsiam", "taps", "taps_inside", "unet"]
