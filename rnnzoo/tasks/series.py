"""How the tasks on time series of an archive split them: by the archive, or 70:15:15 at random."""

from typing import Literal

import torch
from torch import Tensor

from rnnzoo.data.ts import Series
from rnnzoo.tasks.base import Split
from rnnzoo.tasks.streams import Stream, stream

SPLITS = ("random", "archive")


def split_series(series: Series, kind: str, seed: int, split: Literal["train"] | Split) -> Tensor:
    """Return which series belong to a split.

    Args:
        series: the data set.
        kind: "random" puts all series together and gives 70% to training, 15% to validation and 15% to the test;
            "archive" keeps the archive's test set and lets 15% of its training set validate.
        seed: of the draw.
        split: which is wanted.
    """
    count = len(series.targets)
    if kind == "archive" and split == "test":
        return torch.arange(series.train_size, count)
    pool = series.train_size if kind == "archive" else count
    order = torch.randperm(pool, generator=stream(Stream.SPLIT, seed, 0))
    held = max(1, round(0.15 * pool))
    if split == "valid":
        return order[:held]
    if kind == "archive":
        return order[held:]
    return order[held : 2 * held] if split == "test" else order[2 * held :]


def cut(series: Series, indices: Tensor) -> Tensor:
    """Return these series (time, batch, channels), as long as the longest of them."""
    values = series.values[indices]
    if series.lengths is not None:
        values = values[:, : int(series.lengths[indices].max())]
    return values.transpose(0, 1).contiguous()


def described(series: Series) -> str:
    """Say how long the series are."""
    longest = series.values.shape[1]
    if series.lengths is None:
        return f"{longest} steps"
    return f"{int(series.lengths.min())} to {longest} steps"
