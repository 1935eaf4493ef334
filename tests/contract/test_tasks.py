"""What must be true of every task."""

import hashlib
import importlib.util
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.tasks import TASKS, Batch, Task
from rnnzoo.tasks.finite import FiniteTask
from rnnzoo.tasks.fitzhugh_nagumo import FitzHughNagumo
from rnnzoo.tasks.labelled import LabelledTask
from rnnzoo.tasks.text import Text
from rnnzoo.tasks.tser import TSER
from tests.tolerances import GRADIENTS

SMALL: dict[str, dict[str, Any]] = {
    "adding": {"length": 21, "held_out_size": 4000},
    "copy": {"length": 7, "held_out_size": 130},
    "padded_digits": {"length": 15},
    "smnist": {"split_seed": 3},
    "psmnist": {"permutation": "scornn", "split_seed": 3},
    "fashion": {"split_seed": 2},
    "noisy_cifar": {"length": 40, "valid_size": 300},
    "fitzhugh_nagumo": {"length": 50, "seed": 2},
    "har2": {"split_seed": 1},
    "uea": {"split": "archive"},
    "tser": {"split_seed": 4},
    "text": {"length": 20},
    "imdb": {"words": 300, "most_steps": 30},
}
NEEDS_FILES = ("smnist", "psmnist", "fashion")
WRONG: dict[str, list[tuple[dict[str, Any], type[Exception], list[str]]]] = {
    "adding": [
        ({"length": 1}, ValueError, ["length", "1", "[2, "]),
        ({"length": 10.0}, TypeError, ["length", "10.0", "integer"]),
        ({"held_out_size": 0}, ValueError, ["held_out_size", "0", "at least 1"]),
        ({"curriculum": 5}, TypeError, ["curriculum", "5", "list"]),
        ({"curriculum": [5]}, ValueError, ["curriculum_steps", "[]", "each of the 1 lengths"]),
        ({"curriculum": [1], "curriculum_steps": [3]}, ValueError, ["curriculum", "1", "[2, "]),
        ({"curriculum": [5], "curriculum_steps": [0]}, ValueError, ["curriculum_steps", "0", "at least 1"]),
    ],
    "copy": [
        ({"length": 0}, ValueError, ["length", "0", "[1, "]),
        ({"length": True}, TypeError, ["length", "True", "integer"]),
        ({"encoding": "binary"}, ValueError, ["encoding", "'binary'", "'one_hot', 'scalar'"]),
        ({"gaps": 1}, TypeError, ["gaps", "1"]),
        ({"held_out_size": 100_001}, ValueError, ["held_out_size", "100001", "[1, 100000]"]),
    ],
    "padded_digits": [
        ({"length": 7}, ValueError, ["length", "7", "[8, "]),
        ({"noise": "pink"}, ValueError, ["noise", "'pink'", "'fresh', 'shared'"]),
    ],
    "smnist": [
        ({"split_seed": -1}, ValueError, ["split_seed", "-1", "[0, 4294967295]"]),
        ({"split_seed": "0"}, TypeError, ["split_seed", "'0'", "integer"]),
    ],
    "fashion": [
        ({"split_seed": -1}, ValueError, ["split_seed", "-1", "[0, 4294967295]"]),
        ({"rows": 1}, TypeError, ["rows", "1"]),
    ],
    "noisy_cifar": [
        ({"length": 32}, ValueError, ["length", "32", "[33, "]),
        ({"valid_size": 0}, ValueError, ["valid_size", "0", "[1, 25000]"]),
    ],
    "fitzhugh_nagumo": [
        ({"length": 1}, ValueError, ["length", "1", "[2, "]),
        ({"seed": 1.5}, TypeError, ["seed", "1.5", "integer"]),
    ],
    "har2": [({"split_seed": -1}, ValueError, ["split_seed", "-1"])],
    "uea": [
        ({"dataset": 3}, TypeError, ["dataset", "3"]),
        ({"dataset": "Nowhere"}, ValueError, ["Nowhere", "RNNZOO_DATA"]),
        ({"split": "mine"}, ValueError, ["split", "'mine'", "'random', 'archive'"]),
    ],
    "tser": [
        ({"dataset": "../x"}, ValueError, ["plain names"]),
        ({"split_seed": 0.5}, TypeError, ["split_seed", "0.5"]),
    ],
    "imdb": [
        ({"words": 0}, ValueError, ["words", "0", "[1, 1000000]"]),
        ({"most_steps": 2.5}, TypeError, ["most_steps", "2.5", "integer"]),
    ],
    "text": [
        ({"file": "nothing.txt"}, ValueError, ["nothing.txt", "RNNZOO_DATA"]),
        ({"length": 1}, ValueError, ["length", "1", "[2, "]),
    ],
    "psmnist": [
        ({"permutation": "lem"}, ValueError, ["permutation", "'lem'", "'unicornn'", "'bit_reversal'"]),
        ({"split_seed": 2**32}, ValueError, ["split_seed", "4294967296"]),
    ],
}

pytestmark = pytest.mark.usefixtures("mnist_or_surrogate", "made_data")
READ_BY_AEON = ("uea", "tser")
HERE = [name for name in TASKS if name not in READ_BY_AEON or importlib.util.find_spec("aeon")]
needs_aeon = pytest.mark.skipif(importlib.util.find_spec("aeon") is None, reason="aeon reads .ts files; extra `data`")
every_task = pytest.mark.parametrize(
    "name", [pytest.param(name, marks=needs_aeon) if name in READ_BY_AEON else name for name in TASKS]
)


@cache
def small(name: str) -> Task:
    return TASKS[name](**SMALL[name])


def perfect(task: Task, target: Tensor) -> Tensor:
    """The answer that leaves no doubt and is right."""
    return target if target.is_floating_point() else 100.0 * F.one_hot(target, task.output_size)


def ignorant(task: Task, batch: Batch) -> Tensor:
    """The best answer that knows nothing of the past, worked out from what the task's docstring says of its data."""
    if isinstance(task, LabelledTask):
        frequencies = torch.bincount(task.labels[task.indices("train")], minlength=task.output_size).double()
        return (frequencies / frequencies.sum()).log().float().expand(len(batch.target), -1)
    if isinstance(task, TSER):
        return torch.full_like(batch.target, float(task.targets(task.indices("train")).mean()))
    if isinstance(task, FitzHughNagumo):
        return batch.x + mean_change(task, batch.x)
    if isinstance(task, Text):
        return after_each_character(task)[batch.x.argmax(-1)]
    if task.readout == "last":
        return torch.full_like(batch.target, 1.0)  # adding: the mean of the sum of two U(0, 1)
    certain_blank = torch.tensor([0.0] + 8 * [-1e4])
    even_guess = torch.tensor([-1e4] + 8 * [0.0])
    answer = certain_blank.expand(*batch.target.shape, -1).clone()
    answer[-10:] = even_guess
    return answer


def mean_change(task: FitzHughNagumo, v: Tensor) -> Tensor:
    """The training set's mean change in the one of 512 equally filled bins that v is in."""
    members = task.indices("train")
    before, after = task.held_out_inputs(members).double(), task.targets(members).double()
    ranked = before.flatten().sort().values
    edges = torch.from_numpy(np.quantile(ranked.numpy(), np.arange(1, 512) / 512))
    bins = torch.searchsorted(edges, before.flatten(), right=True)
    sums = torch.zeros(512, dtype=torch.float64).index_add(0, bins, (after - before).flatten())
    means = sums / bins.bincount(minlength=512)
    return means[torch.searchsorted(edges, v.double().contiguous(), right=True)].float()


def after_each_character(task: Text) -> Tensor:
    """Logarithms of how often each character follows each, all counts raised by one."""
    counts = torch.ones(task.input_size, task.input_size)
    for first, second in itertools.pairwise(task.part("train").tolist()):
        counts[first, second] += 1
    return (counts / counts.sum(1, keepdim=True)).log()


def mean_over_split(task: Task, split: Any, score: Callable[[Batch], Tensor]) -> tuple[float, int]:
    total, count = 0.0, 0
    for batch in task.held_out(split, 512):
        size = batch.x.shape[1]
        total, count = total + float(score(batch)) * size, count + size
    return total / count, count


def fingerprints(x: Tensor) -> set[bytes]:
    """A hash for each sequence of a batch."""
    return {hashlib.blake2b(sequence.numpy().tobytes(), digest_size=16).digest() for sequence in x.transpose(0, 1)}


def digest(task: Task) -> str:
    """A hash of a training batch and of the held-out batches."""
    batches = [task.train_batch(5, 3, 4), next(iter(task.held_out("valid", 4))), next(iter(task.held_out("test", 4)))]
    return hashlib.sha256(
        b"".join(t.contiguous().numpy().tobytes() for b in batches for t in b if t is not None)
    ).hexdigest()


def equal(a: Batch, b: Batch) -> bool:
    return torch.equal(a.x, b.x) and torch.equal(a.target, b.target)


def test_every_task_has_small_options_and_wrong_ones() -> None:
    assert set(SMALL) == set(WRONG) == set(TASKS)


@every_task
def test_batches_have_the_shapes_and_types_that_the_task_declares(name: str) -> None:
    task = small(name)
    batches = [task.train_batch(0, 0, 6), next(iter(task.held_out("valid", 6))), next(iter(task.held_out("test", 6)))]
    for x, target, lengths in batches:
        assert lengths is None or (len(lengths) == 6 and 1 <= int(lengths.min()) <= int(lengths.max()) <= len(x))
        assert x.shape == (task.length if lengths is None else int(lengths.max()), 6, task.input_size)
        assert x.dtype == torch.float32
        assert x.is_contiguous()
        assert x.isfinite().all()
        leading = (task.length, 6) if task.readout == "every" else (6,)
        if target.is_floating_point():
            assert target.dtype == torch.float32
            assert target.shape == (*leading, task.output_size)
        else:
            assert target.dtype == torch.int64
            assert target.shape == leading
            assert 0 <= target.min() <= target.max() < task.output_size


@every_task
def test_loss_and_scores_are_scalars_with_a_gradient(name: str) -> None:
    task = small(name)
    batch = task.train_batch(0, 0, 6)
    answer = torch.randn_like(perfect(task, batch.target).float()).requires_grad_()
    loss = task.loss(answer, batch.target)
    (gradient,) = torch.autograd.grad(loss, answer)
    assert loss.shape == ()
    assert gradient.abs().sum() > 0
    scores = {"score": task.score(answer, batch.target), **task.extra_scores(answer, batch.target)}
    assert all(value.shape == () and value.isfinite() for value in scores.values())


@every_task
def test_the_gradient_of_the_loss_is_autograds(name: str) -> None:
    task = small(name)
    batch = task.train_batch(0, 0, 6)
    target = batch.target.double() if batch.target.is_floating_point() else batch.target
    answer = torch.randn_like(perfect(task, batch.target).double()).requires_grad_()
    expected = task.loss(answer, target)
    (of_answer,) = torch.autograd.grad(expected, answer)
    loss, gradient = task.loss_and_gradient(answer.detach(), target)
    assert not loss.requires_grad
    GRADIENTS.assert_close(loss, expected.detach())
    GRADIENTS.assert_close(gradient, of_answer)


@every_task
def test_a_batch_is_a_function_of_seed_and_step(name: str) -> None:
    task, other = small(name), TASKS[name](**SMALL[name])
    batch = task.train_batch(1, 2, 5)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    assert equal(batch, other.train_batch(1, 2, 5))
    assert torch.equal(before, torch.get_rng_state()), "drawing a batch moved the global generator"
    assert not equal(batch, task.train_batch(1, 3, 5))
    assert not equal(batch, task.train_batch(2, 2, 5))


def test_a_fresh_process_draws_the_same_batches() -> None:
    real = (Path(os.environ["RNNZOO_DATA"]) / "mnist").is_dir()
    names = [name for name in HERE if name != "fashion" and (name not in NEEDS_FILES or real)]
    assert names
    program = (
        "import json, sys; sys.path[:0] = [sys.argv[1]]; import test_tasks as t; "
        "print(json.dumps({name: t.digest(t.small(name)) for name in sys.argv[2:]}))"
    )
    command = [sys.executable, "-c", program, os.path.dirname(__file__), *names]  # noqa: PTH120 - as sys.path has it
    there = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert there == {name: digest(small(name)) for name in names}


@every_task
def test_held_out_sets_do_not_depend_on_the_batching(name: str) -> None:
    task = small(name)
    whole = list(task.held_out("valid", 10_000))
    parts = list(task.held_out("valid", 77))
    assert len(whole) == 1
    assert all(part.x.shape[1] <= 77 for part in parts)
    sequences_at = 1 if whole[0].target.dim() > 1 and task.readout == "every" else 0
    assert torch.equal(whole[0].x, torch.cat([part.x for part in parts], dim=1))
    assert torch.equal(whole[0].target, torch.cat([part.target for part in parts], dim=sequences_at))


@every_task
def test_no_sequence_is_in_two_splits(name: str) -> None:
    task = small(name)
    # the whole training set where there is one, some thousands of fresh sequences elsewhere
    steps = task.steps_per_epoch(1000) if isinstance(task, FiniteTask) else 20
    train = set[bytes]().union(*(fingerprints(task.train_batch(0, step, 1000).x) for step in range(steps)))
    valid = set[bytes]().union(*(fingerprints(batch.x) for batch in task.held_out("valid", 1000)))
    test = set[bytes]().union(*(fingerprints(batch.x) for batch in task.held_out("test", 1000)))
    assert len(valid) > 100
    assert len(test) > 100
    # two of 20,000 fresh sequences of copy's 8^10 are the same with probability 0.17, five pairs practically never
    if isinstance(task, FiniteTask):
        assert len(train) == len(task.indices("train"))
    elif not isinstance(task, Text):  # windows of a text may overlap
        assert 20_000 - 5 < len(train) <= 20_000
    assert not train & valid
    assert not train & test
    assert not valid & test


@every_task
def test_a_perfect_answer_scores_the_best(name: str) -> None:
    task = small(name)
    score, _ = mean_over_split(task, "test", lambda batch: task.score(perfect(task, batch.target), batch.target))
    assert score == pytest.approx(task.metric.best, abs=1e-7)  # float32 means over at most 10,000 terms
    assert task.normalised(score) == pytest.approx(1.0, abs=1e-5)
    assert task.metric.better(task.metric.best, task.baseline)


@every_task
def test_the_baseline_is_what_an_ignorant_answer_scores(name: str) -> None:
    task = small(name)
    score, count = mean_over_split(task, "test", lambda batch: task.score(ignorant(task, batch), batch.target))
    loss, _ = mean_over_split(task, "test", lambda batch: task.loss(ignorant(task, batch), batch.target))
    # adding: (u + u' − 1)² has the variance 7/180, so the mean of n varies by sqrt(7/180/n): four of these.
    # The others are exact up to float32, which is relative where the score is large, as of a heart rate;
    # MNIST's loss up to the 3,000 images that its training set lacks.
    tolerance = 4 * (7 / 180 / count) ** 0.5 if name == "adding" else 1e-6 * max(1.0, task.baseline)
    assert score == pytest.approx(task.baseline, abs=tolerance)
    assert loss == pytest.approx(task.baseline_loss, abs=max(tolerance, 1e-3 if name in NEEDS_FILES else 1e-5))


@every_task
def test_no_other_constant_beats_the_baseline_by_more_than_chance(name: str) -> None:
    task = small(name)
    best = task.baseline
    for split in ("valid", "test"):
        targets = torch.cat([batch.target.flatten() for batch in task.held_out(split, 1000)])
        count = len(targets)
        if targets.is_floating_point():
            squares = (targets.double() - targets.double().mean()).square()
            assert float(squares.mean()) > best - 4 * float(squares.std()) / count**0.5
        elif task.readout == "last":
            commonest = float(targets.bincount().max() / count)
            assert commonest < best + 4 * (best * (1 - best) / count) ** 0.5


@every_task
def test_options_rebuild_the_task_and_are_plain(name: str) -> None:
    for task in (small(name), TASKS[name]()):
        options = task.options()
        again = TASKS[name](**json.loads(json.dumps(options)))
        assert again.options() == options
        assert again.facts() == task.facts()
        assert equal(again.train_batch(4, 1, 3), task.train_batch(4, 1, 3))
    assert {**small(name).options(), **SMALL[name]} == small(name).options()


@every_task
def test_facts_and_summary_are_text(name: str) -> None:
    task = small(name)
    assert task.summary
    assert "\n" not in task.summary
    facts = task.facts()
    assert {"length", "training", "validation", "test", "baseline"} <= set(facts)
    assert all(isinstance(value, str) and value for value in facts.values())
    assert str(task.length) in facts["length"]


@pytest.mark.parametrize(
    ("name", "options", "error", "words"), [(name, *case) for name, cases in WRONG.items() for case in cases]
)
def test_wrong_options_are_errors_that_name_option_value_and_range(
    name: str, options: dict[str, Any], error: type[Exception], words: list[str]
) -> None:
    with pytest.raises(error) as raised:
        TASKS[name](**options)
    assert all(word in str(raised.value) for word in words), str(raised.value)


@every_task
@pytest.mark.parametrize(
    ("seed", "step", "batch_size", "word"),
    [(-1, 0, 2, "seed"), (2**32, 0, 2, "seed"), (0, -1, 2, "index"), (0, 0, 0, "batch_size")],
)
def test_wrong_seeds_steps_and_batch_sizes_are_errors(
    name: str, seed: int, step: int, batch_size: int, word: str
) -> None:
    with pytest.raises(ValueError, match=word):
        small(name).train_batch(seed, step, batch_size)
