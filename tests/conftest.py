"""What every test gets: seeded generators and a single thread; and a stand-in for MNIST."""

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnzoo import beside
from rnnzoo.data.mnist import FASHION_CLASS_COUNTS, MNIST, TEST_CLASS_COUNTS, TEST_SIZE, TRAIN_CLASS_COUNTS, TRAIN_SIZE
from rnnzoo.data.store import VARIABLE
from rnnzoo.tasks import pixel_mnist
from tests.data.made import make_all

# Workers of pytest-xdist share the cores; and sums are added in one order only.
torch.set_num_threads(1)
beside.MOST = 1


@pytest.fixture(autouse=True)
def _seeded() -> None:
    random.seed(0)
    np.random.seed(0)
    torch.manual_seed(0)


@pytest.fixture
def without_figures() -> Iterator[None]:
    """Let reports be written without drawing."""
    from tests.report.undrawn import undrawn  # matplotlib takes a second, and few tests have to do with it

    with undrawn():
        yield


@pytest.fixture
def nan_in_fresh_memory() -> Iterator[None]:
    """Let every buffer that is not written before it is read show as NaN."""
    torch.use_deterministic_algorithms(True)
    assert torch.utils.deterministic.fill_uninitialized_memory
    yield
    torch.use_deterministic_algorithms(False)


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


@pytest.fixture(scope="session")
def made_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for RNNZOO_DATA: made-up files in the true formats, beside real MNIST where there is one."""
    root = make_all(tmp_path_factory.mktemp("data"))
    if (real := os.environ.get(VARIABLE)) and (Path(real) / "mnist").is_dir():
        (root / "mnist").symlink_to(Path(real).resolve() / "mnist", target_is_directory=True)
    return root


@pytest.fixture
def made_data(made_root: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Let the tasks on data that users bring read made-up files."""
    monkeypatch.setenv(VARIABLE, str(made_root))
    return made_root


@pytest.fixture
def mnist_or_surrogate(surrogate_mnist: Callable[[], MNIST], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the MNIST tasks run on the real files where RNNZOO_DATA says where they are, on random images elsewhere."""
    if not (Path(os.environ.get(VARIABLE, "")) / "mnist").is_dir() or not os.environ.get(VARIABLE):
        monkeypatch.setattr(pixel_mnist, "load_mnist", surrogate_mnist)
    # as many of each class as Fashion-MNIST has, on the same random images
    labels = torch.cat([torch.arange(10).repeat_interleave(torch.tensor(row)) for row in FASHION_CLASS_COUNTS])
    monkeypatch.setattr(pixel_mnist, "load_fashion", lambda: MNIST(surrogate_mnist().images, labels))
