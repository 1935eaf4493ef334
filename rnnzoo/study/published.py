"""What others published on a study's tasks: their learning curves and their results, as frames for the report."""

from typing import Any

import pandas as pd

from rnnzoo.cells import CELLS
from rnnzoo.data.published_curves import TASKS_WITH_CURVES, published_curves
from rnnzoo.data.published_results import published_results, tasks_with_results
from rnnzoo.report.content import PUBLISHED_COLUMNS, RESULT_COLUMNS, empty
from rnnzoo.study.plan import Competitor, Plan

PUBLISHED_SETS = {"EigenWorms": "eigenworms", "BIDMC32HR": "bidmc_hr", "BIDMC32RR": "bidmc_rr"}


def curves_of_others(plan: Plan, *, whole: bool = False) -> pd.DataFrame:
    """Return the authors' own learning curves on the study's tasks, as steps of the study's batch size.

    Curves of another permutation are left out: they are of another task.

    Args:
        plan: the study.
        whole: whether curves go on beyond the study's longest run.
    """
    frames = []
    for label in plan.labels:
        competitor = first_on(plan, label)
        steps = competitor.epoch_steps
        if steps is None or competitor.base["task"] not in TASKS_WITH_CURVES or by_rows(competitor):
            continue
        curves = published_curves(competitor.base["task"])
        same = [model for model in curves["model"].unique() if learned_on(model, competitor)]
        curves = curves[curves["model"].isin(same)]
        curves = curves.assign(task=label, name=curves["model"], step=curves["epoch"] * steps)
        longest = max(int(c.base["training"]["steps"]) for c in plan.competitors if c.label == label)
        frames.append(curves.loc[whole | (curves["step"] <= longest), ["task", "name", "source", "step", "valid"]])
    return pd.concat(frames, ignore_index=True) if frames else empty(PUBLISHED_COLUMNS)


def learned_on(model: str, competitor: Competitor) -> bool:
    """Whether the published curve of a cell is one of the competitor's task, its permutation included."""
    given = CELLS[model].recipes[competitor.base["task"]].task
    theirs: object = (competitor.task.default_options() | dict(given)).get("permutation")
    return theirs == competitor.task.options().get("permutation")


def results_of_others(plan: Plan) -> pd.DataFrame:
    """Return the published results on the study's tasks, of the same length, each with what differs from the study."""
    frames = []
    known = set(tasks_with_results())
    for label in plan.labels:
        competitor = first_on(plan, label)
        name = published_name(competitor)
        if name not in known or by_rows(competitor):
            continue
        results = published_results(name)
        length = competitor.task.options().get("length")
        if length is not None:
            results = results[results["length"].isin([length])]
        own = competitor.task.options().get("permutation", "")
        differs = [differences(row, own) for row in results.to_dict("records")]
        results = results.assign(task=label, units=results["hidden_size"], differs=differs)
        frames.append(results[list(RESULT_COLUMNS)])
    frames = [frame for frame in frames if len(frame)]
    return pd.concat(frames, ignore_index=True) if frames else empty(RESULT_COLUMNS)


def by_rows(competitor: Competitor) -> bool:
    """Whether images are fed by rows: 28 steps instead of the 784 that published results are for."""
    return bool(competitor.task.options().get("rows"))


def differences(row: dict[Any, Any], permutation: object) -> str:
    """Say under which other conditions a result was reached: permutation, selection rule, and what its source adds."""
    said = []
    if permutation and row["permutation"] != permutation:
        said.append(f"permutation {row['permutation']}" if row["permutation"] else "permutation not stated")
    if row["selection"] and row["selection"] != "best validation":
        said.append(f"score at {row['selection']}")
    said.append(row["remark"])
    return "; ".join(filter(None, said))


def published_name(competitor: Competitor) -> str:
    """Return the name of a task in the table of published results: archives hold several data sets."""
    dataset = str(competitor.task.options().get("dataset", ""))
    return PUBLISHED_SETS.get(dataset, str(competitor.base["task"]))


def first_on(plan: Plan, label: str) -> Competitor:
    """Return the first competitor on a task."""
    return next(c for c in plan.competitors if c.label == label)
