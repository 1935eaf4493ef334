"""What is averaged over tasks and seeds, against counting and against scipy."""

import numpy as np
import pytest
from scipy import stats

from rnnzoo.report.statistics.aggregate import aggregate, interquartile_mean
from rnnzoo.report.statistics.improvement import improvement, probability_of_improvement
from rnnzoo.report.statistics.profiles import profile, profile_band
from rnnzoo.report.statistics.resampling import stratified_interval


def test_interquartile_mean_by_hand_and_by_scipy() -> None:
    samples = [np.array([9.0, 1.0, 2.0]), np.array([3.0, 4.0]), np.array([-50.0, 5.0, 6.0])]
    # sorted: −50 1 2 3 4 5 6 9; two are cut off at each end
    assert interquartile_mean(*samples) == pytest.approx((2 + 3 + 4 + 5) / 4)
    rng = np.random.default_rng(1)
    wide = [rng.normal(size=(4, 5)), rng.normal(size=(4, 6))]
    expected = stats.trim_mean(np.hstack(wide), 0.25, axis=1)
    np.testing.assert_allclose(interquartile_mean(*wide), expected)


def test_one_wild_run_moves_the_mean_and_not_the_interquartile_mean() -> None:
    calm = [np.array([0.5, 0.6, 0.7, 0.8])]
    wild = [np.array([0.5, 0.6, 0.7, -80.0])]
    assert abs(aggregate(wild)[0] - aggregate(calm)[0]) <= 0.1


def test_strata_are_resampled_each_on_its_own() -> None:
    """Two tasks at 0 and at 1 without spread: whatever is drawn, half of the scores are 1, and the mean is ½."""
    flat = [np.zeros(5), np.ones(5)]
    assert stratified_interval(flat, interquartile_mean) == (0.5, 0.5)
    middle, low, high = aggregate([np.array([0.1, 0.2, 0.3, 0.2]), np.array([0.8, 0.9, 0.7, 0.8])])
    assert 0.3 < low < middle < high < 0.7
    assert aggregate([np.array([0.1, 0.2]), np.array([0.7])])[1:] == pytest.approx((np.nan, np.nan), nan_ok=True)


def test_the_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    """Normal scores on two tasks, eight seeds each; the interquartile mean of the truth is 0."""
    rng = np.random.default_rng(5)
    covered = 0
    for _ in range(100):
        _, low, high = aggregate([rng.normal(size=8), rng.normal(size=8)])
        covered += low <= 0 <= high
    # a percentile bootstrap of sixteen values is somewhat too short
    assert 82 <= covered <= 100


def test_improvement_is_the_share_of_pairs() -> None:
    mine = [np.array([1.0, 3.0]), np.array([5.0, 5.0])]
    theirs = [np.array([2.0, 3.0, 0.0]), np.array([5.0])]
    # task one: 1 > 0, 3 > 2, 3 > 0 and 3 = 3 of six pairs: 3.5/6; task two: all equal, ½
    assert improvement(*mine, *theirs) == pytest.approx((3.5 / 6 + 0.5) / 2)
    assert improvement(*theirs, *mine) == pytest.approx(1 - (3.5 / 6 + 0.5) / 2)
    u = stats.mannwhitneyu(mine[0], theirs[0]).statistic
    assert improvement(mine[0], theirs[0]) == pytest.approx(u / 6)
    stacked = [np.stack([sample, sample]) for sample in (*mine, *theirs)]
    np.testing.assert_allclose(improvement(*stacked), [improvement(*mine, *theirs)] * 2)


def test_improvement_finds_a_planted_winner_and_a_planted_tie() -> None:
    rng = np.random.default_rng(2)
    base = [rng.normal(size=10) for _ in range(3)]
    _, low, _ = probability_of_improvement([x + 1.5 for x in base], [rng.normal(size=10) for _ in range(3)])
    assert low > 0.5
    _, low, high = probability_of_improvement(base, [rng.normal(size=10) for _ in range(3)])
    assert low < 0.5 < high


def test_profile_counts_runs_and_weighs_tasks_alike() -> None:
    samples = [np.array([0.2, 0.8]), np.array([1.0, 0.5, 0.5, 0.0])]
    found = profile(samples, np.array([-1.0, 0.5, 0.9, 1.0]))
    np.testing.assert_allclose(found, [1.0, (1 / 2 + 3 / 4) / 2, (0 + 1 / 4) / 2, (0 + 1 / 4) / 2])
    low, high = profile_band(samples, np.array([-1.0, 0.5]))
    assert (low[0], high[0]) == (1.0, 1.0)
    assert low[1] < found[1] < high[1]
    assert np.isnan(profile_band([np.array([0.3])], np.array([0.5]))[0]).all()
