"""The adding problem: recall two marked numbers and sum them."""

from collections.abc import Iterator
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.checks import integer_in, positive_integer
from rnnzoo.tasks.base import Batch, Metric, Split, Task
from rnnzoo.tasks.streams import LARGEST, Stream, stream


@final
class Adding(Task):
    """Two numbers of a sequence are marked, one in each half; the target is their sum.

    x_t = (u_t, m_t), u_t ~ U(0, 1), m_t = 1 at one t of 0 … ⌊T/2⌋−1 and at one of ⌊T/2⌋ … T−1, else 0;
    target = Σ_t m_t u_t.

    The best answer that has seen neither number is 1, with a mean squared error of 2·Var U(0, 1) = 1/6.

    Args:
        length: time steps T, at least 2.
        held_out_size: sequences in the validation set and in the test set, at least 1.

    Raises:
        TypeError, ValueError: an option is not an integer in its range.

    Source: Hochreiter and Schmidhuber, Long short-term memory, 1997, with lengths and positions as in
    github.com/tk-rusch/coRNN, commit afd8174, adding/adding_task.py: fresh training sequences at each step.
    Differs from the authors' code: they draw a new test set at each evaluation and have no validation set; here both
    are drawn once, so that every network is judged on the same sequences.
    """

    summary = "sum two marked numbers, one in each half of a random sequence"
    metric = Metric("mean squared error", "minimize", best=0.0, log=True)
    readout = "last"

    def __init__(self, length: int = 100, held_out_size: int = 1000) -> None:
        self.length = integer_in("Adding", "length", length, 2, LARGEST)
        self.held_out_size = positive_integer("Adding", "held_out_size", held_out_size)
        self.input_size = 2
        self.output_size = 1

    @property
    def baseline(self) -> float:
        """1/6."""
        return 1 / 6

    @property
    def baseline_loss(self) -> float:
        """1/6: the loss is the metric."""
        return self.baseline

    def train_batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Return fresh sequences."""
        count = positive_integer("Adding", "batch_size", batch_size)
        return assemble(*draw(self.length, count, stream(Stream.TRAIN, seed, step)))

    def held_out(self, split: Split, batch_size: int) -> Iterator[Batch]:
        """Yield the set in batches; it is drawn again each time, which costs less than keeping it."""
        batch_size = positive_integer("Adding", "batch_size", batch_size)
        values, marked = draw(self.length, self.held_out_size, stream(Stream[split.upper()], 0, 0))
        for start in range(0, self.held_out_size, batch_size):
            batch = slice(start, start + batch_size)
            yield assemble(values[:, batch], marked[:, batch])

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(answer, target)

    def score(self, answer: Tensor, target: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(answer, target)

    def extra_scores(self, answer: Tensor, target: Tensor) -> dict[str, Tensor]:  # noqa: ARG002 - fixed interface
        """None."""
        return {}

    def options(self) -> dict[str, Any]:
        """Return length and held_out_size."""
        return {"length": self.length, "held_out_size": self.held_out_size}

    def facts(self) -> dict[str, str]:
        """Return the length, where the markers lie, and the sizes of the splits."""
        half = self.length // 2
        return {
            "length": f"{self.length} steps",
            "markers": f"one in steps 0 to {half - 1}, one in steps {half} to {self.length - 1}",
            "training": "fresh sequences at every step",
            "validation": f"{self.held_out_size} sequences, the same for every run",
            "test": f"{self.held_out_size} sequences, the same for every run",
            "baseline": "always answering 1: mean squared error 1/6",
        }


def draw(length: int, count: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return `count` sequences: the numbers u (length, count) and the two marked steps (2, count)."""
    values = torch.rand(length, count, generator=generator)
    half = length // 2
    first = torch.randint(half, (count,), generator=generator)
    second = torch.randint(half, length, (count,), generator=generator)
    return values, torch.stack([first, second])


def assemble(values: Tensor, marked: Tensor) -> Batch:
    """Return numbers (length, batch) and marked steps (2, batch) as a batch."""
    markers = torch.zeros_like(values).scatter_(0, marked, 1.0)
    target = values.gather(0, marked).sum(0).unsqueeze(1)  # (batch, 1)
    return Batch(torch.stack([values, markers], dim=2), target)
