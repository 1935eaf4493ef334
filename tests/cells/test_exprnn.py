"""expRNN against a transcription of Lezcano-Casado and Martínez-Rubio 2019 in numpy and scipy, and its claims."""

import numpy as np
import pytest
import scipy.linalg
import torch
from torch import nn

from rnnzoo import unroll
from rnnzoo.cells.exprnn import ExpRNN


def paper(cell: ExpRNN, x: np.ndarray) -> np.ndarray:
    """h_t (T, B, H): h ← modReLU(Bᵀ h + T x) for column vectors, B = exp(A), A = triu(M, 1) − triu(M, 1)ᵀ."""
    p = {name: value.numpy() for name, value in cell.state_dict().items()}
    H = cell.hidden_size
    M = np.zeros((H, H))
    M[np.triu_indices(H, 1)] = p["A"]
    B = scipy.linalg.expm(M - M.T)
    trajectory = np.zeros((*x.shape[:2], H))
    for sequence in range(x.shape[1]):
        h = np.zeros(H)
        for t in range(x.shape[0]):
            z = B.T @ h + p["T"] @ x[t, sequence]
            h = np.sign(z) * np.maximum(np.abs(z) + p["b"], 0)
            trajectory[t, sequence] = h
    return trajectory


@pytest.mark.parametrize("initialisation", ["henaff", "cayley"])
@pytest.mark.parametrize("hidden_size", [1, 2, 15])
def test_equals_its_paper_over_500_steps(initialisation: str, hidden_size: int) -> None:
    torch.manual_seed(hidden_size)
    cell = ExpRNN(3, hidden_size, initialisation=initialisation, dtype=torch.float64)
    with torch.no_grad():
        cell.A += 0.1 * torch.randn_like(cell.A)  # leave the block structure, where B and Bᵀ could be confused
    x = torch.randn(500, 2, 3, dtype=torch.float64)
    output = unroll(cell, x, engine="reference").output.detach().numpy()
    h = paper(cell, x.numpy())
    assert np.abs(h[-1]).max() > 0.1
    np.testing.assert_allclose(output, h, rtol=0, atol=1e-10)


@pytest.mark.parametrize(("H", "thousands"), [(170, 16), (360, 69), (512, 137)])
def test_has_the_papers_number_of_parameters_on_mnist(H: int, thousands: int) -> None:
    cell = ExpRNN(1, H)
    count = sum(p.numel() for p in [*cell.parameters(), *nn.Linear(H, 10).parameters()])
    assert count == H * (H - 1) // 2 + H + H + 10 * H + 10
    assert round(count / 1000) == thousands


def test_the_skew_entries_have_a_learning_rate_of_their_own() -> None:
    cell = ExpRNN(2, 5)
    free, constrained = cell.parameter_groups(1e-3, constrained_lr_scale=0.1)
    assert [id(p) for p in constrained["params"]] == [id(cell.A)]
    assert constrained["lr"] == pytest.approx(1e-4)
    assert free["lr"] == 1e-3


def test_initialisation_is_the_papers() -> None:
    torch.manual_seed(0)
    henaff, cayley = (ExpRNN(4, 200, initialisation=name) for name in ("henaff", "cayley"))
    assert henaff.A.abs().max() > 2
    assert cayley.A.abs().max() <= 1
    assert henaff.T.std().item() == pytest.approx((2 / 4) ** 0.5, rel=0.1)  # 800 draws: 2.5% standard error
    assert 0.009 < henaff.b.abs().max() <= 0.01
    assert all(part.eq(0).all() for part in henaff.initial_state(2))
    with pytest.raises(ValueError, match="initialisation must be one of 'henaff', 'cayley', got 'xavier'"):
        ExpRNN(2, 3, initialisation="xavier")


@pytest.mark.parametrize("b", [-0.3, 0.0, 0.3])
def test_gradients_do_not_explode_at_any_bias(b: float) -> None:
    torch.manual_seed(0)
    lag, largest = 6, 0.0
    for _ in range(40):
        cell = ExpRNN(1, 5, initialisation="henaff", dtype=torch.float64)
        nn.init.uniform_(cell.b, b - 0.1, b + 0.1)
        u = torch.randn(lag, 1, 5, dtype=torch.float64)
        w = {name: value.detach() for name, value in cell.recurrent_weights().items()}

        def run(h: torch.Tensor, cell=cell, u=u, w=w) -> torch.Tensor:
            state = (h.unsqueeze(0),)
            for u_t in u:
                state = cell.step(u_t, state, w)
            return state[0].squeeze(0)

        jacobian = torch.func.jacrev(run)(torch.randn(5, dtype=torch.float64))
        norm = torch.linalg.matrix_norm(jacobian, ord=2).item()
        assert norm <= cell.jacobian_bound(lag).value + 1e-12
        largest = max(largest, norm)
    assert largest > 0.9
