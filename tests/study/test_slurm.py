"""Slurm's jobs do what this process does, also when one is cancelled in the middle of a run."""

import subprocess
import sys
import threading

import pandas as pd
import pytest

from rnnzoo.study.conduct import conduct
from rnnzoo.study.progress import Quiet
from rnnzoo.study.reading import read_plan
from rnnzoo.study.results import TIMED_COLUMNS, collect
from rnnzoo.study.workers import WorkersError, make_workers
from tests.study import dask_cluster, slurm_node
from tests.study.files import TINY, write_study

pytest.importorskip("dask_jobqueue", reason="the extra rnnzoo[cluster] is not installed")

pytestmark = pytest.mark.servers

STUDY = (
    TINY.replace("steps = 8", "steps = 500")
    .replace("trials = 3", "trials = 1")
    .replace("seeds = [1, 2]", "seeds = [1]")
)

CHILD = """
import sys
import dask
study, runs, logs = sys.argv[1:]
job = {"memory": "300MB", "job-mem": "300MB", "interface": "lo", "log-directory": logs}
job |= {"worker-extra-args": ["--memory-limit", "0"], "scheduler-options": {"dashboard_address": ":0"}}
dask.config.set({f"jobqueue.slurm.{key}": value for key, value in job.items()})
from rnnzoo.cli import main
sys.argv = ["rnnzoo", "run", study, "--runs", runs, "--reports", runs + "-reports", "--dask", "slurm", "--workers", "2"]
main()
"""


def test_a_study_through_slurm_has_the_rows_of_this_process_though_a_job_is_lost(tmp_path):
    if (reason := slurm_node.missing()) is not None:
        pytest.skip(reason)
    folder = tmp_path / "slurm"
    folder.mkdir()
    path = write_study(tmp_path, STUDY)
    plan = read_plan(path)
    root = tmp_path / "jobs"
    with slurm_node.slurm(folder) as environment:
        killer = threading.Thread(target=lambda: dask_cluster.kill(dask_cluster.worker_of(root)))
        command = [sys.executable, "-c", CHILD, str(path), str(root), str(folder)]
        process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
        killer.start()
        conduct(plan, tmp_path / "whole", 1, Quiet())
        _, errors = process.communicate(timeout=400)
        killer.join()
    assert process.returncode == 0, errors
    assert list(folder.glob("dask-worker-*")), "no job of Slurm wrote a log"
    cut, whole = (collect(plan, r).rows.drop(columns=list(TIMED_COLUMNS)) for r in (root, tmp_path / "whole"))
    pd.testing.assert_frame_equal(cut, whole, check_exact=True)


def test_slurm_needs_sbatch_and_a_number_of_workers(tmp_path, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda _: None)
    with pytest.raises(WorkersError, match="no sbatch"):
        make_workers(tmp_path, 2, "slurm")
    monkeypatch.setattr("shutil.which", lambda _: "/usr/bin/sbatch")
    with pytest.raises(WorkersError, match="--workers"):
        make_workers(tmp_path, None, "slurm")
