"""Signed ranks, places and the Pareto front against every case counted out, and against scikit-posthocs."""

import math
from itertools import product

import numpy as np
import pandas as pd
import pytest

from rnnzoo.report.statistics.pairwise import least_p, separation_p, signed_rank
from rnnzoo.report.statistics.pareto import on_front
from rnnzoo.report.statistics.ranks import friedman, mean_ranks
from rnnzoo.report.tables import holm


def counted_signed_rank(differences: list[float]) -> float:
    """Return the share of the 2ⁿ sign patterns whose rank sum is at least as far out as the one seen."""
    ranks = pd.Series(np.abs(differences)).rank().to_numpy()
    seen = abs(float(np.sign(differences) @ ranks))
    signs = [[0] if d == 0 else [-1, 1] for d in differences]
    sums = [abs(float(np.array(pattern) @ ranks)) for pattern in product(*signs)]
    return float(np.mean([total >= seen - 1e-9 for total in sums]))


@pytest.mark.parametrize(
    "differences",
    [
        [1.0, 2.0, 3.0, -4.0, 5.0, 6.0],
        [0.5, 0.5, -0.5, 1.0, 2.0],
        [0.0, 1.0, 2.0, 3.0, -1.0, 4.0, 5.0],
        [1.0],
        [0.0, 0.0, 1.0, 2.0, 3.0, 4.0, -2.5],
    ],
)
def test_signed_rank_is_exact(differences: list[float]) -> None:
    mine = [10.0 + difference for difference in differences]
    assert signed_rank(mine, [10.0] * len(mine)) == pytest.approx(counted_signed_rank(differences))


def test_a_planted_winner_needs_six_tasks() -> None:
    for tasks in range(1, 9):
        found = signed_rank([1.0 + k for k in range(tasks)], [0.0] * tasks)
        assert found == pytest.approx(least_p(tasks))
    assert least_p(5) > 0.05 > least_p(6)
    assert math.isnan(signed_rank([1.0, 2.0], [1.0, 2.0]))
    assert math.isnan(signed_rank([], []))


def test_separation_of_constants_is_counted() -> None:
    # of the 10 ways to deal two and three values out, one puts the high ones left and one right
    assert separation_p([1.0, 1.0], [0.1, 0.1, 0.1]) == pytest.approx(2 / 10)
    assert separation_p([1.0] * 5, [0.1] * 5) == pytest.approx(2 / 252)
    assert math.isnan(separation_p([0.5] * 3, [0.5] * 3))
    assert separation_p([1.0], [0.5]) == 1.0


def test_signed_ranks_with_holm_are_those_of_scikit_posthocs() -> None:
    posthocs = pytest.importorskip("scikit_posthocs", reason="the extra `stats` is not installed")
    rng = np.random.default_rng(4)
    wide = pd.DataFrame(rng.normal(np.array([0.0, 0.2, 1.5, 1.6]), size=(12, 4)), columns=list("abcd"))
    theirs = posthocs.posthoc_wilcoxon(wide.melt(), "value", "variable", p_adjust="holm", zero_method="zsplit")
    pairs = [(a, b) for i, a in enumerate(wide) for b in list(wide)[i + 1 :]]
    mine = holm([signed_rank(wide[a].tolist(), wide[b].tolist()) for a, b in pairs])
    np.testing.assert_allclose(mine, [theirs.loc[a, b] for a, b in pairs], rtol=1e-12)
    assert min(mine) < 0.05


def test_mean_ranks_and_friedman() -> None:
    wide = pd.DataFrame({"a": [0.9, 0.8, 0.7], "b": [0.5, 0.8, 0.6], "c": [0.1, 0.2, 0.3]})
    assert mean_ranks(wide).to_dict() == pytest.approx({"a": 3.5 / 3, "b": 5.5 / 3, "c": 3.0})
    steady = pd.DataFrame({"a": np.arange(12) + 2.0, "b": np.arange(12) + 1.0, "c": np.arange(12) + 0.0})
    # χ² = 12 / (n k (k + 1)) Σ R² − 3 n (k + 1) = 24 with rank sums 12, 24, 36; two degrees of freedom: e^(−χ²/2)
    assert friedman(steady) == pytest.approx(math.exp(-12.0))
    assert math.isnan(friedman(steady[["a", "b"]]))
    assert math.isnan(friedman(pd.DataFrame({"a": [1.0, 1.0], "b": [1.0, 1.0], "c": [1.0, 1.0]})))


def test_front_against_every_pair() -> None:
    rng = np.random.default_rng(8)
    points = rng.integers(0, 5, size=(40, 3)).astype(float)
    expected = [not any((other <= point).all() and (other < point).any() for other in points) for point in points]
    assert on_front(points).tolist() == expected
    assert 0 < sum(expected) < 40
    assert on_front(np.array([[1.0, 2.0], [1.0, 2.0], [2.0, 2.0]])).tolist() == [True, True, False]
    assert on_front(np.array([[1.0, math.inf], [2.0, 0.0], [3.0, math.inf]])).tolist() == [True, True, False]
    with pytest.raises(ValueError, match="NaN"):
        on_front(np.array([[1.0, math.nan]]))
