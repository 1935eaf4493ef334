"""Tasks that ask for numbers, on a finite set of sequences: mean squared error, constant answers."""

from typing import final

from torch import Tensor

from rnnzoo.tasks.base import Metric
from rnnzoo.tasks.finite import FiniteTask
from rnnzoo.tasks.losses import squared_error


class RegressionTask(FiniteTask):
    """Abstract task: answer with numbers, after the last step or at every step; scored by the mean squared error."""

    metric = Metric("mean squared error", "minimize", best=0.0, log=True)

    @final
    @property
    def baseline_loss(self) -> float:
        """The metric is the loss."""
        return self.baseline

    @final
    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Mean squared error."""
        return (answer - target).square().mean()

    @final
    def loss_and_gradient(self, answer: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Mean squared error and its gradient, see `rnnzoo.tasks.losses`."""
        return squared_error(answer, target)

    @final
    def score(self, answer: Tensor, target: Tensor) -> Tensor:
        """Mean squared error."""
        return self.loss(answer, target)

    @final
    def extra_scores(self, answer: Tensor, target: Tensor) -> dict[str, Tensor]:  # noqa: ARG002 - fixed interface
        """Nothing beside the metric: the root that papers print is taken of the whole set's mean."""
        return {}
