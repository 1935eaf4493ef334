import gzip
import hashlib
import struct
from pathlib import Path

import numpy as np
import pytest

from rnnzoo.data import store
from rnnzoo.data.sources import SOURCES, Source, SourceFile

SHAPES = {
    "train-images-idx3-ubyte": (6, 28, 28),
    "train-labels-idx1-ubyte": (6,),
    "t10k-images-idx3-ubyte": (4, 28, 28),
    "t10k-labels-idx1-ubyte": (4,),
}


def idx(array: np.ndarray) -> bytes:
    """The array as an IDX file."""
    return struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()


@pytest.fixture
def contents() -> dict[str, bytes]:
    """The unpacked files of a tiny MNIST."""
    random = np.random.default_rng(0)
    return {name: idx(random.integers(0, 10, shape)) for name, shape in SHAPES.items()}


@pytest.fixture
def tiny(contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Put a tiny MNIST in MNIST's place, with an empty cache and no user's folder; return the cache's folder."""
    files = []
    for name, shape in SHAPES.items():
        archive = gzip.compress(contents[name], mtime=0)
        hashes = [hashlib.sha256(data).hexdigest() for data in (contents[name], archive)]
        files.append(SourceFile(name, shape, hashes[0], f"sha256:{hashes[1]}", len(archive)))
    # port 9 (discard) is closed: a download that no test provides for fails at once
    source = Source("mnist", "a tiny MNIST", tuple(files), ("http://127.0.0.1:9/mnist/",), "none", "none")
    cache = tmp_path / "cache" / "mnist"
    monkeypatch.setitem(SOURCES, "mnist", source)
    monkeypatch.setattr(store, "cache_folder", lambda name: tmp_path / "cache" / name)
    monkeypatch.delenv(store.VARIABLE, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    return cache
