"""Padded digits: a real handwritten digit, then noise until the end."""

from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, final

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from rnnzoo.checks import integer_in, one_of
from rnnzoo.tasks.base import Split
from rnnzoo.tasks.labelled import LabelledTask
from rnnzoo.tasks.streams import LARGEST, Stream, stream

ROWS = COLUMNS = 8
INK = 16.0  # pixels are counts from 0 to 16
CLASSES = 10
LONGEST_KEPT = 1000
"""Steps of noise up to which that of every held-out image is kept in memory: 23 MB at the most."""


@final
class PaddedDigits(LabelledTask):
    """An 8 × 8 digit is fed row by row, then comes noise up to step T; the digit is asked for at the end.

    x_t = row t of the image / 16 for t < 8, x_t ~ N(0, I_8) for 8 ≤ t < T.

    Args:
        length: time steps T, at least 8 (no noise at all).
        noise: "fresh" draws noise anew for every sequence of every training batch, and fixed noise for each held-out
            sequence; "shared" draws one noise that every sequence carries.

    Raises:
        TypeError: length is not an integer.
        ValueError: length is below 8, or noise is neither of the two.

    1,797 images of 13 writers. Of every five images of a class, in the data set's order, three are for training, the
    fourth for validation and the fifth for the test: classes and writers are spread evenly, so a score says how well
    a digit is kept, not how well a new writer's is read.

    Source: the digits that scikit-learn ships (Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI,
    1998, test part). The padding is that of the noise-padded CIFAR-10 of Rusch and Mishra, coRNN, ICLR 2021.
    Differs from the authors' code: their script draws one noise for all images, the option "shared" here. A network
    can then learn that one noise by heart; "fresh", the default, asks it to keep the digit whatever comes after.
    """

    summary = "name a real 8 x 8 digit, fed row by row, after a stretch of noise"

    def __init__(self, length: int = 200, noise: str = "fresh") -> None:
        self.length = integer_in("PaddedDigits", "length", length, ROWS, LARGEST)
        self.noise = one_of("PaddedDigits", "noise", noise, ("fresh", "shared"))
        self.input_size = COLUMNS
        self.output_size = CLASSES
        self.train_size = len(self.indices("train"))

    @property
    def labels(self) -> Tensor:
        """The digit on every image."""
        return digits()[1]

    @property
    def class_counts(self) -> tuple[Tensor, Tensor]:
        """How often each digit stands in the training set and in the test set."""
        train, test = (torch.bincount(self.labels[self.indices(s)], minlength=CLASSES) for s in ("train", "test"))
        return train.double(), test.double()

    def indices(self, split: Literal["train"] | Split) -> Tensor:
        """Return which images belong to a split."""
        return split_indices()[split]

    def train_inputs(self, indices: Tensor, seed: int, step: int) -> Tensor:
        """Return rows, then noise."""
        if self.noise == "shared":
            return self.padded(indices, self.shared_noise())
        shape = self.length - ROWS, len(indices), COLUMNS
        return self.padded(indices, torch.randn(shape, generator=stream(Stream.TRAIN_NOISE, seed, step)))

    def lengths(self, indices: Tensor) -> None:
        """All have `length` steps."""

    def held_out_inputs(self, indices: Tensor) -> Tensor:
        """Return rows, then noise; fresh noise is keyed by the image, so that it does not depend on the batching."""
        if self.noise == "shared":
            return self.padded(indices, self.shared_noise())
        steps = self.length - ROWS
        noise = held_out_noise if steps > LONGEST_KEPT else kept_noise
        return self.padded(indices, torch.stack([noise(steps, index) for index in indices.tolist()], dim=1))

    def shared_noise(self) -> Tensor:
        """Return the one noise (T − 8, 1, 8)."""
        return torch.randn(self.length - ROWS, 1, COLUMNS, generator=stream(Stream.SHARED_NOISE, 0, 0))

    def padded(self, indices: Tensor, noise: Tensor) -> Tensor:
        """Return images and noise (T − 8, batch or 1, 8) as sequences (T, batch, 8)."""
        rows = digits()[0][indices].transpose(0, 1)  # (8, batch, 8)
        return torch.cat([rows, noise.expand(-1, len(indices), -1)])

    def options(self) -> dict[str, Any]:
        """Return length and noise."""
        return {"length": self.length, "noise": self.noise}

    def facts(self) -> dict[str, str]:
        """Return the length, the noise, and the sizes of the splits."""
        noise = "drawn anew for every sequence" if self.noise == "fresh" else "one, the same in every sequence"
        return {
            "length": f"{self.length} steps: {ROWS} rows of the image, then {self.length - ROWS} of noise",
            "noise": f"standard normal, {noise}",
            "training": f"{len(self.indices('train'))} images of scikit-learn's digits",
            "validation": f"{len(self.indices('valid'))} images",
            "test": f"{len(self.indices('test'))} images (one more right is {1 / len(self.indices('test')):.2%})",
            "split": "3:1:1 within each class; the splits share their 13 writers",
            "baseline": f"always the commonest class: accuracy {self.baseline:.4f}",
        }


def held_out_noise(steps: int, index: int) -> Tensor:
    """Return the noise (steps, 8) that a held-out image carries."""
    return torch.randn(steps, COLUMNS, generator=stream(Stream.HELD_OUT_NOISE, 0, index))


kept_noise = lru_cache(maxsize=1024)(held_out_noise)
"""The same, kept for the next evaluation: to seed a generator for every image takes longer than to evaluate a model."""


@lru_cache(maxsize=1)
def digits() -> tuple[Tensor, Tensor]:
    """Return images (1797, 8, 8) in [0, 1] and labels (1797,)."""
    table = torch.from_numpy(_table())
    images = table[:, :-1].to(torch.float32).view(-1, ROWS, COLUMNS) / INK
    return images, table[:, -1].to(torch.int64)


def _table() -> npt.NDArray[np.float64]:
    """Return a row an image: 64 pixels and the label."""
    package = find_spec("sklearn")
    if package is not None and package.origin is not None:
        file = Path(package.origin).parent / "datasets" / "data" / "digits.csv.gz"
        if file.is_file():  # what `load_digits` reads, without a second and more of importing all of scikit-learn
            return np.loadtxt(file, delimiter=",")
    from sklearn.datasets import load_digits

    loaded = load_digits()
    return np.column_stack((loaded.data, loaded.target))


@lru_cache(maxsize=1)
def split_indices() -> dict[str, Tensor]:
    """Return which images are for training, validation and test: of every five of a class, three, one and one."""
    labels = digits()[1]
    turn = torch.empty_like(labels)
    for digit in range(CLASSES):
        mine = labels == digit
        turn[mine] = torch.arange(int(mine.sum())) % 5
    return {
        "train": (turn < 3).nonzero().flatten(),
        "valid": (turn == 3).nonzero().flatten(),
        "test": (turn == 4).nonzero().flatten(),
    }
