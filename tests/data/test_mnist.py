import gzip
import hashlib
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from rnnzoo.data import DataError, check
from rnnzoo.data.mnist import load_mnist, read_mnist

real_files = pytest.mark.skipif(
    not os.environ.get("RNNZOO_DATA"), reason="RNNZOO_DATA is not set: the real MNIST files are not at hand"
)


@pytest.fixture
def fresh() -> None:
    read_mnist.cache_clear()


@pytest.mark.usefixtures("fresh")
@pytest.mark.parametrize("packed", [True, False])
def test_images_and_labels_come_in_the_order_of_the_files(
    packed: bool, tiny: Path, contents: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "own" / "mnist"
    folder.mkdir(parents=True)
    for name, data in contents.items():
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data) if packed else data)
    monkeypatch.setenv("RNNZOO_DATA", str(tmp_path / "own"))
    images, labels = load_mnist()
    assert images.shape == (10, 784)
    assert images.dtype == torch.uint8
    assert images[:6].numpy().tobytes() == contents["train-images-idx3-ubyte"][16:]
    assert images[6:].numpy().tobytes() == contents["t10k-images-idx3-ubyte"][16:]
    expected = contents["train-labels-idx1-ubyte"][8:] + contents["t10k-labels-idx1-ubyte"][8:]
    assert labels.dtype == torch.int64
    assert labels.tolist() == list(expected)
    assert load_mnist().images.data_ptr() == images.data_ptr()
    (folder / "train-labels-idx1-ubyte").write_bytes(b"")  # another file than before: it is read anew, and damaged
    if packed:
        with pytest.raises(DataError, match="holds 0 bytes"):
            load_mnist()


@real_files
def test_the_real_files_are_whole() -> None:
    assert [status.state for status in check("mnist")] == 4 * ["ok"]


@real_files
def test_the_real_images_are_mnist_without_repeats() -> None:
    images, labels = load_mnist()
    assert images.shape == (70_000, 784)
    assert labels[:5].tolist() == [5, 0, 4, 1, 9]  # MNIST's well-known first digits
    assert len({hashlib.blake2b(image.tobytes()).digest() for image in np.asarray(images)}) == 70_000
