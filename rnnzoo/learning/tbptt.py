"""Truncated backpropagation through time: no gradient travels further back than a window."""

from typing import final

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.checks import positive_integer
from rnnzoo.engine import Engine, Unrolled, resolve
from rnnzoo.learning.base import LearningRule, carried_by, one_length, with_penalty
from rnnzoo.learning.blocks import borders
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Batch, Task


@final
class TBPTT(LearningRule):
    """As backpropagation through time, with ∂h_t/∂h_{t−1} taken for zero where t is the first step of a window.

    The state itself is carried on from window to window. Windows are counted from the end of the sequence, so that the
    last one is whole and a short one, if T is no multiple, comes first. All windows of a batch give one gradient and
    one optimiser step.

    Where the answer is read after the last step, the loss reaches the last window alone: what came before it is never
    taught. Where it is read at every step, each window learns from its own answers.

    Args:
        model, task: see `LearningRule`.
        window: steps of a window, at least 1; from T on this is the true gradient.

    Source: Williams and Peng, An Efficient Gradient-Based Algorithm for On-Line Training of Recurrent Network
    Trajectories, 1990, with k₁ = k₂ = window. Differs: no optimiser step between the windows of a sequence.
    """

    def __init__(self, model: SequenceModel, task: Task, window: int) -> None:
        super().__init__(model, task)
        self.window = positive_integer("TBPTT", "window", window)

    def backward(self, batch: Batch, step: int, penalty: Tensor | None = None) -> Tensor:  # noqa: ARG002 - fixed interface
        """Add the gradients that stay inside the windows."""
        with carried_by(self.model, windowed(resolve(self.model.recurrent.engine), self.window)):
            loss = self.task.loss(self.model(one_length(self, batch)), batch.target)
        with_penalty(loss, penalty).backward()  # type: ignore[no-untyped-call]
        return loss


def windowed(inner: Engine, window: int) -> Engine:
    """Return an engine whose gradient does not cross the borders of windows."""

    def engine(cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
        runs: list[Unrolled] = []
        for begin, end in borders(u.shape[0], window):
            runs.append(inner(cell, u[begin:end], state, w, outputs=outputs, states=states))
            state = tuple(part.detach() for part in runs[-1].state)
        return Unrolled(
            torch.cat([run.output for run in runs if run.output is not None]) if outputs else None,
            runs[-1].state,
            tuple(torch.cat(parts) for parts in zip(*(run.states or () for run in runs), strict=True))
            if states
            else None,
        )

    return engine
