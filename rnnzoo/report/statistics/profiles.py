"""Performance profiles: how large a share of the runs does better than any given score."""

from collections.abc import Sequence

import numpy as np

from rnnzoo.report.statistics.resampling import LEVEL, RESAMPLES, generator


def profile(samples: Sequence[np.ndarray], thresholds: np.ndarray) -> np.ndarray:
    """Return the share of runs whose score is at least τ, averaged over the tasks.

    Args:
        samples: scores, one array (…, seeds) a task; larger is better.
        thresholds: τ, (m,).

    Returns:
        (…, m), falling from 1 to 0.

    Source: as `rnnzoo.report.statistics.resampling.stratified_interval`, section 4.2; at least τ rather than above it,
    so that a perfect run counts at τ = 1.
    """
    shares = [(np.asarray(sample)[..., :, None] >= thresholds).mean(axis=-2) for sample in samples]
    return np.asarray(np.mean(shares, axis=0))


def profile_band(samples: Sequence[np.ndarray], thresholds: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the stratified bootstrap's 95% interval of `profile` at every τ by itself; NaN below two runs a task."""
    if min(len(sample) for sample in samples) < 2:
        return np.full(len(thresholds), np.nan), np.full(len(thresholds), np.nan)
    draw = generator(seed)
    resampled = [sample[draw.integers(len(sample), size=(RESAMPLES, len(sample)))] for sample in samples]
    low, high = np.quantile(profile(resampled, thresholds), [LEVEL / 2, 1 - LEVEL / 2], axis=0)
    return np.asarray(low), np.asarray(high)
