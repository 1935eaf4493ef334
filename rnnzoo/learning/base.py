"""What a learning rule is: from a batch to gradients in the parameters, and nothing else."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeAlias

from torch import Tensor

from rnnzoo.engine import Engine
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Batch, Task

Seen: TypeAlias = Callable[[Tensor], object]

WATCHERS: list[Seen] = []
"""Called with every tensor that a rule keeps for its way back and of which autograd's own hooks are not told."""


class LearningRule(ABC):
    """Abstract learning rule. Concrete rules are final.

    Args:
        model: what learns.
        task: gives the loss.

    Attributes:
        feedback: fixed weights that errors come back through, by name; empty for rules that need none. They are never
            trained, and are kept with the checkpoint and the run.
    """

    def __init__(self, model: SequenceModel, task: Task) -> None:
        self.model = model
        self.task = task
        self.feedback: dict[str, Tensor] = {}

    @abstractmethod
    def backward(self, batch: Batch, step: int, penalty: Tensor | None = None) -> Tensor:
        """Run the model on a batch, add this rule's gradients to the parameters' `grad`, and return the task's loss.

        Args:
            batch: on the model's device.
            step: optimiser steps done before, for rules that change with them.
            penalty: a term to be minimised beside the loss, a function of parameters alone, or None.
        """

    def load_feedback(self, feedback: Mapping[str, Tensor]) -> None:
        """Put the fixed weights of a checkpoint in the place of those drawn anew."""
        self.feedback = {name: values.to(self.feedback[name]) for name, values in feedback.items()}


@contextmanager
def carried_by(model: SequenceModel, engine: Engine) -> Iterator[None]:
    """Let a model's cells be carried through time by this engine."""
    before = model.recurrent.engine
    model.recurrent.engine = engine
    try:
        yield
    finally:
        model.recurrent.engine = before


def one_length(rule: LearningRule, batch: Batch) -> Tensor:
    """Return the input of a batch whose sequences are of one length.

    Raises:
        ValueError: they are not.
    """
    if batch.lengths is not None and int(batch.lengths.min()) < len(batch.x):
        raise ValueError(
            f"{type(rule).__name__}: cuts all sequences of a batch at the same steps, but their lengths are "
            f'{int(batch.lengths.min())} to {len(batch.x)}; take a task of one length, or rule = "bptt"'
        )
    return batch.x


def with_penalty(loss: Tensor, penalty: Tensor | None) -> Tensor:
    """Return what is minimised: the task's loss, and the penalty if there is one."""
    return loss if penalty is None else loss + penalty
