"""The command line as a program: `dlcv`, `python -m dlcvlib`, `torchrun -m dlcvlib`."""

import gc
import sys

from dlcvlib.cli import main


def program() -> None:
    """Run one command and exit with its status."""
    status = main()
    gc.freeze()  # at exit Python would search all that torch holds for garbage, which takes a second
    sys.exit(status)


if __name__ == "__main__":
    program()
