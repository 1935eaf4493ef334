"""What a cell is chosen for: a good score, a cheap step and a gradient that keeps its size; and who is on the front."""

import math

import numpy as np
import pandas as pd

from rnnzoo.report.content import StudyContent
from rnnzoo.report.gradients import gradient_fates
from rnnzoo.report.searched import trials
from rnnzoo.report.sentences import NEGLIGIBLE
from rnnzoo.report.statistics.pareto import on_front
from rnnzoo.report.tables import step_seconds

OBJECTIVES = ("score", "time", "gradient")
"""Test score, seconds of a training step, and `decades`, in the order in which the report names them."""

FRONT = [
    "task", "cell", "mean", "low", "high", "normalised", "seconds_per_step", "ratio", "decades", "front", "time_front",
    "gradient_front",
]  # fmt: skip


def decades(ratio: float) -> float:
    """Return by how many powers of ten the gradient changes from the end of the sequence to its beginning.

    |log₁₀ ratio|, with the ratio that `gradients.gradient_fates` takes: the median norm ‖∂L/∂h_t‖ of the first tenth
    of the steps over the largest of the last, of the trained model. 0 is a gradient that keeps its size; growing and
    shrinking count alike. Infinite on underflow or overflow, NaN where nothing was measured.
    """
    if math.isnan(ratio):
        return math.nan
    return math.inf if ratio == 0 or math.isinf(ratio) else abs(math.log10(ratio))


def fronts(content: StudyContent) -> pd.DataFrame:
    """Return what is traded, one row a (task, cell) that has a test score.

    Columns: task, cell, mean, low, high (of the test score), seconds_per_step, ratio, decades (of the trained
    gradient), front (no other cell is at least as good in all objectives that were measured on the task and better in
    one), time_front, gradient_front (the same for score and time, score and gradient alone). A cell that lacks an
    objective which others have is on none of the fronts that ask for it, and neither is one that comes no further than
    `NEGLIGIBLE` from the baseline: no network at all does as well, and takes no time.
    """
    costs = step_seconds(content)
    fates = gradient_fates(content)
    trained = fates[fates["moment"] == "trained"][["task", "cell", "ratio"]]
    frame = costs[costs["mean"].notna()][["task", "cell", "mean", "low", "high", "normalised", "seconds_per_step"]]
    frame = frame.merge(trained, on=["task", "cell"], how="left").reset_index(drop=True)
    frame["ratio"] = frame["ratio"].astype(float)
    frame["decades"] = [decades(ratio) for ratio in frame["ratio"]]
    sign = {task.label: 1.0 if task.direction == "minimize" else -1.0 for task in content.tasks}
    prices = pd.DataFrame(
        {
            "score": frame["mean"].astype(float) * frame["task"].map(sign).astype(float),
            "time": frame["seconds_per_step"].astype(float),
            "gradient": frame["decades"].astype(float),
        }
    )
    for column, names in (
        ("front", OBJECTIVES), ("time_front", ("score", "time")), ("gradient_front", ("score", "gradient")),
    ):  # fmt: skip
        frame[column] = False
        for task in content.tasks:
            own = prices.loc[frame["task"] == task.label, list(names)]
            own = own[[name for name in names if own[name].notna().any()]].dropna()
            own = own[frame.loc[own.index, "normalised"].astype(float) > NEGLIGIBLE]
            if len(own) and (column == "front" or len(own.columns) == len(names)):
                frame.loc[own.index, column] = on_front(own.to_numpy(dtype=np.float64))
    return frame[FRONT]


SEARCHED = "objective."
"""What the columns of rows begin with that hold a trial's objectives, where a search has several."""


def trial_fronts(content: StudyContent) -> pd.DataFrame:
    """Return the trials of searches for several objectives, one row a trial that has all of them.

    Columns: task, cell, trial, the objectives under their names (see `rnnzoo.study.objectives`), front (no other trial
    of the task, of whatever cell, is at least as good in all and better in one), <objective>_front (the same for score
    and that objective alone). A trial that was lost or pruned is left out, and one that does not beat the memoryless
    baseline is on no front, as in `fronts`.
    """
    rows, names = trials(content), searched_objectives(content)
    if not names:
        return pd.DataFrame(columns=["task", "cell", "trial", "front"])
    rows = rows[rows["state"] == "finished"]
    values = rows[[f"{SEARCHED}{name}" for name in names]].apply(pd.to_numeric, errors="coerce").astype(float)
    whole = np.isfinite(values.to_numpy()).all(axis=1)
    panels = {f"{name}_front": ["score", name] for name in names if name != "score"}
    named = values.set_axis(names, axis=1).assign(**dict.fromkeys(["front", *panels], False))
    frame: pd.DataFrame = pd.concat([rows[["task", "cell", "trial"]], named], axis=1).loc[whole].reset_index(drop=True)
    for task in content.tasks:
        own = frame.loc[frame["task"] == task.label, names]
        if "score" in names:
            own = own[own["score"].map(task.normalised) > NEGLIGIBLE]
        if own.empty:
            continue
        larger = {"score": task.direction == "maximize", "gradient_health": True}
        for column, counted in {"front": names, **panels}.items():
            costs = np.stack([-own[name] if larger.get(name, False) else own[name] for name in counted], axis=1)
            frame.loc[own.index, column] = on_front(costs.astype(np.float64))
    return frame


def searched_objectives(content: StudyContent) -> list[str]:
    """Return the objectives of a search that has several, in the study file's order; empty where there was one."""
    columns = [str(column) for column in content.rows.columns]
    return [column.removeprefix(SEARCHED) for column in columns if column.startswith(SEARCHED)]


def measured(frame: pd.DataFrame) -> list[str]:
    """Return which of `OBJECTIVES` were measured in these rows of `fronts`."""
    columns = {"score": "mean", "time": "seconds_per_step", "gradient": "decades"}
    return [name for name in OBJECTIVES if frame[columns[name]].notna().any()]
