"""Worker processes: they do runs, report steps, stop when asked, and their death is told."""

import os
import signal
import time

import pytest

from rnnzoo.study.run import Interrupted, execute
from rnnzoo.study.workers import Processes, WorkerDied
from tests.study.test_run import config, numbers

LONG = {"steps": 100_000, "batch_size": 4, "lr": 0.01, "evaluate_every": 50_000}


@pytest.fixture
def pool(tmp_path):
    workers = Processes(tmp_path / "runs", 2)
    yield workers
    workers.close()


def wait_for_steps(pool):
    """Wait until a run has reported steps."""
    seen = []
    until = time.monotonic() + 120
    while not seen and time.monotonic() < until:
        assert pool.wait(lambda run, step: seen.append((run, step))) == []
    assert seen
    return seen


def wait_for_ever(pool):
    """Wait for records that will not come."""
    while True:
        pool.wait(lambda *_: None)


def test_a_worker_gives_the_numbers_of_this_process(pool, tmp_path):
    pool.submit(config())
    records = []
    until = time.monotonic() + 120
    while not records and time.monotonic() < until:
        records = pool.wait(lambda *_: None)
    assert [numbers(record) for record in records] == [numbers(execute(config(), tmp_path / "here"))]


def test_a_stopped_worker_leaves_a_checkpoint(pool, tmp_path):
    long = config(training=LONG)
    pool.submit(long)
    seen = wait_for_steps(pool)
    assert seen[0][0] == long.run_id()
    pool.stop()
    with pytest.raises(Interrupted):
        wait_for_ever(pool)
    assert (tmp_path / "runs" / f"{long.run_id()}.partial" / "checkpoint.pt").exists()


def test_a_worker_that_dies_is_told_with_what_to_do(pool):
    pool.submit(config(training=LONG))
    wait_for_steps(pool)
    for pid in list(pool.pool._processes):
        os.kill(pid, signal.SIGKILL)
    with pytest.raises(WorkerDied, match="run the study again"):
        wait_for_ever(pool)
