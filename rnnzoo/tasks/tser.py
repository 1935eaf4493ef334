"""Time series with a number to each, of the TSER archive: BIDMC heart rate by default."""

from typing import Any, Literal, final

from torch import Tensor

from rnnzoo.checks import integer_in, one_of
from rnnzoo.data.ts import Series, load_series
from rnnzoo.tasks.base import Split
from rnnzoo.tasks.regression import RegressionTask
from rnnzoo.tasks.series import SPLITS, cut, described, split_series
from rnnzoo.tasks.streams import LARGEST


@final
class TSER(RegressionTask):
    """Answer with the number that belongs to a time series, after its last step.

    Args:
        dataset: name of the data set and of its folder: "BIDMC32HR" (heart rate from PPG and ECG, 4,000 steps) or
            "BIDMC32RR" (respiratory rate), or another of the archive.
        split: "random" 70:15:15 over all series, as the UnICORNN authors split them: windows of a patient are then in
            all three; "archive" keeps the archive's test set.
        split_seed: of the draw, from 0 to 2³² − 1.

    Raises:
        TypeError, ValueError: an option is not what it must be.
        DataError: the data set is not here or damaged; its sizes are read when the task is made.

    Source: Tan, Bergmeir, Petitjean and Webb, Time Series Extrinsic Regression, 2021; github.com/tk-rusch/unicornn,
    health_care. Papers print the root of our score.
    Differs from the authors' code: the split is drawn from `split_seed`.
    """

    summary = "say a number after a long time series, the heart rate of BIDMC by default"
    readout = "last"

    def __init__(self, dataset: str = "BIDMC32HR", split: str = "random", split_seed: int = 0) -> None:
        if not isinstance(dataset, str):
            raise TypeError(f"TSER: dataset must be the name of a folder, got {dataset!r}")
        self.dataset = dataset
        self.split = one_of("TSER", "split", split, SPLITS)
        self.split_seed = integer_in("TSER", "split_seed", split_seed, 0, LARGEST)
        self.input_size = self.series.values.shape[2]
        self.output_size = 1
        self.length = self.series.values.shape[1]
        self.train_size = len(self.indices("train"))

    @property
    def series(self) -> Series:
        """The data set."""
        return load_series("tser", self.dataset)

    @property
    def baseline(self) -> float:
        """Mean squared error on the test set of the training set's mean."""
        train, test = (self.series.targets[self.indices(split)].double() for split in ("train", "test"))
        return float((test - train.mean()).square().mean())

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

    def targets(self, indices: Tensor) -> Tensor:
        """Return the numbers (batch, 1)."""
        return self.series.targets[indices].unsqueeze(1)

    def options(self) -> dict[str, Any]:
        """Return dataset, split and split_seed."""
        return {"dataset": self.dataset, "split": self.split, "split_seed": self.split_seed}

    def facts(self) -> dict[str, str]:
        """Return the data set, its length and the splits."""
        how = "drawn from all series" if self.split == "random" else "the archive's own test set"
        return {
            "data set": f"{self.dataset}, {self.input_size} channels",
            "length": described(self.series),
            "training": f"{len(self.indices('train'))} series",
            "validation": f"{len(self.indices('valid'))} series, drawn with split_seed {self.split_seed}",
            "test": f"{len(self.indices('test'))} series, {how}",
            "baseline": f"always the training set's mean: mean squared error {self.baseline:.3g}",
        }
