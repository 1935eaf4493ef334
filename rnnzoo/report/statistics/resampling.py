"""The bootstrap over seeds, task by task, that gives intervals to what is averaged over tasks."""

from collections.abc import Callable, Sequence

import numpy as np
from scipy import stats

LEVEL = 0.05
"""One minus the level of every interval."""

RESAMPLES = 2000
"""Resamples of a bootstrap: the ends of a 95% interval move by about a sixtieth of its length from draw to draw."""

Statistic = Callable[..., np.ndarray]
"""Takes a sample a stratum and `axis`, and returns the statistic along that axis, any number of resamples at once."""


def generator(seed: int) -> np.random.Generator:
    """Return the generator of a bootstrap: the same numbers in every report of the same records."""
    return np.random.default_rng([20_261_122, seed])


def stratified_interval(samples: Sequence[np.ndarray], statistic: Statistic, seed: int = 0) -> tuple[float, float]:
    """Return the 95% percentile interval of a statistic of several samples, each resampled on its own.

    Resampling within each stratum (a task's seeds) keeps every task's weight in every resample.

    Args:
        samples: one array (n,) a stratum; the n may differ.
        statistic: see `Statistic`.
        seed: of the resamples.

    Returns:
        low and high; NaN where a stratum has fewer than two values, for it would never vary.

    Source: Agarwal, Schwarzer, Castro, Courville and Bellemare, Deep Reinforcement Learning at the Edge of the
    Statistical Precipice, NeurIPS 2021, section 4.1.
    """
    if not samples or min(len(sample) for sample in samples) < 2:
        return np.nan, np.nan
    found = stats.bootstrap(
        tuple(samples), statistic, n_resamples=RESAMPLES, batch=500, vectorized=True, axis=-1, method="percentile",
        confidence_level=1 - LEVEL, rng=generator(seed),
    )  # fmt: skip
    return float(found.confidence_interval.low), float(found.confidence_interval.high)
