"""What tuning buys: the validation score to expect from so many trials, and which cell is ahead at which budget.

Scores are averaged on the scale of `tables.scaled`. A trial that was lost (it diverged, or ran out of memory or time),
or that ended worse than the memoryless baseline, counts as the baseline: whoever tuned would have had that score for
nothing. A pruned trial counts with the score that it had come to. A trial that an error ended is left out, for it says
nothing of the cell.
"""

import math

import numpy as np
import pandas as pd

from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.once import once
from rnnzoo.report.searched import trials
from rnnzoo.report.statistics.expected_best import best_interval, expected_best, resampled_best
from rnnzoo.report.tables import exponential, scaled
from rnnzoo.run_state import LOST_STATES

BUDGETS = (5, 20, 100)
"""Numbers of trials at which the report says who is ahead, as far as the search went; and at its end."""

CURVE = ["task", "cell", "trials", "expected", "low", "high", "so_far", "n", "lost"]
LEADERS = ["task", "trials", "winner", "expected", "low", "high", "runner_up", "runner_up_expected", "share"]


def trial_scores(content: StudyContent) -> dict[tuple[str, str], np.ndarray]:
    """Return (task, cell) → the trials' scores in the order in which they were asked for; larger is better."""
    searched = trials(content)
    searched = searched[searched["state"] != "failed"].assign(order=pd.to_numeric(searched["trial"], errors="coerce"))
    found = {}
    for task in content.tasks:
        for cell in content.cells:
            own = searched[(searched["task"] == task.label) & (searched["cell"] == cell)]
            values = own.sort_values("order", kind="stable")["valid"].fillna(task.baseline).astype(float)
            if len(values):
                found[task.label, cell] = np.maximum(merit(values.tolist(), task), merit([task.baseline], task))
    return found


def merit(values: list[float], task: TaskContent) -> np.ndarray:
    """Return scores on the scale on which they are averaged, turned so that larger is better."""
    sign = -1.0 if task.direction == "minimize" else 1.0
    return sign * np.array(scaled(values, task), dtype=float)


def score_of(merits: float, task: TaskContent) -> float:
    """Return the score that has this `merit`."""
    value = -merits if task.direction == "minimize" else merits
    return exponential(value) if task.factors else value


@once
def tuning_curves(content: StudyContent) -> pd.DataFrame:
    """Return the validation score to expect of the best of k trials, one row a (task, cell, k).

    Columns: task, cell, trials (k), expected, low, high (bootstrap's 95%, low and high in the score's own direction),
    so_far (the best of the first k trials, as the search went), n (trials in all), lost (of them).
    """
    states = trials(content).groupby(["task", "cell"])["state"].agg(lambda own: int(own.isin(LOST_STATES).sum()))
    table = []
    by_label = {task.label: task for task in content.tasks}
    for (label, cell), values in trial_scores(content).items():
        task = by_label[label]
        (low, high), so_far = best_interval(values), np.maximum.accumulate(values)
        for k, expected in enumerate(expected_best(values), 1):
            ends = sorted(score_of(float(end[k - 1]), task) for end in (low, high))
            table.append(
                {
                    "task": label,
                    "cell": cell,
                    "trials": k,
                    "expected": score_of(float(expected), task),
                    "low": ends[0],
                    "high": ends[1],
                    "so_far": score_of(float(so_far[k - 1]), task),
                    "n": len(values),
                    "lost": int(states[label, cell]),
                }
            )
    return pd.DataFrame(table, columns=CURVE)


def leaders(content: StudyContent) -> pd.DataFrame:
    """Return which cell is expected to be ahead after so many trials, one row a (task, number of trials).

    Numbers are those of `BUDGETS` that every searched cell of the task reached, and the largest that all reached.
    Columns: task, trials, winner (None where no cell is expected to beat the baseline), expected, low, high,
    runner_up, runner_up_expected (None and NaN where one cell is alone), share (of resamples of all cells' trials in
    which the winner is first; a shared first place counts in parts).
    """
    scores = trial_scores(content)
    curves = tuning_curves(content)
    table = []
    for task in content.tasks:
        cells = [cell for label, cell in scores if label == task.label]
        if not cells:
            continue
        reached = min(len(scores[task.label, cell]) for cell in cells)
        resamples = np.stack(
            [resampled_best(scores[task.label, cell], seed)[:, :reached] for seed, cell in enumerate(cells)]
        )
        for k in sorted({*(budget for budget in BUDGETS if budget <= reached), reached}):
            expected = {cell: float(expected_best(scores[task.label, cell])[k - 1]) for cell in cells}
            order = sorted(cells, key=lambda cell: -expected[cell])
            winner = order[0]
            at_k = resamples[:, :, k - 1]
            first = at_k >= at_k.max(axis=0) - 1e-9  # equal but for the rounding of the sums behind them
            share = float((first[cells.index(winner)] / first.sum(axis=0)).mean())
            row = curves[(curves["task"] == task.label) & (curves["cell"] == winner) & (curves["trials"] == k)].iloc[0]
            learned = expected[winner] > float(merit([task.baseline], task)[0]) + 1e-12
            table.append(
                {
                    "task": task.label,
                    "trials": k,
                    "winner": winner if learned else None,
                    "expected": float(row["expected"]),
                    "low": float(row["low"]),
                    "high": float(row["high"]),
                    "runner_up": order[1] if len(order) > 1 else None,
                    "runner_up_expected": score_of(expected[order[1]], task) if len(order) > 1 else math.nan,
                    "share": share if learned else math.nan,
                }
            )
    return pd.DataFrame(table, columns=LEADERS)
