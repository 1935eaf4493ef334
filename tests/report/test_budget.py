"""The first table: what was equal and what was not."""

# ruff: noqa: RUF001 - numbers are written with real minus signs

import math
from collections.abc import Callable
from dataclasses import replace

import pytest

from rnnzoo.report.blocks import Table
from rnnzoo.report.budget import few_seeds, quantities
from rnnzoo.report.content import StudyContent
from rnnzoo.report.sections.budget import budget_section

Make = Callable[..., StudyContent]


@pytest.fixture(scope="module")
def base(make_study: Make) -> StudyContent:
    return make_study(["rnn", "lstm", "cornn"], seeds=3)


def table(content: StudyContent) -> dict[str, tuple[str, ...]]:
    return {quantity.name: (quantity.equal, *quantity.values) for quantity in quantities(content)}


def test_the_first_table_of_the_report_is_the_budget(base: StudyContent) -> None:
    first = next(block for block in budget_section(base).blocks if isinstance(block, Table))
    assert first.columns == ("quantity", "equal for every cell", "adding", "copy", "digits")
    rows = {row[0]: row[1:] for row in first.rows}
    assert rows["search trials"] == ("yes", "12", "12", "12")
    assert rows["hidden size"] == ("no: solved from the parameters", *["40 to 64"] * 3)
    assert rows["parameters"][0] == "nearly: 0.0% to +0.4% off the budget"
    assert rows["parameters"][1] == "20,000 to 20,074"
    # one seed, no pruner and one objective are nothing to speak of
    assert not {"seeds of a trial", "pruner", "what the search optimises"} & set(rows)


def test_what_differs_between_cells_is_unequal_and_what_differs_between_tasks_is_not(base: StudyContent) -> None:
    budget = base.budget.copy()
    budget.loc[budget["task"] == "copy", "confirm_steps"] = 5000
    found = table(replace(base, budget=budget))
    assert found["steps of a confirming run"] == ("yes", "2,000", "5,000", "2,000")
    budget.loc[(budget["task"] == "copy") & (budget["cell"] == "rnn"), "confirm_steps"] = 4000
    budget.loc[budget["cell"] == "rnn", "residual"] = -12.0
    budget.loc[budget["cell"] == "lstm", "sampler"] = "random"
    budget["pruner"] = "wilcoxon"
    found = table(replace(base, budget=budget))
    assert found["steps of a confirming run"] == ("no", "2,000", "4,000 to 5,000", "2,000")
    assert found["parameters"][0] == "no: −12.0% to +0.4% off the budget"
    assert found["sampler"] == ("no", *["random and tpe"] * 3)
    assert found["pruner"] == ("yes", *["wilcoxon"] * 3)


def test_a_budget_of_time_shows_the_limit_and_the_steps_taken(base: StudyContent) -> None:
    steps = base.rows["cell"].map({"rnn": 2000, "lstm": 800, "cornn": 1500})
    rows = base.rows.assign(steps=steps.where(base.rows["phase"] == "confirm", base.rows["steps"]))
    found = table(replace(base, rows=rows, budget=base.budget.assign(confirm_seconds=20.0)))
    assert found["training time allowed to a confirming run"] == ("yes", *["20.0 s"] * 3)
    assert found["steps taken by a confirming run"] == ("no", *["800 to 2,000"] * 3)
    assert "training time allowed to a trial" not in found
    close = base.rows.assign(steps=base.rows["steps"] + base.rows["cell"].map({"rnn": 0, "lstm": -3, "cornn": -9}))
    assert table(replace(base, rows=close))["steps taken by a confirming run"][0] == "nearly: within 5%"
    said = str(budget_section(base).blocks[0]), str(budget_section(unlike_batches(base)).blocks[0])
    assert ["saw the same batches" in text for text in said] == [True, False]
    # where all took what they were given there is no second row
    assert "steps taken by a confirming run" not in table(base)


def unlike_batches(content: StudyContent) -> StudyContent:
    size = content.budget["batch_size"].where(content.budget["cell"] != "rnn", 8)
    return replace(content, budget=content.budget.assign(batch_size=size))


def test_used_time_is_measured(base: StudyContent) -> None:
    seconds = base.rows["seconds"].where(base.rows["cell"] != "lstm", 3 * base.rows["seconds"])
    found = table(replace(base, rows=base.rows.assign(seconds=seconds)))
    # twelve trials of 4 s, and three times as much
    assert found["training time taken by all trials"] == ("no", *["48.0 s to 2 min 24 s"] * 3)
    assert found["training time taken by a confirming run"] == ("no", *["20.0 s to 1 min"] * 3)
    # a sampler may propose the same settings twice: the run is then done once
    searching = base.rows["phase"] == "search"
    same = base.rows["run"].where(~searching, base.rows["task"] + base.rows["cell"])
    found = table(replace(base, rows=base.rows.assign(run=same)))
    assert found["training time taken by all trials"] == ("yes", *["4.00 s"] * 3)


def test_few_seeds_are_warned_of(base: StudyContent) -> None:
    assert few_seeds(base) == 3
    five = replace(base, budget=base.budget.assign(confirm_seeds=5))
    assert few_seeds(five) is None
    for content, warned in ((base, True), (five, False)):
        assert ("Only 3 confirming seeds" in str(budget_section(content).blocks)) is warned


def test_a_study_without_search_or_with_one_cell_has_no_empty_rows(make_study: Make) -> None:
    found = table(make_study(["rnn", "lstm"], search=False))
    assert not {"search trials", "sampler", "steps of a trial", "training time taken by all trials"} & set(found)
    alone = make_study(["rnn"], 1)
    first = next(block for block in budget_section(alone).blocks if isinstance(block, Table))
    assert first.columns == ("quantity", "adding")
    assert not any(value in ("nan", "") or value is math.nan for row in first.rows for value in row)
