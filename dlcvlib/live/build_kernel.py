"""Build `kernel.wasm` from `kernel.c`: `python -m dlcvlib.live.build_kernel`, with clang and wasm-ld installed."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

FOLDER = Path(__file__).parent
SOURCE, KERNEL = FOLDER / "kernel.c", FOLDER / "kernel.wasm"

STACK = 32_768  # bytes; with it all memory of the kernel itself lies in the first page of 64 KiB
COMPILE = ("clang", "--target=wasm32", "-O3", "-msimd128", "-ffreestanding", "-nostdlib", "-Wall", "-Werror", "-c")
LINK = ("wasm-ld", "--no-entry", "--export=multiply", "--import-memory", "--strip-all", "-z", f"stack-size={STACK}")


def missing_tools() -> list[str]:
    """Return the names of the programs that the build needs and this machine lacks."""
    return [command[0] for command in (COMPILE, LINK) if shutil.which(command[0]) is None]


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
    build()
    print(f"{KERNEL}: {KERNEL.stat().st_size:,} bytes")
