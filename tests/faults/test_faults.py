"""A short fault-injection campaign: no disturbance may end in one of `FAULTS`."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

CAMPAIGN = Path(__file__).parent / "campaign.py"
COUNTS = {"kills": 40, "damages": 320, "full": 12, "crowds": 10}
FAULTS = ("traceback", "names nothing", "silently wrong", "hang", "code was run", "file lost", "part left over")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Run the campaign in a new process, because it forks and pytest has threads."""
    file = tmp_path_factory.mktemp("faults") / "outcomes.json"
    counts = [word for name, count in COUNTS.items() for word in (f"--{name}", str(count))]
    ended = subprocess.run(
        [sys.executable, str(CAMPAIGN), *counts, "--seed", "0", "--jobs", "1", "--json", str(file)],
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert file.is_file(), ended.stdout + ended.stderr
    return json.loads(file.read_text())


@pytest.mark.parametrize("fault", FAULTS)
def test_no_disturbance_ends_in_a(outcomes, fault):
    found = [outcome for outcome in outcomes if outcome["sort"] == fault]
    assert not found, "\n".join(
        f"{one['kind']}, {one['case']}, {one['disturbance']}:\n{one['output'][-800:]}" for one in found[:5]
    )


def test_the_campaign_disturbed_as_much_as_it_should(outcomes):
    kinds = Counter(outcome["kind"] for outcome in outcomes)
    assert kinds["kill"] == COUNTS["kills"] and kinds["damage"] == COUNTS["damages"] and kinds["crowd"] > 0
    sorts = Counter(outcome["sort"] for outcome in outcomes if outcome["kind"] == "damage")
    assert sorts["refused"] > 50 and sorts["right"] > 20, "too few damaged files were read"
    assert all(outcome["sort"] == "right" for outcome in outcomes if outcome["kind"] == "kill")
