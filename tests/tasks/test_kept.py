"""Kept batches: the same as made ones, for whom they are and for nobody else, and no more than there is room for."""

import pytest
import torch

from rnnzoo.tasks import TASKS
from rnnzoo.tasks.kept import Kept

OPTIONS = {"adding": {"length": 6}, "copy": {"length": 3}, "padded_digits": {"length": 9}}


def make(name="adding", **changes):
    return TASKS[name](**(OPTIONS[name] | changes))


def same(a, b):
    return all(x is y or torch.equal(x, y) for x, y in zip(a, b, strict=True))


def weight(batch):
    return sum(part.untyped_storage().nbytes() for part in batch if part is not None)


@pytest.mark.parametrize("name", OPTIONS)
def test_a_batch_is_that_of_the_task_and_made_once(name):
    kept, task = Kept(), make(name)
    first = [kept.batches(task, 3, 4, 10)(step) for step in range(10)]
    assert all(same(batch, task.train_batch(3, step, 4)) for step, batch in enumerate(first))
    again = kept.batches(make(name), 3, 4, 10)  # another run has a task of its own
    assert all(again(step) is batch for step, batch in enumerate(first))


def test_runs_that_differ_in_seed_size_or_task_do_not_share_a_batch():
    kept, task = Kept(), make()
    first = kept.batches(task, 3, 4, 10)(0)
    for other, seed, size in ((task, 4, 4), (task, 3, 5), (make(length=7), 3, 4), (make("copy"), 3, 4)):
        found = kept.batches(other, seed, size, 10)(0)
        assert found is not first
        assert same(found, other.train_batch(seed, 0, size))


def test_nothing_is_kept_of_a_run_that_is_too_long():
    task = make()
    size = weight(task.train_batch(0, 0, 4))
    kept = Kept(10 * size)
    assert kept.batches(task, 0, 4, 11)(0) is not kept.batches(task, 0, 4, 11)(0)
    assert kept.bytes == 0
    assert kept.batches(task, 0, 4, 10)(0) is kept.batches(task, 0, 4, 10)(0)
    assert kept.bytes == size


def test_the_run_that_was_asked_for_longest_ago_makes_way():
    task = make()
    size = weight(task.train_batch(0, 0, 4))
    kept = Kept(10 * size)

    def run(seed):
        batches = kept.batches(task, seed, 4, 4)
        return [batches(step) for step in range(4)]

    first, second = run(0), run(1)
    assert all(a is b for a, b in zip(run(0), first, strict=True))
    run(2)
    assert kept.bytes == 8 * size
    assert all(a is b for a, b in zip(run(0), first, strict=True))
    assert not any(a is b for a, b in zip(run(1), second, strict=True))


@pytest.mark.parametrize("part", ["x", "target"])
def test_a_batch_that_was_written_to_is_made_again(part):
    kept, task = Kept(), make()
    spoilt = kept.batches(task, 0, 4, 10)(0)
    before = kept.bytes
    getattr(spoilt, part)[0] = 7.0
    again = kept.batches(task, 0, 4, 10)(0)
    assert same(again, task.train_batch(0, 0, 4))
    assert kept.batches(task, 0, 4, 10)(0) is again
    assert kept.bytes == before
