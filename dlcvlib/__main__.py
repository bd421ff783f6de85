"""The command line, for `python -m dlcvlib` and `torchrun -m dlcvlib`."""

import sys

from dlcvlib.cli import main

sys.exit(main())
