"""The toy world: small synthetic substitutes of the four course data sets, in the layout of 2023.

Every chapter and every test runs on it, without the course data.
"""

from dlcvlib.data.toy.world import VERSION, draw, is_drawn

__all__ = ["VERSION", "draw", "is_drawn"]
