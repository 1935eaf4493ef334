"""HAR-2: which of two groups of activities a phone's motion sensors show."""

from functools import lru_cache
from typing import Any, Literal, NamedTuple, final

import numpy as np
import torch
from torch import Tensor

from rnnzoo.checks import integer_in
from rnnzoo.data.brought import brought
from rnnzoo.data.errors import DataError
from rnnzoo.tasks.base import Split
from rnnzoo.tasks.labelled import LabelledTask
from rnnzoo.tasks.streams import LARGEST, Stream, stream

SIGNALS = tuple(f"{kind}_{axis}" for kind in ("body_acc", "body_gyro", "total_acc") for axis in "xyz")
STEPS = 128
SECOND_GROUP = (1, 3, 5)
"""Walking, walking downstairs and standing; the first group is walking upstairs, sitting and laying."""


class Motion(NamedTuple):
    """All windows, those for training first.

    Attributes:
        windows: (windows, 128, 9) float32, each signal with mean 0 and deviation 1 over the training windows.
        labels: (windows,) int64, 0 or 1.
        train_size: how many are for training.
    """

    windows: Tensor
    labels: Tensor
    train_size: int


@final
class HAR2(LabelledTask):
    """Say which of two groups of activities a window of 128 samples of nine motion signals shows.

    The groups are {sitting, laying, walking upstairs} and {standing, walking, walking downstairs}. The archive's own
    split by persons: 7,352 windows for training, 2,947 for the test; a tenth of the training windows validates.

    Args:
        split_seed: draws the validation windows, from 0 to 2³² − 1.

    Raises:
        TypeError, ValueError: split_seed is not an integer in its range.
        DataError: at the first batch, if the data set is not here or damaged.

    Source: Kusupati et al., FastGRNN, NeurIPS 2018; in the coRNN paper under the name HAR-2.
    Differs from the authors' code: the coRNN authors' preprocessed arrays were not released; signals are standardised
    here as in FastGRNN, and the validation windows are drawn by another generator.
    """

    summary = "say which group of activities a phone's motion sensors show"

    def __init__(self, split_seed: int = 0) -> None:
        self.split_seed = integer_in("HAR2", "split_seed", split_seed, 0, LARGEST)
        self.input_size = len(SIGNALS)
        self.output_size = 2
        self.length = STEPS
        self.train_size = 7_352 - 735

    @property
    def labels(self) -> Tensor:
        """The group of every window: those for training, then those for the test."""
        return load_motion().labels

    @property
    def class_counts(self) -> tuple[Tensor, Tensor]:
        """How often each group stands in the training set and in the test set."""
        train, test = (self.labels[self.indices(split)] for split in ("train", "test"))
        return train.bincount(minlength=2).double(), test.bincount(minlength=2).double()

    def indices(self, split: Literal["train"] | Split) -> Tensor:
        """Return which windows belong to a split."""
        motion = load_motion()
        if split == "test":
            return torch.arange(motion.train_size, len(motion.labels))
        order = torch.randperm(motion.train_size, generator=stream(Stream.SPLIT, self.split_seed, 0))
        valid = motion.train_size // 10
        return order[valid:] if split == "train" else order[:valid]

    def train_inputs(self, indices: Tensor, seed: int, step: int) -> Tensor:  # noqa: ARG002 - fixed interface
        """Return the signals."""
        return self.held_out_inputs(indices)

    def held_out_inputs(self, indices: Tensor) -> Tensor:
        """Return the signals."""
        return load_motion().windows[indices].transpose(0, 1).contiguous()

    def lengths(self, indices: Tensor) -> None:
        """All have 128 steps."""

    def options(self) -> dict[str, Any]:
        """Return split_seed."""
        return {"split_seed": self.split_seed}

    def facts(self) -> dict[str, str]:
        """Return the length and the splits."""
        return {
            "length": f"{STEPS} samples of nine signals, 50 a second",
            "training": f"{len(self.indices('train'))} windows",
            "validation": f"{len(self.indices('valid'))} windows of the training persons",
            "test": f"{len(self.indices('test'))} windows of other persons",
            "baseline": f"always the commonest group: accuracy {self.baseline:.4f}",
        }


@lru_cache(maxsize=1)
def load_motion() -> Motion:
    """Return the windows, read once a process.

    Raises:
        DataError: a file is missing, or is no table of 128 numbers a line, or has no label to each line.
    """
    parts = [read_part("train"), read_part("test")]
    train = parts[0][0]
    mean, deviation = train.mean((0, 1)), train.std((0, 1))
    windows = torch.cat([(part - mean) / deviation for part, _ in parts]).float()
    return Motion(windows, torch.cat([labels for _, labels in parts]), len(train))


def read_part(part: str) -> tuple[Tensor, Tensor]:
    """Return windows (windows, 128, 9), float64, and groups of one part of the archive."""
    signals = [table(part, "Inertial Signals", f"{signal}_{part}.txt", columns=STEPS) for signal in SIGNALS]
    activities = table(part, f"y_{part}.txt", columns=1)[:, 0]
    if {len(signal) for signal in signals} != {len(activities)}:
        raise DataError(f"har: the files of {part} differ in their numbers of lines; take the archive again")
    if not np.isin(activities, range(1, 7)).all():
        raise DataError(f"{brought('har', part, f'y_{part}.txt')}: an activity is not from 1 to 6")
    windows = torch.from_numpy(np.stack(signals, axis=2))
    return windows, torch.from_numpy(np.isin(activities, SECOND_GROUP).astype(np.int64))


def table(*parts: str, columns: int) -> "np.ndarray[Any, np.dtype[np.float64]]":
    """Return a file of numbers in columns."""
    path = brought("har", *parts)
    try:
        values = np.loadtxt(path, ndmin=2)
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as a table of numbers ({error})") from None
    if values.shape[1] != columns or not np.isfinite(values).all():
        raise DataError(f"{path}: must hold {columns} finite numbers a line, has {values.shape[1]}")
    return values
