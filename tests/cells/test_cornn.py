import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from rnnzoo.cells.cornn import CoRNN
from rnnzoo.engine import unroll
from tests.cells.measures import assert_follows_paper, jacobian, largest_gradient, row_sum_norm, uniform

ROUNDING = 1 + 1e-9
"""A bound may be met exactly; float64 rounding over some hundred steps must not count as exceeding it."""

DAMPINGS = ("explicit", "implicit")


def drawn(damping: str, hidden_size: int = 3) -> CoRNN:
    """A network with settings and weights over two orders of magnitude, tame ones and wild ones."""
    cell = CoRNN(
        2,
        hidden_size,
        dt=10 ** uniform(-2.5, -0.5),
        gamma=10 ** uniform(-1.0, 1.5),
        epsilon=10 ** uniform(-0.5, 1.2),
        damping=damping,
        dtype=torch.float64,
    )
    with torch.no_grad():
        for values in cell.parameters():
            values.mul_(10 ** uniform(-1.0, 1.5))
    return cell


def drawn_for_the_paper(steps: int) -> CoRNN:
    """A network with gamma = epsilon = 1, implicit damping and N·dt ≤ 1."""
    size = int(torch.randint(1, 9, ()))
    cell = CoRNN(2, size, dt=uniform(0.1, 1.0) / steps, gamma=1.0, epsilon=1.0, damping="implicit", dtype=torch.float64)
    with torch.no_grad():
        for values in cell.parameters():
            values.mul_(10 ** uniform(-1.0, 1.0))
    return cell


@pytest.mark.parametrize("damping", DAMPINGS)
def test_follows_the_paper(damping: str) -> None:
    torch.manual_seed(0)
    H, d, dt, gamma, epsilon = 5, 3, 0.08, 1.3, 0.7
    cell = CoRNN(d, H, dt=dt, gamma=gamma, epsilon=epsilon, damping=damping, dtype=torch.float64)
    W, W_z, V, b = (p.detach().numpy() for p in (cell.W, cell.W_z, cell.V, cell.b))

    def rusch_and_mishra(x: NDArray[np.float64]) -> NDArray[np.float64]:
        y, z, trajectory = [0.0] * H, [0.0] * H, []
        for x_n in x:
            new_y, new_z = [], []
            for i in range(H):
                control = b[i]
                for j in range(H):
                    control += W[i, j] * y[j] + W_z[i, j] * z[j]
                for k in range(d):
                    control += V[i, k] * x_n[k]
                # z_n = z_{n-1} + dt (tanh(control) - gamma y_{n-1} - epsilon z̄), z̄ = z_{n-1} or z_n
                undamped = z[i] + dt * math.tanh(control) - dt * gamma * y[i]
                z_i = undamped - dt * epsilon * z[i] if damping == "explicit" else undamped / (1 + dt * epsilon)
                new_z.append(z_i)
                new_y.append(y[i] + dt * z_i)
            y, z = new_y, new_z
            trajectory.append(y)
        return np.array(trajectory)

    assert_follows_paper(cell, rusch_and_mishra)


@pytest.mark.parametrize(("hidden", "count"), [(128, 34_314), (256, 134_154)])
def test_has_the_parameters_of_the_released_mnist_models(hidden: int, count: int) -> None:
    model = nn.ModuleList([CoRNN(1, hidden), nn.Linear(hidden, 10)])
    assert sum(p.numel() for p in model.parameters()) == count


def test_starts_as_the_fused_layer_does() -> None:
    torch.manual_seed(0)
    bound = 1 / math.sqrt(3 + 2 * 64)
    for values in CoRNN(3, 64).parameters():
        assert 0.9 * bound < float(values.detach().abs().max()) <= bound


@pytest.mark.parametrize("name", ["dt", "gamma", "epsilon"])
@pytest.mark.parametrize("value", [0.0, -1.0, math.nan])
def test_refuses_what_is_not_above_zero(name: str, value: float) -> None:
    with pytest.raises(ValueError, match=f"CoRNN: {name} must lie in"):
        CoRNN(2, 3, **{name: value})


def test_refuses_an_unknown_damping() -> None:
    with pytest.raises(ValueError, match="damping must be one of 'explicit', 'implicit', got 'imex'"):
        CoRNN(2, 3, damping="imex")


@pytest.mark.parametrize("damping", DAMPINGS)
def test_hidden_state_bound_holds_and_is_not_vacuous(damping: str) -> None:
    torch.manual_seed(0)
    shares = []
    for _ in range(40):
        cell = drawn(damping)
        x = (2 * torch.rand(150, 4, 2, dtype=torch.float64) - 1).sign()
        if uniform(0, 1) < 0.5:
            x = x[:1].expand(150, -1, -1)
        with torch.no_grad():
            states = unroll(cell, x, engine="reference", return_states=True).states
        assert states is not None
        energy = (cell.gamma * states[0] ** 2 + states[1] ** 2).sum(dim=2).amax(dim=1)
        for n in range(1, 151, 7):
            bound = cell.hidden_state_bound(n)
            if bound.applies:
                shares.append(float(energy[n - 1]) / bound.value)
    assert len(shares) > 300
    assert max(shares) <= ROUNDING
    assert max(shares) > 0.5


def test_hidden_state_bound_contains_the_papers() -> None:
    cell = CoRNN(1, 6, dt=0.01, gamma=1.0, epsilon=1.0, damping="implicit")
    bound = cell.hidden_state_bound(50)
    assert bound.applies
    assert bound.value == pytest.approx(6 * 50 * 0.01 / 1.99)
    assert bound.value <= 6 * 50 * 0.01


def test_hidden_state_bound_says_why_it_does_not_apply() -> None:
    stiff = CoRNN(1, 2, dt=0.5, gamma=10.0, epsilon=1.0).hidden_state_bound(10)
    assert not stiff.applies
    assert stiff.value == math.inf
    assert "gamma·dt < epsilon (gamma·dt = 5, epsilon = 1)" in stiff.reason()
    overdamped = CoRNN(1, 2, dt=0.5, gamma=0.1, epsilon=3.0).hidden_state_bound(10)
    assert not overdamped.applies
    assert "epsilon·dt ≤ 1 (epsilon·dt = 1.5)" in overdamped.reason()
    # where explicit damping needs it, implicit damping does not
    assert CoRNN(1, 2, dt=0.5, gamma=0.1, epsilon=3.0, damping="implicit").hidden_state_bound(10).applies


@pytest.mark.parametrize("damping", DAMPINGS)
def test_jacobian_bound_holds_and_is_not_vacuous(damping: str) -> None:
    torch.manual_seed(0)
    shares = []
    for _ in range(60):
        cell = drawn(damping)
        lag = int(torch.randint(1, 30, ()))
        u = cell.project(torch.randn(lag, 1, 2, dtype=torch.float64))[:, 0]
        if uniform(0, 1) < 0.3:
            u = torch.zeros_like(u)
        state = tuple(uniform(0, 3) * torch.randn(1, 3, dtype=torch.float64) for _ in range(2))
        bound = cell.jacobian_bound(lag)
        assert bound.applies
        shares.append(row_sum_norm(jacobian(cell, u, state)) / bound.value)
    assert max(shares) <= ROUNDING
    assert max(shares) > 0.9


def test_jacobian_bound_covers_saturated_units() -> None:
    # at slope 1 the weights cancel both restoring forces; at slope 0 the row of z is (dt gamma, 1 - dt epsilon)
    cell = CoRNN(1, 1, dt=0.1, gamma=10.0, epsilon=1.0, dtype=torch.float64)
    with torch.no_grad():
        cell.W.fill_(10.0)
        cell.W_z.fill_(1.0)
    found = jacobian(cell, torch.full((1, 1), 1e3, dtype=torch.float64), cell.zeros(1))
    assert row_sum_norm(found) == pytest.approx(1.9)
    assert cell.jacobian_bound(1).value == pytest.approx(1.9)


def test_jacobian_bound_of_a_wide_network_rests_on_spectral_norms() -> None:
    torch.manual_seed(0)
    cell = CoRNN(1, 256, **CoRNN.recipes["psmnist"].cell)
    # powers of the row sums alone reach 1e46 here
    assert cell.jacobian_bound(784).value < 1e5
    # far beyond float64 it is infinite, not an error and not a number
    assert cell.jacobian_bound(200_000).value == math.inf


def test_jacobian_bound_of_a_diverged_network_is_infinite() -> None:
    cell = CoRNN(1, 3)
    with torch.no_grad():
        cell.W[0, 0] = math.nan
    assert cell.jacobian_bound(3).value == math.inf
    assert not cell.gradient_bound(5, 1.0).applies


@pytest.mark.parametrize("damping", DAMPINGS)
def test_jacobian_lower_bound_holds_and_is_not_vacuous(damping: str) -> None:
    torch.manual_seed(0)
    shares = []
    for _ in range(200):
        cell = drawn(damping)
        lag = int(torch.randint(1, 60, ()))
        bound = cell.jacobian_lower_bound(lag)
        if not bound.applies:
            assert bound.value == 0
            continue
        u = torch.randn(lag, 3, dtype=torch.float64) * 10 ** uniform(-1.0, 1.0)
        state = tuple(torch.randn(1, 3, dtype=torch.float64) for _ in range(2))
        block = jacobian(cell, u, state)[:3, :3]
        least = float(torch.linalg.svdvals(block)[-1])
        assert least > 0, "the Jacobian has underflowed: nothing is compared"
        shares.append(bound.value / least)
    assert len(shares) > 30
    assert max(shares) <= ROUNDING
    assert max(shares) > 0.9


def test_jacobian_lower_bound_is_the_slow_eigenvalue_of_a_lone_oscillator() -> None:
    cell = CoRNN(1, 1, dt=0.05, gamma=1.0, epsilon=4.0, dtype=torch.float64)
    with torch.no_grad():
        cell.W.zero_()
        cell.W_z.zero_()
    # z' = (1 - 0.2) z - 0.05 y, y' = y + 0.05 z'
    slow = np.linalg.eigvals(np.array([[1 - 0.0025, 0.05 * 0.8], [-0.05, 0.8]])).real.max()
    assert cell.jacobian_lower_bound(1).value == pytest.approx(slow)
    assert cell.jacobian_lower_bound(40).value == pytest.approx(slow**40)


def test_jacobian_lower_bound_says_why_it_does_not_apply() -> None:
    bound = CoRNN(1, 2, dt=0.1, gamma=50.0, epsilon=1.0).jacobian_lower_bound(3)
    assert not bound.applies
    assert bound.reason().startswith("does not apply: damping wins")


def test_gradient_bound_holds_and_is_not_vacuous() -> None:
    torch.manual_seed(0)
    shares = []
    for _ in range(150):
        steps = int(torch.randint(2, 80, ()))
        cell = drawn_for_the_paper(steps)
        x = (2 * torch.rand(steps, 1, 2, dtype=torch.float64) - 1) * (uniform(0, 1) < 0.7)
        norm = uniform(0.0, 10.0)
        target = torch.randn(1, 1, cell.hidden_size, dtype=torch.float64).sign()
        target = (target * norm / math.sqrt(cell.hidden_size)).expand(steps, -1, -1)
        bound = cell.gradient_bound(steps, norm)
        if bound.applies:
            shares.append(largest_gradient(cell, x, target) / bound.value)
    assert len(shares) > 50
    assert max(shares) <= ROUNDING
    assert max(shares) > 0.03


def test_gradient_bound_needs_more_than_the_quoted_hypothesis() -> None:
    cell = CoRNN(1, 1, dt=0.01, gamma=1.0, epsilon=1.0, damping="implicit", dtype=torch.float64)
    with torch.no_grad():
        for values, number in ((cell.W, 9.0), (cell.W_z, 9.9), (cell.V, 0.0), (cell.b, 0.0)):
            values.fill_(number)
    bound = cell.gradient_bound(100, 1.0)
    assert [c.text for c in bound.conditions if not c.holds] == ["1/N Σ G_n ≤ 3/2"]
    zeros = torch.zeros(100, 1, 1, dtype=torch.float64)
    assert largest_gradient(cell, zeros, zeros + 1) > 4 * bound.value


@pytest.mark.parametrize("dt", [1.0, 0.5, 0.3, 0.05, 0.01])
def test_gradient_bound_always_applies_for_exponent_one(dt: float) -> None:
    # eta ≤ dt, met with equality by both norms
    cell = CoRNN(1, 1, dt=dt, gamma=1.0, epsilon=1.0, damping="implicit", dtype=torch.float64)
    with torch.no_grad():
        cell.W.fill_(-dt)
        cell.W_z.fill_(1 + dt)
    assert cell.gradient_bound(math.floor(1 / dt), 1.0).applies


@pytest.mark.parametrize(
    ("change", "failed"),
    [
        ({"gamma": 2.0}, "gamma = epsilon = 1"),
        ({"epsilon": 2.0}, "gamma = epsilon = 1"),
        ({"damping": "explicit"}, "damping is implicit"),
        ({"dt": 0.011}, "N·dt ≤ 1"),
    ],
)
def test_gradient_bound_names_the_condition_that_fails(change: dict[str, float | str], failed: str) -> None:
    torch.manual_seed(0)
    settings = {"dt": 0.01, "gamma": 1.0, "epsilon": 1.0, "damping": "implicit", **change}
    bound = CoRNN(1, 4, **settings).gradient_bound(100, 1.0)
    assert [c.text for c in bound.conditions if not c.holds] == [failed]
    assert bound.reason().startswith(f"does not apply: {failed}")


def test_gradient_bound_needs_a_bounded_input() -> None:
    cell = CoRNN(1, 4, dt=0.01, gamma=1.0, epsilon=1.0, damping="implicit")
    assert not cell.gradient_bound(100, 1.0, input_bound=2.0).applies


@pytest.mark.parametrize(("task", "eta", "threshold"), [("psmnist", 0.501, 0.276), ("smnist", 0.296, 0.205)])
def test_the_papers_hypothesis_fails_at_the_released_initialisations(task: str, eta: float, threshold: float) -> None:
    torch.manual_seed(0)
    recipe = CoRNN.recipes[task]
    cell = CoRNN(1, recipe.hidden_size, **recipe.cell)
    assert cell.hidden_state_bound(784).applies
    bound = cell.gradient_bound(784, 1.0)
    assert not bound.applies
    (hypothesis,) = [c for c in bound.conditions if c.text == "η ≤ √dt"]
    assert not hypothesis.holds
    # the largest row sum of 256 rows hardly depends on the seed
    assert hypothesis.values["η"] == pytest.approx(eta, abs=0.03)
    assert hypothesis.values["√dt"] == pytest.approx(threshold, abs=1e-3)
    assert "η ≤ √dt" in bound.reason()


@pytest.mark.parametrize("steps", [0, -1])
def test_bounds_refuse_a_number_of_steps_below_one(steps: int) -> None:
    cell = CoRNN(1, 2)
    for bound in (cell.hidden_state_bound, cell.jacobian_bound, lambda n: cell.gradient_bound(n, 1.0)):
        with pytest.raises(ValueError, match="must be at least 1"):
            bound(steps)
