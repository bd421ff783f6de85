"""Downloading and unpacking the archive of an edition, with resuming after an interruption.

All steps run in a hidden work folder of the destination, so that no incomplete set is ever found:

1. download `archive.zip`; gdown keeps a partial file beside it and resumes;
2. compare its size with the one that the server announced, if any, and verify the checksum of every member;
3. unpack it into `unpacking/`, renamed to `unpacked/` when complete;
4. move its top entries into the destination, write a record, and remove the work folder.
"""

from __future__ import annotations

import json
import shutil
import stat
import zipfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath, PureWindowsPath

from filelock import FileLock

from dlcvlib.course import DRIVE_IDS
from dlcvlib.data.sets import DataError
from dlcvlib.files.atomic import DiskFullError, disk_full_error, read_regular, write_json

# Downloads the Drive file of an id to a path, resuming an interrupted download. Returns the size in bytes that the
# server announced, or None. If it raises, the path does not exist.
Fetch = Callable[[str, Path], int | None]


@dataclass(frozen=True)
class Archive:
    """A downloaded and verified archive; its JSON is the record of a finished download."""

    edition: int
    archive_bytes: int
    size_verified: bool  # False if the server announced no size; checksums of members are verified in any case
    entries: tuple[str, ...]  # top entries


@dataclass(frozen=True)
class Download:
    """A finished download."""

    archive: Archive
    folders: tuple[Path, ...]  # top entries in the destination
    already_there: bool  # True if an earlier call had finished it


def download(edition: int, destination: str | Path, *, fetch: Fetch | None = None) -> Download:
    """Download, verify and unpack the data of an edition; after an interruption, a second call resumes.

    Args:
        edition: 2022, 2023, 2024 or 2025.
        destination: parent of the archive's own folder (`hw1_data`, …).
        fetch: downloads the archive; None means from Google Drive with gdown.

    Raises:
        DataError: the edition has no public archive; the download fails; the archive has another size than announced,
            is damaged or empty, or has a member outside the destination; one of its entries exists already; or the
            record of an earlier download is damaged.
        DiskFullError: the archive or its content does not fit.
    """
    if edition not in DRIVE_IDS:
        raise DataError(f"edition {edition} has no public archive; choose from {', '.join(map(str, DRIVE_IDS))}")
    destination = Path(destination).expanduser().resolve()
    work = destination / f".dlcv-{edition}"
    record = destination / f".dlcv-{edition}.json"
    destination.mkdir(parents=True, exist_ok=True)
    with FileLock(destination / f".dlcv-{edition}.lock"):
        done = _finished(record)
        already_there = done is not None and all((destination / name).exists() for name in done.entries)
        if done is None or not already_there:
            work.mkdir(exist_ok=True)
            done = _fetched(edition, work, fetch or fetch_from_drive)
            if not (work / "unpacked").is_dir():
                unpack(work / "archive.zip", work / "unpacking")
                (work / "unpacking").rename(work / "unpacked")
            _move_into_place(work / "unpacked", destination)
            write_json(record, asdict(done))
        if work.is_dir():
            shutil.rmtree(work)
    return Download(done, tuple(destination / name for name in done.entries), already_there)


def fetch_from_drive(drive_id: str, path: Path, quiet: bool = True) -> int | None:
    """Download a file of Google Drive with gdown; see `Fetch`. A partial file is kept after an error.

    Raises:
        DataError: the download failed.
        DiskFullError: the file does not fit.
    """
    import gdown

    announced: int | None = None

    def note(_: int, total: int | None) -> None:
        nonlocal announced
        announced = total

    try:
        with disk_full_error(path):
            gdown.download(id=drive_id, output=str(path), quiet=quiet, use_cookies=False, resume=True, progress=note)
    except DiskFullError:
        raise
    except Exception as error:  # gdown, requests and urllib3 have different error classes
        raise DataError(
            f"Drive file {drive_id} could not be downloaded ({error}). The same command resumes; if it keeps failing, "
            f"remove {path.parent} and start over, or download the file in a browser"
        ) from error
    return announced


def unpack(archive: Path, folder: Path) -> None:
    """Unpack a zip archive into a new folder, after checking the names of all members.

    Raises:
        DataError: a member would be written outside `folder`, or is a link or another special file.
        DiskFullError: the content does not fit.
    """
    shutil.rmtree(folder, ignore_errors=True)
    with zipfile.ZipFile(archive) as file:
        members = _members(file)
        for member in members:
            _require_safe(member)
        needed, free = sum(member.file_size for member in members), shutil.disk_usage(archive.parent).free
        if needed > free:
            raise DiskFullError(
                f"{archive}: needs {needed / 1e6:.1f} MB unpacked, {free / 1e6:.1f} MB are free; make room, then run "
                "the same command again: it resumes"
            )
        folder.mkdir()
        with disk_full_error(folder, needed):
            file.extractall(folder, members)


def _members(file: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [member for member in file.infolist() if not member.filename.startswith("__MACOSX/")]  # macOS metadata


def _require_safe(member: zipfile.ZipInfo) -> None:
    name = member.filename
    as_windows = PureWindowsPath(name)  # splits at both / and \
    if not as_windows.parts:
        raise DataError(f"member {name!r} of the archive names no file; nothing was unpacked")
    if as_windows.anchor or ".." in as_windows.parts:
        raise DataError(f"member {name!r} of the archive is outside the destination; nothing was unpacked")
    kind = stat.S_IFMT(member.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise DataError(f"member {name!r} of the archive is a link or special file; nothing was unpacked")


def _fetched(edition: int, work: Path, fetch: Fetch) -> Archive:
    """Return the verified archive in the work folder, downloading it if needed."""
    verified = _read_record(work / "archive.json")
    if verified is not None:
        return verified
    path = work / "archive.zip"
    announced = None if path.is_file() else fetch(DRIVE_IDS[edition], path)
    if not path.is_file():
        raise DataError(f"{path}: nothing was downloaded; run the same command again")
    try:
        entries = _verify(path, announced)
    except DataError:
        path.unlink()  # the next call downloads it again
        raise
    archive = Archive(edition, path.stat().st_size, announced is not None, entries)
    write_json(work / "archive.json", asdict(archive))
    return archive


def _verify(path: Path, announced: int | None) -> tuple[str, ...]:
    size = path.stat().st_size
    if announced is not None and size != announced:
        raise DataError(f"{path}: has {size:,} bytes, the server announced {announced:,}; run the same command again")
    if not zipfile.is_zipfile(path):
        raise DataError(
            f"{path}: the downloaded file ({size:,} bytes) is not a zip archive; Google Drive sends a web page instead "
            "if a file was downloaded too often: try again later, or download it in a browser"
        )
    try:
        with zipfile.ZipFile(path) as file:
            damaged = file.testzip()
            tops = [PurePosixPath(member.filename).parts[:1] for member in _members(file)]
    except Exception as error:  # on damaged content, zipfile raises almost anything
        raise DataError(f"{path}: the archive is damaged ({error}); run the same command again") from error
    if damaged is not None:
        raise DataError(f"{path}: member {damaged!r} is damaged; run the same command again")
    entries = tuple(sorted({top for parts in tops for top in parts}))
    if not entries:
        raise DataError(f"{path}: the archive is empty; run the same command again, or download it in a browser")
    return entries


def _move_into_place(unpacked: Path, destination: Path) -> None:
    entries = sorted(unpacked.iterdir())
    for entry in entries:
        if (destination / entry.name).exists():
            raise DataError(
                f"{destination / entry.name} exists already and is not of this download; move it away and run the "
                "same command again (nothing is downloaded twice), or name another destination"
            )
    for entry in entries:
        entry.rename(destination / entry.name)


def _finished(record: Path) -> Archive | None:
    """Return the record of a finished download; None if there is none.

    Raises:
        DataError: the record is damaged. Gigabytes are not downloaded again without asking.
    """
    done = _read_record(record)
    if done is None and record.exists():
        raise DataError(
            f"{record} is damaged, so the data beside it may be incomplete. Use them if `dlcv data check` finds no "
            "problem; otherwise move them away, remove this file and run the same command again"
        )
    return done


def _read_record(file: Path) -> Archive | None:
    """Return the archive described by a JSON file; None if it is missing or damaged."""
    try:
        facts = json.loads(read_regular(file))
        entries = tuple(map(str, facts["entries"]))
        archive = Archive(int(facts["edition"]), int(facts["archive_bytes"]), bool(facts["size_verified"]), entries)
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return archive if entries else None
