"""What the samplers are told of the objective."""

from typing import Any

import pytest
from optuna.samplers import GPSampler

from rnnzoo.study import samplers


def test_a_gaussian_process_is_told_that_scores_are_noisy(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[dict[str, Any]] = []

    def spy(**options: Any) -> GPSampler:
        told.append(options)
        return GPSampler(**options)

    monkeypatch.setattr(samplers, "GPSampler", spy)
    assert isinstance(samplers.make_sampler("gp", 0, 20), GPSampler)
    assert [options["deterministic_objective"] for options in told] == [False]
