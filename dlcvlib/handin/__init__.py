"""What is handed in: csv files and masks that the network of a run record predicts, and the scripts around them."""

from dlcvlib.handin.network import Network, network_of
from dlcvlib.handin.predict import HandedIn, predict
from dlcvlib.handin.scripts import write_scripts

__all__ = ["HandedIn", "Network", "network_of", "predict", "write_scripts"]
