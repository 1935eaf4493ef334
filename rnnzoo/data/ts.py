"""Time series in the .ts format of the UEA, UCR and TSER archives, read by aeon (extra `data`)."""

from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from rnnzoo.data.brought import brought
from rnnzoo.data.errors import DataError


class Series(NamedTuple):
    """A data set of series, those for training first.

    Attributes:
        values: (series, steps of the longest, channels) float32, zero beyond a series' end; callers must not write.
        lengths: (series,) int64, or None where all have the same steps.
        targets: (series,) int64 classes, numbered in the order of their sorted names, or float32 numbers.
        classes: names of the classes; empty where targets are numbers.
        train_size: how many series are for training.
    """

    values: Tensor
    lengths: Tensor | None
    targets: Tensor
    classes: tuple[str, ...]
    train_size: int


@lru_cache(maxsize=2)
def load_series(archive: str, dataset: str) -> Series:
    """Return a data set of the archive "uea" (classes) or "tser" (numbers), read once a process.

    Raises:
        DataError: a file is missing or cannot be read, aeon is not installed, or targets are of the other kind.
    """
    files = [brought(archive, dataset, f"{dataset}_{part}.ts") for part in ("TRAIN", "TEST")]
    read = [read_file(str(path), numbers=archive == "tser") for path in files]
    series = [case for cases, _ in read for case in cases]
    targets = np.concatenate([found for _, found in read])
    if len({case.shape[1] for case in series}) != 1:
        raise DataError(f"{files[0]}: the series differ in their numbers of channels")
    steps = torch.tensor([len(case) for case in series])
    values = torch.nn.utils.rnn.pad_sequence(series, batch_first=True)
    if not values.isfinite().all():
        raise DataError(f"{files[0]} or its TEST: a value is missing or infinite; fill the gaps first")
    classes: tuple[str, ...] = ()
    if archive == "uea":
        names, numbered = np.unique(targets.astype(str), return_inverse=True)
        classes, answer = tuple(map(str, names)), torch.from_numpy(numbered.astype(np.int64))
    else:
        answer = torch.from_numpy(targets.astype(np.float32))
    ragged = int(steps.min()) < int(steps.max())
    return Series(values, steps if ragged else None, answer, classes, len(read[0][0]))


def read_file(path: str, *, numbers: bool) -> "tuple[list[Tensor], np.ndarray[Any, Any]]":
    """Return the series (steps, channels) of one file, and their targets."""
    try:
        from aeon.datasets import load_from_ts_file
    except ImportError:
        raise DataError(f"{path}: aeon reads .ts files; install it with: pip install 'rnnzoo[data]'") from None
    try:
        cases, targets, facts = load_from_ts_file(path, return_meta_data=True)
    except Exception as error:
        raise DataError(f"{path}: cannot be read as a .ts file ({type(error).__name__}: {error})") from None
    if bool(facts["targetlabel"]) != numbers or (not numbers and not facts["classlabel"]):
        wanted = "@targetlabel true" if numbers else "@classlabel true"
        raise DataError(f"{path}: its header must say {wanted}, so that every series has its target")
    if len(cases) == 0:
        raise DataError(f"{path}: holds no series")
    return [torch.tensor(np.asarray(case).T, dtype=torch.float32) for case in cases], np.asarray(targets)
