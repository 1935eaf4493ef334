"""A Dask cluster of real processes does what this process does, also when a worker is killed in the middle of a run."""

import os
import subprocess
import sys
import threading

import pandas as pd
import pytest

from rnnzoo.study.checkpoint import CHECKPOINT
from rnnzoo.study.conduct import conduct
from rnnzoo.study.progress import Quiet
from rnnzoo.study.reading import read_plan
from rnnzoo.study.results import TIMED_COLUMNS, collect
from rnnzoo.study.run import Interrupted
from rnnzoo.study.workers import WorkersError, make_workers
from tests.study.files import TINY, write_study
from tests.study.test_run import config
from tests.study.test_workers import LONG, wait_for_records, wait_for_steps

pytest.importorskip("distributed", reason="the extra rnnzoo[cluster] is not installed")
pytest.importorskip("dask_jobqueue", reason="the extra rnnzoo[cluster] is not installed")

from tests.study import dask_cluster

pytestmark = pytest.mark.servers

STUDY = (
    TINY.replace("steps = 8", "steps = 500")
    .replace("trials = 3", "trials = 1")
    .replace("seeds = [1, 2]", "seeds = [1]")
)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    folder = tmp_path_factory.mktemp("dask")
    with dask_cluster.scheduler(folder) as file:
        yield folder, file


def rows(plan, root):
    return collect(plan, root).rows.drop(columns=list(TIMED_COLUMNS))


def test_a_study_with_a_worker_killed_has_the_rows_of_an_undisturbed_one(place, tmp_path):
    folder, file = place
    plan = read_plan(write_study(tmp_path, STUDY))
    conduct(plan, tmp_path / "whole", 1, Quiet())
    killed = []

    def kill_one():
        killed.append(dask_cluster.worker_of(tmp_path / "dask"))
        dask_cluster.kill(killed[0])

    with dask_cluster.workers(folder, file, 2) as processes:
        murder = threading.Thread(target=kill_one)
        murder.start()
        conduct(plan, tmp_path / "dask", None, Quiet(), dask=str(file))
        murder.join()
        assert killed[0] in [process.pid for process in processes]
        assert sorted(process.poll() is None for process in processes) == [False, True]
    whole, cut = rows(plan, tmp_path / "whole"), rows(plan, tmp_path / "dask")
    pd.testing.assert_frame_equal(cut, whole, check_exact=True)
    assert len(whole) == 4 * (1 + 1)
    assert whole.loc[whole["phase"] == "confirm", "memory_mib"].notna().all()
    assert not list((tmp_path / "dask").glob(".conductor-*"))


def test_a_stopped_study_leaves_checkpoints_and_a_worker_with_two_threads_is_refused(place, tmp_path):
    folder, file = place
    root = tmp_path / "runs"
    root.mkdir()
    long = config(training=LONG)
    with dask_cluster.workers(folder, file, 1):
        pool = make_workers(root, None, str(file))
        pool.submit(long)
        assert wait_for_steps(pool)[0][0] == long.run_id()
        pool.stop()
        with pytest.raises(Interrupted):
            wait_for_records(pool)
        pool.close()
        assert (root / f"{long.run_id()}.partial" / CHECKPOINT).exists()
    with dask_cluster.workers(folder, file, 1, "--nthreads", 2):
        pool = make_workers(root, None, str(file))
        pool.submit(config())
        with pytest.raises(WorkersError, match=r"has 2 threads.*--nthreads 1"):
            wait_for_records(pool)
        pool.close()


def test_a_lost_scheduler_ends_the_study_with_a_message(tmp_path):
    with dask_cluster.scheduler(tmp_path) as file:
        pool = make_workers(tmp_path, None, str(file))
        pool.submit(config())
    with pytest.raises(WorkersError, match="is gone; finished runs are kept"):
        wait_for_records(pool)
    pool.close()


def test_a_folder_that_the_workers_do_not_see_is_told(monkeypatch, tmp_path):
    from rnnzoo.study.workers import on_dask

    class Somewhere:
        address = "tcp://elsewhere:1"
        state = type("State", (), {"nthreads": 1})
        get_current_task = staticmethod(lambda: "key")

    monkeypatch.setattr(on_dask, "get_worker", Somewhere)
    monkeypatch.setattr(on_dask, "SEEN_SECONDS", 0)
    with pytest.raises(WorkersError, match=r"tcp://elsewhere:1 does not see the folder of runs .* --runs"):
        on_dask.do(config().model_dump_json(), str(tmp_path), "conductor", on_dask.versions())
    with pytest.raises(WorkersError, match=r"torch 1\.0: install the same"):
        on_dask.do(config().model_dump_json(), str(tmp_path), "conductor", {"torch": "1.0"})


def test_no_scheduler_ends_in_2_with_what_to_do(tmp_path):
    options = ["--runs", tmp_path / "runs", "--reports", tmp_path / "reports", "--dask", "tcp://127.0.0.1:9"]
    script = "import rnnzoo.study.workers.dask as d; d.CONNECT_SECONDS = 1.0; from rnnzoo.cli import main; main()"
    command = [sys.executable, "-c", script, "run", *map(str, [write_study(tmp_path), *options])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=os.environ)
    assert done.returncode == 2, done.stderr
    assert "no Dask scheduler answers at tcp://127.0.0.1:9" in done.stderr
    assert "Traceback" not in done.stderr
