"""A search is held against its random control: the same cell with as many trials at random; what it cost is counted."""

from dataclasses import replace

import pandas as pd
import pytest

from rnnzoo.report.control import controls, search_costs
from rnnzoo.report.sections.search import cost_blocks


@pytest.fixture
def controlled(study):
    """gru searched, and lstm made its random control: ten times its error on adding, the same accuracy on digits."""
    rows = study.rows.copy()
    confirm = rows["phase"] == "confirm"
    gru = rows[confirm & (rows["cell"] == "gru")].set_index(["task", "seed"])["test"].astype(float)
    for index, row in rows[confirm & (rows["cell"] == "lstm")].iterrows():
        factor = 10.0 if row["task"] == "adding" else 1.0
        rows.loc[index, ["test", "state"]] = [gru[row["task"], row["seed"]] * factor, "finished"]
    budget = study.budget.assign(sampler=["random" if cell == "lstm" else "tpe" for cell in study.budget["cell"]])
    return replace(study, rows=rows, budget=budget, meanings={"gru": "generated", "lstm": "generated"})


def test_only_the_same_cell_with_random_settings_is_a_control(controlled):
    found = controls(controlled)
    assert set(zip(found["cell"], found["control"], strict=True)) == {("gru", "lstm")}
    assert list(found["task"]) == [task.label for task in controlled.tasks]


def test_a_planted_lead_is_found_and_a_planted_tie_is_none(controlled):
    found = controls(controlled).set_index("task")
    assert found.loc["adding", "difference"] == pytest.approx(10.0)
    assert found.loc["adding", "holm"] < 0.05
    assert found.loc["digits", "difference"] == pytest.approx(0.0)
    assert not found.loc["digits", "holm"] < 0.05
    said = repr(cost_blocks(controlled))
    assert "beats random settings on adding." in said
    assert "10.0 times smaller" in said


def test_without_a_control_nothing_is_said_of_one(study):
    assert controls(study).empty
    assert "at random" not in repr(cost_blocks(study))


def test_the_cost_is_the_sum_over_the_trials(study):
    costs = search_costs(study).set_index(["task", "cell"])
    rows = study.rows[study.rows["phase"] == "search"]
    for key, group in rows.groupby(["task", "cell"]):
        assert costs.loc[key, "seconds"] == pytest.approx(pd.to_numeric(group["seconds"]).sum())
        assert costs.loc[key, "trials"] == group["trial"].nunique()
