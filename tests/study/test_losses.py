"""No memory, no time, no disk: what becomes of a run, and of the study that it belongs to."""

import errno
import json
import os

import pandas as pd
import pytest
import torch
from typer.testing import CliRunner

from rnnzoo import files
from rnnzoo.cli import app
from rnnzoo.files import WriteError
from rnnzoo.records import read_record, run_folder
from rnnzoo.study import run as run_module
from rnnzoo.study.memory import is_out_of_memory
from rnnzoo.study.results import TIMED_COLUMNS
from rnnzoo.study.run import execute
from tests.study.files import TINY, write_study
from tests.study.runs import config, numbers


def test_what_the_allocator_says_is_out_of_memory():
    with pytest.raises(RuntimeError) as error:
        torch.empty(2**60)
    assert is_out_of_memory(error.value)
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(torch.OutOfMemoryError("CUDA out of memory"))
    assert not is_out_of_memory(RuntimeError("mat1 and mat2 shapes cannot be multiplied"))


def test_no_memory_is_a_result_with_its_step_and_is_not_tried_again(tmp_path, monkeypatch):
    real = run_module.Training.train_step

    def hungry(self):
        if self.step == 5:
            torch.empty(2**60)
        real(self)

    with monkeypatch.context() as patched:
        patched.setattr(run_module.Training, "train_step", hungry)
        record = execute(config(), tmp_path)
    assert (record.state, record.steps, record.stopped_at, record.valid) == ("out_of_memory", 5, 6, None)
    assert record.parameters > 0
    assert "allocate" in record.reason
    assert execute(config(), tmp_path) == record


def test_no_time_is_a_result_until_there_is_more(tmp_path):
    whole = execute(config(), tmp_path / "whole")
    short, longer = config(limit_seconds=1e-9), config(limit_seconds=600.0)
    assert short.run_id() == config().run_id()
    record = execute(short, tmp_path)
    assert (record.state, record.stopped_at, record.valid, record.test) == ("timed_out", 1, None, None)
    assert record.reason == "took more than 1e-09 s for 1 of 12 steps"
    assert execute(config(limit_seconds=1e-10), tmp_path) == record
    again = execute(longer, tmp_path)
    assert again.state == "finished"
    assert numbers(again) | {"config": 0} == numbers(whole) | {"config": 0}
    assert execute(short, tmp_path) == again


@pytest.mark.usefixtures("without_figures")
def test_lost_runs_are_the_worst_in_search_and_count_as_the_baseline_in_the_report(tmp_path):
    text = TINY.replace("[search]", "[limits]\nseconds = 1e-9\n\n[search]").replace('[[cell]]\nname = "rnn"\n', "")
    command = ["run", write_study(tmp_path, text), "--runs", tmp_path / "runs", "--reports", tmp_path, "--workers", 1]
    result = CliRunner().invoke(app, list(map(str, command)))
    assert result.exit_code == 0
    assert "timed out: took more than 1e-09 s" in result.stderr
    rows = pd.read_csv(tmp_path / "tiny" / "rows.csv")
    assert rows["state"].tolist() == ["timed_out"] * 6
    assert "no trial finished" in result.stderr


class Disk:
    """Room for so many more writes, then none; `os.fsync` is what every careful writer calls."""

    def __init__(self, room):
        self.room = room
        self.sync = os.fsync

    def fsync(self, descriptor):
        self.room -= 1
        if self.room < 0:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.sync(descriptor)


@pytest.mark.usefixtures("without_figures")
def test_a_full_disk_loses_no_run_leaves_no_half_file_and_the_study_goes_on(tmp_path, monkeypatch):
    study = write_study(tmp_path, TINY.replace('[[cell]]\nname = "cornn"\n', ""))

    def done(place):
        options = ["--runs", tmp_path / place, "--reports", tmp_path / f"{place}-reports", "--workers", 1]
        return CliRunner().invoke(app, list(map(str, ["run", study, *options])))

    assert done("whole").exit_code == 0
    before = set()
    for room in (25, 60, 90):
        with monkeypatch.context() as patched:
            patched.setattr(os, "fsync", Disk(room).fsync)
            full = done("cut")
        assert full.exit_code == 2
        assert "No space left on device; make room on the disk and run the same command again" in full.stderr
        records = {path for path in (tmp_path / "cut").glob("*/record.json") if ".partial" not in path.parent.name}
        assert before < records
        assert all(json.loads(path.read_text())["state"] == "finished" for path in records)
        assert not list((tmp_path / "cut").glob("*/.*"))
        before = records
    assert done("cut").exit_code == 0
    frames = [
        pd.read_csv(tmp_path / f"{place}-reports" / "tiny" / "rows.csv").drop(columns=list(TIMED_COLUMNS))
        for place in ("cut", "whole")
    ]
    pd.testing.assert_frame_equal(*frames, check_exact=True)


def test_a_full_disk_ends_a_run_as_a_full_disk_not_as_a_failed_run(tmp_path, monkeypatch):
    def full(_descriptor):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(files.os, "fsync", full)
        with pytest.raises(WriteError, match=r"config\.json cannot be written: No space left .* make room"):
            execute(config(), tmp_path)
    assert read_record(run_folder(tmp_path, config())) is None
    assert execute(config(), tmp_path).state == "finished"
