"""uRNN against a transcription of Arjovsky et al. 2016 in numpy's complex numbers, and its claims."""

import numpy as np
import pytest
import torch
from torch import nn

from rnnzoo import unroll
from rnnzoo.cells.urnn import URNN
from rnnzoo.unitary import unitarity_error


def paper(cell: URNN, x: np.ndarray) -> np.ndarray:
    """h_t (T, B, H) by applying D₃ R₂ F⁻¹ D₂ Π R₁ F D₁ to the state, factor by factor, at every step."""
    p = {name: value.numpy() for name, value in cell.state_dict().items()}
    H = cell.hidden_size
    V = p["V"][:H] + 1j * p["V"][H:]
    v = p["reflection"][:, :H] + 1j * p["reflection"][:, H:]
    h = np.tile(p["h0"][:H] + 1j * p["h0"][H:], (x.shape[1], 1))

    def reflect(h: np.ndarray, v: np.ndarray) -> np.ndarray:
        return np.stack([row - 2 * v * np.vdot(v, row) / np.vdot(v, v) for row in h])

    trajectory = []
    for x_t in x:
        a = np.exp(1j * p["theta"][0]) * h
        a = np.fft.fft(a, axis=1) / np.sqrt(H)
        a = reflect(a, v[0])
        a = a[:, p["permutation"]]
        a = np.exp(1j * p["theta"][1]) * a
        a = np.fft.ifft(a, axis=1) * np.sqrt(H)
        a = reflect(a, v[1])
        a = np.exp(1j * p["theta"][2]) * a
        z = a + x_t @ V.T
        h = np.maximum(np.abs(z) + p["b"], 0) * z / (np.abs(z) + 1e-5)
        trajectory.append(h)
    return np.stack(trajectory)


@pytest.mark.parametrize("hidden_size", [1, 7, 16])
def test_equals_its_paper_over_500_steps(hidden_size: int) -> None:
    torch.manual_seed(hidden_size)
    cell = URNN(3, hidden_size, dtype=torch.float64)
    x = torch.randn(500, 2, 3, dtype=torch.float64)
    output = unroll(cell, x, engine="reference").output
    h = paper(cell, x.numpy())
    assert np.abs(h[-1]).min() > 1e-3  # the state has not died out
    np.testing.assert_allclose(output.detach().numpy(), np.concatenate((h.real, h.imag), axis=2), rtol=0, atol=1e-10)


@pytest.mark.parametrize(("d", "o", "H"), [(1, 10, 512), (2, 1, 128), (10, 9, 64)])
def test_has_the_papers_number_of_parameters(d: int, o: int, H: int) -> None:
    cell = URNN(d, H)
    model = nn.ModuleList([cell, nn.Linear(cell.output_size, o)])
    count = sum(p.numel() for p in model.parameters())
    assert count == H * (2 * d + 2 * o + 10) + o
    if (d, o) == (1, 10):
        assert count == 32 * H + 10  # the figure quoted for MNIST
    assert cell.theta.numel() + cell.reflection.numel() == 7 * H


def test_the_permutation_is_drawn_with_the_parameters_and_saved() -> None:
    torch.manual_seed(0)
    one, other = URNN(2, 32), URNN(2, 32)
    assert not torch.equal(one.permutation, other.permutation)
    torch.manual_seed(0)
    assert torch.equal(URNN(2, 32).permutation, one.permutation)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.recurrent_weights()["W"], other.recurrent_weights()["W"])


@pytest.mark.parametrize("b", [-0.5, 0.0, 0.5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_gradients_are_finite_where_the_pre_activation_is_zero(b: float, dtype: torch.dtype) -> None:
    cell = URNN(2, 4, dtype=dtype)
    with torch.no_grad():
        cell.h0.zero_()
        cell.b.fill_(b)
    unroll(cell, torch.zeros(3, 2, 2, dtype=dtype)).output.sum().backward()
    assert all(p.grad.isfinite().all() for p in cell.parameters())


def jacobian(cell: URNN, lag: int, scale: float) -> torch.Tensor:
    u = scale * torch.randn(lag, 1, 2 * cell.hidden_size, dtype=torch.float64)
    w = {name: value.detach() for name, value in cell.recurrent_weights().items()}

    def run(h: torch.Tensor) -> torch.Tensor:
        state = tuple(h.unsqueeze(0).chunk(2, dim=1))
        for u_t in u:
            state = cell.step(u_t, state, w)
        return cell.output(state).squeeze(0)

    return torch.func.jacrev(run)(scale * torch.randn(2 * cell.hidden_size, dtype=torch.float64))


def draws(low: float, high: float, lag: int) -> tuple[list[float], list[float]]:
    """Measured norms of ∂h_n/∂h_k and their bounds, over random parameters, inputs and scales of the state."""
    torch.manual_seed(0)
    measured, bounds = [], []
    for i in range(60):
        cell = URNN(1, 3, dtype=torch.float64)
        nn.init.uniform_(cell.b, low, high)
        measured.append(torch.linalg.matrix_norm(jacobian(cell, lag, 10.0 ** (i % 7 - 5)), ord=2).item())
        bounds.append(cell.jacobian_bound(lag).value)
    return measured, bounds


def test_gradients_do_not_explode_without_a_positive_bias() -> None:
    measured, bounds = draws(-0.5, 0.0, lag=4)
    assert bounds == [1.0] * len(bounds)
    assert max(measured) > 0.9  # something got through, so the bound is tested
    assert max(measured) < 1 + 1e-12


def test_the_bound_holds_and_is_needed_with_a_positive_bias() -> None:
    measured, bounds = draws(-0.01, 0.01, lag=2)
    assert all(m <= bound * (1 + 1e-9) for m, bound in zip(measured, bounds, strict=True))
    assert max(measured) > 10


def test_the_slope_at_zero_is_the_bound() -> None:
    cell = URNN(1, 1, dtype=torch.float64)
    nn.init.constant_(cell.b, 0.01)
    norm = torch.linalg.matrix_norm(jacobian(cell, 1, 1e-12), ord=2).item()
    assert norm == pytest.approx(cell.jacobian_bound(1).value, rel=1e-6) == pytest.approx(1000.0, rel=1e-6)


def test_a_long_lag_is_a_bound_and_not_an_overflow() -> None:
    cell = URNN(1, 2)
    nn.init.constant_(cell.b, 0.01)
    assert cell.jacobian_bound(10_000).value == float("inf")
    with pytest.raises(ValueError, match="lag must be at least 1"):
        cell.jacobian_bound(0)


def test_the_recurrent_matrix_is_the_real_form_of_a_unitary_one() -> None:
    assert unitarity_error(URNN(2, 100).recurrent_weights()["W"]) < 3e-7
