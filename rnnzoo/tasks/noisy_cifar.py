"""Noise-padded CIFAR-10: a photograph in the first 32 steps, then noise until the answer."""

from functools import lru_cache
from typing import Any, Literal, final

import torch
from torch import Tensor

from rnnzoo.checks import integer_in
from rnnzoo.data.cifar10 import load_cifar10
from rnnzoo.tasks.base import Split
from rnnzoo.tasks.labelled import LabelledTask
from rnnzoo.tasks.streams import LARGEST, Stream, stream

ROWS, WIDTH = 32, 96


@final
class NoisyCIFAR(LabelledTask):
    """Name the class of a photograph whose 32 rows are followed by noise.

    x_t = row t of the image, its 32 red, green and blue values in [0, 1], for t ≤ 32; then x_t ~ N(0, 1)^96. The
    noise is drawn once and is the same behind every image, of all splits.

    Args:
        length: steps T, from 33.
        valid_size: images of the training set that validate, drawn with `split_seed`.
        split_seed: from 0 to 2³² − 1.

    Raises:
        TypeError, ValueError: an option is not an integer in its range.
        DataError: at the first batch, if CIFAR-10 is not here or damaged.

    Source: Chang, Chen, Haber and Chi, AntisymmetricRNN, ICLR 2019; as in github.com/tk-rusch/coRNN, noisy_CIFAR10.
    Differs from the authors' code: split and noise are drawn by other generators. Others split 48,000 to 2,000.
    """

    summary = "name a photograph's class after hundreds of steps of noise"

    def __init__(self, length: int = 1000, valid_size: int = 3000, split_seed: int = 0) -> None:
        self.length = integer_in("NoisyCIFAR", "length", length, ROWS + 1, 1_000_000)
        self.valid_size = integer_in("NoisyCIFAR", "valid_size", valid_size, 1, 25_000)
        self.split_seed = integer_in("NoisyCIFAR", "split_seed", split_seed, 0, LARGEST)
        self.input_size = WIDTH
        self.output_size = 10
        self.train_size = 50_000 - valid_size

    @property
    def labels(self) -> Tensor:
        """The class of every image: those for training, then those for the test."""
        return load_cifar10().labels

    @property
    def class_counts(self) -> tuple[Tensor, Tensor]:
        """How often each class stands in the training set and in the test set."""
        train, test = (self.labels[self.indices(split)] for split in ("train", "test"))
        return train.bincount(minlength=10).double(), test.bincount(minlength=10).double()

    def indices(self, split: Literal["train"] | Split) -> Tensor:
        """Return which images belong to a split."""
        images = load_cifar10()
        if split == "test":
            return torch.arange(images.train_size, len(images.labels))
        order = torch.randperm(images.train_size, generator=stream(Stream.SPLIT, self.split_seed, 0))
        return order[self.valid_size :] if split == "train" else order[: self.valid_size]

    def train_inputs(self, indices: Tensor, seed: int, step: int) -> Tensor:  # noqa: ARG002 - fixed interface
        """Return rows, then noise."""
        return self.held_out_inputs(indices)

    def held_out_inputs(self, indices: Tensor) -> Tensor:
        """Return rows, then noise."""
        images = load_cifar10().images[indices]  # (batch, colour, row, column)
        rows = images.permute(2, 0, 1, 3).reshape(ROWS, len(indices), WIDTH).float() / 255
        noise = shared_noise(self.length - ROWS).unsqueeze(1).expand(-1, len(indices), -1)
        return torch.cat([rows, noise])

    def lengths(self, indices: Tensor) -> None:
        """All have `length` steps."""

    def options(self) -> dict[str, Any]:
        """Return length, valid_size and split_seed."""
        return {"length": self.length, "valid_size": self.valid_size, "split_seed": self.split_seed}

    def facts(self) -> dict[str, str]:
        """Return the lengths and the splits."""
        return {
            "length": f"{self.length} steps: 32 rows of 96 values, then noise that every sequence shares",
            "training": f"{self.train_size} images of CIFAR-10",
            "validation": f"{self.valid_size} images of the training set, drawn with split_seed {self.split_seed}",
            "test": "10000 images, CIFAR-10's test set",
            "baseline": "always the same class: accuracy 0.1",
        }


@lru_cache(maxsize=2)
def shared_noise(steps: int) -> Tensor:
    """Return the noise (steps, 96) behind every image; callers must not write to it."""
    return torch.randn(steps, WIDTH, generator=stream(Stream.SHARED_NOISE, 0, 0))
