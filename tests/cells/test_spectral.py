"""The spectral-margin cell against a transcription of Vorontsov et al. 2017 in numpy, and its claims."""

import numpy as np
import pytest
import torch
from torch import nn

from rnnzoo import unroll
from rnnzoo.cells.base import Penalised
from rnnzoo.cells.rnn import RNN
from rnnzoo.cells.spectral import NONLINEARITIES, SpectralRNN
from rnnzoo.orthogonal import orthogonality_error

ACTIVATIONS = {"identity": lambda z: z, "tanh": np.tanh, "relu": lambda z: np.maximum(z, 0)}


def drawn(margin: float | None, nonlinearity: str, hidden_size: int = 9) -> SpectralRNN:
    """A cell away from its start, where the free entries are zero."""
    torch.manual_seed(hidden_size)
    cell = SpectralRNN(3, hidden_size, margin=margin, nonlinearity=nonlinearity, dtype=torch.float64)
    with torch.no_grad():
        for name, values in cell.named_parameters():
            values += (2.0 if name == "p" else 0.3) * torch.randn_like(values)
    return cell


def paper_matrix(cell: SpectralRNN) -> np.ndarray:
    """W = U diag(s) Vᵀ with s = 2m (sigmoid(p) − ½) + 1."""
    p, H = {name: value.numpy() for name, value in cell.state_dict().items()}, cell.hidden_size
    if cell.margin is None:
        return p["W"]

    def rotation(base: str, entries: str) -> np.ndarray:
        A = np.zeros((H, H))
        if entries in p:
            A[np.triu_indices(H, 1)] = p[entries]
        A = A - A.T
        return p[base] @ np.linalg.inv(np.eye(H) + A) @ (np.eye(H) - A)

    s = 2 * cell.margin * (1 / (1 + np.exp(-p["p"])) - 0.5) + 1 if "p" in p else np.ones(H)
    return rotation("U0", "A_U") @ np.diag(s) @ rotation("V0", "A_V").T


def paper(cell: SpectralRNN, x: np.ndarray) -> np.ndarray:
    """h_t (T, B, H): h ← σ(W h + W_in x + b)."""
    p, W = {name: value.numpy() for name, value in cell.state_dict().items()}, paper_matrix(cell)
    trajectory = np.zeros((*x.shape[:2], cell.hidden_size))
    for sequence in range(x.shape[1]):
        h = p["h0"]
        for t in range(x.shape[0]):
            z = W @ h + p["W_in"] @ x[t, sequence]
            if cell.nonlinearity == "modrelu":
                h = np.sign(z) * np.maximum(np.abs(z) + p["b"], 0)
            else:
                h = ACTIVATIONS[cell.nonlinearity](z + p["b"])
            trajectory[t, sequence] = h
    return trajectory


@pytest.mark.parametrize("margin", [0, 0.01, None])
@pytest.mark.parametrize("nonlinearity", NONLINEARITIES)
def test_equals_its_paper_over_500_steps(margin: float | None, nonlinearity: str) -> None:
    cell = drawn(margin, nonlinearity)
    if margin is None:
        with torch.no_grad():
            cell.W /= torch.linalg.matrix_norm(cell.W, ord=2)  # else the linear network overflows in 500 steps
    x = torch.randn(500, 2, 3, dtype=torch.float64)
    output = unroll(cell, x, engine="reference").output.detach().numpy()
    h = paper(cell, x.numpy())
    assert np.abs(h[-1]).max() > 0.1
    # the linear network at margin 0.01 grows to 30 or so, hence a relative part
    np.testing.assert_allclose(output, h, rtol=1e-11, atol=1e-10)


@pytest.mark.parametrize(("margin", "free"), [(0, 9 * 8 // 2), (0.5, 81), (None, 81)])
def test_number_of_parameters(margin: float | None, free: int) -> None:
    cell = SpectralRNN(3, 9, margin=margin)
    assert sum(p.numel() for p in cell.parameters()) == free + 9 * 3 + 9 + 9


@pytest.mark.parametrize("margin", [0, 0.3, 1, None])
def test_starts_orthogonal(margin: float | None) -> None:
    torch.manual_seed(0)
    W = SpectralRNN(2, 64, margin=margin).recurrent_weights()["W"]
    assert orthogonality_error(W) < 1e-6  # float32 bases, rounded


@pytest.mark.parametrize("margin", [0.05, 1.0])
def test_singular_values_fill_the_margin_and_stay_in_it(margin: float) -> None:
    cell = drawn(margin, "tanh", 40)
    with torch.no_grad():
        cell.p *= 20
    s = torch.linalg.svdvals(cell.recurrent_weights()["W"])
    assert s.min() > 1 - margin - 1e-12
    assert s.max() < 1 + margin + 1e-12
    assert s.max() - s.min() > 1.9 * margin
    torch.testing.assert_close(cell.singular_values().sort(descending=True).values, s, rtol=0, atol=1e-12)


@pytest.mark.parametrize("margin", [0, 0.2, 1, None])
@pytest.mark.parametrize("nonlinearity", ["identity", "tanh", "modrelu"])
def test_gradient_norms_stay_in_the_interval_of_the_margin(margin: float | None, nonlinearity: str) -> None:
    lag = 6
    for seed in range(10):
        cell = drawn(margin, nonlinearity, 3 + seed)
        w = {name: value.detach() for name, value in cell.recurrent_weights().items()}
        u = torch.randn(lag, 1, cell.hidden_size, dtype=torch.float64)

        def run(h: torch.Tensor, cell=cell, u=u, w=w) -> torch.Tensor:
            state = (h.unsqueeze(0),)
            for u_t in u:
                state = cell.step(u_t, state, w)
            return state[0].squeeze(0)

        jacobian = torch.func.jacrev(run)(torch.randn(cell.hidden_size, dtype=torch.float64))
        s = torch.linalg.svdvals(jacobian)
        upper, lower = cell.jacobian_bound(lag), cell.inverse_jacobian_bound(lag)
        assert upper.applies
        assert s.max().item() <= upper.value * (1 + 1e-10)
        assert lower.applies == (nonlinearity == "identity")
        if lower.applies:
            assert 1 / s.min().item() <= lower.value * (1 + 1e-8)
    if margin == 0 and nonlinearity == "identity":
        assert upper.value == lower.value == 1.0


def test_claims_follow_the_margin() -> None:
    hard, soft, free = (SpectralRNN(2, 3, margin=m, nonlinearity="identity").claims for m in (0, 0.25, None))
    assert hard.orthogonal
    assert not soft.orthogonal
    assert not free.orthogonal
    assert (hard.singular_values, soft.singular_values, free.singular_values) == ((1, 1), (0.75, 1.25), None)
    assert hard.linear
    assert not SpectralRNN(2, 3).claims.linear


def test_the_soft_penalty_and_the_prior_are_their_formulas() -> None:
    torch.manual_seed(0)
    W = torch.randn(5, 5, dtype=torch.float64)
    soft = SpectralRNN(2, 5, margin=None, soft_penalty=0.3, spectrum_prior=0.7, dtype=torch.float64)
    with torch.no_grad():
        soft.W.copy_(W)
    s = np.linalg.svd(W.numpy(), compute_uv=False)
    expected = 0.3 * np.linalg.norm(W.numpy().T @ W.numpy() - np.eye(5), "fro") ** 2 + 0.7 * ((s - 1) ** 2).sum()
    assert soft.penalty().item() == pytest.approx(expected, rel=1e-12)

    prior = drawn(0.5, "tanh")
    prior.spectrum_prior = 2.0
    s = np.linalg.svd(paper_matrix(prior), compute_uv=False)
    assert prior.penalty().item() == pytest.approx(2 * ((s - 1) ** 2).sum(), rel=1e-12)


def test_the_soft_penalty_pulls_a_free_matrix_back_to_orthogonality() -> None:
    torch.manual_seed(0)
    cell = SpectralRNN(2, 8, margin="none", soft_penalty=1.0)
    with torch.no_grad():
        cell.W += 0.1 * torch.randn(8, 8)
    optimizer = torch.optim.SGD([cell.W], lr=0.02)
    before = orthogonality_error(cell.W)
    for _ in range(200):
        optimizer.zero_grad()
        cell.penalty().backward()
        optimizer.step()
    assert before > 0.3
    assert orthogonality_error(cell.W) < 1e-4


def test_a_training_loop_finds_the_penalty_by_its_protocol() -> None:
    model = nn.Sequential(SpectralRNN(2, 3), RNN(2, 3))
    assert [isinstance(module, Penalised) for module in model] == [True, False]
    assert model[0].penalty().item() == 0.0


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"margin": 1.5}, r"margin must lie in \[0, 1\], got 1.5"),
        ({"margin": -0.1}, r"margin must lie in \[0, 1\], got -0.1"),
        ({"nonlinearity": "sin"}, "nonlinearity must be one of 'identity', 'tanh', 'relu', 'modrelu'"),
        ({"margin": None, "soft_penalty": -1.0}, r"soft_penalty must lie in \[0, inf\)"),
        ({"margin": 0.1, "soft_penalty": 1.0}, "soft_penalty is for a free matrix.*set margin=None"),
        ({"margin": 0, "spectrum_prior": 1.0}, "spectrum_prior must be 0 with margin=0.*widen the margin"),
    ],
)
def test_impossible_settings_are_errors_that_say_what_to_do(arguments: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        SpectralRNN(2, 3, **arguments)


def test_the_basis_is_saved() -> None:
    one, other = SpectralRNN(2, 5), SpectralRNN(2, 5)
    other.load_state_dict(one.state_dict())
    assert torch.equal(one.recurrent_weights()["W"], other.recurrent_weights()["W"])
    assert set(one.constrained_parameters) == {"A_U", "A_V", "p"}
