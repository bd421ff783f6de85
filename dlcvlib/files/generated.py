"""Files that `make` generates: replaced and removed only while unchanged.

    python -m dlcvlib.files.generated FILE TARGET     # move FILE to TARGET and note it as generated

Only the standard library is needed: `make clean` works where nothing is installed.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from dlcvlib.files import digests, outputs

_PART = re.compile(r"\..+\.[a-z0-9_]{8}\.part")


def is_part(path: Path) -> bool:
    """Return True if `path` is named like a temporary file or folder of `dlcvlib.files.atomic`."""
    return _PART.fullmatch(path.name) is not None


def put(file: Path, target: Path) -> None:
    """Move `file` to `target` atomically and note it as generated.

    Raises:
        ForeignFileError: `target` exists and was not generated, or was changed since.
    """
    with outputs.output_file(target) as output:
        output.write(file.read_bytes())
    file.unlink()


def refuse(foreign: Sequence[Path]) -> None:
    """Raise an error if `foreign`, the files that must not be replaced (`outputs.foreign_files`), is not empty.

    Raises:
        ForeignFileError: the message names the files.
    """
    if foreign:
        more = f" and {len(foreign) - outputs.SHOWN} more" if len(foreign) > outputs.SHOWN else ""
        raise outputs.ForeignFileError(
            f"{', '.join(map(str, foreign[: outputs.SHOWN]))}{more}: not written by make, or changed since, so not "
            "replaced. Move away what you want to keep, remove the rest, then run the same command again"
        )


def remove(folder: Path, pattern: str = "**/*") -> dict[Path, str]:
    """Remove the files of `folder` that were generated and are unchanged, then empty folders.

    Args:
        folder: may be missing.
        pattern: of the files considered, for `Path.glob`.

    Returns:
        the files that stay, each with the reason.

    Raises:
        ValueError: `.digests.json` is damaged; nothing is removed.
    """
    known = digests.read(folder)
    kept = outputs.foreign_files(folder, pattern)
    own = {folder / name for name in outputs.files_below(folder, pattern)} - set(kept)
    for file in own:
        file.unlink()
    digests.forget(folder, [name for name in known if not (folder / name).exists()])
    for parent in sorted({parent for file in own for parent in file.parents}, reverse=True):
        if parent.is_relative_to(folder):
            with suppress(OSError):  # not empty
                parent.rmdir()
    return {file: "changed since" if str(file.relative_to(folder)) in known else "not written by make" for file in kept}


if __name__ == "__main__":
    try:
        put(Path(sys.argv[1]), Path(sys.argv[2]))
    except OSError as error:
        sys.exit(f"dlcv: {error}")
