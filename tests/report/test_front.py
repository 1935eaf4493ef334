"""The Pareto front of score, time and gradient, against a front found by hand."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from rnnzoo.report.blocks import Table
from rnnzoo.report.content import GRADIENT_COLUMNS, StudyContent, empty
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.front import decades, fronts, measured, trial_fronts
from rnnzoo.report.sections.front import front_section

Make = Callable[..., StudyContent]


def planted(content: StudyContent, values: dict[str, tuple[float, float, float]]) -> StudyContent:
    """Give each cell an accuracy, seconds a step, and the gradient's ratio; NaN for what was not measured."""
    rows = content.rows[(content.rows["phase"] == "confirm") & (content.rows["task"] == "digits")].copy()
    rows = rows.assign(state="finished", test=rows["cell"].map({cell: v[0] for cell, v in values.items()}))
    rows = rows.assign(seconds_per_step=rows["cell"].map({cell: v[1] for cell, v in values.items()}))
    gradients = content.gradients[content.gradients["task"] == "digits"].copy()
    early = np.where(gradients["t"] <= 10, gradients["cell"].map({cell: v[2] for cell, v in values.items()}), 1.0)
    gradients = gradients.assign(median=early, low=early, high=early)
    tasks = [task for task in content.tasks if task.label == "digits"]
    return replace(
        content, tasks=tasks, rows=rows, gradients=gradients.dropna(),
        budget=content.budget[content.budget["task"] == "digits"],
        curves=content.curves[content.curves["task"] == "digits"],
    )  # fmt: skip


@pytest.fixture(scope="module")
def base(make_study: Make) -> StudyContent:
    return make_study(["rnn", "lstm", "gru", "cornn", "unicornn"], search=False)


PLANTED = {
    "rnn": (0.1, 0.001, 1.0),  # the fastest with a level gradient, but at the baseline
    "lstm": (0.8, 0.004, 1e-3),  # beaten by gru in score, equal in time and gradient
    "gru": (0.9, 0.004, 1e3),
    "cornn": (0.7, 0.003, 0.1),
    "unicornn": (0.95, 0.010, 0.0),  # the best score, whatever its gradient
}


def test_front_by_hand(base: StudyContent) -> None:
    found = fronts(planted(base, PLANTED)).set_index("cell")
    assert found["decades"].round(6).to_dict() == {
        "rnn": 0.0, "lstm": 3.0, "gru": 3.0, "cornn": 1.0, "unicornn": math.inf,
    }  # fmt: skip
    assert found.index[found["front"]].tolist() == ["gru", "cornn", "unicornn"]
    assert found.index[found["time_front"]].tolist() == ["gru", "cornn", "unicornn"]
    assert found.index[found["gradient_front"]].tolist() == ["gru", "cornn", "unicornn"]


def test_what_was_not_measured_is_left_out_and_named(base: StudyContent) -> None:
    lacking = fronts(planted(base, PLANTED | {"cornn": (0.7, math.nan, 0.1)})).set_index("cell")
    assert not lacking.loc["cornn", "front"]
    assert lacking.loc["cornn", "gradient_front"]
    content = planted(base, PLANTED | {"cornn": (0.7, math.nan, 0.1)})
    assert "Not judged, for a measure is missing: cornn." in said(content)
    without = fronts(replace(content, gradients=empty(GRADIENT_COLUMNS)))
    assert measured(without) == ["score", "time"]
    assert without.set_index("cell")["front"].to_dict()["gru"]
    assert not without["gradient_front"].any()
    assert "was measured" not in said(replace(content, gradients=empty(GRADIENT_COLUMNS)))


def said(content: StudyContent) -> str:
    return " ".join(str(block) for block in front_section(content, Drawings()).blocks)


def test_the_figure_shows_the_front(base: StudyContent) -> None:
    drawn = Drawings()
    front_section(planted(base, PLANTED), drawn)
    time, gradient = drawn.figure("front").axes
    for axes in (time, gradient):
        (steps,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
        # the line rises to the best score and ends there
        assert list(steps.get_ydata())[-1] == pytest.approx(0.95)
        assert len(steps.get_ydata()) == 4
    assert "On the front are gru, cornn and unicornn." in said(planted(base, PLANTED))
    flat = dict.fromkeys(PLANTED, (0.1, 0.001, 1.0))
    assert "No cell beats the baseline, so there is no front." in said(planted(base, flat))


def test_front_of_trials_by_hand(make_study: Make) -> None:
    content = make_study(["rnn", "cornn"], trial_count=3)
    rows = content.rows[(content.rows["phase"] == "search") & (content.rows["task"] == "digits")].copy()
    rows = rows.sort_values(["cell", "trial"]).assign(state="finished")
    assert rows["cell"].tolist() == ["cornn"] * 3 + ["rnn"] * 3
    # the second cornn is beaten by the first rnn in all three, the third rnn is at the baseline, the last was lost
    rows["valid"] = rows["objective.score"] = [0.9, 0.6, 0.8, 0.7, 0.1, math.nan]
    rows["objective.seconds_per_step"] = [0.004, 0.004, 0.004, 0.002, 0.001, math.inf]
    rows["objective.gradient_health"] = [-3.0, -2.0, -1.0, -2.0, 0.0, -math.inf]
    rows.loc[rows.index[-1], "state"] = "diverged"
    found = trial_fronts(replace(content, rows=rows))
    assert len(found) == 5
    on_front = found[found["front"]]
    assert list(zip(on_front["cell"], on_front["score"], strict=True)) == [("cornn", 0.9), ("cornn", 0.8), ("rnn", 0.7)]
    drawn = Drawings()
    text = " ".join(str(block) for block in front_section(replace(content, rows=rows), drawn).blocks)
    assert "3 of 5 trials on digits" in text
    assert "validation score, time of a training step and gradient health together" in text
    assert found.loc[found["seconds_per_step_front"], "score"].tolist() == [0.9, 0.7]
    assert found.loc[found["gradient_health_front"], "score"].tolist() == [0.9, 0.8]
    time, gradient = drawn.figure("trial_front").axes
    for axes, xs in ((time, [2.0, 4.0]), (gradient, [-1.0, -3.0])):
        (steps,) = [line for line in axes.lines if line.get_drawstyle() == "steps-post"]
        assert list(steps.get_xdata())[:2] == pytest.approx(xs)  # from the best of the other objective on
        assert list(steps.get_ydata())[-1] == pytest.approx(0.9)
    assert "The trials on the front." in text
    poor = replace(content, rows=rows.assign(**{"valid": 0.1, "objective.score": 0.1}))
    text = " ".join(str(block) for block in front_section(poor, Drawings()).blocks)
    assert "0 of 5 trials on digits" in text
    assert "The trials on the front." not in text


def test_parameters_and_memory_of_trials_are_drawn_and_written(make_study: Make) -> None:
    content = make_study(["rnn"], trial_count=3)
    rows = content.rows[(content.rows["phase"] == "search") & (content.rows["task"] == "digits")].copy()
    rows["valid"] = rows["objective.score"] = [0.9, 0.8, 0.7]
    rows["objective.parameters"] = [1234.0, 1000.5, 1300.0]
    rows["objective.memory"] = [0.25, 0.5, 0.125]
    drawn = Drawings()
    section = front_section(replace(content, rows=rows.assign(state="finished")), drawn)
    *_, table = section.blocks
    assert isinstance(table, Table)
    assert table.columns[3:] == ("validation score", "parameters", "memory of a training step")
    assert [row[4:] for row in table.rows] == [("1,234", "0.25 MiB"), ("1,000", "0.50 MiB"), ("1,300", "0.12 MiB")]
    labels = [axes.get_xlabel() for axes in drawn.figure("trial_front").axes]
    assert [label.split(" ")[0] for label in labels] == ["parameters", "MiB"]
    assert "shared the machine" not in str(section)
    assert "trial_front" not in text_of_one_objective(content)


def text_of_one_objective(content: StudyContent) -> str:
    assert trial_fronts(content).empty
    return " ".join(str(block) for block in front_section(content, Drawings()).blocks)


def test_decades() -> None:
    assert decades(1e-3) == pytest.approx(3.0)
    assert decades(1e3) == pytest.approx(3.0)
    assert decades(0.0) == decades(math.inf) == math.inf
    assert math.isnan(decades(math.nan))
