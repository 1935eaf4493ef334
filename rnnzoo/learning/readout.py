"""The control of every learning rule: a random network whose readout alone is trained."""

from typing import final

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine import Engine, Unrolled, resolve
from rnnzoo.learning.base import LearningRule, carried_by, with_penalty
from rnnzoo.tasks.base import Batch


@final
class ReadoutOnly(LearningRule):
    """∂L/∂C for the readout, no gradient for the cells and the encoder: they stay as they were drawn.

    What a rule teaches the cells is what it scores beyond this.
    """

    def backward(self, batch: Batch, step: int, penalty: Tensor | None = None) -> Tensor:  # noqa: ARG002 - fixed interface
        """Add the readout's gradients."""
        x = batch.x
        with torch.no_grad():
            for front in (self.model.embedding, self.model.encoder):
                x = x if front is None else front(x)
        with carried_by(self.model, untaught(resolve(self.model.recurrent.engine))):
            loss = self.task.loss(self.model.read(x, batch.lengths), batch.target)
        # a penalty pulls at constrained parameters of the cells, which are not to move
        with_penalty(loss, None if penalty is None else penalty.detach()).backward()  # type: ignore[no-untyped-call]
        return loss


def untaught(inner: Engine) -> Engine:
    """Return an engine that keeps no graph: nothing learns from what it puts out."""

    def engine(cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
        with torch.no_grad():
            return inner(cell, u, state, w, outputs=outputs, states=states)

    return engine
