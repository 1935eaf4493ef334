"""Expected best scores of a study: what counts as a trial, and who is said to be ahead."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rnnzoo.report import tuning
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.sections.tuning import exchangeable, tuning_section

Make = Callable[..., StudyContent]


def searched(content: StudyContent, scores: dict[tuple[str, str], list[float | str]]) -> StudyContent:
    """Keep only search trials with these validation scores; a text is the state of a trial that has none."""
    pattern = content.rows[content.rows["phase"] == "search"].iloc[0].to_dict()
    rows = []
    for (task, cell), values in scores.items():
        for trial, value in enumerate(values):
            state, valid = (value, math.nan) if isinstance(value, str) else ("finished", value)
            rows.append(pattern | {"task": task, "cell": cell, "trial": trial, "state": state, "valid": valid})
    return replace(content, rows=pd.DataFrame(rows).sample(frac=1.0, random_state=0))


@pytest.fixture(scope="module")
def base(make_study: Make) -> StudyContent:
    return make_study(["rnn", "lstm", "cornn"])


def curve(content: StudyContent, task: str, cell: str) -> pd.DataFrame:
    table = tuning.tuning_curves(content)
    return table[(table["task"] == task) & (table["cell"] == cell)].reset_index(drop=True)


def test_accuracies_are_averaged_as_they_are_and_lost_trials_as_the_baseline(base: StudyContent) -> None:
    content = searched(base, {("digits", "rnn"): [0.5, "diverged", 0.02, "failed", 0.9]})
    found = curve(content, "digits", "rnn")
    # four trials count: 0.5, 0.9, and twice the baseline of 0.1, for the one that diverged and the one below it
    assert list(found["n"]) == [4] * 4
    assert list(found["lost"]) == [1] * 4
    assert found["expected"].iloc[0] == pytest.approx((0.5 + 0.9 + 0.1 + 0.1) / 4)
    # of six pairs, three hold 0.9, two 0.5 without 0.9, one neither
    assert found["expected"].iloc[1] == pytest.approx((3 * 0.9 + 2 * 0.5 + 0.1) / 6)
    assert found["expected"].iloc[3] == pytest.approx(0.9)
    assert list(found["so_far"]) == pytest.approx([0.5, 0.5, 0.5, 0.9])
    assert (found["low"] <= found["expected"] + 1e-12).all()
    assert (found["high"] >= found["expected"] - 1e-12).all()


def test_errors_are_averaged_by_their_logarithms_and_smaller_is_better(base: StudyContent) -> None:
    found = curve(searched(base, {("adding", "rnn"): [1e-4, 1e-2, 5.0]}), "adding", "rnn")
    baseline = base.tasks[0].baseline
    assert found["expected"].iloc[0] == pytest.approx((1e-4 * 1e-2 * baseline) ** (1 / 3))
    assert found["expected"].iloc[2] == pytest.approx(1e-4)
    assert (found["low"] <= found["expected"] * (1 + 1e-9)).all()
    assert list(found["so_far"]) == pytest.approx([1e-4] * 3)


def test_the_winner_depends_on_the_budget_where_it_does(base: StudyContent) -> None:
    """One cell is steady, the other has one trial in twenty that is excellent: it wins only when all are spent."""
    steady = [0.6 + 0.001 * k for k in range(20)]
    lucky = [0.3] * 19 + [0.95]
    found = tuning.leaders(searched(base, {("digits", "lstm"): steady, ("digits", "cornn"): lucky}))
    assert list(found["trials"]) == [5, 20]
    assert list(found["winner"]) == ["lstm", "cornn"]
    assert list(found["runner_up"]) == ["cornn", "lstm"]
    # P(the lucky trial is among 5 of 20) = 1/4
    assert found["runner_up_expected"].iloc[0] == pytest.approx(0.25 * 0.95 + 0.75 * 0.3)
    # resamples miss the one lucky trial with a probability of (19/20)^20 = 0.36
    assert found["share"].iloc[1] == pytest.approx(1 - 0.95**20, abs=0.04)


def test_a_tie_is_shared_and_the_shortest_search_sets_the_end(base: StudyContent) -> None:
    found = tuning.leaders(searched(base, {("digits", "rnn"): [0.7] * 8, ("digits", "lstm"): [0.7] * 6}))
    assert list(found["trials"]) == [5, 6]
    np.testing.assert_allclose(found["share"], 0.5)
    flat = tuning.leaders(searched(base, {("digits", "rnn"): ["diverged"] * 6, ("digits", "lstm"): [0.05] * 6}))
    assert flat["winner"].isna().all()
    assert flat["share"].isna().all()


def test_the_report_says_who_is_ahead_and_whether_trials_are_exchangeable(base: StudyContent) -> None:
    content = searched(base, {("digits", "lstm"): [0.6] * 20, ("digits", "cornn"): [0.3] * 19 + [0.95]})
    drawn = Drawings()
    said = str(tuning_section(content, drawn).blocks[0])
    assert "After 5 trials lstm is ahead with an expected 60.0%, before cornn" in said
    assert "After 20 trials cornn is ahead with an expected 95.0%" in said
    assert "The order depends on how much is tuned" in said
    (axes,) = [ax for ax in drawn.figure("tuning").axes if ax.get_visible()]
    lines = {line.get_color(): line.get_ydata() for line in axes.lines if len(line.get_ydata()) == 20}
    assert len(lines) == 2
    assert "not exchangeable" in exchangeable(content)
    halves = [("random", "tpe")[i % 2] for i in range(len(content.budget))]
    mixed = replace(content, budget=content.budget.assign(sampler=halves))
    assert "The sampler tpe proposes a trial from" in str(tuning_section(mixed, Drawings()))
    both = replace(content, budget=content.budget.assign(sampler=[n.replace("random", "gp") for n in halves]))
    assert "The samplers gp and tpe propose a trial from" in str(tuning_section(both, Drawings()))
    drawn_at_random = replace(content, budget=content.budget.assign(sampler="random"))
    assert "independently of each other" in exchangeable(drawn_at_random)


def test_no_search_no_curve(make_study: Make) -> None:
    content = make_study(["rnn", "lstm"], search=False)
    assert tuning.tuning_curves(content).empty
    assert tuning.leaders(content).empty
