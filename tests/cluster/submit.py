"""submit.py JOBSCRIPT: what a cluster's own submit command would be to Snakemake's cluster-generic executor.

The first submission of the rule named in $TEST_LOST is lost: its node dies before it does anything.
"""

import json
import os
import sys
from pathlib import Path

from queue_of_jobs import queue, submissions, submit

script = sys.argv[1]
header = next(line for line in Path(script).read_text().splitlines() if line.startswith("# properties = "))
asked = json.loads(header.removeprefix("# properties = "))
before = [one for one in submissions(queue()) if one["rule"] == asked["rule"]]
lost = asked["rule"] == os.environ.get("TEST_LOST") and not before
print(submit(["sh", "-c", "kill -KILL $$"] if lost else ["sh", script], asked))
