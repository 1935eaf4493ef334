"""Images of MNIST's form fed a pixel or a row at a time: what smnist, psmnist and fashion share."""

from abc import abstractmethod
from functools import lru_cache
from typing import ClassVar, Literal, final

import torch
from torch import Tensor

from rnnzoo.checks import integer_in
from rnnzoo.data.mnist import (
    FASHION_CLASS_COUNTS,
    MNIST,
    TEST_CLASS_COUNTS,
    TEST_SIZE,
    TRAIN_CLASS_COUNTS,
    TRAIN_SIZE,
    load_fashion,
    load_mnist,
)
from rnnzoo.tasks.base import Split
from rnnzoo.tasks.labelled import LabelledTask
from rnnzoo.tasks.permutations import PIXELS
from rnnzoo.tasks.streams import LARGEST, Stream, stream

VALID_SIZE = 3000


class PixelMNIST(LabelledTask):
    """Abstract task: a 28 × 28 image as 784 steps of one pixel, in the order `self.order`, or as steps of several.

    x_t = pixels order[t w] … order[t w + w − 1] / 255 in [0, 1], with w = `width` pixels a step.

    Of the 60,000 training images, 3,000 drawn with `split_seed` are for validation, as in the coRNN authors' code
    (their own draw is not reproduced). The images are read at the first batch, not when the task is made.
    """

    dataset: ClassVar[Literal["mnist", "fashion"]] = "mnist"

    def __init__(self, split_seed: int, width: int = 1) -> None:
        self.split_seed = integer_in(type(self).__name__, "split_seed", split_seed, 0, LARGEST)
        self.input_size = width
        self.output_size = 10
        self.length = PIXELS // width
        self.train_size = TRAIN_SIZE - VALID_SIZE

    @property
    @abstractmethod
    def order(self) -> Tensor | None:
        """The order (784,) in which pixels are fed, or None for row by row."""

    @final
    @property
    def images(self) -> MNIST:
        """The images and their classes: the 60,000, then the 10,000."""
        return load_mnist() if self.dataset == "mnist" else load_fashion()

    @final
    @property
    def labels(self) -> Tensor:
        """The class of every image: the 60,000, then the 10,000."""
        return self.images.labels

    @final
    @property
    def class_counts(self) -> tuple[Tensor, Tensor]:
        """How often each class stands in the 60,000 and in the 10,000; known without the files."""
        train, test = FASHION_CLASS_COUNTS if self.dataset == "fashion" else (TRAIN_CLASS_COUNTS, TEST_CLASS_COUNTS)
        return torch.tensor(train).double(), torch.tensor(test).double()

    @final
    def indices(self, split: Literal["train"] | Split) -> Tensor:
        """Return which images belong to a split."""
        if split == "test":
            return torch.arange(TRAIN_SIZE, TRAIN_SIZE + TEST_SIZE)
        shuffled = shuffled_train(self.split_seed)
        return shuffled[VALID_SIZE:] if split == "train" else shuffled[:VALID_SIZE]

    @final
    def train_inputs(self, indices: Tensor, seed: int, step: int) -> Tensor:  # noqa: ARG002 - fixed interface
        """Return the pixels in order."""
        return self.held_out_inputs(indices)

    @final
    def lengths(self, indices: Tensor) -> None:
        """All have the same."""

    @final
    def held_out_inputs(self, indices: Tensor) -> Tensor:
        """Return the pixels in order."""
        pixels = self.images.images[indices].t()  # (784, batch), bytes
        if self.order is not None:
            pixels = pixels[self.order]
        scaled = pixels.to(torch.float32, memory_format=torch.contiguous_format).div_(255)
        return scaled.reshape(self.length, self.input_size, -1).transpose(1, 2).contiguous()

    @final
    def shared_facts(self) -> dict[str, str]:
        """Return the length and the sizes of the splits."""
        name = "MNIST" if self.dataset == "mnist" else "Fashion-MNIST"
        return {
            "length": f"{self.length} steps of {self.input_size if self.input_size > 1 else 'one'} "
            f"pixel{'s' if self.input_size > 1 else ''} in [0, 1]",
            "training": f"{self.train_size} images of {name}",
            "validation": f"{VALID_SIZE} images of {name}'s training set, drawn with split_seed {self.split_seed}",
            "test": f"{TEST_SIZE} images, {name}'s test set",
            "baseline": f"always the commonest class: accuracy {self.baseline:.4f}",
        }


@lru_cache(maxsize=2)
def shuffled_train(split_seed: int) -> Tensor:
    """Return 0 … 59,999 in the order of this seed: the first 3,000 are for validation."""
    return torch.randperm(TRAIN_SIZE, generator=stream(Stream.SPLIT, split_seed, 0))
