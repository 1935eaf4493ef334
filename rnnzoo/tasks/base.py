"""The task interface: what goes in, what is asked, how it is scored, and what knowing nothing of the past scores.

A task is a pure function of its options: training batch `step` of run `seed` is always the same batch, so that a
killed run goes on with the batches it would have seen. Validation and test data depend on the task alone: every cell
and every seed is judged on the same sequences, and the three sets have no sequence in common.
"""

import inspect
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, NamedTuple, final

import torch
from torch import Tensor

Split = Literal["valid", "test"]
Readout = Literal["last", "every"]


class Batch(NamedTuple):
    """Sequences and what they are asked.

    Attributes:
        x: input (time, batch, input_size), float32.
        target: (batch, output_size) float32 or (batch,) int64 classes where the readout is at the last step;
            with a leading time axis where it is at every step.
        lengths: steps of each sequence (batch,), int64 on the CPU, or None where all have as many as `x`.
    """

    x: Tensor
    target: Tensor
    lengths: Tensor | None = None


@dataclass(frozen=True)
class Metric:
    """How a task is scored.

    Attributes:
        name: for axes and tables, e.g. "mean squared error".
        direction: "minimize" or "maximize".
        best: the score of a perfect answer: 0 for an error, 1 for an accuracy.
        log: whether a figure's axis is logarithmic.
    """

    name: str
    direction: Literal["minimize", "maximize"]
    best: float
    log: bool = False

    def better(self, a: float, b: float) -> bool:
        """Whether score `a` is strictly better than score `b`."""
        return a < b if self.direction == "minimize" else a > b


class Task(ABC):
    """Abstract task. Concrete tasks are final; their options are the arguments of their constructor.

    Attributes:
        summary: one line for `rnnzoo list`.
        metric: what validation and test report.
        readout: whether the answer is read after the last step or at every step.
        input_size, output_size: width of the input and of the model's answer at one step.
        length: time steps T of a sequence.
        vocabulary: where a step gives the number of a word, how many words there are; the model then needs an
            embedding. Else None.
        train_size: number of training sequences, or None where every batch is fresh.
    """

    summary: ClassVar[str]
    metric: ClassVar[Metric]
    readout: ClassVar[Readout]
    input_size: int
    output_size: int
    length: int
    vocabulary: int | None = None
    train_size: int | None = None

    @property
    @abstractmethod
    def baseline(self) -> float:
        """Score, in the metric, of the best answer that knows nothing of the past (chance, or memoryless)."""

    @property
    @abstractmethod
    def baseline_loss(self) -> float:
        """The same in the training loss."""

    @abstractmethod
    def train_batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Return training batch number `step` (from 0) of the run with this seed."""

    @abstractmethod
    def held_out(self, split: Split, batch_size: int) -> Iterator[Batch]:
        """Yield the validation or the test set in batches of at most `batch_size`, always in the same order."""

    @abstractmethod
    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Return the training loss, a scalar; `answer` is (batch, output_size) or (time, batch, output_size)."""

    def loss_and_gradient(self, answer: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Return the training loss and its gradient in the answer, both without a graph."""
        with torch.enable_grad():
            answer = answer.detach().requires_grad_()
            loss = self.loss(answer, target)
        (gradient,) = torch.autograd.grad(loss, answer)
        return loss.detach(), gradient

    @abstractmethod
    def score(self, answer: Tensor, target: Tensor) -> Tensor:
        """Return the metric's mean over the sequences of the batch, a scalar."""

    @abstractmethod
    def extra_scores(self, answer: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Return scores to report beside the metric, name → mean over the batch; nothing is selected by them."""

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """Return the constructor's arguments that make this task, all of them, as plain numbers and strings."""

    @abstractmethod
    def facts(self) -> dict[str, str]:
        """Return what a reader of a report must know of this task: lengths, sizes of the splits, whose permutation."""

    @classmethod
    @final
    def default_options(cls) -> dict[str, Any]:
        """Return the options that have defaults, with them."""
        parameters = inspect.signature(cls.__init__).parameters.values()
        return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}

    @final
    def normalised(self, score: float) -> float:
        """Return the score on a scale where 0 is the baseline and 1 a perfect answer."""
        return (score - self.baseline) / (self.metric.best - self.baseline)


def generator(*key: int) -> torch.Generator:
    """Return a CPU generator seeded by a key of integers, such as (seed, split, step); other keys, other streams."""
    # numpy's SeedSequence mixes the key so that neighbouring keys give unrelated streams. It pads short keys with
    # zeros, so (1,) and (1, 0) would share a stream: the key's length goes in first.
    import numpy as np

    words = np.random.SeedSequence([len(key), *(k & 0xFFFFFFFF for k in key)]).generate_state(2, dtype=np.uint32)
    return torch.Generator().manual_seed(int(words[0]) << 31 | int(words[1]) >> 1)
