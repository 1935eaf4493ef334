"""Bounds on the states and gradients of one UnICORNN layer, derived from its symplectic step.

Everything rests on one fact. Write a unit's step as a linear oscillator with stiffness ω > 0 and a remainder R:

    z' = z − s (ω y + R),   y' = y + s z'

For R = 0 the quadratic form Q(y, z) = ω y² − s ω y z + z² does not change, and for s² ω < 4 it is the square of a norm
‖·‖_Q. The remainder moves the state by −s R (s, 1), and Q(s, 1) = 1: in that norm a step moves by exactly s |R|. From
Q ≥ ω (1 − s²ω/4) y² and Q ≥ (1 − s²ω/4) z² follow bounds on y and z.

The paper's own bounds have the same ingredients, α, T = N·dt and powers of T. They were known here second-hand only:
that on the state, |y_n| ≤ √((2/α)(1 + 2βt_n)) with β = max{1 + 2α, 4α²}, is exceeded by an input in resonance at large
t_n (and void for α = 0); that on the gradient came without its constants. So none of them is used.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnzoo.cells.claims import Bound, Condition
from rnnzoo.checks import number_in, positive_integer

DERIVED = "derived here, see rnnzoo/cells/unicornn_bounds.py, and checked over random draws and resonant inputs"


@dataclass(frozen=True)
class Oscillators:
    """The numbers that the bounds depend on; tensors are float64 (H,).

    Attributes:
        alpha: stiffness α.
        w: recurrent weights.
        s: steps, dt · σ̂(c).
        gate: σ̂(c).
    """

    alpha: float
    w: Tensor
    s: Tensor
    gate: Tensor


def hidden_state_bound(units: Oscillators, steps: int) -> Bound:
    """Bound |y_n|: at most n s/√(α (1 − s²α/4)), and at most s² n(n + 1)/2, the smaller of the two.

    Take ω = α, so that R = tanh(·), |R| ≤ 1: ‖(y_n, z_n)‖_Q ≤ n s, which is the first. For the second, the answer to a
    single impulse is −s² R U_j(1 − s²α/2) after j more steps, U_j Chebyshev's polynomial of the second kind, and
    |U_j| ≤ j + 1; it holds for α = 0 too. With s ≤ dt they are at most t_n/√(α (1 − dt²α/4)) and t_n (t_n + dt)/2.

    Raises:
        TypeError, ValueError: `steps` is not a positive integer.
    """
    steps = positive_integer("UnICORNN.hidden_state_bound", "steps", steps)
    stable = _stable(units)
    value = _number(_position_bound(units, steps).max()) if stable.holds else math.inf
    return Bound("max_i |y_n,i|", value, (stable,), DERIVED)


def jacobian_bound(units: Oscillators, lag: int) -> Bound:
    """Bound ‖∂(y_n, z_n)/∂(y_k, z_k)‖_∞ = the largest row sum over the units' 2 × 2 blocks.

    A block's one-step Jacobian is the linear step of stiffness a = α + w sech²(·), which lies between α and α + w. With
    any ω it is the isometry of ω after the shear z ← z − s (a − ω) y, whose norm is exp(asinh(κ/2)) for
    κ = s |a − ω|/√(ω (1 − s²ω/4)). Hence over any sequence of n − k steps

        ‖∂(y_n, z_n)/∂(y_k, z_k)‖_Q ≤ exp((n − k) asinh(κ/2)) ≤ exp((t_n − t_k) |a − ω|/(2 √(ω (1 − s²ω/4)))),

    with the largest |a − ω|. From the maximum norm to ‖·‖_Q costs √(1 + ω + s ω), back 1/√(1 − s²ω/4) and another
    1/√ω for y. Every ω < 4/s² gives a bound; the value is the smallest over the middle of a's range and a grid. The
    exponent counts time, not steps: at fixed T it does not grow with N. No power of T could replace it, for an input
    that switches a at the right moments makes the Jacobian grow exponentially (parametric resonance); for w = 0 the
    exponent vanishes with ω = α.

    Raises:
        TypeError, ValueError: `lag` is not a positive integer.
    """
    lag = positive_integer("UnICORNN.jacobian_bound", "lag", lag)
    omega, slack = _stiffness_grid(units)
    log_bound = (
        lag * _log_growth(units, omega, slack)
        + 0.5 * torch.log((1 + omega + units.s * omega) / slack)
        + 0.5 * torch.log(omega).neg().clamp_min(0)
    )
    value = _number(log_bound.amin(dim=0).max().exp())
    return Bound("‖∂(y_n, z_n)/∂(y_k, z_k)‖_∞", value, (), DERIVED)


def jacobian_lower_bound(units: Oscillators, lag: int) -> Bound:
    """Bound the largest singular value of every unit's 2 × 2 block of ∂(y_n, z_n)/∂(y_k, z_k) from below, by 1.

    A step is two shears, z ← z − s(…)(y) and y ← y + s z, each of determinant 1; so is every product of them, and the
    product of a block's two singular values is 1. Some perturbation of each unit therefore never shrinks, and where a
    gradient shrinks in one direction, it grows in the other as much.

    Raises:
        TypeError, ValueError: `lag` is not a positive integer.
    """
    positive_integer("UnICORNN.jacobian_lower_bound", "lag", lag)
    finite = bool(torch.isfinite(units.w).all() and torch.isfinite(units.s).all())
    conditions = () if finite else (Condition("the parameters are finite", False, {}),)
    return Bound("min_i ‖∂(y_n,i, z_n,i)/∂(y_k,i, z_k,i)‖₂", 1.0, conditions, "derived here", lower=True)


def gradient_bound(units: Oscillators, steps: int, target_bound: float, input_bound: float) -> Bound:
    """Bound |∂E/∂θ| for every entry θ of w, c, V and b, with E = 1/N Σ_n ½|y_n − ȳ_n|² over the N steps from rest.

    At step k, θ enters directly as −s sech²(·) p_k (s, 1) with p_k = 1 for b, x_k for V and y_{k−1} for w; for c as
    −s (1 − σ̂(c)) [(tanh(·) + α y_{k−1}) (s, 1) − (z_k, 0)]. In ‖·‖_Q that is at most s g_θ, with Y and Z bounds on
    |y_n|, |z_n| up to step N:

        g_b = 1,   g_V = max |x|,   g_w = Y,   g_c = (1 − σ̂(c)) (1 + α Y + √ω Z).

    Carried on by the Jacobian, |∂y_n/∂θ| ≤ n s g_θ ρ^{N−1}/√(ω (1 − s²ω/4)) with ρ = exp(asinh(κ/2)); only the unit to
    which θ belongs answers. The mean over n of |y_n − ȳ_n| ≤ Y + max |ȳ| times this gives

        |∂E/∂θ| ≤ (Y + max |ȳ|) · s (N + 1)/2 · g_θ · ρ^{N−1}/√(ω (1 − s²ω/4)).

    With s N ≤ T it depends on T, not on N. The value is the largest over units and parameters; it is for a layer whose
    own output is compared with the target, the last one of a stack, and `input_bound` bounds the input of that layer.

    Raises:
        TypeError, ValueError: `steps` is not a positive integer, or a bound is negative.
    """
    owner = "UnICORNN.gradient_bound"
    steps = positive_integer(owner, "steps", steps)
    target_bound = number_in(owner, "target_bound", target_bound, 0.0)
    input_bound = number_in(owner, "input_bound", input_bound, 0.0)
    stable = _stable(units)
    quantity = "max_θ |∂E/∂θ|, E = 1/N Σ_n ½|y_n - ȳ_n|²"
    if not stable.holds:
        return Bound(quantity, math.inf, (stable,), DERIVED)
    s, alpha = units.s, units.alpha
    Y = _position_bound(units, steps)
    Z = steps * s / torch.sqrt(1 - s**2 * alpha / 4)
    omega, slack = _stiffness_grid(units)
    g_c = (1 - units.gate) * (1 + alpha * Y + torch.sqrt(omega) * Z)
    g = torch.maximum(g_c, Y.clamp_min(max(1.0, input_bound)))
    growth = torch.exp((steps - 1) * _log_growth(units, omega, slack))
    bounds = (Y + target_bound) * s * (steps + 1) / 2 * g * growth / torch.sqrt(omega * slack)
    return Bound(quantity, _number(bounds.amin(dim=0).max()), (stable,), DERIVED)


def _number(value: Tensor) -> float:
    """Return a scalar as a float, infinite if it is not a number, as after a divergence."""
    return float(value.nan_to_num(nan=math.inf, posinf=math.inf))


def _stable(units: Oscillators) -> Condition:
    s2_alpha = float((units.s**2).max()) * units.alpha
    return Condition("s²·alpha < 4 (the undriven oscillator is stable)", s2_alpha < 4, {"s²·alpha": s2_alpha})


def _position_bound(units: Oscillators, steps: int) -> Tensor:
    s, alpha = units.s, units.alpha
    impulses = s**2 * steps * (steps + 1) / 2
    if alpha == 0:
        return impulses
    return torch.minimum(impulses, steps * s / torch.sqrt(alpha * (1 - s**2 * alpha / 4)))


def _stiffness_grid(units: Oscillators) -> tuple[Tensor, Tensor]:
    """Return stiffnesses ω to try, (grid, H), all with s²ω < 4, and 1 − s²ω/4 for each."""
    limit = 4 / units.s**2
    grid = limit * torch.logspace(-12, -0.01, 400, dtype=torch.float64, device=limit.device).unsqueeze(1)
    middle = units.alpha + units.w / 2
    allowed = (middle > 0) & (middle < 0.999 * limit)
    omega = torch.cat([grid, torch.where(allowed, middle, limit / 2).unsqueeze(0)])
    return omega, 1 - omega / limit


def _log_growth(units: Oscillators, omega: Tensor, slack: Tensor) -> Tensor:
    """Return asinh(κ/2), the logarithm of the largest growth in one step."""
    away = torch.maximum((units.alpha - omega).abs(), (units.alpha + units.w - omega).abs())
    return torch.asinh(units.s * away / torch.sqrt(omega * slack) / 2)
