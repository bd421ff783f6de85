"""Build `kernel.wasm` from `kernel.c`: `python -m dlcvlib.live.build_kernel`, with clang and wasm-ld installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE, KERNEL = FOLDER / "kernel.c", FOLDER / "kernel.wasm"

CLANG = 14
"""Major version of the clang that built the committed kernel; another one may choose other instructions."""
STACK = 32_768  # bytes; with it all memory of the kernel itself lies in the first page of 64 KiB
COMPILE = ("clang", "--target=wasm32", "-O3", "-msimd128", "-ffreestanding", "-nostdlib", "-Wall", "-Werror", "-c")
LINK = ("wasm-ld", "--no-entry", "--export=multiply", "--import-memory", "--strip-all", "-z", f"stack-size={STACK}")


def missing_tools() -> list[str]:
    """Return the names of the programs that the build needs and this machine lacks."""
    return [command[0] for command in (COMPILE, LINK) if shutil.which(command[0]) is None]


def clang_version() -> int:
    """Return the major version of the installed clang."""
    said = subprocess.run(["clang", "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"version (\d+)", said)
    if found is None:
        raise ValueError(f"clang --version names no version: {said!r}")
    return int(found[1])


def build(target: Path = KERNEL) -> None:
    """Compile and link `kernel.c` to `target`, in two steps: Debian's clang would call wasm-opt, which rejects SIMD.

    Raises:
        FileNotFoundError: clang or wasm-ld is not installed.
        subprocess.CalledProcessError: the compiler or the linker failed; what it said stands on the terminal.
    """
    if missing := missing_tools():
        raise FileNotFoundError(f"{' and '.join(missing)} not found: install clang and lld (apt-get install clang lld)")
    with tempfile.TemporaryDirectory() as folder:
        compiled, linked = Path(folder) / "kernel.o", Path(folder) / "kernel.wasm"
        subprocess.run([*COMPILE, str(SOURCE), "-o", str(compiled)], check=True)
        subprocess.run([*LINK, str(compiled), "-o", str(linked)], check=True)
        target.write_bytes(linked.read_bytes())


if __name__ == "__main__":
    try:
        build()
    except (OSError, subprocess.CalledProcessError) as error:
        sys.exit(f"build_kernel: {error}")
    print(f"{KERNEL}: {KERNEL.stat().st_size:,} bytes by clang {clang_version()} (CLANG in {Path(__file__).name})")
