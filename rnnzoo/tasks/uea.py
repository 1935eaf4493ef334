"""Labelled time series of the UEA and UCR archives, EigenWorms by default."""

from typing import Any, Literal, final

from torch import Tensor

from rnnzoo.checks import integer_in, one_of
from rnnzoo.data.ts import Series, load_series
from rnnzoo.tasks.base import Split
from rnnzoo.tasks.labelled import LabelledTask
from rnnzoo.tasks.series import SPLITS, cut, described, split_series
from rnnzoo.tasks.streams import LARGEST


@final
class UEA(LabelledTask):
    """Name the class of a time series after its last step; of different lengths where the data set is so.

    Args:
        dataset: name of the data set and of its folder, e.g. "EigenWorms" (17,984 steps of 6 channels, 5 classes).
        split: "random" 70:15:15 over all series, as the coRNN family's authors split EigenWorms; "archive" keeps the
            archive's test set.
        split_seed: of the draw, from 0 to 2³² − 1.

    Raises:
        TypeError, ValueError: an option is not what it must be.
        DataError: the data set is not here or damaged; its sizes are read when the task is made.

    Source: Bagnall et al., The UEA multivariate time series classification archive, 2018; for EigenWorms, Morrill et
    al., Neural Rough Differential Equations, ICML 2021, and github.com/tk-rusch/unicornn.
    Differs from the authors' code: their split of EigenWorms was not released; ours is drawn from `split_seed`.
    """

    summary = "name the class of a long time series, EigenWorms by default"

    def __init__(self, dataset: str = "EigenWorms", split: str = "random", split_seed: int = 0) -> None:
        if not isinstance(dataset, str):
            raise TypeError(f"UEA: dataset must be the name of a folder, got {dataset!r}")
        self.dataset = dataset
        self.split = one_of("UEA", "split", split, SPLITS)
        self.split_seed = integer_in("UEA", "split_seed", split_seed, 0, LARGEST)
        series = self.series
        self.input_size = series.values.shape[2]
        self.output_size = len(series.classes)
        self.length = series.values.shape[1]
        self.train_size = len(self.indices("train"))

    @property
    def series(self) -> Series:
        """The data set."""
        return load_series("uea", self.dataset)

    @property
    def labels(self) -> Tensor:
        """The class of every series."""
        return self.series.targets

    @property
    def class_counts(self) -> tuple[Tensor, Tensor]:
        """How often each class stands in the training set and in the test set."""
        train, test = (self.labels[self.indices(split)] for split in ("train", "test"))
        return train.bincount(minlength=self.output_size).double(), test.bincount(minlength=self.output_size).double()

    def indices(self, split: Literal["train"] | Split) -> Tensor:
        """Return which series belong to a split."""
        return split_series(self.series, self.split, self.split_seed, split)

    def train_inputs(self, indices: Tensor, seed: int, step: int) -> Tensor:  # noqa: ARG002 - fixed interface
        """Return the series."""
        return cut(self.series, indices)

    def held_out_inputs(self, indices: Tensor) -> Tensor:
        """Return the series."""
        return cut(self.series, indices)

    def lengths(self, indices: Tensor) -> Tensor | None:
        """Return the steps of these series."""
        return None if self.series.lengths is None else self.series.lengths[indices]

    def options(self) -> dict[str, Any]:
        """Return dataset, split and split_seed."""
        return {"dataset": self.dataset, "split": self.split, "split_seed": self.split_seed}

    def facts(self) -> dict[str, str]:
        """Return the data set, its length and the splits."""
        how = "drawn from all series" if self.split == "random" else "the archive's own test set"
        return {
            "data set": f"{self.dataset}, {self.input_size} channels, {self.output_size} classes",
            "length": described(self.series),
            "training": f"{len(self.indices('train'))} series",
            "validation": f"{len(self.indices('valid'))} series, drawn with split_seed {self.split_seed}",
            "test": f"{len(self.indices('test'))} series, {how}",
            "baseline": f"always the commonest class: accuracy {self.baseline:.4f}",
        }
