"""Files that the commands of `make` generate: replaced and removed only while they are as they were written.

    python -m dlcvlib.generated FILE PLACE     # moves a finished file to its place and notes it as generated

Only the standard library is needed, so that `make clean` works where nothing is installed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dlcvlib import digests, outputs

_PART = re.compile(r"\..+\.[a-z0-9_]{8}\.part")


def is_part(path: Path) -> bool:
    """Whether a file or folder has the name of one that a killed writer left half done (`dlcvlib.files`)."""
    return _PART.fullmatch(path.name) is not None


def put(file: Path, place: Path) -> None:
    """Move a finished file to its place, whole, and note it there as generated.

    Raises:
        ForeignFileError: another file stands at `place`, not generated or changed since.
    """
    with outputs.output_file(place) as written:
        written.write(file.read_bytes())
    file.unlink()


def refuse(foreign: Sequence[Path]) -> None:
    """Make certain that no file stands where one is to be generated.

    Args:
        foreign: the files in the way (`dlcvlib.outputs.foreign_files`).

    Raises:
        ForeignFileError: there is one; the message names it.
    """
    if foreign:
        more = f" and {len(foreign) - outputs.SHOWN} more" if len(foreign) > outputs.SHOWN else ""
        raise outputs.ForeignFileError(
            f"{', '.join(map(str, foreign[: outputs.SHOWN]))}{more}: not written by make, or changed since, so not "
            "replaced. Move away what you want to keep, remove the rest, then give the same command again"
        )


def remove(folder: Path, pattern: str = "**/*") -> dict[Path, str]:
    """Remove the files of `folder` that were generated and are unchanged since, and the folders that this empties.

    Args:
        folder: may be missing.
        pattern: the files looked at, as `Path.glob` takes it.

    Returns:
        the files that stay, each with the reason.

    Raises:
        ValueError: the note of what was generated is damaged; nothing is removed.
    """
    noted = digests.read(folder)
    kept = outputs.foreign_files(folder, pattern)
    own = {folder / name for name in outputs.files_below(folder, pattern)} - set(kept)
    for file in own:
        file.unlink()
    digests.forget(folder, [name for name in noted if not (folder / name).exists()])
    for parent in sorted({parent for file in own for parent in file.parents}, reverse=True):
        if parent.is_relative_to(folder):
            with suppress(OSError):  # something else lies in it
                parent.rmdir()
    return {file: "changed since" if str(file.relative_to(folder)) in noted else "not written by make" for file in kept}


if __name__ == "__main__":
    try:
        put(Path(sys.argv[1]), Path(sys.argv[2]))
    except OSError as error:
        sys.exit(f"dlcv: {error}")
