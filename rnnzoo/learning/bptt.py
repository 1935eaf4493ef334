"""Backpropagation through time: the true gradient."""

from typing import final

from torch import Tensor

from rnnzoo.learning.base import LearningRule, with_penalty
from rnnzoo.learning.chain_rule import ChainRule
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Batch, Task


@final
class BPTT(LearningRule):
    """∂L/∂θ = Σ_t (∂L/∂h_t) (∂h_t/∂θ), with ∂L/∂h_t carried back through every step by transposed Jacobians.

    Source: Rumelhart, Hinton and Williams, 1986; Werbos, Backpropagation Through Time, 1990.
    """

    def __init__(self, model: SequenceModel, task: Task) -> None:
        super().__init__(model, task)
        self._chain = ChainRule(model, task)

    def backward(self, batch: Batch, step: int, penalty: Tensor | None = None) -> Tensor:  # noqa: ARG002 - fixed interface
        """Add the gradients of the loss."""
        if penalty is None and (written_out := self._chain.backward(batch)) is not None:
            return written_out
        loss = self.task.loss(self.model(batch.x, batch.lengths), batch.target)
        with_penalty(loss, penalty).backward()  # type: ignore[no-untyped-call]
        return loss
