"""status.py NUMBER: running, success or failed."""

import sys

from queue_of_jobs import ended

print({None: "running", 0: "success"}.get(ended(int(sys.argv[1])), "failed"))
