"""`dlcv exercises`: show the reader's progress, write the editions, or check the exercises themselves."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path


def add_arguments(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add `exercises`."""
    parser = commands.add_parser("exercises", help="show your progress; check the exercises of the book")
    parser.set_defaults(run=_progress)
    actions = parser.add_subparsers(metavar="ACTION")

    check = actions.add_parser("check", help="judge all right and wrong answers in notebooks/answers/")
    check.add_argument("chapters", nargs="*", metavar="CHAPTER", help="for instance 07_fcn; all if none is named")
    check.add_argument("--faults", action="store_true", help="inject random faults into the right answers, too")
    check.add_argument("--write", action="store_true", help="write the fingerprints of the wrong answers first")
    check.set_defaults(run=_check)

    mine = actions.add_parser("mine", help="write or renew your edition in notebooks/mine/; what you wrote stays")
    mine.set_defaults(run=_mine)

    handout = actions.add_parser("handout", help="write the edition for a class, without solutions, as one archive")
    handout.add_argument("out", type=Path, metavar="OUT.zip", help="a file that dlcv did not write is never replaced")
    handout.set_defaults(run=_handout)


def _progress(arguments: argparse.Namespace) -> int:
    from dlcvlib import exercises, paths
    from dlcvlib.exercises import progress

    done, following = progress.read(), ""
    for chapter in exercises.CHAPTERS:
        names = [exercise.name for exercise in exercises.of_chapter(chapter).exercises]
        left = [name for name in names if name not in done.get(chapter, {})]
        following = following or (f"{left[0]} in {paths.mine_home() / chapter}.py" if left else "")
        print(
            f"{chapter:28} {'■' * (len(names) - len(left))}{'□' * len(left)}  {len(names) - len(left)} of {len(names)}"
        )
    print(f"next: {following}; `make lab` opens it" if following else "all are solved")
    return 0


def _mine(arguments: argparse.Namespace) -> int:
    from dlcvlib import paths
    from dlcvlib.exercises import mine

    renewed = mine.renew(paths.home() / "notebooks", paths.mine_home())
    for each in renewed:
        if each.reason:
            print(f"dlcv: {each.file} is left alone: {each.reason}", file=sys.stderr)
        elif each.outcome != "unchanged":
            print(f"{each.file}: {each.outcome}")
    return 0


def _handout(arguments: argparse.Namespace) -> int:
    from dlcvlib import paths
    from dlcvlib.exercises import handout

    members = handout.write(paths.home(), arguments.out)
    print(f"{arguments.out}: {len(members)} files, none with a line of a solution. The library in it is the key.")
    return 0


def _check(arguments: argparse.Namespace) -> int:
    from dlcvlib import exercises, paths
    from dlcvlib.exercises import answers
    from dlcvlib.exercises.audit import audit, measured_fingerprints
    from dlcvlib.exercises.fingerprints import store

    problems = 0
    for chapter in arguments.chapters or exercises.CHAPTERS:
        of_chapter = exercises.of_chapter(chapter)
        written = answers.read(paths.answers_home() / f"{of_chapter.chapter}.py")
        if arguments.write:
            store(of_chapter.chapter, measured_fingerprints(of_chapter, written))
        found = audit(of_chapter, written, inject=arguments.faults)
        print(found)
        for fault in found.survivors:
            print(f"  survived: {fault.written.exercise} ({fault.written.label}), {fault.change}")
        for problem in found.problems:
            print(f"dlcv: {chapter}: {problem}", file=sys.stderr)
        problems += len(found.problems)
    return 1 if problems else 0
