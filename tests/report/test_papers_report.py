"""The report on published recipes: runs done and under way, each curve in curves.csv, thresholds told rightly."""

import math
import re
from dataclasses import replace

import pandas as pd
import pytest
from typer.testing import CliRunner

from rnnzoo.cli import app
from rnnzoo.report.figures.curves import curve_figure
from rnnzoo.report.papers.composing import trained
from rnnzoo.report.papers.tables import comparisons, passes
from rnnzoo.report.tables import learning_curves
from rnnzoo.study.papers import read_papers
from rnnzoo.study.reading import read_plan
from rnnzoo.study.run import Interrupted, execute

STUDY = """
name = "short"
question = "Does it run?"
[confirm]
seeds = [1, 2]
steps = 8
diagnostics = []
[training]
batch_size = 4
evaluate_every = 2
lr = 0.01
[[task]]
name = "padded_digits"
options = { length = 9 }
[[cell]]
name = "rnn"
hidden_size = 4
"""


@pytest.fixture
def half_done(tmp_path):
    """A folder of one study: seed 1 is done, seed 2 was stopped after five steps."""
    folder, runs = tmp_path / "recipes", tmp_path / "runs"
    folder.mkdir()
    (folder / "short.toml").write_text(STUDY)
    competitor = read_plan(folder / "short.toml").competitors[0]
    execute(competitor.confirm_config({}, 1), runs)
    calls = iter([False] * 4 + [True])
    with pytest.raises(Interrupted):
        execute(competitor.confirm_config({}, 2), runs, stop=lambda: next(calls))
    return folder, runs


def test_runs_under_way_are_read_as_far_as_they_are(half_done):
    (paper,) = read_papers(*half_done)
    curves = paper.curves.set_index(["seed", "step"])
    assert list(curves.index) == [(1, 2), (1, 4), (1, 6), (1, 8), (2, 2), (2, 4)]
    assert dict(curves["state"].groupby("seed").first()) == {1: "finished", 2: "under way"}
    size = -(-len(read_plan(half_done[0] / "short.toml").competitors[0].task.indices("train")) // 4)
    assert curves.loc[(1, 8), "epoch"] == pytest.approx(8 / size)
    scored = curves["test"].notna()
    assert scored.sum() == 1  # the finished run, at its best evaluation
    best = curves.loc[1, "valid"].astype(float)
    assert best[scored.loc[1]].iloc[0] == best.max()


def test_the_table_tells_the_runs_that_ended_and_those_under_way_only_where_none_has(half_done):
    (paper,) = read_papers(*half_done)
    row = comparisons([paper]).iloc[0].to_dict()
    done = paper.curves[paper.curves["seed"] == 1]["valid"].astype(float).max()
    assert (row["seeds"], row["under_way"], row["steps"], row["planned_steps"]) == (2, 1, 8, 8)
    assert (row["valid_low"], row["valid"], row["valid_high"]) == (done, done, done)
    assert trained(row | {"epochs": math.nan}) == "8 steps"
    started = replace(paper, curves=paper.curves[paper.curves["seed"] == 2])
    row = comparisons([started]).iloc[0].to_dict()
    assert (row["seeds"], row["under_way"], row["steps"]) == (1, 1, 4)
    assert trained(row | {"epochs": math.nan}) == "4 of 8 steps"


def test_a_curve_under_way_ends_where_it_is(half_done):
    (paper,) = read_papers(*half_done)
    found = learning_curves(paper.content).set_index("step")
    finished = paper.curves[paper.curves["seed"] == 1].set_index("step")["valid"].astype(float)
    assert found["n"].to_dict() == {2: 2, 4: 2, 6: 1, 8: 1}
    for step in (6, 8):
        assert set(found.loc[step, ["low", "median", "high"]]) == {finished[step]}


def test_the_table_tells_the_runs_that_ended_on_their_target(tmp_path):
    folder, runs = tmp_path / "recipes", tmp_path / "runs"
    folder.mkdir()
    solved = STUDY.replace("evaluate_every = 2", "evaluate_every = 2\ntarget = 9.0")
    task = '[[task]]\nname = "adding"\noptions = { length = 4 }\n'
    (folder / "solved.toml").write_text(re.sub(r"\[\[task\]\][^\[]*(?=\[\[cell)", task, solved))
    competitor = read_plan(folder / "solved.toml").competitors[0]
    for seed in (1, 2):
        execute(competitor.confirm_config({}, seed), runs)
    row = comparisons(read_papers(folder, runs)).iloc[0].to_dict()
    assert (row["on_target"], row["under_way"], row["steps"], row["planned_steps"]) == (2, 0, 2, 8)
    assert trained(row) == "2 steps, on target"
    assert trained(row | {"most_steps": 4}) == "2 to 4 steps, on target"
    assert trained(row | {"on_target": 1}) == "2 steps"


def test_lengths_of_one_task_are_told_apart_and_no_memory_is_shown(half_done):
    row = comparisons(read_papers(*half_done)).iloc[0]
    assert (row["title"], row["baseline"]) == ("padded_digits, 9 steps", pytest.approx(0.1, abs=0.02))


def test_a_threshold_is_passed_at_the_first_evaluation_that_is_as_good(half_done):
    (paper,) = read_papers(*half_done)
    valid = {2: 0.5, 4: 0.8, 6: 0.7, 8: 0.95}
    changed = paper.curves.assign(valid=[valid[int(step)] for step in paper.curves["step"]])
    object.__setattr__(paper, "curves", changed)
    when = passes([paper]).set_index(["threshold", "seed"])["step"]
    assert when[0.8, 1] == 4
    assert when[0.9, 1] == 8
    assert when[0.8, 2] == 4
    assert math.isnan(when[0.9, 2])


def test_a_published_log_is_read_to_its_end_for_the_cells_of_the_study(half_done):
    (paper,) = read_papers(*half_done)
    steps = {"rnn": [8, 400], "cornn": [8, 16]}
    logs = [
        {"task": "padded_digits", "name": name, "source": "log", "step": step, "valid": valid}
        for name in steps
        for step, valid in zip(steps[name], (0.5, 0.85), strict=True)
    ]
    when = passes([replace(paper, logs=pd.DataFrame(logs))])
    theirs = when[when["source"] == "log"].set_index("threshold")
    assert list(theirs["cell"]) == ["rnn", "rnn"]
    assert theirs.loc[0.8, "step"] == 400
    assert theirs.loc[0.8, "epoch"] == pytest.approx(400 / paper.epochs["padded_digits", "rnn"])
    assert math.isnan(theirs.loc[0.9, "step"])


def test_a_legend_names_the_cells_that_have_a_curve(half_done):
    (paper,) = read_papers(*half_done)
    content = replace(paper.content, cells=(*paper.content.cells, "not_run_yet"))
    labels = [text.get_text() for legend in curve_figure(content, learning_curves(content)).legends
              for text in legend.get_texts()]  # fmt: skip
    assert "rnn" in labels
    assert "not_run_yet" not in labels


def test_the_command_writes_page_and_curves(half_done, tmp_path):
    folder, runs = half_done
    arguments = ["report", str(folder), "--runs", str(runs), "--reports", str(tmp_path / "reports")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.stderr
    written = tmp_path / "reports" / "recipes"
    assert len(pd.read_csv(written / "curves.csv")) == 6
    page = (written / "report.html").read_text()
    assert "1 under way" in page
    assert "rnnzoo run" in page


@pytest.mark.usefixtures("without_figures")
def test_a_report_leaves_the_journal_of_a_search_as_it_is(half_done, tmp_path):
    folder, runs = half_done
    searched = STUDY.replace("[confirm]", "[search]\ntrials = 1\nsteps = 2\nseed = 5\n[confirm]").replace(
        "lr = 0.01\n", ""
    )
    (folder / "short.toml").write_text(searched)
    reports = str(tmp_path / "reports")
    run = ["run", str(folder / "short.toml"), "--runs", str(runs), "--reports", reports, "--workers", "1"]
    assert CliRunner().invoke(app, run).exit_code == 0
    before = (runs / "journal.log").read_bytes()
    assert CliRunner().invoke(app, ["report", str(folder), "--runs", str(runs), "--reports", reports]).exit_code == 0
    assert (runs / "journal.log").read_bytes() == before


def test_a_folder_without_studies_or_runs_is_told(tmp_path):
    for file in ((), ("short.toml",)):
        for name in file:
            (tmp_path / name).write_text(STUDY)
        result = CliRunner().invoke(app, ["report", str(tmp_path), "--runs", str(tmp_path / "runs")])
        assert result.exit_code == 2
        assert ("no run" if file else "no study file") in result.stderr
