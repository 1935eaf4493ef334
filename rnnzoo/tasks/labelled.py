"""Tasks that ask for one label a sequence, on a finite set of real sequences: accuracy, constant answers."""

from abc import abstractmethod
from typing import final

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.tasks.base import Metric
from rnnzoo.tasks.finite import FiniteTask
from rnnzoo.tasks.losses import cross_entropy


class LabelledTask(FiniteTask):
    """Abstract task: name the class of a sequence after its last step.

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

    @final
    def targets(self, indices: Tensor) -> Tensor:
        """Return the classes of these sequences."""
        return self.labels[indices]

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
    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy in nats."""
        return F.cross_entropy(answer, target)

    @final
    def loss_and_gradient(self, answer: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy in nats and its gradient, see `rnnzoo.tasks.losses`."""
        return cross_entropy(answer, target)

    @final
    def score(self, answer: Tensor, target: Tensor) -> Tensor:
        """Accuracy: share of sequences whose largest answer is at their class."""
        return (answer.argmax(-1) == target).float().mean()

    @final
    def extra_scores(self, answer: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Cross-entropy, which still moves where the accuracy does not."""
        return {"cross-entropy": self.loss(answer, target)}
