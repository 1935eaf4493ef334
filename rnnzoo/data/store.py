"""Where the files of a data set are: looked for in `$RNNZOO_DATA`, then in the cache, then downloaded into it."""

import hashlib
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import pooch
from numpy.typing import NDArray

from rnnzoo.checks import one_of
from rnnzoo.data.errors import DataError
from rnnzoo.data.idx import parse_idx, read_contents
from rnnzoo.data.sources import SOURCES, Source, SourceFile

VARIABLE = "RNNZOO_DATA"
SECONDS_WITHOUT_AN_ANSWER = 30


@dataclass(frozen=True)
class FileStatus:
    """How it stands with one file.

    Attributes:
        dataset: name of the data set.
        file: name of the file, without ".gz".
        path: where it is, or None where it is missing.
        state: "ok" (contents and hash are right), "missing" or "damaged".
        message: what is there, or what is wrong and what to do.
    """

    dataset: str
    file: str
    path: Path | None
    state: Literal["ok", "missing", "damaged"]
    message: str


def source(name: str) -> Source:
    """Return the data set of this name.

    Raises:
        ValueError: there is none.
    """
    return SOURCES[one_of("data", "dataset", name, SOURCES)]


def own_folder(name: str) -> Path | None:
    """Return the user's folder of a data set, `$RNNZOO_DATA/<name>`, or None where the variable is not set."""
    root = os.environ.get(VARIABLE)
    return Path(root).expanduser() / name if root else None


def cache_folder(name: str) -> Path:
    """Return the folder that a data set is downloaded into."""
    return Path(pooch.os_cache("rnnzoo")) / name


def locate(name: str) -> dict[str, Path | None]:
    """Return where each file of a data set is, or None; the user's folder before the cache, plain before gzipped.

    What a package of the system brought comes last.

    Nothing is read or downloaded.

    Raises:
        ValueError: there is no such data set.
    """
    files = source(name).files
    system = map(Path, source(name).folders)
    folders = [folder for folder in (own_folder(name), cache_folder(name), *system) if folder is not None]
    return {
        file.name: next((p for f in folders for p in (f / file.name, f / f"{file.name}.gz") if p.is_file()), None)
        for file in files
    }


def check(name: str) -> tuple[FileStatus, ...]:
    """Read every file of a data set that is here and compare its contents with what they must be.

    Raises:
        ValueError: there is no such data set.
    """
    found = locate(name)
    return tuple(status(name, file, found[file.name]) for file in source(name).files)


def fetch(name: str) -> tuple[FileStatus, ...]:
    """Download every file of a data set that is missing, or damaged in the cache, and return how it then stands.

    Files in the user's folder are never touched.

    Raises:
        DataError: a download failed from every mirror.
        ValueError: there is no such data set.
    """
    statuses = []
    for file, now in zip(source(name).files, check(name), strict=True):
        if now.state == "missing" or (now.state == "damaged" and now.path is not None and in_cache(name, now.path)):
            if now.path is not None:
                now.path.unlink(missing_ok=True)
            statuses.append(status(name, file, download(source(name), file)))
        else:
            statuses.append(now)
    return tuple(statuses)


def available(name: str) -> dict[str, Path]:
    """Return where each file of a data set is, after downloading what is missing.

    Raises:
        DataError: a download failed from every mirror.
        ValueError: there is no such data set.
    """
    found = locate(name)
    return {file.name: found[file.name] or download(source(name), file) for file in source(name).files}


def read(dataset: str, file: SourceFile, path: Path) -> NDArray[np.uint8]:
    """Return the array that a file holds, after checking its form, its shape and its contents.

    Raises:
        DataError: something is wrong; the message says what and what to do.
    """
    try:
        contents = read_contents(path, file.contents_bytes)
        array = parse_idx(contents, str(path))
        if array.shape != file.shape:
            raise DataError(f"{path}: holds an array {array.shape}, but {file.name} is {file.shape}")
        if hashlib.sha256(contents).hexdigest() != file.contents_sha256:
            raise DataError(f"{path}: has the right form, but its contents are not those of {dataset}'s {file.name}")
    except DataError as error:
        raise DataError(f"{error}; {remedy(dataset, path)}") from None
    return array


def remedy(dataset: str, path: Path) -> str:
    """Return what to do about a damaged file."""
    if in_cache(dataset, path):
        return f"run `rnnzoo data fetch {dataset}` to download it again"
    return f"replace it, or take it away and run `rnnzoo data fetch {dataset}`"


def in_cache(dataset: str, path: Path) -> bool:
    """Whether a file lies in the cache, where it may be replaced, and not in the user's folder."""
    return path.parent == cache_folder(dataset) and path.parent != own_folder(dataset)


def status(dataset: str, file: SourceFile, path: Path | None) -> FileStatus:
    """Return how it stands with a file that was found at `path`, or not found."""
    if path is None:
        return FileStatus(dataset, file.name, None, "missing", f"not found; {how_to_get(dataset, file)}")
    try:
        read(dataset, file, path)
    except DataError as error:
        return FileStatus(dataset, file.name, path, "damaged", str(error))
    return FileStatus(dataset, file.name, path, "ok", f"{' x '.join(f'{n:,}' for n in file.shape)} bytes")


def how_to_get(dataset: str, file: SourceFile) -> str:
    """Return how a missing file can be had, with and without a network."""
    return (
        f"run `rnnzoo data fetch {dataset}` where there is a network, or set {VARIABLE} to a folder that holds "
        f"{dataset}/{file.name}.gz (or the same without .gz)"
    )


def download(source: Source, file: SourceFile) -> Path:
    """Download the published archive of a file into the cache and return its path.

    Raises:
        DataError: every mirror failed, or gave something else; the message says how each did.
    """
    archive = f"{file.name}.gz"
    failures = []
    for mirror in source.mirrors:
        try:
            with quiet():
                path = pooch.retrieve(
                    url=mirror + archive,
                    known_hash=file.archive_hash,
                    fname=archive,
                    path=cache_folder(source.name),
                    downloader=pooch.HTTPDownloader(timeout=SECONDS_WITHOUT_AN_ANSWER),
                )
            return Path(path)
        except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong hash is pooch's ValueError
            failures.append(f"{mirror}{archive}: {error}")
    own = own_folder(source.name)
    looked = f"it is not in {own} either; " if own else ""
    raise DataError(
        f"{source.name}: {archive} could not be downloaded; {looked}{how_to_get(source.name, file)}. "
        f"What was tried: {'; '.join(failures)}"
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep pooch from announcing downloads on standard error: commands say themselves what they do."""
    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        yield
    finally:
        logger.setLevel(level)
