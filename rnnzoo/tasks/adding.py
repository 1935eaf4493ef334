"""The adding problem: recall two marked numbers and sum them."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.checks import integer_in, positive_integer
from rnnzoo.tasks.base import Batch, Metric, Split, Task
from rnnzoo.tasks.losses import squared_error
from rnnzoo.tasks.streams import LARGEST, Stream, stream


@final
class Adding(Task):
    """Two numbers of a sequence are marked, one in each half; the target is their sum.

    x_t = (u_t, m_t), u_t ~ U(0, 1), m_t = 1 at one t of 0 … ⌊T/2⌋−1 and at one of ⌊T/2⌋ … T−1, else 0;
    target = Σ_t m_t u_t.

    The best answer that has seen neither number is 1, with a mean squared error of 2·Var U(0, 1) = 1/6.

    With `curriculum`, training begins with sequences of other, as a rule smaller, lengths: `curriculum_steps[i]` steps
    of training with sequences of `curriculum[i]` time steps, in this order, and all further steps with `length`.
    Validation and test sequences have `length` throughout.

    Args:
        length: time steps T, at least 2.
        held_out_size: sequences in the validation set and in the test set, at least 1.
        curriculum: time steps of the training sequences in each phase before the last, at least 2.
        curriculum_steps: training steps of each of these phases, at least 1.

    Raises:
        TypeError, ValueError: an option is not an integer in its range, or the two lists differ in their length.

    Source: Hochreiter and Schmidhuber, Long short-term memory, 1997, with lengths and positions as in
    github.com/tk-rusch/coRNN, commit afd8174, adding/adding_task.py: fresh training sequences at each step.
    Differs from the authors' code: they draw a new test set at each evaluation and have no validation set; here both
    are drawn once, so that every network is judged on the same sequences.
    """

    summary = "sum two marked numbers, one in each half of a random sequence"
    metric = Metric("mean squared error", "minimize", best=0.0, log=True)
    readout = "last"

    def __init__(
        self,
        length: int = 100,
        held_out_size: int = 1000,
        curriculum: Sequence[int] = (),
        curriculum_steps: Sequence[int] = (),
    ) -> None:
        self.length = integer_in("Adding", "length", length, 2, LARGEST)
        self.held_out_size = positive_integer("Adding", "held_out_size", held_out_size)
        self.phases = phases(curriculum, curriculum_steps)
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
        """Return fresh sequences, of the length that the curriculum has at this step."""
        count = positive_integer("Adding", "batch_size", batch_size)
        return assemble(*draw(self.length_at(step), count, stream(Stream.TRAIN, seed, step)))

    def length_at(self, step: int) -> int:
        """Return the time steps of training batch number `step`."""
        return next((phase.length for phase in self.phases if step < phase.end), self.length)

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

    def loss_and_gradient(self, answer: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared error and its gradient, see `rnnzoo.tasks.losses`."""
        return squared_error(answer, target)

    def score(self, answer: Tensor, target: Tensor) -> Tensor:
        """Mean squared error."""
        return F.mse_loss(answer, target)

    def extra_scores(self, answer: Tensor, target: Tensor) -> dict[str, Tensor]:  # noqa: ARG002 - fixed interface
        """None."""
        return {}

    def options(self) -> dict[str, Any]:
        """Return length and held_out_size, and the curriculum where there is one."""
        options: dict[str, Any] = {"length": self.length, "held_out_size": self.held_out_size}
        if self.phases:  # left out where there is none, so that runs keep the name they had before there were any
            ends = [0, *(phase.end for phase in self.phases)]
            options["curriculum"] = [phase.length for phase in self.phases]
            options["curriculum_steps"] = [end - start for start, end in pairwise(ends)]
        return options

    def facts(self) -> dict[str, str]:
        """Return the length, where the markers lie, the sizes of the splits, and the curriculum where there is one."""
        half = self.length // 2
        facts = {
            "length": f"{self.length} steps",
            "markers": f"one in steps 0 to {half - 1}, one in steps {half} to {self.length - 1}",
            "training": "fresh sequences at every step",
            "validation": f"{self.held_out_size} sequences, the same for every run",
            "test": f"{self.held_out_size} sequences, the same for every run",
            "baseline": "always answering 1: mean squared error 1/6",
        }
        if self.phases:
            told = [f"sequences of {phase.length} time steps up to training step {phase.end}" for phase in self.phases]
            facts["curriculum"] = ", ".join(told)
        return facts


class Phase(NamedTuple):
    """A part of the training: sequences of `length` time steps up to training step `end`, counted from its start."""

    length: int
    end: int


def phases(lengths: Sequence[int], steps: Sequence[int]) -> list[Phase]:
    """Return the phases of a curriculum.

    Raises:
        TypeError, ValueError: see `Adding`.
    """
    for name, values in (("curriculum", lengths), ("curriculum_steps", steps)):
        if not isinstance(values, list | tuple):
            raise TypeError(f"Adding: {name} must be a list of integers, got {values!r}; pass e.g. [500]")
    if len(lengths) != len(steps):
        raise ValueError(
            f"Adding: curriculum_steps must have a number for each of the {len(lengths)} lengths in curriculum, "
            f"got {list(steps)}"
        )
    checked = [integer_in("Adding", "curriculum", length, 2, LARGEST) for length in lengths]
    ends = accumulate(positive_integer("Adding", "curriculum_steps", count) for count in steps)
    return [Phase(length, end) for length, end in zip(checked, ends, strict=True)]


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
