"""Cells compared over all tasks of a study at once, on normalised scores: 0 the memoryless baseline, 1 solved.

Only cells with a score on every task enter: a mean over other tasks would be a mean of other things. A run that
was lost (it diverged, or ran out of memory or time) counts as the baseline, 0; one that ended worse than the baseline
keeps its negative score.
"""

from itertools import combinations

import numpy as np
import pandas as pd

from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.once import once
from rnnzoo.report.statistics.aggregate import aggregate
from rnnzoo.report.statistics.improvement import probability_of_improvement
from rnnzoo.report.statistics.pairwise import separation_p, signed_rank
from rnnzoo.report.statistics.profiles import profile, profile_band
from rnnzoo.report.tables import LEVEL, confirmed, holm, score_comparison

THRESHOLDS = np.linspace(0.0, 1.0, 101)
"""Normalised scores at which performance profiles are taken."""

AGGREGATES = ["cell", "iqm", "low", "high", "tasks", "runs"]
IMPROVEMENTS = ["cell", "against", "probability", "low", "high", "tasks", "runs", "runs_against"]
PROFILES = ["cell", "threshold", "share", "low", "high", "tasks", "runs"]
PAIRS = ["cell", "against", "wins", "ties", "losses", "tasks", "p", "p_holm", "apart"]

Samples = dict[str, dict[str, list[float]]]
"""Cell → task → the scores of its confirming runs."""


def scored_tasks(content: StudyContent) -> list[TaskContent]:
    """Return the tasks on which some cell has a score."""
    known = set(confirmed(content).dropna(subset=["score"])["task"])
    return [task for task in content.tasks if task.label in known]


def samples(content: StudyContent) -> Samples:
    """Return the scores of the cells that have one on every task of `scored_tasks`, in the zoo's order."""
    runs, tasks = confirmed(content).dropna(subset=["score"]), scored_tasks(content)
    grouped = {
        (str(task), str(cell)): [float(score) for score in own]
        for (task, cell), own in runs.groupby(["task", "cell"])["score"]
    }
    return {
        cell: {task.label: grouped[task.label, cell] for task in tasks}
        for cell in content.cells
        if tasks and all((task.label, cell) in grouped for task in tasks)
    }


def left_out(content: StudyContent) -> list[str]:
    """Return the cells that lack a score on a task on which another cell has one."""
    complete = samples(content)
    return [cell for cell in content.cells if cell not in complete]


def normalised(content: StudyContent) -> dict[str, list[np.ndarray]]:
    """Return cell → normalised scores, one array a task."""
    tasks = {task.label: task for task in content.tasks}
    return {
        cell: [np.array([tasks[label].normalised(score) for score in own]) for label, own in by_task.items()]
        for cell, by_task in samples(content).items()
    }


@once
def aggregates(content: StudyContent) -> pd.DataFrame:
    """Return each cell's interquartile mean over tasks and seeds with its bootstrap interval, best first.

    Columns: cell, iqm, low, high (stratified by task, 95%; NaN where a task has one run), tasks, runs.
    """
    table = []
    for cell, own in normalised(content).items():
        middle, low, high = aggregate(own)
        table.append({"cell": cell, "iqm": middle, "low": low, "high": high, "tasks": len(own), "runs": count(own)})
    frame = pd.DataFrame(table, columns=AGGREGATES)
    return frame.sort_values("iqm", ascending=False, kind="stable").reset_index(drop=True)


def improvements(content: StudyContent) -> pd.DataFrame:
    """Return how likely a run of a cell is to beat one of another, both on a task drawn evenly; each pair both ways.

    Columns: cell, against, probability (ties count half), low, high (as in `aggregates`), tasks, runs, runs_against.
    """
    known, table = normalised(content), []
    for cell, against in combinations(known, 2):
        probability, low, high = probability_of_improvement(known[cell], known[against])
        runs, others = count(known[cell]), count(known[against])
        shared = {"tasks": len(known[cell])}
        table.append(
            {"cell": cell, "against": against, "probability": probability, "low": low, "high": high}
            | shared | {"runs": runs, "runs_against": others}
        )  # fmt: skip
        table.append(
            {"cell": against, "against": cell, "probability": 1 - probability, "low": 1 - high, "high": 1 - low}
            | shared | {"runs": others, "runs_against": runs}
        )  # fmt: skip
    return pd.DataFrame(table, columns=IMPROVEMENTS)


def profiles(content: StudyContent) -> pd.DataFrame:
    """Return performance profiles, one row a (cell, threshold).

    Columns: cell, threshold (normalised score), share (of runs that reach it, the mean over tasks), low, high
    (as in `aggregates`, at each threshold by itself), tasks, runs.
    """
    parts = []
    for cell, own in normalised(content).items():
        low, high = profile_band(own, THRESHOLDS)
        part = {"threshold": THRESHOLDS, "share": profile(own, THRESHOLDS), "low": low, "high": high}
        parts.append(pd.DataFrame({"cell": cell, **part, "tasks": len(own), "runs": count(own)}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=PROFILES)


def pairs(content: StudyContent) -> pd.DataFrame:
    """Return every pair of cells compared over tasks, one row a pair, the one with the higher mean first.

    A task is a win where the cell's scores are better and the two are told apart there: Welch's test over seeds at the
    5% level on the task's scale, corrected by Holm's method over all pairs of cells on that task (the exact
    permutation test where neither cell's scores vary). All else is a tie. p is Wilcoxon's signed-rank test over tasks,
    on mean normalised scores.
    Columns: cell, against, wins, ties, losses, tasks, p, p_holm (corrected over the pairs), apart (below 0.05).
    """
    known, scores = normalised(content), samples(content)
    chosen = list(combinations(aggregates(content)["cell"], 2))
    if not chosen:
        return pd.DataFrame(columns=PAIRS)
    means = {cell: [float(own.mean()) for own in by_task] for cell, by_task in known.items()}
    outcomes = [verdicts(scores, task, chosen) for task in scored_tasks(content)]
    p_values = [signed_rank(means[cell], means[against]) for cell, against in chosen]
    table = []
    for index, ((cell, against), p, p_holm) in enumerate(zip(chosen, p_values, holm(p_values), strict=True)):
        own = [outcome[index] for outcome in outcomes]
        table.append(
            {
                "cell": cell,
                "against": against,
                "wins": own.count(1),
                "ties": own.count(0),
                "losses": own.count(-1),
                "tasks": len(own),
                "p": p,
                "p_holm": p_holm,
                "apart": bool(p_holm < LEVEL),
            }
        )
    return pd.DataFrame(table, columns=PAIRS)


def verdicts(scores: Samples, task: TaskContent, chosen: list[tuple[str, str]]) -> list[int]:
    """Return for each pair of cells on a task 1 where the first wins, −1 where it loses, 0 for a tie."""
    tests = [score_comparison(scores[a][task.label], scores[b][task.label], task) for a, b in chosen]
    p_values = [
        separation_p(scores[a][task.label], scores[b][task.label])
        if len(set(scores[a][task.label])) == len(set(scores[b][task.label])) == 1
        else test.p
        for (a, b), test in zip(chosen, tests, strict=True)
    ]
    even = 1.0 if task.factors else 0.0
    return [
        0 if not p < LEVEL else 1 if test.difference > even else -1
        for p, test in zip(holm(p_values), tests, strict=True)
    ]


def mean_scores(content: StudyContent) -> pd.DataFrame:
    """Return the mean normalised scores, a row a task and a column a cell: what places over tasks are made of."""
    labels = [task.label for task in scored_tasks(content)]
    return pd.DataFrame(
        {cell: [float(own.mean()) for own in by_task] for cell, by_task in normalised(content).items()}, index=labels
    )


def count(own: list[np.ndarray]) -> int:
    """Return the number of runs."""
    return sum(len(scores) for scores in own)
