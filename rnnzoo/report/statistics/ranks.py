"""Places over many tasks: mean ranks and Friedman's test."""

import math

import numpy as np
import pandas as pd
from scipy import stats


def mean_ranks(wide: pd.DataFrame) -> pd.Series:
    """Return each column's mean place over the rows: 1 is the largest value, equal values share the mean of theirs."""
    return wide.rank(axis=1, ascending=False).mean(axis=0)


def friedman(wide: pd.DataFrame) -> float:
    """Return the p-value of Friedman's test that all columns rank alike; NaN below three columns or two rows."""
    if wide.shape[1] < 3 or wide.shape[0] < 2 or bool((wide.nunique(axis=1) == 1).all()):
        return math.nan
    return float(stats.friedmanchisquare(*(np.asarray(wide[name], dtype=float) for name in wide.columns)).pvalue)
