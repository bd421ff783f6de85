"""Hand-ins of the course: predictions of a run record as csv or masks, and the scripts that graders call."""

from dlcvlib.handin.network import Network, network_of
from dlcvlib.handin.predict import HandedIn, predict
from dlcvlib.handin.scripts import write_scripts

__all__ = ["HandedIn", "Network", "network_of", "predict", "write_scripts"]
