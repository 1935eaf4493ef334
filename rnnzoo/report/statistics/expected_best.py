"""The score that tuning is expected to reach, as a function of how many trials are spent on it."""

import numpy as np
from scipy.special import gammaln

from rnnzoo.report.statistics.resampling import LEVEL, RESAMPLES, generator


def weights(trials: int) -> np.ndarray:
    """Return the probability that the best of k trials drawn from N is the one of rank i.

    P(best of k is rank i) = C(N − i, k − 1) / C(N, k)

    The k trials are k different ones of the N, and each set of k is as likely as any other: the i-th best is the best
    of its set when the other k − 1 come from the N − i that are worse. This makes the expected best Σ_i P · score_i the
    mean over all sets of k trials, and so, for trials that are independent and alike, an unbiased estimate of what k
    new ones would reach. Drawing with replacement (Dodge et al., Show Your Work, EMNLP 2019, equation 7) instead lets a
    trial be its own repetition, which makes every k look worse than it is, the more the nearer k is to N.

    Args:
        trials: N, at least 1.

    Returns:
        (N, N): row k − 1, column i − 1; rows sum to 1.

    Source: Tang, Lee, Xin, Liu, Yu and Lin, Showing Your Work Doesn't Always Work, ACL 2020, show the bias; the
    estimate is the order statistics' textbook one.
    """
    k = np.arange(1, trials + 1)[:, None]
    rank = np.arange(1, trials + 1)[None, :]
    possible = rank <= trials - k + 1
    left = np.where(possible, trials - rank, k - 1)  # where it is impossible any sound value will do
    log = log_choose(left, k - 1) - log_choose(np.full_like(left, trials), np.broadcast_to(k, left.shape))
    return np.where(possible, np.exp(log), 0.0)


def log_choose(n: np.ndarray, k: np.ndarray) -> np.ndarray:
    """Return log C(n, k)."""
    return np.asarray(gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1))


def expected_best(scores: np.ndarray) -> np.ndarray:
    """Return the expected highest score of k of these trials, for k = 1 … N; see `weights`.

    Args:
        scores: (…, N), larger is better, all finite.

    Returns:
        (…, N): the mean of the scores at k = 1, the best of them at k = N.
    """
    ordered = -np.sort(-np.asarray(scores, dtype=float), axis=-1)
    return np.asarray(ordered @ weights(ordered.shape[-1]).T)


def resampled_best(scores: np.ndarray, seed: int = 0) -> np.ndarray:
    """Return `expected_best` of resamples of the trials, drawn with replacement: (`RESAMPLES`, N)."""
    scores = np.asarray(scores, dtype=float)
    chosen = generator(seed).integers(len(scores), size=(RESAMPLES, len(scores)))
    return expected_best(scores[chosen])


def best_interval(scores: np.ndarray, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the bootstrap's 95% percentile interval of `expected_best`: low and high, (N,) each; NaN for one trial.

    A resample cannot hold a score that was not seen, so the interval is too short at its upper end where k comes near
    N: at k = N the upper end is the best score itself.
    """
    if len(scores) < 2:
        return np.full(len(scores), np.nan), np.full(len(scores), np.nan)
    low, high = np.quantile(resampled_best(scores, seed), [LEVEL / 2, 1 - LEVEL / 2], axis=0)
    return np.asarray(low), np.asarray(high)
