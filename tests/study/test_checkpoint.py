"""A run goes on from its newest sound checkpoint, whatever became of the others, and ends in the same numbers."""

import random
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import torch

from rnnzoo.randomness import random_states, restore, seed_all
from rnnzoo.records import run_folder
from rnnzoo.study.checkpoint import CHECKPOINT, PREVIOUS, VARIABLE, CheckpointWarning, checkpoint_seconds
from rnnzoo.study.run import Interrupted, execute
from tests.study.runs import config, numbers


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    return numbers(execute(config(), tmp_path_factory.mktemp("whole")))


@pytest.fixture
def partial(tmp_path, monkeypatch):
    """A run that was stopped after seven steps, with the checkpoints of the last two of them."""
    monkeypatch.setenv(VARIABLE, "0")
    steps = []
    with pytest.raises(Interrupted):
        execute(config(), tmp_path, steps.append, stop=lambda: len(steps) == 7)
    folder = tmp_path / f"{config().run_id()}.partial"
    assert {CHECKPOINT, PREVIOUS} < {file.name for file in folder.iterdir()}
    return folder


def flipped(path):
    """A bit in the middle of a tensor is turned: PyTorch itself reads such a file without a word."""
    content = bytearray(path.read_bytes())
    state = torch.load(path, weights_only=True)
    first = next(iter(state["model"].values())).numpy().tobytes()
    content[content.index(first) + len(first) // 2] ^= 1
    path.write_bytes(content)
    torch.load(path, weights_only=True)


class Hostile:
    def __reduce__(self):
        return (pytest.fail, ("code of a checkpoint was run",))


DAMAGE = {
    "empty": lambda path: path.write_bytes(b""),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:1000]),
    "text": lambda path: path.write_bytes(b"no checkpoint"),
    "a turned bit": flipped,
    "no training": lambda path: torch.save({"model": {}}, path),
    "no dictionary": lambda path: torch.save([1, 2], path),
    "code": lambda path: torch.save({"model": Hostile()}, path),
    "another model's": lambda path: torch.save(torch.load(path, weights_only=True) | {"model": {"W": 1}}, path),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
    "a dangling link": lambda path: (path.unlink(), path.symlink_to("/nowhere/at/all")),
    "a link": lambda path: (path.rename(path.with_name("x")), path.symlink_to(path.with_name("x"))),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_damaged_checkpoint_falls_back_to_the_one_before(partial, undisturbed, damage):
    DAMAGE[damage](partial / CHECKPOINT)
    steps = []
    with pytest.warns(CheckpointWarning, match=r"checkpoint\.pt cannot be read .*the one before it is tried"):
        record = execute(config(), partial.parent, steps.append)
    assert steps[0] == 7
    assert numbers(record) == undisturbed


def test_without_a_sound_checkpoint_the_run_starts_anew(partial, undisturbed):
    for name in (CHECKPOINT, PREVIOUS):
        (partial / name).write_bytes(b"no checkpoint")
    steps = []
    with pytest.warns(CheckpointWarning) as told:
        record = execute(config(), partial.parent, steps.append)
    assert ["the one before it" in str(w.message) for w in told] == [True, False]
    assert "the run starts anew" in str(told[1].message)
    assert steps[0] == 1
    assert numbers(record) == undisturbed


def test_a_kill_between_the_two_renames_costs_one_checkpoint(partial, undisturbed):
    (partial / CHECKPOINT).unlink()
    steps = []
    assert numbers(execute(config(), partial.parent, steps.append)) == undisturbed
    assert steps[0] == 7


def test_nothing_but_the_result_is_left(partial):
    (partial / ".record.json.abcdef").write_bytes(b"cut off by a kill")
    execute(config(), partial.parent)
    names = {file.name for file in run_folder(partial.parent, config()).iterdir()}
    assert names >= {"config.json", "curve.csv", "gradients.csv", "record.json", "weights.pt"}
    assert not [name for name in names if name.startswith((".", "checkpoint"))]


def test_a_run_killed_after_its_record_is_not_done_again(tmp_path, monkeypatch, undisturbed):
    execute(config(), tmp_path)
    final = run_folder(tmp_path, config())
    final.rename(final.with_name(final.name + ".partial"))
    monkeypatch.setattr("rnnzoo.study.run.make_model", lambda *_: pytest.fail("trained again"))
    assert numbers(execute(config(), tmp_path)) == undisturbed
    assert final.is_dir()


def test_every_generator_goes_on_where_it_was():
    def draws():
        return [torch.rand(3).tolist(), np.random.standard_normal(3).tolist(), random.gauss(0, 1), random.random()]

    seed_all(3)
    draws()
    states = random_states()
    expected = draws()
    seed_all(4)
    assert draws() != expected
    restore(states)
    assert draws() == expected


@pytest.mark.parametrize("text", ["soon", "-1", "nan"])
def test_a_wrong_time_between_checkpoints_is_an_error(monkeypatch, text):
    monkeypatch.setenv(VARIABLE, text)
    with pytest.raises(ValueError, match=f"{VARIABLE} = {text!r}: must be seconds, 0 or above"):
        checkpoint_seconds()


def test_a_run_killed_at_a_checkpoint_ends_in_the_same_numbers(tmp_path, monkeypatch):
    monkeypatch.setenv(VARIABLE, "0.2")
    script = (
        "import sys, pathlib, rnnzoo.study.run as r, rnnzoo.configuration as c\n"
        "r.execute(c.RunConfig.model_validate_json(sys.argv[1]), pathlib.Path(sys.argv[2]))"
    )
    long = config(training={"steps": 1500, "batch_size": 4, "lr": 0.01, "evaluate_every": 100})
    command = [sys.executable, "-c", script, long.model_dump_json(), str(tmp_path / "cut")]
    process = subprocess.Popen(command)
    checkpoint = tmp_path / "cut" / f"{long.run_id()}.partial" / CHECKPOINT
    until = time.monotonic() + 120
    while not checkpoint.exists() and time.monotonic() < until:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert checkpoint.exists()
    monkeypatch.delenv(VARIABLE)
    steps = []
    resumed = execute(long, tmp_path / "cut", steps.append)
    assert 1 < steps[0] < 1500
    assert numbers(resumed) == numbers(execute(long, tmp_path / "whole"))
