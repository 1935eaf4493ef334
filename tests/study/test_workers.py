"""Worker processes: they do runs, report steps, stop when asked, and when one vanishes its run is begun again."""

import os
import signal
import time
import warnings
from pathlib import Path

import pytest

from rnnzoo.records import COST, RecordError, read_cost, read_record, run_folder
from rnnzoo.study import forkserver
from rnnzoo.study.checkpoint import CHECKPOINT
from rnnzoo.study.run import Interrupted, execute, measure_cost
from rnnzoo.study.workers import Processes, vanished
from rnnzoo.study.workers.processes import _portable
from rnnzoo.study.workers.vanished import Tries
from tests.study.test_run import config, numbers

LONG = {"steps": 100_000, "batch_size": 4, "lr": 0.01, "evaluate_every": 50_000}
SHORT = {"steps": 600, "batch_size": 4, "lr": 0.01, "evaluate_every": 200}


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    return tmp_path_factory.mktemp("workers") / "runs"


@pytest.fixture(scope="module")
def pool(root):
    """Two workers for all tests: what happens to one run must not harm the next."""
    workers = Processes(root, 2)
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


def wait_for_records(pool):
    """Wait until a run has ended."""
    until = time.monotonic() + 120
    while time.monotonic() < until:
        if records := pool.wait(lambda *_: None):
            return records
    raise TimeoutError("no run ended")


def kill_workers(pool):
    for worker in pool.workers:
        os.kill(worker.process.pid, signal.SIGKILL)


def test_a_worker_gives_the_numbers_of_this_process(pool, tmp_path):
    pool.submit(config())
    assert [numbers(record) for record in wait_for_records(pool)] == [numbers(execute(config(), tmp_path / "here"))]


def test_a_stopped_worker_leaves_a_checkpoint(tmp_path):
    long, pool = config(training=LONG), Processes(tmp_path / "runs", 1)
    pool.submit(long)
    seen = wait_for_steps(pool)
    assert seen[0][0] == long.run_id()
    pool.stop()
    with pytest.raises(Interrupted):
        wait_for_records(pool)
    assert (tmp_path / "runs" / f"{long.run_id()}.partial" / CHECKPOINT).exists()
    with pytest.raises(Interrupted):
        pool.submit(config())
    pool.close()


def test_the_run_of_a_killed_worker_ends_in_the_same_numbers(pool, tmp_path):
    short = config(training=SHORT)
    pool.submit(short)
    wait_for_steps(pool)
    kill_workers(pool)
    with pytest.warns(UserWarning, match="a worker vanished .* the run is begun again"):
        records = wait_for_records(pool)
    assert [numbers(record) for record in records] == [numbers(execute(short, tmp_path / "here"))]


def test_a_run_that_takes_every_worker_with_it_fails_and_others_go_on(pool, root, monkeypatch):
    monkeypatch.setattr(vanished, "TRIES", 2)
    long = config(training=LONG)
    pool.submit(long)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for _ in range(vanished.TRIES - 1):
            wait_for_steps(pool)
            kill_workers(pool)
            pool.wait(lambda *_: None)
        wait_for_steps(pool)
        kill_workers(pool)
        (record,) = wait_for_records(pool)
    assert record.state == "failed"
    assert "vanished 2 times" in record.reason
    assert read_record(run_folder(root, long)) == record
    pool.submit(config(seed=11))
    (record,) = wait_for_records(pool)
    assert record.state == "finished"


def test_a_warning_of_a_worker_is_a_warning_of_the_conductor(pool, root):
    damaged = root / f"{config(seed=12).run_id()}.partial" / CHECKPOINT
    damaged.parent.mkdir(parents=True)
    damaged.write_bytes(b"nothing")
    pool.submit(config(seed=12))
    with pytest.warns(UserWarning, match="cannot be read"):
        wait_for_records(pool)


def test_what_a_worker_cannot_do_is_told(pool, root):
    folder = run_folder(root, config(seed=13))
    folder.mkdir(parents=True)
    (folder / "record.json").write_text("{")
    pool.submit(config(seed=13))
    with pytest.raises(ValueError, match="delete the folder"):
        wait_for_records(pool)


def test_the_last_worker_measures_and_if_it_is_killed_this_process_does(tmp_path, monkeypatch):
    here = []
    monkeypatch.setattr(
        "rnnzoo.study.workers.processes.measure_cost", lambda *given: here.append(given) or measure_cost(*given)
    )
    pool, runs = Processes(tmp_path, 2), [config(seed=seed) for seed in (1, 2, 3)]
    for run in runs[:2]:
        pool.submit(run)
    while len(list(tmp_path.glob("*/record.json"))) < 2:
        wait_for_records(pool)
    pool.submit(runs[2])
    wait_for_records(pool)

    pool.measure(runs[0])
    assert read_cost(run_folder(tmp_path, runs[0]))["exclusive"] in (0.0, 1.0)
    assert len(pool.workers) == 1
    assert here == []

    kill_workers(pool)
    pool.measure(runs[1])
    assert read_cost(run_folder(tmp_path, runs[1]))["seconds_per_step"] > 0
    assert pool.workers == []
    assert here == [(runs[1], tmp_path)]
    pool.close()


def test_a_failed_measurement_is_told(tmp_path):
    pool = Processes(tmp_path, 1)
    pool.submit(config())
    wait_for_records(pool)
    (run_folder(tmp_path, config()) / COST).mkdir()  # in the place of the file
    with pytest.raises(RecordError):
        pool.measure(config())
    pool.close()


def test_an_exception_that_cannot_be_sent_becomes_one_that_can():
    class Local(Exception):  # noqa: N818 - a class that another process does not know
        pass

    error = _portable(Local("why"))
    assert str(error) == "Local: why"
    assert "Local: why" in "".join(error.__notes__)


@pytest.mark.parametrize(
    ("began", "outcome"),
    [
        ([1, 1, 1], [True, True, False]),
        ([1, 400, 800, 1200], [True, True, True, True]),
        ([1, 400, 400, 400], [True, True, True, False]),
        ([None, None, None], [True, True, False]),
    ],
)
def test_tries_are_counted_a_checkpoint(began, outcome):
    tries = Tries(config())
    worth = []
    for step in began:
        if step is not None:
            tries.stepped(step)
            tries.stepped(step + 50)
        worth.append(tries.again())
    assert worth == outcome


@pytest.mark.skipif(not forkserver.FORKS, reason="workers are forked on Linux without a GPU alone")
def test_workers_are_forked_from_the_process_that_has_their_imports(pool):
    pool.submit(config(seed=14))
    wait_for_records(pool)
    for worker in pool.workers:
        parent = int(Path(f"/proc/{worker.process.pid}/stat").read_text().rpartition(")")[2].split()[1])
        command = Path(f"/proc/{parent}/cmdline").read_bytes().decode()
        assert parent != os.getpid()
        assert all(repr(module) in command for module in forkserver.IMPORTED)


def test_a_worker_has_the_environment_of_now(pool, tmp_path, monkeypatch):
    pool.submit(config(seed=15))  # so that the process that workers are forked from has begun
    wait_for_records(pool)
    monkeypatch.setenv("RNNZOO_CACHE", str(tmp_path / "kernels"))
    monkeypatch.setenv("CXX", "/nonexistent/compiler")
    later = Processes(tmp_path / "runs", 1)
    later.submit(config(seed=16))
    with pytest.warns(UserWarning, match="/nonexistent/compiler"):
        (record,) = wait_for_records(later)
    later.close()
    assert record.engine == "reference"
