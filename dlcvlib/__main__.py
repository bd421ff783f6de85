"""`python -m dlcvlib`, and what `torchrun -m dlcvlib` starts: the command line."""

import sys

from dlcvlib.cli import main

sys.exit(main())
