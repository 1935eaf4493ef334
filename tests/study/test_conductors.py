"""Several conductors of one study: a PostgreSQL that is restarted, a conductor that is killed, the same rows."""

import os
import subprocess
import sys
import time

import pandas as pd
import pytest
from optuna.trial import TrialState

from rnnzoo.study.claims import CONDUCTOR
from rnnzoo.study.conduct import conduct
from rnnzoo.study.progress import Quiet
from rnnzoo.study.reading import read_plan
from rnnzoo.study.results import TIMED_COLUMNS, collect
from rnnzoo.study.secret import VARIABLE
from rnnzoo.study.storage import open_database
from tests.study.files import TINY, write_study
from tests.study.postgres import ENCODED, PASSWORD, binaries, running_server

SMALL = TINY[: TINY.index('[[task]]\nname = "copy"')] + '[[cell]]\nname = "rnn"\n\n[[cell]]\nname = "cornn"\n'
LONG = SMALL.replace("trials = 3\nsteps = 6", "trials = 4\nsteps = 400")

COMMAND = """
import sys
import rnnzoo.study.conduct, rnnzoo.study.storage
rnnzoo.study.storage.HEARTBEAT_SECONDS, rnnzoo.study.storage.GRACE_SECONDS = 1, 4
rnnzoo.study.conduct.HELD_SECONDS = 0.5
from rnnzoo.cli import main
main()
"""


def begin(study, folder, url):
    """Start a conductor; its database's URL is in its environment."""
    options = ["--runs", folder / "runs", "--reports", folder / "reports", "--workers", 1]
    command = [sys.executable, "-c", COMMAND, "run", *map(str, [study, *options])]
    with (folder / "told").open("ab") as told:
        return subprocess.Popen(command, env=os.environ | {VARIABLE: url}, stderr=told)


def running(store):
    """Return the process numbers of the conductors that are at work on a trial."""
    trials = [
        trial
        for study in store.storage.get_all_studies()
        for trial in store.storage.get_all_trials(study._study_id, deepcopy=False, states=(TrialState.RUNNING,))
    ]
    return {int(trial.user_attrs[CONDUCTOR].split(":")[1]) for trial in trials}


def wait_until(condition, seconds=120):
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.1)


def untimed(rows):
    return rows.drop(columns=list(TIMED_COLUMNS)).reset_index(drop=True)


@pytest.mark.slow
@pytest.mark.skipif(binaries() is None, reason="PostgreSQL's programs are not installed (Debian: postgresql)")
def test_two_conductors_one_killed_and_the_server_restarted_end_in_the_undisturbed_rows(tmp_path):
    pytest.importorskip("psycopg", reason="psycopg is not installed (rnnzoo[cluster])")
    study = write_study(tmp_path, LONG)
    plan = read_plan(study)
    conduct(plan, tmp_path / "whole", 1, Quiet())
    with running_server() as server:
        shared = tmp_path / "shared"
        shared.mkdir()
        conductors = [begin(study, shared, server.url) for _ in range(2)]
        try:
            with open_database(tmp_path, server.url) as store:
                wait_until(lambda: len(running(store)) == 2)
            killed, survivor = conductors
            killed.kill()
            server.stop()
            told = shared / "told"
            wait_until(lambda: "does not answer" in told.read_text())
            server.start()
            arguments = b"".join(
                (process / "cmdline").read_bytes() for process in children_and_self(survivor.pid) if process.exists()
            )
            survivor.wait(timeout=300)
        finally:
            for process in conductors:
                process.kill()
                process.wait()
        told = told.read_text()
        assert survivor.returncode == 0, told
        rows = collect(plan, shared / "runs", server.url).rows
    pd.testing.assert_frame_equal(untimed(rows), untimed(collect(plan, tmp_path / "whole").rows), check_exact=True)
    assert len(rows) == plan.runs
    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    for secret in (PASSWORD, ENCODED):
        assert secret not in told
        assert secret.encode() not in written
        assert secret.encode() not in arguments


def children_and_self(pid):
    from pathlib import Path

    proc = Path("/proc")
    found = [proc / str(pid)]
    for task in (proc / str(pid) / "task").glob("*/children"):
        found += [proc / child for child in task.read_text().split()]
    return found
