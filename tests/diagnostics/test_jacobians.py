"""Singular values of ∂s_T/∂s_t: closed forms, autograd at short lags, and the two ways against each other."""

import math

import pytest
import torch

from rnnzoo.cells import CELLS
from rnnzoo.diagnostics.jacobians import condition_numbers, singular_values
from rnnzoo.diagnostics.recurrence import Recurrence
from rnnzoo.recurrent import Recurrent
from tests.contract.cases import each_case
from tests.diagnostics.systems import Linear, orthogonal_linear
from tests.tolerances import LOG_SINGULAR_VALUES


def logs(frame, sequence, lag):
    rows = frame[(frame["sequence"] == sequence) & (frame["lag"] == lag)]
    return torch.tensor(rows["log_sigma"].to_numpy())


def test_a_linear_orthogonal_cell_has_singular_values_1_at_any_lag():
    frame = singular_values(orthogonal_linear(), torch.randn(400, 1, 2), [1, 10, 400])
    assert len(frame) == 3 * 6
    assert frame["log_sigma"].abs().max() < 1e-11
    assert condition_numbers(frame)["log_condition"].max() < 1e-11


@pytest.mark.parametrize("method", ["exact", "randomised"])
def test_a_normal_matrix_gives_the_logarithms_of_its_eigenvalues(method):
    eigenvalues = [1e-3, 0.5, 1.0, 1.25, 40.0]
    basis = torch.linalg.qr(torch.randn(5, 5, dtype=torch.float64)).Q
    cell = Linear(basis @ torch.diag(torch.tensor(eigenvalues, dtype=torch.float64)) @ basis.T)
    frame = singular_values(cell, torch.randn(300, 2, 1), [300, 3, 90], method=method)
    assert list(frame["lag"].unique()) == [3, 90, 300]
    for sequence in (0, 1):
        for lag in (3, 90, 300):  # 40^300 is 10^480
            expected = lag * torch.tensor(eigenvalues[::-1], dtype=torch.float64).log()
            LOG_SINGULAR_VALUES.assert_close(logs(frame, sequence, lag), expected)


@each_case
def test_equals_the_product_of_autograd_s_jacobians(case):
    cell = case.make(hidden_size=3)
    x = torch.randn(7, 2, 2, dtype=torch.float64)
    walked = Recurrence(cell).walk(x)
    frame = singular_values(cell, x, [1, 4, 7])
    for lag in (1, 4, 7):
        whole = torch.eye(walked.recurrence.width, dtype=torch.float64).expand(2, -1, -1)
        for t in range(8 - lag, 8):
            whole = walked.jacobian(t) @ whole
        for sequence in (0, 1):
            expected = torch.linalg.svdvals(whole[sequence])
            assert expected[0] > 1e-6, "the gradient at this lag is negligible: the comparison would prove nothing"
            actual = logs(frame, sequence, lag).exp()
            torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12 * expected[0].item())


@pytest.mark.parametrize("name", ["rnn", "lstm", "cornn"])
def test_the_randomised_way_agrees_with_the_exact_one(name):
    cell = CELLS[name](2, 20)
    x = torch.rand(60, 2, 2)
    every = singular_values(cell, x, [5, 60], method="exact")
    few = singular_values(cell, x, [5, 60], k=3, method="randomised")
    for lag in (5, 60):
        for sequence in (0, 1):
            low = logs(every, sequence, lag)[:3] - logs(few, sequence, lag)
            assert (low > -1e-9).all(), "a randomised value is never too large"
            assert (low < 0.02).all()
    assert few["change"].between(-1e-9, 1e-3).all()
    least, whole = condition_numbers(few), condition_numbers(every)
    assert not least["complete"].any()
    assert whole["complete"].all()
    assert (least["log_condition"] <= whole["log_condition"] + 1e-9).all()


@pytest.mark.parametrize(("num_layers", "residual"), [(1, False), (2, False), (2, True)])
def test_the_randomised_way_finds_both_ends_of_an_invertible_stack(num_layers, residual):
    stack = Recurrent("unicornn", 12, 12, num_layers=num_layers, residual=residual, dt=0.4, alpha=3.0)
    for cell in stack.cells:
        torch.nn.init.normal_(cell.b)
    x = torch.rand(60, 2, 12)
    every = singular_values(stack, x, [5, 60], method="exact")
    ends = singular_values(stack, x, [5, 60], k=4, method="randomised")
    width = 24 * num_layers
    assert list(ends["index"].unique()) == [1, 2, 3, 4, width - 3, width - 2, width - 1, width]
    for lag in (5, 60):
        for sequence in (0, 1):
            found, exact = logs(ends, sequence, lag), logs(every, sequence, lag)[[0, 1, 2, 3, -4, -3, -2, -1]]
            assert exact[0] - exact[-1] > 0.5, "next to a rotation: the test would prove nothing"
            outside = (found - exact) * torch.tensor([1.0, -1.0]).repeat_interleave(4)
            assert (outside < 1e-9).all(), "leading values are never too large, trailing ones never too small"
            assert (outside > -0.02).all()
    found, exact = condition_numbers(ends), condition_numbers(every)
    assert found["complete"].all()
    assert (exact["log_condition"] - found["log_condition"]).between(-1e-9, 0.04).all()


def test_all_k_values_of_an_invertible_cell_stand_once():
    cell = CELLS["unicornn"](2, 4)
    for k, indices in ((8, range(1, 9)), (6, range(1, 9)), (3, [1, 2, 3, 6, 7, 8])):
        frame = singular_values(cell, torch.rand(5, 1, 2), [5], k=k, method="randomised")
        assert list(frame["index"]) == list(indices)
        assert frame["log_sigma"].is_monotonic_decreasing


def test_the_inverse_step_of_a_stack_undoes_it_and_its_derivative():
    stack = Recurrent("unicornn", 3, 3, num_layers=3, residual=True, dt=0.3)
    walked = Recurrence(stack).walk(torch.randn(6, 2, 3))
    again = walked.recurrence.inverse_step(walked.x[4], walked.u[4], walked.states[5])
    assert walked.states[4].abs().max() > 1e-3
    torch.testing.assert_close(again, walked.states[4], rtol=0, atol=1e-14)
    v = torch.randn(2, 18, 4, dtype=torch.float64)
    torch.testing.assert_close(walked.push_back(5, walked.push(5, v)), v, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(walked.pull(5, walked.pull_back(5, v)), v, rtol=1e-12, atol=1e-12)


def test_the_condition_number_is_infinite_where_a_direction_is_lost():
    projection = torch.diag(torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64))
    frame = singular_values(Linear(projection), torch.zeros(4, 1, 1), [2])
    assert list(frame["log_sigma"]) == [0.0, 0.0, -math.inf]
    assert list(condition_numbers(frame)["log_condition"]) == [math.inf]
    nothing = singular_values(Linear(torch.zeros(3, 3)), torch.zeros(4, 1, 1), [2])
    assert list(condition_numbers(nothing)["log_condition"]) == [math.inf]


def test_mistakes_are_named():
    cell, x = CELLS["rnn"](2, 3), torch.zeros(5, 1, 2)
    with pytest.raises(ValueError, match=r"lags must lie in \[1, 5\], the time steps of x, got 6"):
        singular_values(cell, x, [1, 6])
    with pytest.raises(ValueError, match="at least one lag"):
        singular_values(cell, x, [])
    with pytest.raises(ValueError, match=r"k must lie in \[1, 3\]"):
        singular_values(cell, x, [1], k=4)
    with pytest.raises(ValueError, match="method must be one of"):
        singular_values(cell, x, [1], method="fast")
