"""What each recipe reached here and in print, as one frame: a row a (study, task, cell)."""

import math
from collections.abc import Iterable, Sequence

import pandas as pd

from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.published import OWN
from rnnzoo.study.papers import Paper

COLUMNS = (
    "study", "task", "title", "cell", "metric", "seeds", "under_way", "diverged", "on_target", "steps", "most_steps",
    "planned_steps", "published_steps", "epochs", "valid", "valid_low", "valid_high", "test", "test_low", "test_high",
    "published_low", "published_high", "baseline", "seconds", "direction",
)  # fmt: skip

ACCURACIES = (0.8, 0.9)
"""Validation accuracies whose first epoch is told."""

ADDING_ERRORS = (0.05, 0.01)
"""Validation errors of the adding problem whose first step is told: 0.05 is what other papers use, 0.01 is solved."""


def comparisons(papers: Sequence[Paper]) -> pd.DataFrame:
    """Return a row a (study, task, cell) with `COLUMNS`.

    valid is the mean over the seeds of the best validation score, test of the test scores, both in the task's own
    metric, with the lowest and the highest seed. published_low and published_high span the published scores of the same
    cell, in the same metric; baseline is the score of an answer without memory. steps is what the run that is furthest
    behind has done, most_steps what the one ahead of all has, on_target how many runs have reached the score at which
    they were to end. All these are of the runs that have ended; those under way count only where none has.
    """
    rows = [row(paper, task, cell) for paper in papers for task in paper.content.tasks for cell in paper.content.cells]
    return pd.DataFrame([found for found in rows if found is not None], columns=list(COLUMNS))


def row(paper: Paper, task: TaskContent, cell: str) -> dict[str, object] | None:
    """Return what one cell reached on one task, or None where it has no curve."""
    curves = paper.curves[(paper.curves["task"] == task.label) & (paper.curves["cell"] == cell)]
    if curves.empty:
        return None
    states = curves.groupby("seed")["state"].first()
    ended = curves[curves["state"] != "under way"]
    told = ended if len(ended) else curves  # half a run beside whole ones would pass for a bad seed
    best = [best_score(curve["valid"].astype(float), task) for _, curve in told.groupby("seed")]
    tests = pd.to_numeric(told["test"], errors="coerce").dropna()
    low, high = published_span(paper.content, task, cell)
    done = told.groupby("seed")["step"].max()
    target = paper.targets.get((task.label, cell))
    return {
        "study": paper.content.name,
        "task": task.label,
        "title": task.title,
        "cell": cell,
        "metric": task.metric,
        "seeds": curves["seed"].nunique(),
        "under_way": int((states == "under way").sum()),
        "diverged": int((states == "diverged").sum()),
        "on_target": 0 if target is None else sum(good(score, target, task) for score in best),
        "steps": int(done.min()),
        "most_steps": int(done.max()),
        "planned_steps": paper.planned[task.label, cell],
        "published_steps": paper.published_steps.get((task.label, cell), math.nan),
        "epochs": float(told.groupby("seed")["epoch"].max().astype(float).min()),
        "valid": mean(best),
        "valid_low": min(best),
        "valid_high": max(best),
        "test": mean(tests),
        "test_low": tests.min(),
        "test_high": tests.max(),
        "published_low": low,
        "published_high": high,
        "baseline": task.baseline,
        "seconds": float(curves.groupby("seed")["seconds"].max().astype(float).sum()),
        "direction": task.direction,
    }


def best_score(values: Iterable[float], task: TaskContent) -> float:
    """Return the best of some scores."""
    known = [value for value in values if math.isfinite(value)]
    if not known:
        return math.nan
    return min(known) if task.direction == "minimize" else max(known)


def good(score: float, target: float, task: TaskContent) -> bool:
    """Whether a score is at least as good as another; NaN is not."""
    return score <= target if task.direction == "minimize" else score >= target


def mean(values: Iterable[float]) -> float:
    """Return the mean, NaN of nothing."""
    known = list(values)
    return sum(known) / len(known) if known else math.nan


def published_span(content: StudyContent, task: TaskContent, cell: str) -> tuple[float, float]:
    """Return the lowest and the highest published score of a cell in the task's metric; NaN where there is none."""
    results = content.results[content.results["task"] == task.label]
    kind = content.meanings.get(cell, cell).split()[0]
    metric, factor = ("test accuracy (%)", 0.01) if task.percent else ("test MSE", 1.0)
    if not task.percent and task.metric != "mean squared error":
        return math.nan, math.nan
    same = results.loc[(results["cell"] == kind) & (results["metric"] == metric), "value"].astype(float).dropna()
    return (factor * same.min(), factor * same.max()) if len(same) else (math.nan, math.nan)


def passes(papers: Sequence[Paper]) -> pd.DataFrame:
    """Return when each curve first passes a threshold, ours and the published ones.

    Returns:
        study, task, cell, source (`OWN` or the published curve's), seed, threshold, step, epoch; NaN where it did not.
    """
    rows = []
    for paper in papers:
        for task in paper.content.tasks:
            for threshold in thresholds(task):
                rows += [
                    {"study": paper.content.name, "task": task.label, "threshold": threshold} | found
                    for found in passed(paper, task, threshold)
                ]
    columns = ["study", "task", "cell", "source", "seed", "threshold", "step", "epoch"]
    return pd.DataFrame(rows, columns=columns)


def passed(paper: Paper, task: TaskContent, threshold: float) -> list[dict[str, object]]:
    """Return when each curve on a task first passes a threshold."""
    rows: list[dict[str, object]] = []
    own = paper.curves[paper.curves["task"] == task.label]
    for (cell, seed), curve in own.groupby(["cell", "seed"]):
        size = paper.epochs.get((task.label, str(cell)))
        rows.append({"cell": cell, "source": OWN, "seed": seed} | first_pass(curve, task, threshold, size))
    logs = paper.logs[(paper.logs["task"] == task.label) & paper.logs["name"].isin(own["cell"])]
    for (name, source), curve in logs.groupby(["name", "source"]):
        size = paper.epochs.get((task.label, str(name)))
        rows.append({"cell": name, "source": source, "seed": ""} | first_pass(curve, task, threshold, size))
    return rows


def thresholds(task: TaskContent) -> tuple[float, ...]:
    """Return the validation scores that are told of on a task."""
    if task.percent:
        return ACCURACIES
    return ADDING_ERRORS if task.name == "adding" else (task.baseline / 10,)


def first_pass(curve: pd.DataFrame, task: TaskContent, threshold: float, size: int | None) -> dict[str, float]:
    """Return step and epoch at which a curve is first at least as good as the threshold; NaN where it never is.

    Args:
        curve: step and valid.
        task: whose score it is.
        threshold: in the task's metric.
        size: steps of an epoch, or None.
    """
    passed = [good(score, threshold, task) for score in curve["valid"].astype(float)]
    step = float(curve.loc[passed, "step"].astype(float).min()) if any(passed) else math.nan
    return {"step": step, "epoch": step / size if size else math.nan}
