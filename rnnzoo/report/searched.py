"""What the search found: the best settings of each cell, and which settings mattered."""

import math
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import optuna
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances

from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.once import once
from rnnzoo.run_state import LOST_STATES

FEWEST_TRIALS = 10
"""Fewer trials than this say nothing of importance: PED-ANOVA compares densities of the good ones with all."""

GOOD_TRIALS = 5
"""How many trials count as good at least; Optuna's documentation advises five."""


def setting_columns(rows: pd.DataFrame) -> list[str]:
    """Return the columns of settings, the cell's first, in the order in which they stand."""
    kinds = ("cell.", "training.")
    return [column for kind in kinds for column in rows.columns if column.startswith(kind)]


@once
def trials(content: StudyContent) -> pd.DataFrame:
    """Return the trials of the search, a row each, with `valid` as a number, and `chosen`.

    `chosen` marks the finished trial with the best validation score of its task and cell; of equals the first. `state`
    is "pruned" for a trial that was stopped between its runs; `valid` is then the score that it had come to.
    """
    rows = whole_trials(content.rows[content.rows["phase"] == "search"])
    valid = pd.to_numeric(rows["valid"], errors="coerce").astype(float).replace([np.inf, -np.inf], np.nan)
    rows = rows.assign(valid=valid.where(rows["state"].isin(["finished", "pruned"])), chosen=False)
    for task in content.tasks:
        for cell in content.cells:
            finished = (rows["task"] == task.label) & (rows["cell"] == cell) & (rows["state"] == "finished")
            own = rows.loc[finished, "valid"].dropna()
            if len(own):
                rows.loc[own.idxmin() if task.direction == "minimize" else own.idxmax(), "chosen"] = True
    return rows


def whole_trials(rows: pd.DataFrame) -> pd.DataFrame:
    """Return a row a trial where a trial has several runs: its last run's, with the score and the time of all."""
    if "trial_state" not in rows.columns or rows.empty:
        return rows.reset_index(drop=True)
    keys = ["task", "cell", "trial"]
    last = rows.groupby(keys, sort=False, dropna=False).tail(1).set_index(keys)
    seconds = rows.assign(seconds=pd.to_numeric(rows["seconds"], errors="coerce")).groupby(keys)["seconds"].sum()
    score = pd.to_numeric(last["trial_score"], errors="coerce").astype(float)
    # a lost run, or one that failed, ends its trial: the last run tells how
    state = last["state"].where(last["trial_state"] != "pruned", "pruned")
    whole = last.assign(valid=score.where(np.isfinite(score)), state=state, seconds=seconds)
    return whole.reset_index()[list(rows.columns)]


def varied(rows: pd.DataFrame) -> list[str]:
    """Return the settings that take at least two values in these rows."""
    return [name for name in setting_columns(rows) if rows[name].dropna().map(str).nunique() > 1]


def best_settings(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell, setting) that was searched: the chosen trial's value and the range tried.

    Columns: task, cell, setting (without its prefix), value, low, high (NaN unless numbers), trial, valid, trials.
    """
    searched, table = trials(content), []
    for task in content.tasks:
        for cell in content.cells:
            own = searched[(searched["task"] == task.label) & (searched["cell"] == cell)]
            chosen = own[own["chosen"]]
            if chosen.empty:
                continue
            for name in varied(own):
                numbers = numeric(own[name].dropna())
                table.append(
                    {
                        "task": task.label,
                        "cell": cell,
                        "setting": name.partition(".")[2],
                        "value": chosen.iloc[0][name],
                        "low": math.nan if numbers is None else float(numbers.min()),
                        "high": math.nan if numbers is None else float(numbers.max()),
                        "trial": chosen.iloc[0]["trial"],
                        "valid": float(chosen.iloc[0]["valid"]),
                        "trials": len(own),
                    }
                )
    columns = ["task", "cell", "setting", "value", "low", "high", "trial", "valid", "trials"]
    return pd.DataFrame(table, columns=columns)


def importance(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell, setting): its share of PED-ANOVA's importance; they sum to 1 a (task, cell).

    A trial that was lost counts as worse than every finished one: what makes training diverge matters. Absent are
    tasks and cells with fewer than ten trials or fewer than five finished ones, with a single setting, or whose trials
    all score the same.
    Columns: task, cell, setting, importance, trials.
    """
    searched, table = trials(content), []
    for task in content.tasks:
        for cell in content.cells:
            own = searched[(searched["task"] == task.label) & (searched["cell"] == cell)]
            for name, share in importances(own, task).items():
                found = {"task": task.label, "cell": cell, "setting": name.partition(".")[2], "importance": share}
                table.append({**found, "trials": len(own)})
    return pd.DataFrame(table, columns=["task", "cell", "setting", "importance", "trials"])


def importances(rows: pd.DataFrame, task: TaskContent) -> dict[str, float]:
    """Return the importance of each setting in these trials of one cell on one task; empty where they are too few."""
    lost = rows["state"].isin(LOST_STATES)
    rows = rows[rows["valid"].notna() | lost]
    names = [name for name in varied(rows) if bool(rows[name].notna().all())]
    finished = rows["valid"].notna()
    if len(rows) < FEWEST_TRIALS or int(finished.sum()) < GOOD_TRIALS or len(names) < 2:
        return {}
    # only the order of the trials enters, so any value beyond the worst will do for those that were lost
    sign = 1.0 if task.direction == "minimize" else -1.0
    losses = sign * rows["valid"]
    losses = losses.fillna(float(losses.max()) + 1.0)
    share = max(0.1, GOOD_TRIALS / len(rows))
    if float(losses.max()) <= float(losses.sort_values().iloc[math.ceil(share * len(rows)) - 1]):
        return {}  # equal scores: no trial is better than the others
    spaces = {name: distribution(rows[name]) for name in names}
    numeric_names = {name for name, space in spaces.items() if isinstance(space, FloatDistribution)}
    with quiet_optuna():
        study = optuna.create_study(direction="minimize")
        for values, loss in zip(rows[names].to_dict("records"), losses.tolist(), strict=True):
            parameters = {
                str(name): float(value) if name in numeric_names else str(value) for name, value in values.items()
            }
            study.add_trial(optuna.create_trial(params=parameters, distributions=spaces, value=loss))
        evaluator = PedAnovaImportanceEvaluator(target_quantile=share)
        found = get_param_importances(study, evaluator=evaluator)
    return {name: float(found[name]) for name in names if name in found}


def distribution(values: pd.Series) -> BaseDistribution:
    """Return the space that these values seem to come from: a range, logarithmic over a decade or more, or a set."""
    numbers = numeric(values)
    if numbers is None:
        return CategoricalDistribution(sorted(set(values.map(str))))
    low, high = float(numbers.min()), float(numbers.max())
    return FloatDistribution(low, high, log=low > 0 and high / low >= 10)


def numeric(values: pd.Series) -> pd.Series | None:
    """Return the values as floats, or None if one of them is not a number (a switch is none)."""
    if values.map(lambda value: isinstance(value, bool | np.bool_)).any():
        return None
    numbers = pd.to_numeric(values, errors="coerce")
    return None if numbers.isna().any() or numbers.empty else numbers.astype(float)


@contextmanager
def quiet_optuna() -> Iterator[None]:
    """Keep Optuna from announcing a study that nobody sees; its verbosity is as before afterwards."""
    before = optuna.logging.get_verbosity()
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    try:
        yield
    finally:
        optuna.logging.set_verbosity(before)
