"""One number for a cell on all tasks and seeds: the interquartile mean."""

from collections.abc import Sequence

import numpy as np
from scipy import stats

from rnnzoo.report.statistics.resampling import stratified_interval


def interquartile_mean(*samples: np.ndarray, axis: int = -1) -> np.ndarray:
    """Return the mean of the middle half of all samples together: 25% are cut off at each end, rounded down.

    It hears more than the median, which ignores how good the good runs are, and a single wild run does not move it.

    Args:
        samples: arrays of equal shape but for `axis`.
        axis: along which the samples are pooled.

    Source: as `stratified_interval`; the trimmed mean is scipy's.
    """
    pooled = np.concatenate(samples, axis=axis)
    return np.asarray(stats.trim_mean(pooled, 0.25, axis=axis))


def aggregate(samples: Sequence[np.ndarray]) -> tuple[float, float, float]:
    """Return the interquartile mean of these scores, one array a task, and its stratified bootstrap 95% interval."""
    return (float(interquartile_mean(*samples)), *stratified_interval(samples, interquartile_mean))
