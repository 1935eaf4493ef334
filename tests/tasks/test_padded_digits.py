from typing import Any

import pytest
import torch
from sklearn.datasets import load_digits

from rnnzoo.tasks import padded_digits
from rnnzoo.tasks.padded_digits import PaddedDigits


def whole(task: PaddedDigits, split: Any) -> torch.Tensor:
    return next(iter(task.held_out(split, 10_000))).x


def test_rows_of_the_image_come_first_scaled_to_one() -> None:
    task = PaddedDigits(12)
    x, target, _ = next(iter(task.held_out("test", 20)))
    images = load_digits()
    for column, index in enumerate(task.indices("test")[:20].tolist()):
        assert torch.equal(x[:8, column].double() * 16, torch.from_numpy(images.images[index]))
        assert target[column] == images.target[index]


def test_the_images_are_those_of_scikit_learn_wherever_it_keeps_them(monkeypatch: pytest.MonkeyPatch) -> None:
    read = padded_digits._table()
    monkeypatch.setattr(padded_digits, "find_spec", lambda _: None)
    assert (padded_digits._table() == read).all()


def test_without_padding_there_is_no_noise() -> None:
    task = PaddedDigits(8)
    assert whole(task, "valid").shape == (8, len(task.indices("valid")), 8)
    assert task.train_batch(0, 0, 3).x.shape == (8, 3, 8)
    assert PaddedDigits(8, noise="shared").train_batch(0, 0, 3).x.shape == (8, 3, 8)


@pytest.mark.parametrize("draw", ["train", "valid"])
def test_fresh_noise_is_standard_normal_and_differs_between_sequences(draw: str) -> None:
    task = PaddedDigits(100)
    noise = (task.train_batch(0, 0, 300).x if draw == "train" else whole(task, "valid")[:, :300])[8:]
    # 220,800 values: four standard errors of mean and standard deviation are below 0.009
    assert noise.mean().item() == pytest.approx(0, abs=0.009)
    assert noise.std().item() == pytest.approx(1, abs=0.009)
    flat = noise.transpose(0, 1).flatten(1)
    correlation = torch.corrcoef(flat) - torch.eye(300)
    assert correlation.abs().max() < 0.25  # 736 values: 0.037 is one standard error, 45,000 pairs reach five


def test_fresh_noise_is_drawn_anew_when_an_image_comes_again() -> None:
    task = PaddedDigits(20)
    steps = task.steps_per_epoch(2000)
    assert steps == 1
    first, again = task.train_batch(0, 0, 2000), task.train_batch(0, 1, 2000)
    a = {tuple(s[:8].flatten().tolist()): s[8:] for s in first.x.unbind(1)}
    b = {tuple(s[:8].flatten().tolist()): s[8:] for s in again.x.unbind(1)}
    assert a.keys() == b.keys()
    assert not any(torch.equal(a[image], b[image]) for image in a)
    assert not torch.equal(first.x[8:], again.x[8:])


def test_shared_noise_is_one_for_all() -> None:
    task = PaddedDigits(30, noise="shared")
    train, valid = task.train_batch(7, 5, 9).x[8:], whole(task, "valid")[8:]
    assert torch.equal(train, valid[:, :1].expand(-1, 9, -1))
    assert torch.equal(valid, valid[:, :1].expand_as(valid))
    assert 0.7 < valid[:, 0].std() < 1.3  # 176 values of a standard normal


def test_the_splits_are_disjoint_stratified_and_cover_all_images() -> None:
    task = PaddedDigits()
    parts = {split: task.indices(split) for split in ("train", "valid", "test")}
    together = torch.cat(list(parts.values()))
    assert torch.equal(together.sort().values, torch.arange(1797))
    counts = torch.bincount(task.labels)
    for split, share in {"train": 0.6, "valid": 0.2, "test": 0.2}.items():
        mine = torch.bincount(task.labels[parts[split]])
        assert ((mine - share * counts).abs() <= 1.2).all()  # whole images; train may be 1.2 off in a class of 5k + 3
    assert (len(parts["train"]), len(parts["valid"]), len(parts["test"])) == (1085, 357, 355)


@pytest.mark.parametrize("batch_size", [1085, 100, 31, 5000])
def test_an_epoch_shows_every_training_image_once(batch_size: int) -> None:
    task = PaddedDigits(8)
    steps = task.steps_per_epoch(batch_size)
    orders = []
    for epoch in range(2):
        batches = [task.train_batch(3, epoch * steps + step, batch_size) for step in range(steps)]
        assert all(len(batch.target) == min(batch_size, 1085) for batch in batches[:-1])
        shown = torch.cat([batch.x for batch in batches], dim=1).transpose(0, 1).flatten(1)
        labels = torch.cat([batch.target for batch in batches])
        assert len(shown) == 1085
        assert len(shown.unique(dim=0)) == 1085
        assert torch.equal(torch.bincount(labels), torch.bincount(task.labels[task.indices("train")]))
        orders.append(labels)
    assert not torch.equal(*orders)


def test_kept_noise_is_that_of_every_evaluation(monkeypatch: pytest.MonkeyPatch) -> None:
    task = PaddedDigits(20)
    first, again = whole(task, "valid"), whole(task, "valid")
    monkeypatch.setattr(padded_digits, "LONGEST_KEPT", 0)
    drawn = whole(task, "valid")
    assert torch.equal(first, again)
    assert torch.equal(first, drawn)
    assert not torch.equal(first[8:], whole(PaddedDigits(21), "valid")[8:20])
