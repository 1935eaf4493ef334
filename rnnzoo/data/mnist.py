"""MNIST and Fashion-MNIST, which has its form, in memory, as bytes."""

from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnzoo.data.sources import SOURCES
from rnnzoo.data.store import available, read

TRAIN_SIZE, TEST_SIZE = 60_000, 10_000

TRAIN_CLASS_COUNTS = (5923, 6742, 5958, 6131, 5842, 5421, 5918, 6265, 5851, 5949)
"""How often each digit stands in the training set."""

TEST_CLASS_COUNTS = (980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009)
"""How often each digit stands in the test set."""


FASHION_CLASS_COUNTS = ((6_000,) * 10, (1_000,) * 10)
"""How often each class of Fashion-MNIST stands in its training set and in its test set."""


class MNIST(NamedTuple):
    """The 60,000 images for training, then the 10,000 for the test.

    Attributes:
        images: (70000, 784) uint8, row by row; callers must not write to it.
        labels: (70000,) int64.
    """

    images: Tensor
    labels: Tensor


def load_mnist() -> MNIST:
    """Return MNIST, read once a process; downloaded if it is neither in `$RNNZOO_DATA/mnist` nor in the cache.

    Raises:
        DataError: a file is damaged or something else, or cannot be downloaded.
    """
    return read_mnist(tuple(available("mnist").values()))


def load_fashion() -> MNIST:
    """Return Fashion-MNIST as `load_mnist` returns MNIST; found also where Debian's package puts it.

    Raises:
        DataError: a file is damaged or something else, or cannot be downloaded.
    """
    return read_mnist(tuple(available("fashion").values()), "fashion")


@lru_cache(maxsize=2)
def read_mnist(paths: tuple[Path, ...], dataset: str = "mnist") -> MNIST:
    """Return a data set of MNIST's form from its four files, in the order of their source."""
    train_images, train_labels, test_images, test_labels = (
        read(dataset, file, path) for file, path in zip(SOURCES[dataset].files, paths, strict=True)
    )
    images = np.concatenate([train_images, test_images])
    labels = np.concatenate([train_labels, test_labels]).astype(np.int64)
    return MNIST(torch.from_numpy(images.reshape(len(images), -1)), torch.from_numpy(labels))
