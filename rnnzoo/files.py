"""Files written whole or not at all, and files of others read with care."""

import errno
import os
import stat
import tempfile
from contextlib import suppress
from pathlib import Path

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


class WriteError(OSError):
    """A file could not be written; the message names it and says what to do. What was there before is untouched."""


class ReadError(OSError):
    """A file is not what may be read: no plain file, or larger than such a file can be."""


def write_bytes(path: Path, content: bytes) -> Path:
    """Write a file through a temporary one beside it, so that a reader sees the old or the new one, never a part.

    It is on the disk when this returns, under its name: a power cut does not take it away.

    Raises:
        WriteError: the disk is full, or does not let itself be written to.
    """
    try:
        _write(path, content)
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {explained(error)}") from error
    return path


def write_text(path: Path, content: str) -> Path:
    """Write text as UTF-8 with plain line ends, the same on every system; see `write_bytes`."""
    return write_bytes(path, content.encode("utf-8"))


def read_bytes(path: Path, most: int) -> bytes:
    """Return what a plain file holds. No symbolic link is followed, no device or pipe opened, nothing huge read.

    Args:
        path: the file.
        most: bytes that it may hold.

    Raises:
        FileNotFoundError: there is none.
        ReadError: it is something else than a plain file, or larger.
    """
    if stat.S_ISLNK(path.lstat().st_mode):
        raise ReadError("it is a symbolic link, which could lead anywhere")
    return read_given(path, most)


def read_given(path: Path, most: int) -> bytes:
    """Return what a file holds that the user named; as `read_bytes`, but a symbolic link is followed."""
    kind = path.stat()
    if not stat.S_ISREG(kind.st_mode):
        raise ReadError("it is no plain file")
    if kind.st_size > most:
        raise ReadError(f"it holds {kind.st_size:,} bytes, more than the {most:,} that such a file may have")
    with path.open("rb") as file:
        return file.read(most)


def read_beside(file: Path, name: str, most: int) -> bytes:
    """Return what a plain file in the folder of another file holds, or in a folder below; nothing outside is read.

    Args:
        file: the other file.
        name: path of the wanted file, from that folder.
        most: bytes that it may hold.

    Raises:
        FileNotFoundError: there is none.
        ReadError: the path leads out of the folder, or to something else than a plain file, or a larger one.
    """
    folder = file.resolve().parent
    if "\0" in name or not (path := (folder / name).resolve()).is_relative_to(folder):
        raise ReadError("it leads out of the folder")
    return read_given(path, most)


def explained(error: OSError) -> str:
    """Return what an error of the disk says, and what to do about it."""
    if isinstance(error, WriteError):
        return str(error)
    place = f"{error.filename}: " if error.filename else ""
    if error.errno in FULL:
        remedy = "make room on the disk and run the same command again: what is finished is kept"
    else:
        remedy = "see that the folder exists and can be written to, then run the same command again"
    return f"{place}{error.strerror or error}; {remedy}"


def sync_folder(folder: Path) -> None:
    """Put the names in a folder on the disk, where the system knows how to."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _write(path: Path, content: bytes) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files for the owner alone; these are as public as any other file of their folder
        mask = os.umask(0)
        os.umask(mask)
        Path(name).chmod(0o666 & ~mask)
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_folder(path.parent)
