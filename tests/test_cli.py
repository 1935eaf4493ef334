"""The command line as a user meets it: what it prints, what it leaves, and its exit codes."""

import os
import signal
import subprocess
import sys
import time

import pandas as pd
import pytest
from typer.testing import CliRunner

from rnnzoo.cells import CELLS
from rnnzoo.cli import app
from rnnzoo.study import run as run_module
from rnnzoo.tasks import TASKS
from tests.report.undrawn import undrawn
from tests.study.files import TINY, write_study

ASKED_COLUMNS = {
    *("study", "phase", "task", "cell", "seed", "trial", "state", "hidden_size", "parameters"),
    *("metric", "valid", "test", "steps", "seconds_per_step", "engine"),
}


def rnnzoo(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def run(tmp_path, study, *options):
    return rnnzoo(
        "run", study, "--runs", tmp_path / "runs", "--reports", tmp_path / "reports", "--workers", 1, *options
    )


def test_list_names_every_cell_task_and_engine():
    result = rnnzoo("list")
    assert result.exit_code == 0
    for name in [*CELLS, *TASKS, "reference"]:
        assert name in result.stdout


def test_a_study_becomes_a_report_and_a_second_call_does_no_run(tmp_path, monkeypatch):
    study = write_study(tmp_path)
    assert run(tmp_path, study).exit_code == 0
    report = tmp_path / "reports" / "tiny"
    for name in ("report.html", "report.md", "rows.csv"):
        assert (report / name).stat().st_size > 0
    before = (report / "rows.csv").read_bytes()
    rows = pd.read_csv(report / "rows.csv")
    assert len(rows) == 4 * (3 + 2)
    assert set(rows.columns) >= ASKED_COLUMNS
    assert rows.loc[rows["phase"] == "search", "test"].isna().all()
    assert rows.loc[rows["phase"] == "confirm", ["test", "seconds_per_step", "memory_mib"]].notna().all(axis=None)
    monkeypatch.setattr(run_module, "make_model", lambda *_: pytest.fail("a run was repeated"))
    with undrawn():
        assert run(tmp_path, study).exit_code == 0
        assert (report / "rows.csv").read_bytes() == before
        assert rnnzoo("report", study, "--runs", tmp_path / "runs", "--reports", tmp_path / "other").exit_code == 0
    assert (tmp_path / "other" / "tiny" / "rows.csv").read_bytes() == before


def test_mistakes_in_a_study_file_end_in_2_and_leave_nothing(tmp_path):
    result = run(
        tmp_path, write_study(tmp_path, TINY.replace('"cornn"', '"corn"').replace("trials = 3", "trials = -1"))
    )
    assert result.exit_code == 2
    assert "2 mistakes" in result.stderr
    assert "cell 2.name = 'corn'" in result.stderr
    assert not (tmp_path / "runs").exists()


def test_a_report_without_runs_says_what_to_do(tmp_path):
    study = write_study(tmp_path)
    result = rnnzoo("report", study, "--runs", tmp_path / "runs", "--reports", tmp_path / "reports")
    assert result.exit_code == 2
    assert "rnnzoo run" in result.stderr


@pytest.mark.usefixtures("without_figures")
def test_a_failed_run_ends_in_1_with_the_reason_and_the_rest_is_reported(tmp_path, monkeypatch):
    real = run_module.make_model

    def broken(config, task):
        if config.cell == "cornn":
            raise RuntimeError("no luck")
        return real(config, task)

    monkeypatch.setattr(run_module, "make_model", broken)
    result = run(tmp_path, write_study(tmp_path))
    assert result.exit_code == 1
    assert "RuntimeError: no luck" in result.stderr
    assert (tmp_path / "reports" / "tiny" / "report.html").exists()


@pytest.mark.usefixtures("without_figures")
def test_a_damaged_record_ends_in_2_with_its_place(tmp_path):
    study = write_study(tmp_path)
    run(tmp_path, study)
    record = next((tmp_path / "runs").glob("*/record.json"))
    record.write_text("{")
    result = run(tmp_path, study)
    assert result.exit_code == 2
    assert str(record) in result.stderr.replace("\n", "")


@pytest.mark.parametrize("workers", [1, 2])
def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path, workers):
    study = write_study(tmp_path, TINY.replace("steps = 6", "steps = 100_000"))
    options = ["--runs", tmp_path / "runs", "--reports", tmp_path / "reports", "--workers", workers]
    command = [sys.executable, "-c", "from rnnzoo.cli import main; main()", "run", *map(str, [study, *options])]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True, start_new_session=True)
    until = time.monotonic() + 120
    while not list((tmp_path / "runs").glob("*.partial/config.json")) and time.monotonic() < until:
        time.sleep(0.05)
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "go on with: rnnzoo run" in errors
    assert "Traceback" not in errors
    assert list((tmp_path / "runs").glob("*.partial/checkpoint.pt"))


def test_two_processes_do_not_conduct_one_study(tmp_path):
    from filelock import FileLock

    (tmp_path / "runs").mkdir()
    with FileLock(tmp_path / "runs" / ".tiny.lock"):
        result = run(tmp_path, write_study(tmp_path))
    assert result.exit_code == 2
    assert "another process" in result.stderr


def test_data_check_tells_what_is_missing(tmp_path, monkeypatch):
    monkeypatch.setenv("RNNZOO_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    result = rnnzoo("data", "check")
    assert result.exit_code == 2
    assert "missing" in result.stdout


def test_unknown_data_set_ends_in_2():
    result = rnnzoo("data", "fetch", "imagenet")
    assert result.exit_code == 2
    assert "mnist" in result.stderr
