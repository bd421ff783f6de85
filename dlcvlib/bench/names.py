"""Names of the workloads and of their sizes, for the command line, which does not wait for torch to know them."""

from __future__ import annotations

WORKLOAD_NAMES = ("classification", "byol", "dino", "segmentation")
SIZES = ("card", "cores", "tiny")
"""`card`: our recipes as trained on a GPU; `cores`: bearable on two cores; `tiny`: only shows that all rows run."""
