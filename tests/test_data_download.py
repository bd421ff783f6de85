"""Download of an archive: verified, unpacked inside its destination, and resumed after an interruption."""

from __future__ import annotations

import errno
import io
import json
import shutil
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from data_worlds import edition
from hostile_places import small_disk

from dlcvlib.course import DRIVE_IDS
from dlcvlib.data import DataError, find
from dlcvlib.data.download import download, fetch_from_drive
from dlcvlib.files.atomic import DiskFullError


@pytest.fixture
def archive(tmp_path: Path) -> bytes:
    """Return a zip archive like the course's: `hw1_data/…`."""
    edition(tmp_path / "source", "2023")
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for path in sorted((tmp_path / "source").rglob("*")):
            file.write(path, path.relative_to(tmp_path / "source"))
        file.writestr("__MACOSX/hw1_data/._x", "shadow")
    return buffer.getvalue()


def zipped(members: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        for name, content in members.items():
            file.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


class Drive:
    """A fake Google Drive that counts downloads, and may break off, announce no size, or announce a wrong one."""

    def __init__(self, content: bytes, *, announces: int | None = -1, breaks: int = 0) -> None:
        self.content, self.breaks, self.fetched = content, breaks, 0
        self.announces = len(content) if announces == -1 else announces

    def __call__(self, drive_id: str, path: Path) -> int | None:
        self.fetched += 1
        self.drive_id = drive_id
        part = path.with_name("archive.zip.part")
        have = part.stat().st_size if part.is_file() else 0
        with part.open("ab") as file:
            if self.breaks:
                self.breaks -= 1
                file.write(self.content[have : have + 1000])
                raise KeyboardInterrupt
            self.resumed_at = have
            file.write(self.content[have:])
        part.rename(path)
        return self.announces


def visible(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_an_archive_is_unpacked_and_found(tmp_path: Path, archive: bytes) -> None:
    drive = Drive(archive)
    done = download(2023, tmp_path / "dest", fetch=drive)
    assert done.folders == (tmp_path / "dest" / "hw1_data",) and not done.already_there
    assert done.archive.size_verified and done.archive.archive_bytes == len(archive)
    assert drive.drive_id == DRIVE_IDS[2023]
    assert visible(tmp_path / "dest") == ["hw1_data"]
    assert find(tmp_path / "dest").satellite is not None
    assert not (tmp_path / "dest" / ".dlcv-2023").exists()


def test_a_finished_download_is_not_repeated(tmp_path: Path, archive: bytes) -> None:
    drive = Drive(archive)
    download(2023, tmp_path, fetch=drive)
    again = download(2023, tmp_path, fetch=drive)
    assert again.already_there and again.folders == (tmp_path / "hw1_data",) and drive.fetched == 1


def test_a_broken_fetch_goes_on_where_it_broke(tmp_path: Path, archive: bytes) -> None:
    drive = Drive(archive, breaks=2)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            download(2023, tmp_path / "dest", fetch=drive)
        assert visible(tmp_path / "dest") == []
    download(2023, tmp_path / "dest", fetch=drive)
    assert drive.resumed_at == 2000 and visible(tmp_path / "dest") == ["hw1_data"]


@pytest.mark.parametrize(
    "step", ["zipfile.ZipFile.extractall", "pathlib.Path.rename", "dlcvlib.data.download.write_json"]
)
def test_a_kill_at_any_later_step_leaves_nothing_to_be_found_wrongly_and_nothing_is_fetched_twice(
    tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    drive = Drive(archive)
    path = tmp_path / "dest"

    def killed(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    def fetch_then_kill(drive_id: str, target: Path) -> int | None:
        size = drive(drive_id, target)
        if step.startswith("dlcvlib"):
            monkeypatch.setattr(sys.modules["dlcvlib.data.download"], "write_json", killed)
        else:
            monkeypatch.setattr(step, killed)
        return size

    with pytest.raises(KeyboardInterrupt):
        download(2023, path, fetch=fetch_then_kill)
    monkeypatch.undo()
    assert visible(path) == []
    done = download(2023, path, fetch=drive)
    assert not done.already_there and drive.fetched == 1
    assert find(path).office is not None


def test_without_an_announced_size_the_checksums_alone_are_verified(tmp_path: Path, archive: bytes) -> None:
    assert not download(2024, tmp_path, fetch=Drive(archive, announces=None)).archive.size_verified


def test_a_wrong_size_is_refused_and_fetched_anew(tmp_path: Path, archive: bytes) -> None:
    with pytest.raises(DataError, match=r"has [\d,]+ bytes, the server announced 77"):
        download(2023, tmp_path / "dest", fetch=Drive(archive, announces=77))
    assert visible(tmp_path / "dest") == []
    assert download(2023, tmp_path / "dest", fetch=Drive(archive)).folders


def test_a_page_in_place_of_the_archive_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"is not a zip archive; Google Drive sends a web page"):
        download(2023, tmp_path, fetch=Drive(b"<html>quota exceeded</html>"))


def test_a_damaged_member_is_named(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("hw1_data/p1_data/val_gt.csv", "filename,label")
    damaged = buffer.getvalue().replace(b"filename,label", b"filename,lapel")
    with pytest.raises(DataError, match=r"member 'hw1_data/p1_data/val_gt.csv' is damaged"):
        download(2023, tmp_path, fetch=Drive(damaged))
    assert visible(tmp_path) == []


@pytest.mark.parametrize(
    "name",
    [
        "../outside.txt",
        "hw1_data/../../outside.txt",
        "/outside.txt",
        "C:/outside.txt",
        "..\\outside.txt",
        "\\\\host\\x",
    ],
)
def test_a_member_that_would_leave_the_destination_is_named_and_nothing_is_unpacked(tmp_path: Path, name: str) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr("hw1_data/first.txt", "harmless")
        file.writestr(zipfile.ZipInfo(name), "outside")
    with pytest.raises(DataError, match=r"is outside the destination; nothing was unpacked") as error:
        download(2023, tmp_path / "dest", fetch=Drive(buffer.getvalue()))
    assert repr(name) in str(error.value)
    assert visible(tmp_path / "dest") == []
    assert not list(tmp_path.rglob("outside*")) and not list(tmp_path.rglob("first*"))


def test_a_link_in_the_archive_is_refused(tmp_path: Path) -> None:
    link = zipfile.ZipInfo("hw1_data/link")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as file:
        file.writestr(link, "/etc")
        file.writestr("hw1_data/link/passwd", "written through the link")
    with pytest.raises(DataError, match=r"member 'hw1_data/link' of the archive is a link"):
        download(2023, tmp_path, fetch=Drive(buffer.getvalue()))


@pytest.mark.parametrize("name", ["", ".", "./"])
def test_a_member_without_a_name_is_refused_and_nothing_is_unpacked(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"names no file; nothing was unpacked"):
        download(2023, tmp_path / "dest", fetch=Drive(zipped({"hw1_data/first.txt": "harmless", name: "nameless"})))
    assert visible(tmp_path / "dest") == []


@pytest.mark.parametrize("members", [{}, {"__MACOSX/x": "shadow"}])
def test_an_empty_archive_is_no_finished_download(tmp_path: Path, archive: bytes, members: dict[str, str]) -> None:
    for _ in range(2):
        with pytest.raises(DataError, match="archive is empty"):
            download(2023, tmp_path / "dest", fetch=Drive(zipped(members)))
    assert not download(2023, tmp_path / "dest", fetch=Drive(archive)).already_there


def test_the_record_of_an_empty_download_counts_as_damaged(tmp_path: Path, archive: bytes) -> None:
    record = {"edition": 2023, "archive_bytes": 22, "size_verified": True, "entries": []}
    (tmp_path / ".dlcv-2023.json").write_text(json.dumps(record))
    with pytest.raises(DataError, match=r"\.dlcv-2023\.json is damaged.*remove this file"):
        download(2023, tmp_path, fetch=Drive(archive))


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"edition": null, "entries": 3}', "\xff"])
def test_a_damaged_record_of_a_download_is_told_and_nothing_is_fetched(
    tmp_path: Path, archive: bytes, content: str
) -> None:
    drive, dest = Drive(archive), tmp_path / "dest"
    download(2023, dest, fetch=drive)
    (dest / ".dlcv-2023.json").write_text(content, encoding="latin-1")
    with pytest.raises(DataError, match=r"\.dlcv-2023\.json is damaged.*data check.*remove this file"):
        download(2023, dest, fetch=drive)
    assert drive.fetched == 1 and visible(dest) == ["hw1_data"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"edition": 2023}'])
def test_a_damaged_record_of_the_archive_costs_a_verification_and_no_fetch(
    tmp_path: Path, archive: bytes, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    drive = Drive(archive)
    with monkeypatch.context() as patched:
        patched.setattr(zipfile.ZipFile, "extractall", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            download(2023, tmp_path, fetch=drive)
    (tmp_path / ".dlcv-2023" / "archive.json").write_text(content)
    assert download(2023, tmp_path, fetch=drive).folders and drive.fetched == 1


def test_a_disk_that_fills_while_unpacking_is_told_and_the_next_call_resumes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drive = Drive(zipped({f"hw1_data/{number}.txt": "0123456789" * 20_000 for number in range(3)}))
    with small_disk(tmp_path / "dest", 500) as dest:
        with pytest.raises(DiskFullError, match=r"archive\.zip: needs 0\.6 MB unpacked.*resumes"):
            download(2023, dest, fetch=drive)
        enough = shutil._ntuple_diskusage(10**9, 0, 10**9)  # type: ignore[attr-defined]
        monkeypatch.setattr("shutil.disk_usage", lambda _: enough)  # others fill it afterwards
        with pytest.raises(DiskFullError, match=r"unpacking: the disk is full.*0\.6 MB.*same command"):
            download(2023, dest, fetch=drive)
        assert visible(dest) == []
        subprocess.run(["mount", "-o", "remount,size=5m", str(dest)], check=True)
        assert download(2023, dest, fetch=drive).folders and drive.fetched == 1


def test_a_disk_that_fills_while_fetching_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(**_: object) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("gdown.download", full)
    with pytest.raises(DiskFullError, match=r"archive\.zip: the disk is full.*same command"):
        fetch_from_drive("an-id", tmp_path / "archive.zip")


def test_what_stands_in_the_destination_is_never_overwritten(tmp_path: Path, archive: bytes) -> None:
    (tmp_path / "hw1_data").mkdir()
    (tmp_path / "hw1_data" / "mine.txt").write_text("mine")
    drive = Drive(archive)
    with pytest.raises(DataError, match=r"hw1_data exists already and is not of this download; move it away"):
        download(2023, tmp_path, fetch=drive)
    assert (tmp_path / "hw1_data" / "mine.txt").read_text() == "mine"
    (tmp_path / "hw1_data").rename(tmp_path / "moved")
    download(2023, tmp_path, fetch=drive)
    assert drive.fetched == 1 and find(tmp_path / "hw1_data").mini is not None


def test_an_edition_without_archive_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"edition 2021 has no public archive; choose from 2022, 2023, 2024, 2025"):
        download(2021, tmp_path, fetch=Drive(b""))


def test_the_announced_size_comes_from_gdown_and_its_errors_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gdown

    def answer(*, id: str, output: str, progress: object, resume: bool, **_: object) -> str:
        assert id == "an-id" and resume and callable(progress)
        Path(output).write_bytes(b"12345")
        progress(5, 5)
        return output

    monkeypatch.setattr(gdown, "download", answer)
    assert fetch_from_drive("an-id", tmp_path / "archive.zip") == 5

    def refuse(**_: object) -> str:
        raise OSError("no network")

    monkeypatch.setattr(gdown, "download", refuse)
    with pytest.raises(DataError, match=r"an-id could not be downloaded \(no network\).*same command resumes"):
        fetch_from_drive("an-id", tmp_path / "archive.zip")
