"""Small data sets in the true formats of their authors, made up: what a user's folder would hold."""

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

CIFAR_TRAIN, CIFAR_TEST = 720, 300


def make_all(root: Path) -> Path:
    """Fill a folder for RNNZOO_DATA with every data set that users bring; return it."""
    make_cifar10(root / "cifar10")
    make_har(root / "har")
    make_ts(root / "uea" / "EigenWorms", "EigenWorms", classes=True)
    make_ts(root / "tser" / "BIDMC32HR", "BIDMC32HR", classes=False)
    make_text(root / "text")
    make_imdb(root / "imdb")
    return root


def make_cifar10(folder: Path) -> None:
    """Pickled batches as the authors wrote them: bytes as keys, one row a picture."""
    target = folder / "cifar-10-batches-py"
    target.mkdir(parents=True)
    random = np.random.default_rng(0)
    for name in [f"data_batch_{i}" for i in range(1, 6)] + ["test_batch"]:
        size = CIFAR_TEST if name == "test_batch" else CIFAR_TRAIN
        batch = {
            b"batch_label": name.encode(),
            b"labels": random.permutation(np.arange(size) % 10).tolist(),
            b"data": random.integers(0, 256, (size, 3072), dtype=np.uint8),
            b"filenames": [b"x.png"] * size,
        }
        (target / name).write_bytes(pickle.dumps(batch, protocol=2))


def pack_cifar10(folder: Path) -> Path:
    """Put the batches of `folder` into an archive as the authors' own, and return it."""
    archive = folder / "cifar-10-python.tar.gz"
    with tarfile.open(archive, "w:gz") as file:
        file.add(folder / "cifar-10-batches-py", "cifar-10-batches-py")
    return archive


def make_har(folder: Path) -> None:
    """Tables of 128 numbers a line for nine signals, and an activity a line."""
    random = np.random.default_rng(1)
    for part, size in (("train", 1210), ("test", 130)):
        signals = folder / part / "Inertial Signals"
        signals.mkdir(parents=True)
        np.savetxt(folder / part / f"y_{part}.txt", np.arange(size) % 6 + 1, fmt="%d")
        for kind in ("body_acc", "body_gyro", "total_acc"):
            for axis in "xyz":
                np.savetxt(signals / f"{kind}_{axis}_{part}.txt", random.normal(2, 3, (size, 128)), fmt="%.7e")


def make_ts(folder: Path, name: str, *, classes: bool, ragged: bool = False) -> None:
    """Series of two channels with a class or a number to each."""
    folder.mkdir(parents=True)
    random = np.random.default_rng(2)
    for part, size in (("TRAIN", 800), ("TEST", 120)):
        file = io.StringIO()
        header = "@classlabel true b a c" if classes else "@targetlabel true"
        file.write(f"@problemName {name}\n@timeStamps false\n@missing false\n@univariate false\n@dimensions 2\n")
        file.write(f"@equalLength {str(not ragged).lower()}\n")
        file.write("" if ragged else "@seriesLength 30\n")
        file.write(f"{header}\n@data\n")
        for i in range(size):
            steps = 30 - i % 7 if ragged else 30
            channels = [",".join(f"{value:.6f}" for value in random.normal(size=steps)) for _ in range(2)]
            target = "abc"[i % 3] if classes else f"{60 + 10 * random.normal():.4f}"
            file.write(":".join([*channels, target]) + "\n")
        (folder / f"{name}_{part}.ts").write_text(file.getvalue())


def make_text(folder: Path) -> None:
    """A text in which letters depend on the one before: each is near it in the alphabet."""
    folder.mkdir(parents=True)
    steps = np.random.default_rng(3).choice([-2, -1, 1, 5], 60_000)
    alphabet = "abcdefghijkl mnoß"
    (folder / "text.txt").write_text("".join(alphabet[i % len(alphabet)] for i in steps.cumsum()), encoding="utf-8")


def make_imdb(folder: Path) -> None:
    """A file a review, of words that hang together with its kind."""
    random = np.random.default_rng(4)
    for part, size in (("train", 220), ("test", 60)):
        for kind, words in (("neg", "bad dull long the a film it's"), ("pos", "good fine bright the a film it's")):
            place = folder / part / kind
            place.mkdir(parents=True)
            for i in range(size):
                chosen = random.choice(words.split(), random.integers(6, 15))
                text = f"{' '.join(chosen)} number {i} of {part} {kind}.<br />End!"
                (place / f"{i}_7.txt").write_text(text, encoding="utf-8")
