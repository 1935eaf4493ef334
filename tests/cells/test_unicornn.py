import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn

from rnnzoo.cells.unicornn import UnICORNN
from rnnzoo.engine import unroll
from tests.cells.measures import assert_follows_paper, jacobian, largest_gradient, row_sum_norm, uniform

ROUNDING = 1 + 1e-9
"""A bound may be met exactly; float64 rounding over some hundred steps must not count as exceeding it."""

STIFFNESSES = (0.0, 0.01, 1.0, 30.0)


def drawn(alpha: float, hidden_size: int = 3) -> UnICORNN:
    """A layer with time steps and weights over two orders of magnitude, both signs of w among them."""
    cell = UnICORNN(2, hidden_size, dt=10 ** uniform(-2.0, 0.0), alpha=alpha, dtype=torch.float64)
    with torch.no_grad():
        cell.w.mul_((0.0, 0.1, 1.0, 3.0, -1.0)[int(torch.randint(5, ()))])
        cell.c.normal_()
        cell.V.mul_(10 ** uniform(-1.0, 2.0))
        cell.b.normal_()
    return cell


def drawn_input(steps: int) -> torch.Tensor:
    """Noise, or a constant, of entries −1 and 1 for one sequence."""
    x = (2 * torch.rand(steps, 1, 2, dtype=torch.float64) - 1).sign()
    return x[:1].expand(steps, -1, -1) if uniform(0, 1) < 0.5 else x


def single(w: float, dt: float = 0.1, alpha: float = 1.0) -> UnICORNN:
    """One oscillator with s = dt up to rounding."""
    cell = UnICORNN(1, 1, dt=dt, alpha=alpha, dtype=torch.float64)
    with torch.no_grad():
        cell.w.fill_(w)
        cell.c.fill_(40.0)
    return cell


def test_follows_the_paper() -> None:
    torch.manual_seed(0)
    H, d, dt, alpha = 5, 3, 0.19, 3.0
    cell = UnICORNN(d, H, dt=dt, alpha=alpha, dtype=torch.float64)
    with torch.no_grad():
        cell.b.normal_()
    w, c, V, b = (p.detach().numpy() for p in (cell.w, cell.c, cell.V, cell.b))

    def rusch_and_mishra(x: NDArray[np.float64]) -> NDArray[np.float64]:
        y, z, trajectory = [0.0] * H, [0.0] * H, []
        for x_n in x:
            for i in range(H):
                s = dt / (1 + math.exp(-c[i]))
                control = w[i] * y[i] + sum(V[i, k] * x_n[k] for k in range(d)) + b[i]
                z[i] = z[i] - s * (math.tanh(control) + alpha * y[i])
                y[i] = y[i] + s * z[i]
            trajectory.append(list(y))
        return np.array(trajectory)

    assert_follows_paper(cell, rusch_and_mishra)


@pytest.mark.parametrize(("inputs", "hidden"), [(1, 1), (3, 5), (256, 256)])
def test_has_a_matrix_for_the_input_and_three_numbers_a_unit(inputs: int, hidden: int) -> None:
    assert sum(p.numel() for p in UnICORNN(inputs, hidden).parameters()) == hidden * inputs + 3 * hidden


def test_starts_as_the_authors_code_does() -> None:
    torch.manual_seed(0)
    cell = UnICORNN(16, 1000)
    bound = math.sqrt(6 / (65 * 16))
    assert 0.99 * bound < float(cell.V.detach().abs().max()) <= bound
    assert 0.0 <= float(cell.w.detach().min()) < 0.01
    assert 0.99 < float(cell.w.detach().max()) <= 1.0
    assert 0.099 < float(cell.c.detach().abs().max()) <= 0.1
    assert torch.equal(cell.b.detach(), torch.zeros(1000))


def test_starts_with_units_that_switch_where_asked_to() -> None:
    torch.manual_seed(0)
    plain = UnICORNN(16, 1000)
    torch.manual_seed(0)
    cell = UnICORNN(16, 1000, input_scale=20.0, bias_range=7.0)
    assert torch.equal(cell.V.detach(), 20 * plain.V.detach())
    assert torch.equal(cell.w.detach(), plain.w.detach())
    assert torch.equal(cell.c.detach(), plain.c.detach())
    assert -7.0 <= float(cell.b.detach().min()) < -6.9
    assert 6.9 < float(cell.b.detach().max()) <= 7.0


def test_refuses_settings_out_of_range() -> None:
    with pytest.raises(ValueError, match="UnICORNN: input_scale must lie in"):
        UnICORNN(2, 3, input_scale=0.0)
    with pytest.raises(ValueError, match="UnICORNN: bias_range must lie in"):
        UnICORNN(2, 3, bias_range=-1.0)
    with pytest.raises(ValueError, match="UnICORNN: dt must lie in"):
        UnICORNN(2, 3, dt=0.0)
    with pytest.raises(ValueError, match="UnICORNN: alpha must lie in"):
        UnICORNN(2, 3, alpha=-0.1)
    assert UnICORNN(2, 3, alpha=0.0).alpha == 0.0


@pytest.mark.parametrize(
    ("dtype", "tolerance"),
    # rounding of 784 steps there and back, as a share of the largest state: measured 3e-15 and 9e-7
    [(torch.float64, 3e-14), (torch.float32, 1e-5)],
)
@pytest.mark.parametrize("alpha", [0.0, 30.65])
def test_inverse_step_recovers_every_state(dtype: torch.dtype, tolerance: float, alpha: float) -> None:
    torch.manual_seed(0)
    cell = UnICORNN(1, 64, dt=0.19, alpha=alpha, dtype=dtype)
    x = 10 * torch.rand(784, 2, 1, dtype=dtype)
    with torch.no_grad():
        run = unroll(cell, x, engine="reference", return_states=True)
        assert run.states is not None
        u, w, state = cell.project(x), cell.recurrent_weights(), run.state
        assert float(run.states[0].abs().max()) > 0.1
        scale = max(float(part.abs().max()) for part in run.states)
        for n in range(783, 0, -1):
            state = cell.inverse_step(u[n], state, w)
            for found, kept in zip(state, run.states, strict=True):
                assert float((found - kept[n - 1]).abs().max()) < tolerance * scale


def test_a_step_has_determinant_one() -> None:
    torch.manual_seed(0)
    cell = drawn(1.0)
    u = cell.project(drawn_input(20))[:, 0]
    found = jacobian(cell, u, (torch.randn(1, 3, dtype=torch.float64), torch.randn(1, 3, dtype=torch.float64)))
    assert float(torch.linalg.det(found)) == pytest.approx(1.0, abs=1e-9)
    assert row_sum_norm(found) > 1.1


@pytest.mark.parametrize("alpha", STIFFNESSES)
def test_hidden_state_bound_holds_and_is_not_vacuous(alpha: float) -> None:
    torch.manual_seed(0)
    shares = []
    for _ in range(30):
        cell = drawn(alpha)
        with torch.no_grad():
            y = unroll(cell, drawn_input(100), engine="reference").output
        assert y is not None
        for n in range(1, 101, 9):
            bound = cell.hidden_state_bound(n)
            if bound.applies:
                shares.append(float(y[n - 1].abs().max()) / bound.value)
    assert len(shares) > 200
    assert max(shares) <= ROUNDING
    assert max(shares) > 0.7


def test_hidden_state_bound_withstands_resonance_and_the_quoted_one_does_not() -> None:
    cell = single(w=0.5, dt=0.1, alpha=1.0)
    w, state = cell.recurrent_weights(), cell.zeros(1)
    steps = 20_000
    with torch.no_grad():
        for _ in range(steps):
            y, z = state
            # the force that always accelerates: its sign is that of the velocity half a step later
            u = torch.where(z - 0.05 * y > 0, -50.0, 50.0).to(torch.float64)
            state = cell.step(u, state, w)
    energy = float((state[0] ** 2 + state[1] ** 2).sqrt())
    bound = cell.hidden_state_bound(steps)
    assert 0.2 * bound.value < energy < bound.value
    t_n, beta = steps * 0.1, 4.0  # beta = max{1 + 2 alpha, 4 alpha²}
    assert float(state[0].abs()) > 2 * math.sqrt(2 * (1 + 2 * beta * t_n))


def test_bounds_do_not_apply_to_an_unstable_oscillator() -> None:
    cell = single(w=0.5, dt=1.0, alpha=4.5)
    for bound in (cell.hidden_state_bound(10), cell.gradient_bound(10, 1.0)):
        assert not bound.applies
        assert bound.value == math.inf
        assert bound.reason() == "does not apply: s²·alpha < 4 (the undriven oscillator is stable) (s²·alpha = 4.5)"
    # the Jacobian's holds for any step
    assert math.isfinite(cell.jacobian_bound(10).value)


@pytest.mark.parametrize("alpha", [*STIFFNESSES, 400.0])
def test_jacobian_bound_holds_and_is_not_vacuous(alpha: float) -> None:
    torch.manual_seed(0)
    shares = []
    for _ in range(30):
        cell = drawn(alpha)
        lag = int(torch.randint(1, 40, ()))
        u = cell.project(drawn_input(lag))[:, 0].detach() * uniform(0, 1)
        state = tuple(uniform(0, 3) * torch.randn(1, 3, dtype=torch.float64) for _ in range(2))
        bound = cell.jacobian_bound(lag)
        assert bound.applies
        shares.append(row_sum_norm(jacobian(cell, u, state)) / bound.value)
    assert max(shares) <= ROUNDING
    assert max(shares) > 0.5


@pytest.mark.parametrize(("alpha", "w"), [(1.0, 1.0), (1.0, -0.5), (30.0, 1.0), (0.0, 1.0)])
def test_jacobian_bound_withstands_parametric_resonance(alpha: float, w: float) -> None:
    cell = single(w, alpha=alpha)
    weights = {name: value.detach() for name, value in cell.recurrent_weights().items()}
    state, tangent = cell.zeros(1), torch.tensor([1.0, 0.0], dtype=torch.float64)
    product = torch.eye(2, dtype=torch.float64)
    for _ in range(200):
        # stiff while the tangent swings back, soft while it swings out: an input that drives w y + u to 0 or far away
        swings_back = float(tangent[0] * tangent[1]) < 0
        u = -weights["w"] * state[0] if swings_back == (w > 0) else torch.full((1, 1), 50.0, dtype=torch.float64)
        block = jacobian(cell, u, state)
        product, tangent = block @ product, block @ tangent
        tangent = tangent / tangent.norm()
        state = cell.step(u, state, weights)
    measured, bound = row_sum_norm(product), cell.jacobian_bound(200).value
    assert measured < bound
    # it does grow exponentially, at more than 0.4 of the bound's rate
    assert measured > 2
    assert math.log(measured) > 0.4 * math.log(bound)


def test_jacobian_bound_does_not_grow_without_recurrent_weights() -> None:
    cell = single(w=0.0)
    assert cell.jacobian_bound(10_000).value == pytest.approx(cell.jacobian_bound(10).value)


def test_jacobian_bound_is_useful_at_the_released_initialisation() -> None:
    torch.manual_seed(0)
    cell = UnICORNN(1, 256, **UnICORNN.recipes["psmnist"].cell)
    assert cell.jacobian_bound(784).value < 1000
    assert cell.hidden_state_bound(784).value < 20


@pytest.mark.parametrize("alpha", STIFFNESSES)
def test_gradient_bound_holds_and_is_not_vacuous(alpha: float) -> None:
    torch.manual_seed(0)
    shares = []
    for _ in range(60):
        cell = drawn(alpha)
        steps = int(torch.randint(1, 60, ()))
        height = uniform(0.0, 5.0)
        target = height * torch.randn(1, 1, 3, dtype=torch.float64).sign().expand(steps, -1, -1)
        bound = cell.gradient_bound(steps, height)
        if bound.applies:
            shares.append(largest_gradient(cell, drawn_input(steps), target) / bound.value)
    assert len(shares) > 30
    assert max(shares) <= ROUNDING
    assert max(shares) > 0.05


def test_gradient_bound_depends_on_time_not_on_steps() -> None:
    coarse, fine = single(0.5, dt=0.1), single(0.5, dt=0.001)
    assert fine.gradient_bound(2_000, 1.0).value == pytest.approx(coarse.gradient_bound(20, 1.0).value, rel=0.1)


def test_bounds_of_a_diverged_layer_are_infinite() -> None:
    cell = UnICORNN(1, 3, alpha=1.0)
    with torch.no_grad():
        cell.w[1] = math.nan
    assert cell.jacobian_bound(3).value == math.inf
    assert cell.gradient_bound(3, 1.0).value == math.inf


@pytest.mark.parametrize("steps", [0, -1])
def test_bounds_refuse_a_number_of_steps_below_one(steps: int) -> None:
    cell = UnICORNN(1, 2)
    for bound in (cell.hidden_state_bound, cell.jacobian_bound, lambda n: cell.gradient_bound(n, 1.0)):
        with pytest.raises(ValueError, match="must be at least 1"):
            bound(steps)


def test_the_recipe_builds_its_stack() -> None:
    recipe = UnICORNN.recipes["psmnist"]
    widths = [1] + [recipe.hidden_size] * (recipe.num_layers - 1)
    stack = nn.ModuleList([UnICORNN(width, recipe.hidden_size, **recipe.cell) for width in widths])
    readout = nn.Linear(recipe.hidden_size, 10)
    count = sum(p.numel() for module in (stack, readout) for p in module.parameters())
    assert count == 256 * (1 + 256 + 256) + 3 * 3 * 256 + 2570


def test_no_unit_loses_all_directions_whatever_the_input() -> None:
    torch.manual_seed(0)
    least = []
    for _ in range(40):
        cell = drawn(STIFFNESSES[int(torch.randint(4, ()))])
        u = cell.project(drawn_input(int(torch.randint(1, 80, ()))))[:, 0]
        found = jacobian(cell, u, tuple(torch.randn(1, 3, dtype=torch.float64) for _ in range(2)))
        blocks = torch.stack([found[i::3, i::3] for i in range(3)])
        assert torch.linalg.det(blocks).sub(1).abs().max() < 1e-6
        least.append(float(torch.linalg.matrix_norm(blocks, 2).min()))
    assert cell.jacobian_lower_bound(7).lower
    assert min(least) * ROUNDING >= cell.jacobian_lower_bound(7).value == 1.0
    assert min(least) < 1.1


def test_energy_is_the_potential_of_the_force() -> None:
    torch.manual_seed(0)
    cell = drawn(2.0)
    with torch.no_grad():
        cell.w.copy_(torch.tensor([0.0, 0.7, -1.3]))
    u, y, z = (torch.randn(1, 3, dtype=torch.float64) for _ in range(3))
    y.requires_grad_()
    w = cell.recurrent_weights()
    (slope,) = torch.autograd.grad(cell.energy(u, (y, z), w).sum(), y)
    torch.testing.assert_close(slope, torch.tanh(cell.w * y + u) + 2.0 * y)
    rest = cell.energy(1e3 * u, (torch.zeros_like(y), z), w)
    torch.testing.assert_close(rest, 0.5 * z.square())
