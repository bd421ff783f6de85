"""Atomic writes, removal of temporary files of killed writers, and protection of foreign files."""

import os
import subprocess
import sys
import time

import pytest

from dlcvlib.files import digests, outputs
from dlcvlib.files.atomic import STALE_AFTER, DiskFullError, locked_folder, whole_file, whole_folder, write_text
from dlcvlib.files.outputs import ForeignFileError, output_file, output_files, output_folder


def names(folder):
    return sorted(file.name for file in folder.iterdir())


def write(path, text, **options):
    with output_file(path, **options) as file:
        file.write(text.encode())


def test_an_own_file_is_replaced_and_a_users_is_not(tmp_path):
    write(tmp_path / "a.csv", "1")
    write(tmp_path / "a.csv", "2")
    assert (tmp_path / "a.csv").read_text() == "2"
    (tmp_path / "a.csv").write_text("mine")
    with pytest.raises(ForeignFileError, match=r"a\.csv.*--replace"):
        write(tmp_path / "a.csv", "3")
    assert (tmp_path / "a.csv").read_text() == "mine"
    write(tmp_path / "a.csv", "3", replace=True)
    assert (tmp_path / "a.csv").read_text() == "3"


def test_an_empty_file_made_beforehand_is_filled(tmp_path):
    (tmp_path / "made-by-mktemp").touch()
    write(tmp_path / "made-by-mktemp", "1")
    assert (tmp_path / "made-by-mktemp").read_text() == "1"


@pytest.mark.parametrize("kind", ["link", "dangling", "pipe", "folder", "device"])
def test_links_pipes_folders_and_devices_are_never_replaced(tmp_path, kind):
    target, path = tmp_path / "target", tmp_path / "out"
    target.write_text("mine")
    if kind == "device":
        os.mknod(path, 0o20666, os.makedev(1, 3)) if os.getuid() == 0 else pytest.skip("only root makes devices")
    else:
        {
            "link": lambda: path.symlink_to(target),
            "dangling": lambda: path.symlink_to(tmp_path / "nowhere"),
            "pipe": lambda: os.mkfifo(path),
            "folder": path.mkdir,
        }[kind]()
    before = os.lstat(path)
    for replace in (False, True):
        with pytest.raises(ForeignFileError, match="out"):
            write(path, "x", replace=replace)
    assert os.lstat(path).st_ino == before.st_ino and target.read_text() == "mine"


def test_files_come_into_a_folder_only_when_all_are_written_and_none_is_a_users(tmp_path):
    folder = tmp_path / "out"
    with output_files(folder) as new:
        (new / "a.txt").write_text("first")
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(RuntimeError), output_files(folder) as new:
        (new / "a.txt").write_text("second")
        raise RuntimeError
    with pytest.raises(ForeignFileError, match=r"notes\.txt"), output_files(folder) as new:
        (new / "a.txt").write_text("second")
        (new / "notes.txt").write_text("not mine")
    assert (folder / "a.txt").read_text() == "first" and (folder / "notes.txt").read_text() == "mine"
    with output_files(folder) as new:
        (new / "a.txt").write_text("second")
    assert (folder / "a.txt").read_text() == "second"
    assert names(tmp_path) == ["out"]


def test_a_folder_is_replaced_only_while_all_in_it_is_own(tmp_path):
    folder = tmp_path / "hw1_1"
    for text in ("1", "2"):
        with output_folder(folder) as new:
            (new / "inner").mkdir()
            (new / "inner" / "a.txt").write_text(text)
    assert (folder / "inner" / "a.txt").read_text() == "2"
    (folder / "inner" / "thesis.txt").write_text("three years")
    with pytest.raises(ForeignFileError, match="thesis"), output_folder(folder) as new:
        pass
    assert (folder / "inner" / "thesis.txt").read_text() == "three years"
    assert outputs.foreign_files(folder) == [folder / "inner" / "thesis.txt"]


def test_what_a_killed_writer_left_is_own_before_and_after_the_file_is_replaced(tmp_path):
    write(tmp_path / "a", "old")
    digests.announce(tmp_path, {"a": digests.digest(b"new")})  # killed here, the old content still stands
    write(tmp_path / "a", "newer")
    digests.announce(tmp_path, {"a": digests.digest(b"newest")})
    (tmp_path / "a").write_bytes(b"newest")  # killed here, after it was replaced
    write(tmp_path / "a", "last")
    assert (tmp_path / "a").read_text() == "last"


def test_a_damaged_file_of_digests_is_told(tmp_path):
    write(tmp_path / "a", "1")
    (tmp_path / digests.NAME).write_text("{")
    with pytest.raises(ValueError, match=rf"{digests.NAME}.*damaged.*remove it"):
        write(tmp_path / "a", "2")


def left_by_a_killed_writer(path, age):
    """Return the temporary file that a killed writer of `path` left."""
    script = (
        "import os, signal, sys; from dlcvlib.files.atomic import whole_file, work_folder; from pathlib import Path\n"
        "with whole_file(sys.argv[1]) as f, work_folder(Path(sys.argv[1])) as w:\n"
        "    (w / 'x').write_text('half'); f.write(b'half'); f.flush(); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=False)
    parts = sorted(path.parent.glob(f".{path.name}.*.part"))
    assert len(parts) == 2
    for part in parts:
        os.utime(part, (time.time() - age, time.time() - age))
    return parts


def test_the_next_writer_of_a_file_removes_what_killed_ones_left(tmp_path):
    others = left_by_a_killed_writer(tmp_path / "b", 2 * STALE_AFTER)
    parts = left_by_a_killed_writer(tmp_path / "a", 2 * STALE_AFTER)
    write_text(tmp_path / "a", "whole")
    assert not any(part.exists() for part in parts)
    assert all(part.exists() for part in others), "another file's are left to its own writer"


def test_a_young_part_and_that_of_a_living_writer_stay(tmp_path):
    young = left_by_a_killed_writer(tmp_path / "a", 0)
    with whole_file(tmp_path / "a") as file:
        (living,) = [part for part in tmp_path.glob(".a.*.part") if part not in young]
        os.utime(living, (0, 0))
        write_text(tmp_path / "a", "another writer, meanwhile")
        assert living.exists() and all(part.exists() for part in young)
        file.write(b"whole")
    assert (tmp_path / "a").read_text() == "whole"


def test_a_folder_is_whole_or_as_it_was(tmp_path):
    for text in ("1", "2"):
        with whole_folder(tmp_path / "a") as new:
            (new / "x").write_text(text)
    with pytest.raises(RuntimeError), whole_folder(tmp_path / "a") as new:
        (new / "x").write_text("3")
        raise RuntimeError
    assert (tmp_path / "a" / "x").read_text() == "2" and names(tmp_path) == ["a"]


def test_a_folder_is_held_by_one_process_at_a_time(tmp_path):
    script = "import sys; from pathlib import Path; from dlcvlib.files.atomic import locked_folder\n"
    script += "with locked_folder(Path(sys.argv[1])): print('held', flush=True)"
    with locked_folder(tmp_path):
        other = subprocess.Popen([sys.executable, "-c", script, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        with pytest.raises(subprocess.TimeoutExpired):
            other.wait(1.0)
    assert other.communicate(timeout=30)[0] == "held\n"


@pytest.fixture
def small_disk(tmp_path):
    """Mount a disk of 256 kB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(disk)]
    if os.name != "posix" or os.getuid() != 0 or subprocess.run(command, capture_output=True).returncode:
        pytest.skip("only root mounts a disk of its own")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_full_disk_is_told_with_file_and_room_and_leaves_nothing_half_written(small_disk):
    write(small_disk / "a", "old")
    with pytest.raises(DiskFullError, match=r"a: the disk is full.*1\.0 MB.*resumes"):
        write(small_disk / "a", "x" * 1_000_000)
    assert (small_disk / "a").read_text() == "old" and names(small_disk) == [digests.NAME, "a"]
    with pytest.raises(DiskFullError, match="folder"), output_files(small_disk / "folder") as new:
        (new / "b").write_bytes(bytes(1_000_000))
    assert not (small_disk / "folder").exists()
    write(small_disk / "a", "new")
    assert (small_disk / "a").read_text() == "new"
