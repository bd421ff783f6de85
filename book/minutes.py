"""Sentence at a chapter's head that tells how long the chapter took, measured by the build of the page.

A chapter itself says only `UNMEASURED`, for it cannot know; `book/extensions/measured_minutes.py` puts the measured
words in their place.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from book import plan
from book.commands import ROOT

UNMEASURED = "as long as your machine needs; the page of a built book says how long."
"""Words after "It takes" in a chapter's file."""
UNKNOWN = "a time that was not measured here: the chapter was run without `make book`, which measures it."


def measured(
    chapter: str, profile: str, seed: int, seconds: Mapping[str, float], notebooks: Path = ROOT / "notebooks"
) -> str:
    """Return the words after "It takes".

    Args:
        chapter: its name.
        profile: that it ran with.
        seed: that it ran with.
        seconds: core-seconds of each job that this machine has measured in this profile.
        notebooks: folder of the chapters.
    """
    jobs = plan.jobs(notebooks, profile, seed)
    if chapter not in seconds or chapter not in jobs:
        return UNKNOWN
    own, needed = duration(seconds[chapter]), trainings(chapter, jobs)
    known = [seconds[name] for name in needed if name in seconds]
    said = f"{own} of one core"
    if needed:
        said += f" once its {len(needed)} training{'s are' if len(needed) > 1 else ' is'} done"
    if known:
        which = "these" if len(known) == len(needed) > 1 else f"{len(known)} of them" if len(needed) > 1 else "this"
        said += f", and {which} took {duration(sum(known))}"
    return f"{said}: measured when this page was built, with the profile {profile}."


def trainings(chapter: str, jobs: Mapping[str, plan.Job]) -> list[str]:
    """Return the trainings that a chapter shows, and those that they start from; not those of other chapters."""
    found: dict[str, None] = {}
    waiting = [name for name in jobs[chapter].needs if not jobs[name].is_chapter]
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = None
            waiting += jobs[name].needs
    return list(found)


def duration(seconds: float) -> str:
    """Return seconds, minutes or hours in words, as exact as one would say them."""
    if seconds < 1.5:
        return "about a second"
    if seconds < 90:
        return f"{seconds:.0f} seconds"
    if seconds < 90 * 60:
        return f"{seconds / 60:.0f} minutes"
    return f"{seconds / 3600:.1f} hours"
