import os
from collections.abc import Callable

import pytest
import torch

from rnnzoo.data.mnist import MNIST, TEST_CLASS_COUNTS, TEST_SIZE, TRAIN_CLASS_COUNTS, TRAIN_SIZE
from rnnzoo.data.store import VARIABLE
from rnnzoo.tasks import pixel_mnist


@pytest.fixture(scope="session")
def surrogate_mnist() -> Callable[[], MNIST]:
    """Random images under labels of MNIST's own frequencies: what the MNIST tasks need, without its files."""
    made: list[MNIST] = []

    def load() -> MNIST:
        if not made:
            generator = torch.Generator().manual_seed(0)
            counts = torch.tensor([TRAIN_CLASS_COUNTS, TEST_CLASS_COUNTS])
            labels = torch.cat([torch.arange(10).repeat_interleave(row) for row in counts])
            images = torch.randint(256, (TRAIN_SIZE + TEST_SIZE, 784), generator=generator, dtype=torch.uint8)
            made.append(MNIST(images, labels))
        return made[0]

    return load


@pytest.fixture
def mnist_or_surrogate(surrogate_mnist: Callable[[], MNIST], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the MNIST tasks run on the real files where RNNZOO_DATA says where they are, on random images elsewhere."""
    if not os.environ.get(VARIABLE):
        monkeypatch.setattr(pixel_mnist, "load_mnist", surrogate_mnist)
