"""Inversion and energy, on UnICORNN and on an oscillator whose energy is known to drift."""

import pytest
import torch

from rnnzoo.cells import CELLS
from rnnzoo.cells.unicornn import UnICORNN
from rnnzoo.diagnostics.symplectic import conservative, energy_drift, inversion_errors
from tests.cells.measures import uniform


def test_the_first_state_is_rebuilt_to_the_digits_of_the_dtype():
    torch.manual_seed(0)
    found = inversion_errors(CELLS["unicornn"](2, 8), torch.rand(60, 3, 2), [5, 60]).set_index(["dtype", "steps"])
    assert len(found) == 4
    assert found.loc[("float64", 60), "error"] < 1e-12
    assert 1e-9 < found.loc[("float32", 60), "error"] < 1e-4


def test_the_error_is_that_of_an_inverse_that_is_wrong():
    class Wrong(UnICORNN):
        def inverse_step(self, u, state, w):
            return super().inverse_step(u, state, {**w, "s": 1.1 * w["s"]})

    torch.manual_seed(0)
    cell = Wrong(2, 4)
    assert inversion_errors(cell, torch.rand(30, 1, 2), [30], dtypes=[torch.float64])["error"].iloc[0] > 1e-3


@pytest.mark.parametrize("alpha", [0.3, 1.0, 30.0])
def test_the_energy_does_not_drift_over_random_draws(alpha):
    torch.manual_seed(0)
    drifts = []
    for _ in range(12):
        cell = UnICORNN(2, 3, dt=10 ** uniform(-1.5, -0.3), alpha=alpha, dtype=torch.float64)
        with torch.no_grad():
            cell.w.mul_((0.0, 1.0, 3.0)[int(torch.randint(3, ()))])
            cell.V.mul_(10 ** uniform(0.0, 1.0))
        drifts.append(energy_drift(cell, torch.randn(600, 2, 2, dtype=torch.float64)).attrs["drift"])
    assert max(drifts) < 1


def test_oscillators_without_a_force_that_brings_them_back_run_away():
    torch.manual_seed(0)
    cell = UnICORNN(2, 3, dt=0.3, alpha=0.0)
    with torch.no_grad():
        cell.w.zero_()
        cell.b.fill_(3.0)
    assert energy_drift(cell, torch.rand(200, 1, 2)).attrs["reach"] > 2


def test_a_drift_is_seen():
    class Damped(UnICORNN):
        def step(self, u, state, w):
            y, z = super().step(u, state, w)
            return y, 0.98 * z

    torch.manual_seed(0)
    cell = Damped(2, 3, dt=0.3, alpha=1.0)
    found = energy_drift(cell, torch.randn(400, 2, 2))
    assert abs(found["change"].iloc[-1]) > 0.1
    undamped = UnICORNN(2, 3, dt=0.3, alpha=1.0)
    undamped.load_state_dict(cell.state_dict())
    assert abs(found["change"].iloc[-1]) > 5 * abs(energy_drift(undamped, torch.randn(400, 2, 2))["change"].iloc[-1])


def test_cells_without_inverse_or_energy_are_refused():
    lstm = CELLS["lstm"](2, 3)
    assert not conservative(lstm)
    with pytest.raises(TypeError, match="does not claim to be invertible"):
        inversion_errors(lstm, torch.rand(3, 1, 2), [1])
    with pytest.raises(TypeError, match="has no energy"):
        energy_drift(lstm, torch.rand(3, 1, 2))
    with pytest.raises(ValueError, match=r"steps must lie in \[1, 3\]"):
        inversion_errors(CELLS["unicornn"](2, 3), torch.rand(3, 1, 2), [4])
