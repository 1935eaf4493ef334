"""The expected best score against the mean over every set of trials, counted out."""

from itertools import combinations

import numpy as np
import pytest

from rnnzoo.report.statistics.expected_best import best_interval, expected_best, resampled_best, weights

SCORES = np.array([0.3, 0.9, -0.2, 0.5, 0.5, 0.1, 0.7])


def test_expected_best_is_the_mean_over_all_sets_of_trials() -> None:
    counted = [np.mean([max(chosen) for chosen in combinations(SCORES, k)]) for k in range(1, len(SCORES) + 1)]
    np.testing.assert_allclose(expected_best(SCORES), counted, rtol=1e-12)


def test_ends_are_the_mean_and_the_best() -> None:
    found = expected_best(SCORES)
    assert found[0] == pytest.approx(SCORES.mean())
    assert found[-1] == pytest.approx(0.9)
    assert (np.diff(found) > 0).all()
    assert expected_best(np.array([0.4])) == pytest.approx([0.4])


@pytest.mark.parametrize("trials", [1, 2, 30, 500])
def test_weights_are_probabilities(trials: int) -> None:
    table = weights(trials)
    # exponentials of differences of logarithms that are as large as 500 · log 500
    np.testing.assert_allclose(table.sum(axis=1), 1.0, rtol=1e-9)
    assert (table >= 0).all()
    assert table[-1, 0] == pytest.approx(1.0, rel=1e-9)


def test_it_is_unbiased_where_drawing_with_replacement_is_not() -> None:
    """The best of 8 uniform draws is 8/9 on average; both estimates from 10 draws, over 4,000 studies."""
    draws = np.random.default_rng(3).random((4000, 10))
    without = expected_best(draws)[:, 7]
    shares = np.arange(1, 11) / 10
    replaced = np.sort(draws, axis=1) @ (shares**8 - (shares - 0.1) ** 8)
    error = without.std() / np.sqrt(len(draws))
    assert without.mean() == pytest.approx(8 / 9, abs=4 * error)
    assert replaced.mean() < 8 / 9 - 10 * error


def test_interval_is_the_bootstraps_and_cannot_exceed_what_was_seen() -> None:
    low, high = best_interval(SCORES)
    centre = expected_best(SCORES)
    assert (low <= centre + 1e-12).all()
    assert (high >= centre - 1e-12).all()
    assert high[-1] == pytest.approx(0.9)
    # at k = 1 it is the bootstrap of the mean: its spread is known
    assert resampled_best(SCORES)[:, 0].std() == pytest.approx(SCORES.std() / np.sqrt(len(SCORES)), rel=0.05)
    again = best_interval(SCORES)
    np.testing.assert_array_equal(again[0], low)
    assert np.isnan(best_interval(np.array([0.4]))[0]).all()
