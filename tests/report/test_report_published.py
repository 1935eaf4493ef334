"""Published results stand beside the study's own in the same units, and what differs is said."""

from dataclasses import replace

import pandas as pd
import pytest

from rnnzoo.data.published_results import published_results
from rnnzoo.report.content import RESULT_COLUMNS
from rnnzoo.report.published import OWN, beside_published
from rnnzoo.report.sections.published import published_section
from rnnzoo.study.published import results_of_others
from rnnzoo.study.reading import read_plan
from rnnzoo.study.reproducing import reproduction


def result(task, cell, metric, value):
    found = dict.fromkeys(RESULT_COLUMNS, "")
    return found | {"task": task, "model": cell or "LEM", "cell": cell, "metric": metric, "value": value}


@pytest.fixture
def beside(study):
    results = pd.DataFrame(
        [
            result("digits", "cornn", "test accuracy (%)", 97.3),
            result("digits", "", "test accuracy (%)", 99.0),
            result("digits", "", "test bits per character", 1.2),
            result("adding", "cornn", "steps to test MSE below 0.05", 300.0),
        ]
    ).assign(parameters=1000.0)
    return replace(study, results=results)


def test_own_accuracy_is_the_mean_of_the_confirmed_test_scores_in_per_cent(beside):
    found = beside_published(beside)
    runs = beside.rows.query("phase == 'confirm' and task == 'digits' and cell == 'cornn'")
    own = found.query(f"task == 'digits' and cell == 'cornn' and source == '{OWN}'").iloc[0]
    assert own["value"] == pytest.approx(100 * runs["test"].astype(float).mean())
    assert (own["low"], own["high"]) == pytest.approx((100 * runs["test"].min(), 100 * runs["test"].max()))
    assert own["n"] == len(runs)


def test_a_metric_that_the_study_does_not_measure_is_left_out(beside):
    assert "test bits per character" not in set(beside_published(beside)["metric"])


def test_steps_to_a_threshold_are_read_off_the_validation_curves(beside):
    found = beside_published(beside).query(f"metric == 'steps to test MSE below 0.05' and source == '{OWN}'")
    curves = beside.curves.query("phase == 'confirm' and task == 'adding' and cell == 'cornn'")
    below = curves[curves["valid"].astype(float) < 0.05].groupby("run")["step"].min()
    own = found.query("cell == 'cornn'").iloc[0]
    if len(below) == own["n"]:
        assert own["value"] == pytest.approx(below.astype(float).mean())
    else:
        assert pd.isna(own["value"])
    never = found.query("cell == 'rnn'").iloc[0]
    assert pd.isna(never["value"])


def test_a_curriculum_is_said_to_differ(beside):
    tasks = [
        replace(task, facts=task.facts | {"curriculum": "shorter first"}) if task.name == "adding" else task
        for task in beside.tasks
    ]
    told = (
        beside_published(replace(beside, tasks=tasks)).query(f"source == '{OWN}'").groupby("task")["differs"].agg(set)
    )
    assert all(differs.endswith("training steps; a curriculum: shorter first") for differs in told["adding"])
    assert all(differs.endswith("training steps") for differs in told["digits"])


def test_a_readout_that_measures_its_scale_is_said_to_differ(beside):
    rows = beside.rows.assign(**{"training.readout": beside.rows["cell"].map({"cornn": "standardised"})})
    own = beside_published(replace(beside, rows=rows)).query(f"source == '{OWN}'")
    told = own.groupby("cell")["differs"].agg(set)
    assert all(differs.endswith("training steps; a standardised readout") for differs in told["cornn"])
    assert all(differs.endswith("training steps") for differs in told["rnn"])


def test_the_section_marks_ours_and_names_the_published_value(beside):
    section = published_section(beside)
    assert section is not None
    text = repr(section.blocks)
    assert "cornn (ours)" in text
    assert "published for it: 97.3" in text
    assert "not reached" in text


def test_without_published_results_there_is_no_section(study):
    assert published_section(replace(study, results=study.results.iloc[:0])) is None


def test_another_permutation_or_selection_is_named(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(reproduction("cornn", "psmnist", epochs=1))
    found = results_of_others(read_plan(path)).set_index("source")["differs"]
    log = found.filter(like="tk-rusch/coRNN@afd8174 psMNIST")
    assert list(log) == ["one seed"]
    assert "permutation unicornn" in found.filter(like="tk-rusch/unicornn").iloc[0]
    assert "score at best test" in found.filter(like="asRNN").iloc[0]
    assert "permutation not stated" in found.filter(like="Keller").iloc[0]


def test_results_for_another_length_are_not_set_beside(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(reproduction("cornn", "adding", steps=1))
    found = results_of_others(read_plan(path))
    lengths = published_results("adding").query("length == 100")
    assert len(found) == len(lengths) > 0
