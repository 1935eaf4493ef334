"""CIFAR-10 is read from folder and archive alike, and a pickle that could run code is refused unread."""

import hashlib
import os
import pickle
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnnzoo.data import brought as brought_module
from rnnzoo.data.brought import BROUGHT
from rnnzoo.data.cifar10 import load_cifar10, parse_batch, read_cifar10
from rnnzoo.data.errors import DataError
from rnnzoo.data.store import VARIABLE
from tests.data.made import CIFAR_TEST, CIFAR_TRAIN, make_cifar10, pack_cifar10


@pytest.fixture
def folder(tmp_path, monkeypatch):
    make_cifar10(tmp_path / "cifar10")
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(brought_module, "cache_folder", lambda name: tmp_path / "cache" / name)
    read_cifar10.cache_clear()
    yield tmp_path / "cifar10"
    read_cifar10.cache_clear()


def test_images_and_labels_stand_as_in_the_batches(folder):
    found = load_cifar10()
    assert found.train_size == 5 * CIFAR_TRAIN
    assert found.images.shape == (5 * CIFAR_TRAIN + CIFAR_TEST, 3, 32, 32)
    last = pickle.loads((folder / "cifar-10-batches-py" / "test_batch").read_bytes(), encoding="bytes")
    assert torch.equal(found.images[5 * CIFAR_TRAIN :].flatten(1), torch.from_numpy(last[b"data"]))
    assert found.labels[5 * CIFAR_TRAIN :].tolist() == last[b"labels"]


def test_the_archive_gives_the_same_as_the_folder(folder, monkeypatch):
    from_folder = load_cifar10()
    archive = pack_cifar10(folder)
    for file in (folder / "cifar-10-batches-py").iterdir():
        file.unlink()
    (folder / "cifar-10-batches-py").rmdir()
    with pytest.raises(DataError, match="as its authors published it"):
        load_cifar10()  # the hash is not that of the real archive
    known = replace(BROUGHT["cifar10"].archive, sha256=hashlib.sha256(archive.read_bytes()).hexdigest())
    monkeypatch.setitem(BROUGHT, "cifar10", replace(BROUGHT["cifar10"], archive=known))
    from_archive = load_cifar10()
    assert torch.equal(from_archive.images, from_folder.images)
    assert torch.equal(from_archive.labels, from_folder.labels)


class Evil:
    """Unpickles into a call of os.mkdir."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def test_a_pickle_that_would_run_code_is_refused_and_does_not_run(tmp_path):
    trap = tmp_path / "trap"
    with pytest.raises(DataError, match="mkdir"):
        parse_batch(pickle.dumps({b"data": Evil(str(trap)), b"labels": []}), "batch")
    assert not trap.exists()


@pytest.mark.parametrize(
    "content",
    {
        "nothing": b"",
        "noise": b"\x80\x04noise",
        "a list": pickle.dumps([1, 2]),
        "no labels": pickle.dumps({b"data": np.zeros((2, 3072), np.uint8)}),
        "floats": pickle.dumps({b"data": np.zeros((2, 3072)), b"labels": [0, 1]}),
        "narrow": pickle.dumps({b"data": np.zeros((2, 10), np.uint8), b"labels": [0, 1]}),
        "a label too many": pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 1, 2]}),
        "label 10": pickle.dumps({b"data": np.zeros((2, 3072), np.uint8), b"labels": [0, 10]}),
    }.items(),
    ids=lambda case: case[0],
)
def test_what_is_no_batch_is_named(content):
    with pytest.raises(DataError, match="my batch"):
        parse_batch(content[1], "my batch")


def test_where_nothing_is_the_error_says_where_to_put_it(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    monkeypatch.setattr(brought_module, "cache_folder", lambda name: tmp_path / "cache" / name)
    with pytest.raises(DataError, match=r"rnnzoo data fetch cifar10.*RNNZOO_DATA"):
        load_cifar10()
