"""What a search cost, and whether it beats its control: the same cell with settings taken at random, at equal cost."""

import pandas as pd

from rnnzoo.report import tables
from rnnzoo.report.content import StudyContent

RANDOM = "random"


def search_costs(content: StudyContent) -> pd.DataFrame:
    """Return the time in training steps that all search trials of a cell took, in seconds on one core.

    Columns: task, cell, trials, runs, seconds.
    """
    rows = content.rows[content.rows["phase"] == "search"]
    grouped = rows.groupby(["task", "cell"], sort=False)
    found = grouped.agg(trials=("trial", "nunique"), runs=("run", "nunique"), seconds=("seconds", "sum"))
    return found.reset_index().astype({"seconds": float})


def controls(content: StudyContent) -> pd.DataFrame:
    """Return how each searched cell does against its random control, task by task.

    A control is the same cell of the zoo with the same fixed settings and the same number of trials, whose sampler is
    "random". Columns: task, cell, control, difference (positive where the search is better; a ratio above 1 where the
    task compares by factors), low, high, p, holm (corrected over all rows).
    """
    confirmed = tables.confirmed(content)
    rows = []
    for task in content.tasks:
        budget = content.budget[content.budget["task"] == task.label]
        for _, searched in budget[~budget["sampler"].isin([RANDOM]) & (budget["search_trials"] > 0)].iterrows():
            for _, control in budget[budget["sampler"] == RANDOM].iterrows():
                same = meaning(content, searched["cell"]) == meaning(content, control["cell"])
                if not same or searched["search_trials"] != control["search_trials"]:
                    continue
                sides = [scores(confirmed, task.label, str(row["cell"])) for row in (searched, control)]
                found = tables.score_comparison(sides[0], sides[1], task)
                rows.append(
                    {"task": task.label, "cell": searched["cell"], "control": control["cell"], **found._asdict()}
                )
    columns = ["task", "cell", "control", "difference", "low", "high", "p"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(holm=tables.holm(list(frame["p"].astype(float))))


def meaning(content: StudyContent, cell: object) -> str:
    """Return what a label stands for: the cell of the zoo and its fixed settings."""
    return content.meanings.get(str(cell), str(cell))


def scores(confirmed: pd.DataFrame, task: str, cell: str) -> list[float]:
    """Return the test scores of a cell's seeds on a task."""
    found = confirmed[(confirmed["task"] == task) & (confirmed["cell"] == cell)]
    return [float(value) for value in found["score"].dropna()]
