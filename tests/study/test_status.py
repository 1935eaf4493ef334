"""How far a study is: told from records and heartbeats, on a terminal and as numbers."""

import json
import math
import threading
import time

import pytest
from typer.testing import CliRunner

from rnnzoo.cli import app
from rnnzoo.records import PARTIAL, run_folder
from rnnzoo.study import heartbeat
from rnnzoo.study.conduct import conduct
from rnnzoo.study.heartbeat import ALIVE_SECONDS, HEARTBEAT, Heartbeat, read_beat
from rnnzoo.study.progress import Quiet
from rnnzoo.study.reading import read_plan
from rnnzoo.study.run import Interrupted, execute
from rnnzoo.study.status import read_status
from tests.study.files import TINY, write_study
from tests.study.test_run import config


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A study that is done, and the folder of its runs."""
    folder = tmp_path_factory.mktemp("status")
    plan = read_plan(write_study(folder))
    conduct(plan, folder / "runs", 1, Quiet())
    return plan, folder / "runs"


def shown(*arguments):
    return CliRunner().invoke(app, ["status", *map(str, arguments)], env={"COLUMNS": "140"})


def test_a_finished_study_is_done(finished):
    plan, root = finished
    status = read_status(plan, root)
    assert [(row.trials, row.confirmed, row.begun, row.remaining) for row in status.rows] == [(3, 2, [], 0.0)] * 4
    result = shown(plan.path, "--runs", root, "--watch")
    assert result.exit_code == 0
    assert "20 of 20 runs ended; all is done" in result.stdout


def test_a_narrow_terminal_shows_every_column_whole(finished):
    plan, root = finished
    result = CliRunner().invoke(app, ["status", str(plan.path), "--runs", str(root)], env={"COLUMNS": "80"})
    assert result.stdout.splitlines()[0].endswith(" remaining  ended otherwise ")


def test_a_study_that_has_not_begun_is_not_begun_by_asking(tmp_path):
    study = write_study(tmp_path)
    result = shown(study, "--runs", tmp_path / "runs")
    assert result.exit_code == 0
    assert "0 of 20 runs ended, none is at work; go on with: rnnzoo run" in result.stdout
    assert not (tmp_path / "runs").exists()
    assert math.isnan(read_status(read_plan(study), tmp_path / "runs").remaining)


def test_runs_at_work_stopped_and_lost_are_told_apart(finished, tmp_path):
    plan, root = finished
    plan = read_plan(write_study(tmp_path, TINY.replace("seeds = [1, 2]", "seeds = [1, 2, 3, 4, 5]")))
    rnn = plan.competitors[0]
    search = next(run for run in root.glob("*/record.json") if is_confirm(run, "rnn", "adding"))
    settings = json.loads(search.read_text())["config"]
    now = time.time()
    for seed, age in ((3, 1.0), (4, 2 * ALIVE_SECONDS), (5, None)):
        begun = type(config()).model_validate(settings | {"seed": seed})
        folder = run_folder(root, begun).with_name(begun.run_id() + PARTIAL)
        folder.mkdir()
        (folder / "config.json").write_text(begun.model_dump_json())
        if age is not None:
            beat = {"first": 0, "step": 6, "steps": 8, "host": "node7", "process": 1, "time": now - age}
            (folder / HEARTBEAT).write_text(json.dumps(beat))
    (root / f"nonsense{PARTIAL}").mkdir()
    (root / f"nonsense{PARTIAL}" / "config.json").write_text("{")
    status = read_status(plan, root, now=now)
    row = status.rows[0]
    assert row.competitor.cell == rnn.cell
    assert {run.config.seed: run.alive for run in row.begun} == {3: True, 4: False, 5: False}
    assert {run.phase for run in row.begun} == {"confirm"}
    assert status.at_work == 1
    assert row.confirmed == 2
    assert row.remaining > 0
    text = " ".join(shown(plan.path, "--runs", root).stdout.split())  # the terminal's width breaks lines
    assert "seed 3: step 6 of 8 on node7" in text
    assert "seed 4: step 6 of 8 on node7" in text
    assert text.count("not at work any more") == 1
    assert "seed 5: stopped, goes on from its checkpoint" in text
    assert "20 of 32 runs ended, 1 at work; about" in text


def is_confirm(record, cell, task):
    content = json.loads(record.read_text())["config"]
    return (content["cell"], content["task"], content["seed"]) == (cell, task, 1)


def test_remaining_time_is_steps_left_times_their_time(finished, tmp_path):
    _, root = finished
    more = read_plan(write_study(tmp_path, TINY.replace("seeds = [1, 2]", "seeds = [1, 2, 31, 41]")))
    row = read_status(more, root).rows[1]
    records = [json.loads(path.read_text()) for path in root.glob("*/record.json")]
    own = [r for r in records if r["config"]["cell"] == "cornn" and r["config"]["task"] == "adding"]
    expected = 2 * 8 * sum(r["seconds"] for r in own) / sum(r["steps"] for r in own)
    assert row.remaining == pytest.approx(expected)


def test_before_the_first_run_has_ended_nothing_is_said_of_the_time_that_remains(tmp_path):
    study = write_study(tmp_path)
    (tmp_path / "runs").mkdir()
    status = read_status(read_plan(study), tmp_path / "runs")
    assert all(math.isnan(row.remaining) for row in status.rows)
    result = shown(study, "--runs", tmp_path / "runs")
    assert "done" not in result.stdout
    assert "remain " not in result.stdout
    assert "of training" not in result.stdout


def test_a_run_has_a_heartbeat_while_it_works_and_none_after(tmp_path, monkeypatch):
    monkeypatch.setattr(heartbeat, "BEAT_SECONDS", 0.01)
    long = config(training={"steps": 100_000, "batch_size": 4, "lr": 0.01, "evaluate_every": 50_000})
    stopping, beats = threading.Event(), []
    folder = tmp_path / f"{long.run_id()}{PARTIAL}"

    def progress(step):
        beat = read_beat(folder)
        if beat is not None and beat.step > 0:
            beats.append(beat)
            stopping.set()

    with pytest.raises(Interrupted):
        execute(long, tmp_path, progress, stopping.is_set)
    assert beats[0].first == 0
    assert beats[0].steps == 100_000
    assert beats[0].alive(time.time())
    assert read_beat(folder) is None
    first = []
    monkeypatch.setattr(Heartbeat, "stepped", lambda self, step: first.append(step) or stopping.set())
    stopping.clear()
    with pytest.raises(Interrupted):
        execute(long, tmp_path, None, stopping.is_set)
    assert first[0] > 1


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b'{"first": "a"}'])
def test_a_broken_heartbeat_is_none(tmp_path, content):
    (tmp_path / HEARTBEAT).write_bytes(content)
    assert read_beat(tmp_path) is None


def test_a_speed_study_has_no_status(tmp_path):
    path = tmp_path / "speed.toml"
    path.write_text('kind = "speed"\nname = "x"\n')
    result = shown(path, "--runs", tmp_path / "runs")
    assert result.exit_code == 2
    assert "timed in one go" in result.stderr
