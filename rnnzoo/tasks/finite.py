"""Tasks on a finite set of sequences: training goes by epochs, held-out sets in a fixed order."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, final

import torch
from torch import Tensor

from rnnzoo.checks import positive_integer
from rnnzoo.tasks.base import Batch, Split, Task
from rnnzoo.tasks.streams import Stream, stream


class FiniteTask(Task):
    """Abstract task on a finite set of sequences, numbered together from 0; `indices` says which belong to a split.

    Each epoch has an order of its own from (seed, epoch); the last batch of an epoch is the short rest, as with a
    `DataLoader` that drops nothing. So batch `step` is a function of seed, step and batch size alone.
    """

    @abstractmethod
    def indices(self, split: Literal["train"] | Split) -> Tensor:
        """Return the numbers of the sequences in a split, int64."""

    @abstractmethod
    def train_inputs(self, indices: Tensor, seed: int, step: int) -> Tensor:
        """Return these sequences as training batch `step` of run `seed` shows them: (time, batch, input_size)."""

    @abstractmethod
    def held_out_inputs(self, indices: Tensor) -> Tensor:
        """Return these sequences as every evaluation shows them: (time, batch, input_size)."""

    @abstractmethod
    def lengths(self, indices: Tensor) -> Tensor | None:
        """Return the steps of these sequences, or None where all have `length`."""

    @abstractmethod
    def targets(self, indices: Tensor) -> Tensor:
        """Return what these sequences are asked; see `rnnzoo.tasks.base.Batch`."""

    @final
    def steps_per_epoch(self, batch_size: int) -> int:
        """Return the number of batches in which the training set is gone through once."""
        return -(-len(self.indices("train")) // positive_integer(type(self).__name__, "batch_size", batch_size))

    @final
    def train_batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Return batch number `step`, counted through all epochs."""
        epoch, within = divmod(step, self.steps_per_epoch(batch_size))
        members = self.indices("train")
        order = epoch_order(len(members), seed, epoch)[within * batch_size : (within + 1) * batch_size]
        chosen = members[order]
        return Batch(self.train_inputs(chosen, seed, step), self.targets(chosen), self.lengths(chosen))

    @final
    def held_out(self, split: Split, batch_size: int) -> Iterator[Batch]:
        """Yield the set in batches."""
        positive_integer(type(self).__name__, "batch_size", batch_size)
        members = self.indices(split)
        for start in range(0, len(members), batch_size):
            chosen = members[start : start + batch_size]
            yield Batch(self.held_out_inputs(chosen), self.targets(chosen), self.lengths(chosen))


@lru_cache(maxsize=4)
def epoch_order(size: int, seed: int, epoch: int) -> Tensor:
    """Return the order of `size` training sequences in this epoch of run `seed`; callers must not write to it."""
    return torch.randperm(size, generator=stream(Stream.ORDER, seed, epoch))
