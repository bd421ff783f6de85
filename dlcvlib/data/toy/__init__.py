"""The toy world: stand-ins of the four course data sets, drawn on disk in the 2023 layout.

With it every chapter runs, and every test, on a machine that does not hold the course's data.
"""

from dlcvlib.data.toy.world import VERSION, draw, is_drawn

__all__ = ["VERSION", "draw", "is_drawn"]
