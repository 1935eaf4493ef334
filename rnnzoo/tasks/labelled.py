"""Tasks that ask for one label a sequence, on a finite set of real sequences: epochs, accuracy, constant answers."""

from abc import abstractmethod
from collections.abc import Iterator
from functools import lru_cache
from typing import Literal, final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.checks import positive_integer
from rnnzoo.tasks.base import Batch, Metric, Split, Task
from rnnzoo.tasks.streams import Stream, stream


class LabelledTask(Task):
    """Abstract task: name the class of a sequence after its last step.

    The sequences of all splits are numbered together from 0; `indices` says which belong to a split. Training goes by
    epochs, each in an order of its own from (seed, epoch); the last batch of an epoch is the short rest, as with a
    `DataLoader` that drops nothing. So batch `step` is a function of seed, step and batch size alone.

    The baseline is the best constant answer: the commonest class of the training set, scored on the test set (on the
    validation set it may score a little differently).
    """

    metric = Metric("accuracy", "maximize", best=1.0)
    readout = "last"

    @property
    @abstractmethod
    def labels(self) -> Tensor:
        """The class of every sequence of all splits, int64."""

    @property
    @abstractmethod
    def class_counts(self) -> tuple[Tensor, Tensor]:
        """How often each class stands in the training set and in the test set, float64."""

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

    @final
    @property
    def baseline(self) -> float:
        """Accuracy on the test set of the training set's commonest class."""
        train, test = self.class_counts
        return float(test[train.argmax()] / test.sum())

    @final
    @property
    def baseline_loss(self) -> float:
        """Cross-entropy on the test set of the class frequencies of the training set."""
        train, test = self.class_counts
        return float(-(test / test.sum() * (train / train.sum()).log()).sum())

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
        return Batch(self.train_inputs(chosen, seed, step), self.labels[chosen], self.lengths(chosen))

    @final
    def held_out(self, split: Split, batch_size: int) -> Iterator[Batch]:
        """Yield the set in batches."""
        positive_integer(type(self).__name__, "batch_size", batch_size)
        members = self.indices(split)
        for start in range(0, len(members), batch_size):
            chosen = members[start : start + batch_size]
            yield Batch(self.held_out_inputs(chosen), self.labels[chosen], self.lengths(chosen))

    @final
    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy in nats."""
        return F.cross_entropy(answer, target)

    @final
    def score(self, answer: Tensor, target: Tensor) -> Tensor:
        """Accuracy: share of sequences whose largest answer is at their class."""
        return (answer.argmax(-1) == target).float().mean()

    @final
    def extra_scores(self, answer: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy, which still moves where the accuracy does not."""
        return {"cross-entropy": self.loss(answer, target)}


@lru_cache(maxsize=4)
def epoch_order(size: int, seed: int, epoch: int) -> Tensor:
    """Return the order of `size` training sequences in this epoch of run `seed`; callers must not write to it."""
    return torch.randperm(size, generator=stream(Stream.ORDER, seed, epoch))
