# ruff: noqa: RUF001 - quantities are written in the paper's Greek letters
"""Bounds on the states and gradients of coRNN, each with the conditions under which it is proven.

The paper's Propositions 3.1 and 3.2 are for γ = ε = 1, implicit damping and N·dt ≤ 1. They were known here second-hand;
what is returned is proven in the docstrings below, and so are the places where that needs more than was quoted.
"""

import math
import operator
import sys
from dataclasses import dataclass
from itertools import accumulate, repeat

import torch
from torch import Tensor

from rnnzoo.cells.claims import Bound, Condition
from rnnzoo.checks import number_in, positive_integer

DERIVED = "derived here from norms of W and W_z, and checked over random draws"

Blocks = tuple[tuple[float, float], tuple[float, float]]


@dataclass(frozen=True)
class Network:
    """The numbers that the bounds depend on; W and W_z are float64 (H, H)."""

    W: Tensor
    W_z: Tensor
    dt: float
    gamma: float
    epsilon: float
    implicit: bool

    @property
    def units(self) -> int:
        """H, the paper's m."""
        return self.W.shape[0]


def hidden_state_bound(network: Network, steps: int) -> Bound:
    """Bound the energy γ|y_n|² + |z_n|² after n = `steps` steps from rest.

    Multiply the equation of z_n by 2 z_n, and use 2 z_n·(z_n − z_{n−1}) = |z_n|² − |z_{n−1}|² + |z_n − z_{n−1}|² and
    γ(|y_n|² − |y_{n−1}|²) = 2 γ dt y_{n−1}·z_n + γ dt² |z_n|²: the terms in y·z cancel. With A = tanh(·), |A|² ≤ H, and
    2 z·A ≤ κ|z|² + |A|²/κ the energy grows in a step by at most

        implicit: dt H/κ, κ = 2ε − γ dt,    if γ dt < 2ε;
        explicit: dt H/κ, κ = ε − γ dt,     if γ dt < ε and ε dt ≤ 1 (then −(1 − ε dt)|z_n − z_{n−1}|² ≤ 0).

    So the energy is at most H n dt/κ, and for each unit by itself n dt/κ. The paper's Proposition 3.1, that
    |y_n|² + |z_n|² ≤ H n dt for γ = ε = 1, is the implicit case with κ = 2 − dt ≥ 1.

    Raises:
        TypeError, ValueError: `steps` is not a positive integer.
    """
    steps = positive_integer("CoRNN.hidden_state_bound", "steps", steps)
    dt, gamma, epsilon = network.dt, network.gamma, network.epsilon
    numbers = {"gamma·dt": gamma * dt, "epsilon": epsilon}
    if network.implicit:
        kappa = 2 * epsilon - gamma * dt
        conditions = [Condition("gamma·dt < 2·epsilon", kappa > 0, numbers)]
    else:
        kappa = epsilon - gamma * dt
        conditions = [
            Condition("gamma·dt < epsilon", kappa > 0, numbers),
            Condition("epsilon·dt ≤ 1", epsilon * dt <= 1, {"epsilon·dt": epsilon * dt}),
        ]
    value = network.units * steps * dt / kappa if kappa > 0 else math.inf
    source = "derived here for both dampings; contains the paper's Proposition 3.1 (gamma = epsilon = 1, implicit)"
    return Bound("gamma·|y_n|² + |z_n|²", value, tuple(conditions), source)


def jacobian_bound(network: Network, lag: int) -> Bound:
    """Bound ‖∂(y_n, z_n)/∂(y_k, z_k)‖_∞ at n − k = `lag`, at any state and input.

    The one-step Jacobian depends on the state through D = diag(sech²(·)), entries in (0, 1], alone:

        ∂z'/∂z = (1 − ε dt) + dt D W_z    or (1 + dt D W_z)/(1 + ε dt),    ∂y'/∂z = dt ∂z'/∂z,
        ∂z'/∂y = dt (D W − γ)             or dt (D W − γ)/(1 + ε dt),       ∂y'/∂y = 1 + dt ∂z'/∂y.

    The sum of a row's absolute values is convex in its entry of D, so it is largest at 0 or 1. That gives the largest
    row sum of the whole, whose power bounds any product of such Jacobians. It also gives the largest row sum of each
    block, and a power of the 2 × 2 matrix of these bounds the blocks of the product, which tells y from z. The same
    with spectral norms, ‖D W‖₂ ≤ ‖W‖₂, costs a factor √H at the end but grows far more slowly for wide random W. The
    value is the smallest of the three.

    Raises:
        TypeError, ValueError: `lag` is not a positive integer.
    """
    lag = positive_integer("CoRNN.jacobian_bound", "lag", lag)
    value = _jacobian_bounds(network, lag)[lag]
    return Bound("‖∂(y_n, z_n)/∂(y_k, z_k)‖_∞", value, (), DERIVED)


def jacobian_lower_bound(network: Network, lag: int) -> Bound:
    """Bound the smallest singular value of ∂y_n/∂y_k at n − k = `lag` from below, at any state and input.

    A perturbation (δy, δz) with |δz| ≤ c|δy| keeps that property where c is large enough: with ‖D‖₂ ≤ 1 and

        explicit: q = |1 − ε dt| + dt‖W_z‖₂,            β = γ + ‖W‖₂;
        implicit: q = (1 + dt‖W_z‖₂)/(1 + ε dt),        β = (γ + ‖W‖₂)/(1 + ε dt),

    |δz'| ≤ q|δz| + dt β|δy| ≤ c'|δy| with c' = qc + dt β, and |δy'| = |δy + dt δz'| ≥ (1 − dt c')|δy|. So it is kept if
    c' ≤ c (1 − dt c'), which the smaller root c of dt q c² − (1 − q − dt²β) c + dt β = 0 meets, if there is one. Every
    δy with δz = 0 then shrinks by at most 1 − dt c' a step:

        σ_min(∂y_n/∂y_k) ≥ (1 − dt c')^{n−k} ≈ exp(−c'(t_n − t_k)).

    A gradient of any loss of y_n alone is carried to y_k by the transpose: |∂E_n/∂y_k| ≥ (1 − dt c')^{n−k} |∂E_n/∂y_n|.
    The hypothesis is that damping wins: about (ε − ‖W_z‖)² ≥ 4(γ + ‖W‖) for small dt.

    This is what could be proven of the paper's Proposition 3.3. It was known second-hand, as saying that what step k
    adds to a gradient at step n does not decay exponentially in n − k. At a fixed dt that cannot hold of every coRNN:
    with W = W_z = 0 and no input, y is a damped oscillator, whose gradient decays exponentially in n − k. What is
    independent of N is the decay over a fixed time t_n − t_k = (n − k) dt, and that is what the bound says.

    Raises:
        TypeError, ValueError: `lag` is not a positive integer.
    """
    lag = positive_integer("CoRNN.jacobian_lower_bound", "lag", lag)
    dt, gamma, epsilon = network.dt, network.gamma, network.epsilon
    finite = bool(torch.isfinite(network.W).all() and torch.isfinite(network.W_z).all())
    W, W_z = (float(torch.linalg.matrix_norm(m, 2)) if finite else math.inf for m in (network.W, network.W_z))
    divisor, kept = (1 + dt * epsilon, 1.0) if network.implicit else (1.0, abs(1 - dt * epsilon))
    q, beta = (kept + dt * W_z) / divisor, (gamma + W) / divisor
    room = 1 - q - dt**2 * beta
    discriminant = room**2 - 4 * dt**2 * q * beta if finite else -math.inf
    overdamped = room > 0 and discriminant >= 0
    value = 0.0
    if overdamped:
        # the smaller root, in the form that also holds for q = 0
        c = 2 * dt * beta / (room + math.sqrt(discriminant))
        value = (1 - dt * (q * c + dt * beta)) ** lag
    numbers = {"1 - q - dt²·β": room, "2·dt·√(q·β)": 2 * dt * math.sqrt(q * beta)}
    conditions = (Condition("damping wins: 2·dt·√(q·β) ≤ 1 - q - dt²·β", overdamped, numbers),)
    source = "derived here in place of the paper's Proposition 3.3, and checked over random draws"
    return Bound("σ_min(∂y_n/∂y_k)", value, conditions, source, lower=True)


def gradient_bound(network: Network, steps: int, target_bound: float, input_bound: float) -> Bound:
    """Bound |∂E/∂θ| ≤ (3/2)(H + Ȳ√H) for E = 1/N Σ_n ½|y_n − ȳ_n|², as in the paper's Proposition 3.2.

    With γ = ε = 1, implicit damping and N·dt ≤ 1 every |y_n,i|, |z_n,i| is at most 1 (`hidden_state_bound`, by unit),
    so at each step θ enters directly with at most dt/(1 + dt) · max{1, |x|_∞}, and with J(j) from `jacobian_bound`

        ‖∂y_n/∂θ‖_∞ ≤ G_n = dt/(1 + dt) · Σ_{j<n} J(j),
        |∂E/∂θ| ≤ 1/N Σ_n √H |y_n − ȳ_n| G_n ≤ (H + Ȳ√H) · 1/N Σ_n G_n,      Ȳ = max_n |ȳ_n| (Euclidean).

    The quoted hypothesis is η = max{dt(1 + ‖W‖_∞)/(1 + dt), dt‖W_z‖_∞/(1 + dt)} ≤ dt^r for an r in [1/2, 1] and
    dt ≪ 1. By itself η ≤ √dt does not do: with H = 1, dt = 0.01, N = 100, W = 9, W_z = 9.9, no input and ȳ_n = 1, η is
    0.099 and ∂E/∂b is 4.2 times the bound. What makes the proof close is 1/N Σ_n G_n ≤ 3/2, so that is asked for as the
    meaning of dt ≪ 1; for r = 1 it always holds (G_n is then about e^{t_n} − 1).

    Raises:
        TypeError, ValueError: `steps` is not a positive integer, or a bound is negative.
    """
    owner = "CoRNN.gradient_bound"
    steps = positive_integer(owner, "steps", steps)
    target_bound = number_in(owner, "target_bound", target_bound, 0.0)
    input_bound = number_in(owner, "input_bound", input_bound, 0.0)
    dt, gamma, epsilon, H = network.dt, network.gamma, network.epsilon, network.units
    eta = dt / (1 + dt) * max(1 + _row_sum(network.W), _row_sum(network.W_z))
    responses = [0.0]
    for growth in _jacobian_bounds(network, steps - 1):
        responses.append(responses[-1] + dt / (1 + dt) * growth)
    mean_response = sum(responses[1:]) / steps
    conditions = (
        Condition("gamma = epsilon = 1", gamma == epsilon == 1, {"gamma": gamma, "epsilon": epsilon}),
        Condition("damping is implicit", network.implicit, {}),
        Condition("N·dt ≤ 1", steps * dt <= 1, {"N·dt": steps * dt}),
        Condition("|x|_∞ ≤ 1", input_bound <= 1, {"|x|_∞": input_bound}),
        Condition("η ≤ √dt", eta <= math.sqrt(dt), {"η": eta, "√dt": math.sqrt(dt)}),
        Condition("1/N Σ G_n ≤ 3/2", mean_response <= 1.5, {"1/N Σ G_n": mean_response}),
    )
    source = (
        "Rusch and Mishra, ICLR 2021, Proposition 3.2, quoted second-hand; proven here under the added condition on "
        "G_n, which makes dt ≪ 1 definite, and checked over random draws"
    )
    quantity = "max_θ |∂E/∂θ|, E = 1/N Σ_n ½|y_n - ȳ_n|²"
    return Bound(quantity, 1.5 * (H + target_bound * math.sqrt(H)), conditions, source)


def _row_sum(matrix: Tensor) -> float:
    """Return ‖matrix‖_∞, infinite where an entry is not a number, as after a divergence."""
    value = float(matrix.abs().sum(dim=1).max())
    return math.inf if math.isnan(value) else value


def _jacobian_bounds(network: Network, lag: int) -> list[float]:
    """Return bounds on ‖∂(y_n, z_n)/∂(y_k, z_k)‖_∞ for n − k = 0 to `lag`; the first is 1."""
    whole, blocks = _row_sums(network)
    powers = accumulate(repeat(whole, lag), operator.mul, initial=1.0)
    by_rows, by_spectrum = _power_row_sums(blocks, lag), _power_row_sums(_spectral_norms(network), lag)
    root = math.sqrt(network.units)
    return [min(a, b, root * c) for a, b, c in zip(powers, by_rows, by_spectrum, strict=True)]


def _row_sums(network: Network) -> tuple[float, Blocks]:
    """Return bounds on ‖·‖_∞ of the one-step Jacobian: of the whole, and of its blocks ((yy, yz), (zy, zz))."""
    dt, gamma, epsilon = network.dt, network.gamma, network.epsilon
    identity = torch.eye(network.units, dtype=network.W.dtype, device=network.W.device)
    whole, sums = 0.0, [0.0] * 4
    for slope in (0.0, 1.0):
        zy = dt * (slope * network.W - gamma * identity)
        zz = dt * slope * network.W_z
        if network.implicit:
            zy, zz = zy / (1 + dt * epsilon), (identity + zz) / (1 + dt * epsilon)
        else:
            zz = (1 - dt * epsilon) * identity + zz
        yy, yz = identity + dt * zy, dt * zz
        whole = max(whole, _row_sum(torch.cat([yy, yz], dim=1)), _row_sum(torch.cat([zy, zz], dim=1)))
        sums = [max(old, _row_sum(block)) for old, block in zip(sums, (yy, yz, zy, zz), strict=True)]
    return whole, ((sums[0], sums[1]), (sums[2], sums[3]))


def _spectral_norms(network: Network) -> Blocks:
    """Return bounds on the spectral norms of the one-step Jacobian's blocks, from ‖D‖ ≤ 1."""
    if not bool(torch.isfinite(network.W).all() and torch.isfinite(network.W_z).all()):
        return ((math.inf, math.inf), (math.inf, math.inf))
    dt, gamma, epsilon = network.dt, network.gamma, network.epsilon
    W, W_z = (float(torch.linalg.matrix_norm(matrix, 2)) for matrix in (network.W, network.W_z))
    # the damping divides (implicit), or takes its share of the old velocity (explicit)
    divisor, kept = (1 + dt * epsilon, 1.0) if network.implicit else (1.0, abs(1 - dt * epsilon))
    zy, zz = dt * (W + gamma) / divisor, (kept + dt * W_z) / divisor
    return ((abs(1 - dt**2 * gamma / divisor) + dt**2 * W / divisor, dt * zz), (zy, zz))


def _power_row_sums(matrix: Blocks, lag: int) -> list[float]:
    """Return the largest row sum of the powers 0 to `lag` of a 2 × 2 matrix with no negative entry."""
    # the smallest number instead of 0, so that a power that has overflowed to infinity never meets a 0
    (yy, yz), (zy, zz) = (tuple(max(entry, sys.float_info.min) for entry in row) for row in matrix)
    y = z = 1.0
    sums = [1.0]
    for _ in range(lag):
        y, z = yy * y + yz * z, zy * y + zz * z
        sums.append(max(y, z))
    return sums
