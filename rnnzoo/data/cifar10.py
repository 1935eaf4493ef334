"""CIFAR-10 in memory, as bytes, from the authors' Python archive, which is read without running what is in it."""

import io
import pickle
import tarfile
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnzoo.data.brought import brought, check_archive
from rnnzoo.data.errors import DataError

FOLDER = "cifar-10-batches-py"
ARCHIVE = "cifar-10-python.tar.gz"
TRAIN_FILES = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST_FILES = ("test_batch",)
PIXELS = 3 * 32 * 32
LARGEST_FILE = 64 * 2**20

ALLOWED = {
    ("numpy.core.multiarray", "_reconstruct"),
    ("numpy._core.multiarray", "_reconstruct"),
    ("numpy", "ndarray"),
    ("numpy", "dtype"),
    ("_codecs", "encode"),
}
"""What a pickle of plain arrays, strings and lists names; anything else could run code."""


class CIFAR10(NamedTuple):
    """The images for training, then those for the test.

    Attributes:
        images: (images, 3, 32, 32) uint8; callers must not write to it.
        labels: (images,) int64, from 0 to 9.
        train_size: how many are for training.
    """

    images: Tensor
    labels: Tensor
    train_size: int


class PlainUnpickler(pickle.Unpickler):
    """Reads pickles of plain arrays, strings, numbers, lists and dictionaries, and refuses every other name."""

    def find_class(self, module: str, name: str) -> Any:
        """Return one of the few allowed constructors.

        Raises:
            pickle.UnpicklingError: the pickle names anything else.
        """
        if (module, name) not in ALLOWED:
            raise pickle.UnpicklingError(f"it names {module}.{name}, which plain arrays do not need")
        return super().find_class(module.replace("numpy.core", "numpy._core"), name)


def load_cifar10() -> CIFAR10:
    """Return CIFAR-10, read once a process.

    Raises:
        DataError: it is not here, damaged, or holds more than plain arrays.
    """
    try:
        return read_cifar10(brought("cifar10", FOLDER))
    except DataError as error:
        try:
            archive = brought("cifar10", ARCHIVE)
        except DataError:
            raise error from None
    return read_cifar10(archive)


@lru_cache(maxsize=1)
def read_cifar10(path: Path) -> CIFAR10:
    """Return CIFAR-10 from its folder or its archive."""
    if path.is_dir():
        contents = {name: read_file(path / name) for name in TRAIN_FILES + TEST_FILES}
    else:
        check_archive("cifar10", path)
        contents = members(path)
    parts = {name: parse_batch(data, f"{path}: {name}") for name, data in contents.items()}
    images = np.concatenate([parts[name][0] for name in TRAIN_FILES + TEST_FILES])
    labels = np.concatenate([parts[name][1] for name in TRAIN_FILES + TEST_FILES])
    train_size = sum(len(parts[name][1]) for name in TRAIN_FILES)
    return CIFAR10(torch.from_numpy(images.reshape(-1, 3, 32, 32)), torch.from_numpy(labels), train_size)


def read_file(path: Path) -> bytes:
    """Return a file's bytes, up to a limit."""
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_FILE + 1)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(data) > LARGEST_FILE:
        raise DataError(f"{path}: holds more than {LARGEST_FILE:,} bytes; it is no part of CIFAR-10")
    return data


def members(path: Path) -> dict[str, bytes]:
    """Return the batches in the archive; nothing is unpacked to the disk."""
    found = {}
    try:
        with tarfile.open(path) as archive:
            for name in TRAIN_FILES + TEST_FILES:
                member = archive.extractfile(f"{FOLDER}/{name}")
                if member is None:
                    raise DataError(f"{path}: {FOLDER}/{name} is no file")
                found[name] = member.read(LARGEST_FILE)
    except (tarfile.TarError, KeyError, EOFError, OSError) as error:
        raise DataError(f"{path}: cannot be read as the archive of CIFAR-10 ({error})") from None
    return found


def parse_batch(
    data: bytes, name: str
) -> "tuple[np.ndarray[Any, np.dtype[np.uint8]], np.ndarray[Any, np.dtype[np.int64]]]":
    """Return pixels (images, 3072) and labels of one batch.

    Raises:
        DataError: it is no pickle of plain arrays, or they are not images and labels.
    """
    try:
        batch = PlainUnpickler(io.BytesIO(data), encoding="bytes").load()
        pixels, labels = batch[b"data"], np.asarray(batch[b"labels"], dtype=np.int64)
    except Exception as error:
        raise DataError(f"{name}: cannot be read as a batch of CIFAR-10 ({type(error).__name__}: {error})") from None
    sound = isinstance(pixels, np.ndarray) and pixels.dtype == np.uint8 and pixels.ndim == 2
    if not sound or pixels.shape[1] != PIXELS or labels.shape != (len(pixels),):
        raise DataError(f"{name}: holds no bytes (images, {PIXELS}) with a label each")
    if len(labels) == 0 or labels.min() < 0 or labels.max() > 9:
        raise DataError(f"{name}: a label is not from 0 to 9")
    return pixels, labels
