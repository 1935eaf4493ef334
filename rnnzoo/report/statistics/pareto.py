"""Which of several choices none of the others beats in everything."""

import numpy as np


def on_front(costs: np.ndarray) -> np.ndarray:
    """Return which points are on the Pareto front: no other is at least as good in all costs and better in one.

    Args:
        costs: (points, costs), smaller is better; infinite is allowed, NaN is not.

    Returns:
        (points,) of bool; equal points are on the front together.

    Raises:
        ValueError: a cost is NaN.
    """
    costs = np.asarray(costs, dtype=float)
    if np.isnan(costs).any():
        raise ValueError("on_front: a cost is NaN; leave out the points or the costs that were not measured")
    as_good = (costs[:, None, :] <= costs[None, :, :]).all(axis=2)
    better = (costs[:, None, :] < costs[None, :, :]).any(axis=2)
    return np.asarray(~(as_good & better).any(axis=0))
