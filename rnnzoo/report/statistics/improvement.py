"""How likely a run of one cell is to beat a run of another."""

from collections.abc import Sequence

import numpy as np

from rnnzoo.report.statistics.resampling import stratified_interval


def improvement(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return P(x > y) + ½ P(x = y) for a run x of one cell and y of another on a task drawn evenly.

    On each task this is the share of pairs of runs in which x is better, the Mann-Whitney statistic U / (n_x n_y).

    Args:
        samples: the first cell's scores on every task, then the second's on the same tasks; larger is better.
        axis: along which the runs of a task stand.

    Source: as `stratified_interval`, section 4.3.
    """
    tasks = len(samples) // 2
    total = np.zeros(())
    for mine, theirs in zip(samples[:tasks], samples[tasks:], strict=True):
        x = np.moveaxis(mine, axis, -1)[..., :, None]
        y = np.moveaxis(theirs, axis, -1)[..., None, :]
        total = total + ((x > y) + 0.5 * (x == y)).mean(axis=(-2, -1))
    return np.asarray(total / tasks)


def probability_of_improvement(mine: Sequence[np.ndarray], theirs: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """Return `improvement` and its stratified bootstrap 95% interval; one array a task on each side."""
    samples = [*mine, *theirs]
    return (float(improvement(*samples)), *stratified_interval(samples, improvement))
