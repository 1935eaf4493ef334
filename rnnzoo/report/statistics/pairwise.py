"""Two cells compared over tasks: the signed-rank test, and which of them a single task tells apart."""

import math
from collections.abc import Sequence

import numpy as np
from scipy import stats


def signed_rank(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the two-sided p-value of Wilcoxon's signed-rank test over tasks; one score a task on each side.

    The ranks of equal scores are split between the two signs (Demšar, JMLR 2006, section 3.1.3). The p-value is exact
    up to 50 tasks, or up to 13 where differences are equal or zero; beyond, scipy approximates it by the normal
    distribution. NaN where there is no task or all scores are equal: nothing speaks for a difference.
    """
    differences = np.asarray(mine, dtype=float) - np.asarray(theirs, dtype=float)
    if not differences.any():
        return math.nan
    return float(stats.wilcoxon(differences, zero_method="zsplit").pvalue)


def least_p(tasks: int) -> float:
    """Return the smallest p-value that the signed-rank test can give over so many tasks: all of them one way."""
    return min(1.0, 2.0 ** (1 - tasks))


def separation_p(mine: Sequence[float], theirs: Sequence[float]) -> float:
    """Return the two-sided p-value of the exact permutation test for two samples neither of which varies.

    Welch's t has no meaning there, yet five seeds at 100% against five at 10% are no tie. Of the C(n + m, n) ways to
    deal the values out, two separate them as they are. NaN where the values are equal.
    """
    if min(mine) == min(theirs) and max(mine) == max(theirs):
        return math.nan
    return min(1.0, 2 / math.comb(len(mine) + len(theirs), len(mine)))
