"""From run records to the numbers of a report: scores with intervals, comparisons, curves and costs.

Errors that span decades (`TaskContent.factors`) are averaged and compared by their logarithms: one seed's error is a
factor off another's, so an interval around the plain mean would reach below zero and a test of the plain difference
would hear the worst seed only. Other scores are averaged as they are.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.once import once
from rnnzoo.run_state import LOST_STATES

LEVEL = 0.05
"""Level of every test, and one minus that of every interval."""


class Interval(NamedTuple):
    """A mean of n values and its interval; NaN where n is too small."""

    mean: float
    low: float
    high: float
    n: int


class Comparison(NamedTuple):
    """A difference of two means (or their ratio), its interval and p-value; NaN where nothing can be tested."""

    difference: float
    low: float
    high: float
    p: float


def mean_interval(values: Sequence[float], low: float = -math.inf, high: float = math.inf) -> Interval:
    """Return the mean and its 95% interval by Student's t, cut to what the metric can be: [low, high]."""
    n = len(values)
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0)
    mean = float(np.mean(values))
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1)
    half = float(stats.t.ppf(1 - LEVEL / 2, n - 1)) * float(np.std(values, ddof=1)) / math.sqrt(n)
    return Interval(mean, max(low, mean - half), min(high, mean + half), n)


def welch(a: Sequence[float], b: Sequence[float]) -> Comparison:
    """Return mean(a) − mean(b) with Welch's 95% interval and two-sided p-value.

    Interval and p are NaN where a side has fewer than two values, or where neither side varies: t has no meaning then.
    """
    if not a or not b:
        return Comparison(math.nan, math.nan, math.nan, math.nan)
    difference = float(np.mean(a)) - float(np.mean(b))
    if len(a) < 2 or len(b) < 2:
        return Comparison(difference, math.nan, math.nan, math.nan)
    shares = [float(np.var(side, ddof=1)) / len(side) for side in (a, b)]
    # rounding alone gives equal values a variance of about (1e-16 · value)²
    if sum(shares) <= (1e-12 * max(abs(value) for value in (*a, *b))) ** 2:
        return Comparison(difference, math.nan, math.nan, math.nan)
    error = math.sqrt(sum(shares))
    freedom = sum(shares) ** 2 / sum(s**2 / (len(side) - 1) for s, side in zip(shares, (a, b), strict=True))
    half = float(stats.t.ppf(1 - LEVEL / 2, freedom)) * error
    p = 2 * float(stats.t.sf(abs(difference) / error, freedom))
    return Comparison(difference, difference - half, difference + half, p)


def holm(p_values: Sequence[float]) -> list[float]:
    """Return Holm's corrected p-values in the given order; NaNs stay NaN and do not count as comparisons."""
    known = sorted((p, index) for index, p in enumerate(p_values) if not math.isnan(p))
    corrected = [math.nan] * len(p_values)
    running = 0.0
    for rank, (p, index) in enumerate(known):
        running = max(running, min(1.0, (len(known) - rank) * p))
        corrected[index] = running
    return corrected


def scaled(values: Sequence[float], task: TaskContent) -> list[float]:
    """Return scores on the scale on which they are averaged: logarithms where the task compares by factors.

    An error of exactly 0 counts as a billionth of the baseline's.
    """
    if not task.factors:
        return list(values)
    return [math.log(max(value, 1e-9 * task.baseline)) for value in values]


def score_interval(values: Sequence[float], task: TaskContent) -> Interval:
    """Return the mean score and its 95% interval: the geometric mean where the task compares by factors."""
    found = mean_interval(scaled(values, task), *((-math.inf, math.inf) if task.factors else bounds(task)))
    if not task.factors:
        return found
    return Interval(exponential(found.mean), exponential(found.low), exponential(found.high), found.n)


def score_comparison(winner: Sequence[float], other: Sequence[float], task: TaskContent) -> Comparison:
    """Return by how much `winner` is better, with Welch's interval and p.

    A difference of means, positive where it is better; where the task compares by factors, how many times smaller the
    winner's error is, above 1 where it is.
    """
    a, b = scaled(winner, task), scaled(other, task)
    found = welch(b, a) if task.direction == "minimize" else welch(a, b)
    if not task.factors:
        return found
    return Comparison(exponential(found.difference), exponential(found.low), exponential(found.high), found.p)


def exponential(value: float) -> float:
    """Return e to the value, infinite where that is too large for a float."""
    return math.inf if value > 709.0 else math.exp(value)


def bounds(task: TaskContent) -> tuple[float, float]:
    """Return the smallest and largest value that the task's metric can take, as far as a report knows it."""
    if task.direction == "minimize":
        return task.best, math.inf
    return (0.0 if task.percent else -math.inf), task.best


@once
def confirmed(content: StudyContent) -> pd.DataFrame:
    """Return one row a confirming run: task, cell, seed, state, reason, stopped_at, test, score.

    `score` is the test score, the baseline's for a run that was lost (it diverged, or ran out of memory or time), NaN
    for one that failed (which says nothing of the cell) or that has no test score.
    """
    columns = ["task", "cell", "seed", "state", "reason", "stopped_at", "test"]
    rows = content.rows.loc[content.rows["phase"] == "confirm", columns].copy()
    baseline = rows["task"].map({task.label: task.baseline for task in content.tasks})
    rows["test"] = pd.to_numeric(rows["test"], errors="coerce").replace([np.inf, -np.inf], np.nan)
    score = rows["test"].where(rows["state"] == "finished")
    rows["score"] = score.where(~rows["state"].isin(LOST_STATES), baseline).astype(float)
    order = {cell: index for index, cell in enumerate(content.cells)}
    tasks = {task.label: index for index, task in enumerate(content.tasks)}
    keys = pd.DataFrame({"task": rows["task"].map(tasks), "cell": rows["cell"].map(order), "seed": rows["seed"]})
    return rows.loc[keys.sort_values(["task", "cell", "seed"], kind="stable").index].reset_index(drop=True)


@once
def scores(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell), also where nothing was run: how many seeds, mean, interval, place.

    Columns: task, cell, n (seeds in the mean), lost (of them), failed, mean, low, high (`score_interval`), worst, best,
    normalised (0 the baseline, 1 perfect), place (1 the best; NaN where there is no mean; equal means share one).
    """
    runs = confirmed(content)
    table = []
    for task in content.tasks:
        for cell in content.cells:
            own = runs[(runs["task"] == task.label) & (runs["cell"] == cell)]
            values = [float(value) for value in own["score"].dropna()]
            found = score_interval(values, task)
            table.append(
                {
                    "task": task.label,
                    "cell": cell,
                    "n": found.n,
                    "lost": int(own["state"].isin(LOST_STATES).sum()),
                    "failed": int(len(own) - found.n),
                    "mean": found.mean,
                    "low": found.low,
                    "high": found.high,
                    "worst": (max if task.direction == "minimize" else min)(values, default=math.nan),
                    "best": (min if task.direction == "minimize" else max)(values, default=math.nan),
                    "normalised": task.normalised(found.mean),
                }
            )
    columns = ["task", "cell", "n", "lost", "failed", "mean", "low", "high", "worst", "best", "normalised"]
    frame = pd.DataFrame(table, columns=columns)
    frame["place"] = frame.groupby("task", sort=False)["normalised"].rank(method="min", ascending=False)
    return frame


@once
def comparisons(content: StudyContent) -> pd.DataFrame:
    """Return the winner of each task against every other cell that has a score.

    Columns: task, winner, cell, kind ("difference" or "factor"), advantage (how much better the winner's mean is), low,
    high (Welch's 95% interval), p, p_holm (corrected over the comparisons of the task), apart
    (p_holm below 0.05). Best first. Of equal means the
    first cell in the zoo's order is called the winner; `place` in `scores` shows the tie.
    """
    runs, table = confirmed(content), scores(content)
    found: list[dict[str, object]] = []
    for task in content.tasks:
        own = table[(table["task"] == task.label) & (table["n"] > 0)].sort_values("place", kind="stable")
        if own.empty:
            continue
        on_task = runs[runs["task"] == task.label]
        values = {
            cell: [float(v) for v in on_task.loc[on_task["cell"] == cell, "score"].dropna()] for cell in own["cell"]
        }
        winner, *others = values
        tests = [score_comparison(values[winner], values[cell], task) for cell in others]
        for cell, test, p in zip(others, tests, holm([test.p for test in tests]), strict=True):
            found.append(
                {
                    "task": task.label,
                    "winner": winner,
                    "cell": cell,
                    "kind": "factor" if task.factors else "difference",
                    "advantage": test.difference,
                    "low": test.low,
                    "high": test.high,
                    "p": test.p,
                    "p_holm": p,
                    "apart": bool(p < LEVEL),
                }
            )
    columns = ["task", "winner", "cell", "kind", "advantage", "low", "high", "p", "p_holm", "apart"]
    return pd.DataFrame(found, columns=columns)


@once
def step_seconds(content: StudyContent) -> pd.DataFrame:
    """Return the cost of a training step, one row a (task, cell) that has confirming runs.

    Columns: task, cell, hidden_size, num_layers, parameters, seconds_per_step, memory_mib (medians over the runs;
    NaN where not measured), steps (median), engine, mean, low, high, normalised (as in `scores`).
    """
    rows = content.rows[content.rows["phase"] == "confirm"]
    numeric = ["hidden_size", "num_layers", "parameters", "seconds_per_step", "memory_mib", "steps"]
    columns = ["task", "cell", *numeric, "engine"]
    if rows.empty:
        return pd.DataFrame(columns=[*columns, "mean", "low", "high", "normalised"])
    table = []
    for task in content.tasks:
        for cell in content.cells:
            own = rows[(rows["task"] == task.label) & (rows["cell"] == cell)]
            if own.empty:
                continue
            medians = {name: pd.to_numeric(own[name], errors="coerce").astype(float).median() for name in numeric}
            engines = sorted({str(engine) for engine in own["engine"].dropna()})
            table.append({"task": task.label, "cell": cell, **medians, "engine": ", ".join(engines)})
    means = scores(content)[["task", "cell", "mean", "low", "high", "normalised"]]
    return pd.DataFrame(table, columns=columns).merge(means, on=["task", "cell"], how="left")


def learning_curves(content: StudyContent) -> pd.DataFrame:
    """Return validation over training, one row a (task, cell, step): median, low and high (range) over the seeds.

    A run that stopped early keeps its last score, and one that was lost counts as the baseline from its end on, so that
    the median is over the same seeds everywhere. A run under way, which has a curve and no row yet, counts as far as it
    is. Columns: task, cell, step, seconds, n, median, low, high, timing.
    `seconds` is step × the seconds of a step measured alone ("measured") where all cells of the task have that, else
    the median of the runs' own clocks ("clock").
    """
    columns = ["task", "cell", "step", "seconds", "n", "median", "low", "high", "timing"]
    names = ("step", "seconds", "valid")
    curves = content.curves[content.curves["phase"] == "confirm"]
    costs, states = step_seconds(content), content.rows.set_index("run")["state"].to_dict()
    parts = []
    for task in content.tasks:
        own_costs = costs[costs["task"] == task.label].set_index("cell")["seconds_per_step"]
        measured = bool(len(own_costs)) and bool(own_costs.notna().all())
        for cell in content.cells:
            own = curves[(curves["task"] == task.label) & (curves["cell"] == cell)]
            if own.empty:
                continue
            own = own.assign(**{name: pd.to_numeric(own[name], errors="coerce") for name in names})
            wide = own.pivot_table(index="step", columns="run", values="valid", aggfunc="last", dropna=False)
            wide = wide.replace([np.inf, -np.inf], np.nan).astype(float)
            for run in wide.columns:
                held = wide[run].ffill()
                # all that comes after the last number, which is everything where there is none
                after = wide[run].bfill().isna()
                if run not in states:
                    held = held.where(~after)
                elif states[run] in LOST_STATES:
                    held = held.where(~after, task.baseline)
                wide[run] = held
            steps = wide.index.to_numpy(dtype=float)
            clock = own.groupby("step")["seconds"].median().reindex(wide.index).to_numpy(dtype=float)
            parts.append(
                pd.DataFrame(
                    {
                        "task": task.label,
                        "cell": cell,
                        "step": steps,
                        "seconds": steps * float(own_costs[cell]) if measured and cell in own_costs else clock,
                        "n": wide.notna().sum(axis=1).to_numpy(),
                        "median": wide.median(axis=1).to_numpy(),
                        "low": wide.min(axis=1).to_numpy(),
                        "high": wide.max(axis=1).to_numpy(),
                        "timing": "measured" if measured else "clock",
                    }
                )
            )
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def stopped_runs(content: StudyContent) -> pd.DataFrame:
    """Return every run that did not finish: task, cell, phase, seed, trial, state, stopped_at, reason."""
    columns = ["task", "cell", "phase", "seed", "trial", "state", "stopped_at", "reason"]
    rows = content.rows.loc[content.rows["state"] != "finished", columns]
    return rows.sort_values(["phase", "task", "cell", "seed", "trial"], kind="stable").reset_index(drop=True)
