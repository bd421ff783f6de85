"""The committed kernel is the one that its source makes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from dlcvlib import live
from dlcvlib.live import build_kernel

missing = build_kernel.missing_tools()


@pytest.mark.skipif(bool(missing), reason=f"needs {' and '.join(missing)} (apt-get install clang lld)")
def test_the_committed_kernel_is_built_from_its_source(tmp_path: Path) -> None:
    if (version := build_kernel.clang_version()) != build_kernel.CLANG:
        pytest.skip(f"the kernel is from clang {build_kernel.CLANG}, here is {version}, which may build other bytes")
    build_kernel.build(tmp_path / "kernel.wasm")
    built, committed = (tmp_path / "kernel.wasm").read_bytes(), live.kernel()
    assert len(built) == len(committed) < 4096
    assert built == committed, "kernel.c was changed: run python -m dlcvlib.live.build_kernel"


@pytest.mark.skipif(bool(missing), reason=f"needs {' and '.join(missing)} (apt-get install clang lld)")
def test_a_source_with_a_mistake_leaves_the_kernel_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "kernel.c").write_text("int multiply(void) { return missing; }")
    (tmp_path / "kernel.wasm").write_bytes(b"as it was")
    monkeypatch.setattr(build_kernel, "SOURCE", tmp_path / "kernel.c")
    with pytest.raises(subprocess.CalledProcessError):
        build_kernel.build(tmp_path / "kernel.wasm")
    assert (tmp_path / "kernel.wasm").read_bytes() == b"as it was"


def test_without_a_compiler_the_build_says_what_to_install() -> None:
    command = [sys.executable, "-m", "dlcvlib.live.build_kernel"]
    done = subprocess.run(
        command, env={"PATH": "/nowhere"}, cwd=Path(__file__).parent.parent, capture_output=True, text=True
    )
    assert done.returncode != 0
    assert done.stderr.startswith("build_kernel: clang and wasm-ld not found: install clang and lld")
