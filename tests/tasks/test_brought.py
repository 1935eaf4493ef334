"""Tasks on data that users bring: what the sequences show is what the files hold, and wrong files are named."""

import importlib.util

import numpy as np
import pytest
import torch

from rnnzoo.data.errors import DataError
from rnnzoo.data.store import VARIABLE
from rnnzoo.data.ts import load_series
from rnnzoo.tasks.har2 import HAR2, SIGNALS, load_motion
from rnnzoo.tasks.noisy_cifar import NoisyCIFAR
from rnnzoo.tasks.text import Text, read_text
from tests.data.made import make_har, make_text, make_ts

needs_aeon = pytest.mark.skipif(importlib.util.find_spec("aeon") is None, reason="aeon reads .ts files; extra `data`")


@pytest.fixture
def root(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, str(tmp_path))
    caches = (load_motion, load_series, read_text)
    for cached in caches:
        cached.cache_clear()
    yield tmp_path
    for cached in caches:
        cached.cache_clear()


def test_a_photograph_is_fed_row_by_row_and_the_noise_is_shared(made_data):
    task = NoisyCIFAR(length=40, valid_size=100)
    batch = next(iter(task.held_out("test", 3)))
    from rnnzoo.data.cifar10 import load_cifar10

    images = load_cifar10()
    image = images.images[images.train_size]
    assert torch.equal(batch.x[7, 0], torch.cat([image[colour, 7] for colour in range(3)]) / 255)
    assert torch.equal(batch.x[32:, 0], batch.x[32:, 2])
    assert torch.equal(batch.x[32:, 0], task.train_batch(1, 1, 2).x[32:, 1])


def test_motion_signals_are_standardised_by_the_training_windows(root):
    make_har(root / "har")
    task = HAR2()
    whole = load_motion().windows[: load_motion().train_size]
    assert whole.mean((0, 1)) == pytest.approx(torch.zeros(9), abs=1e-6)
    assert whole.std((0, 1)) == pytest.approx(torch.ones(9), abs=1e-5)
    raw = np.loadtxt(root / "har" / "train" / "Inertial Signals" / f"{SIGNALS[4]}_train.txt")
    assert np.corrcoef(raw[5], whole[5, :, 4].numpy())[0, 1] == pytest.approx(1.0)
    groups = [int(task.labels[i]) for i in range(6)]  # activities 1 to 6
    assert groups == [1, 0, 1, 0, 1, 0]
    assert len(set(task.indices("train").tolist()) & set(task.indices("valid").tolist())) == 0


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("y_train.txt", "1\n2\n"),
        ("y_train.txt", "7\n" * 1210),
        ("y_train.txt", "walking\n" * 1210),
        ("y_train.txt", ""),
    ],
)
def test_a_damaged_table_is_named(root, file, content):
    make_har(root / "har")
    (root / "har" / "train" / file).write_text(content)
    with pytest.raises((DataError, UserWarning), match=r"har|y_train"):
        HAR2().train_batch(0, 0, 2)


def test_text_targets_are_the_next_characters_and_parts_do_not_overlap(root):
    make_text(root / "text")
    task = Text(length=20)
    batch = task.train_batch(3, 1, 4)
    shown = batch.x.argmax(-1)
    assert torch.equal(shown[1:], batch.target[:-1])
    whole = (root / "text" / "text.txt").read_text(encoding="utf-8")
    assert "".join(task.characters.alphabet[i] for i in shown[:, 0]) in whole
    assert sum(len(task.part(part)) for part in ("train", "valid", "test")) == len(whole)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"\xff\xfe\x00", "UTF-8"), (b"", "different characters"), (b"ab" * 30, "longer file")],
)
def test_a_text_that_will_not_do_is_named(root, content, said):
    (root / "text").mkdir()
    (root / "text" / "text.txt").write_bytes(content)
    with pytest.raises(DataError, match=said):
        Text()


@pytest.mark.parametrize("name", ["../secret", "a/b", "..", ""])
def test_no_name_leads_out_of_the_folder(root, name):
    with pytest.raises(DataError, match="plain names"):
        Text(file=name)


@needs_aeon
def test_series_of_different_lengths_come_with_their_lengths(root):
    from rnnzoo.tasks.uea import UEA

    make_ts(root / "uea" / "Mine", "Mine", classes=True, ragged=True)
    task = UEA("Mine", split="archive")
    batch = task.train_batch(0, 0, 5)
    assert batch.lengths is not None
    assert len(batch.x) == int(batch.lengths.max())
    for i, length in enumerate(batch.lengths.tolist()):
        assert (batch.x[length:, i] == 0).all()
        assert (batch.x[:length, i] != 0).all()
    assert len(task.indices("test")) == 120


@needs_aeon
def test_numbers_and_classes_are_not_taken_for_each_other(root):
    from rnnzoo.tasks.tser import TSER

    make_ts(root / "tser" / "Mine", "Mine", classes=True)
    with pytest.raises(DataError, match="targetlabel"):
        TSER("Mine")


def test_words_are_numbered_by_how_common_they_are_in_training(made_data):
    from rnnzoo.tasks.imdb import IMDB, load_reviews

    load_reviews.cache_clear()
    task = IMDB(words=4, most_steps=9)
    batch = next(iter(task.held_out("test", 50)))
    assert set(batch.x.unique().tolist()) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert int(batch.lengths.max()) == 9
    everything = [word for review in load_reviews().words[:440] for word in review]
    commonest = max(set(everything), key=lambda word: (everything.count(word), word))
    review, row = load_reviews().words[440], batch.x[:, 0, 0].tolist()
    assert [value == 2.0 for value in row] == [word == commonest for word in review[:9]]
