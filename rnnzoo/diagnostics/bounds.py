# ruff: noqa: RUF001 - quantities are written in the papers' Greek letters
"""What a cell's paper, or a derivation here, says of its states and gradients, held against measurements.

A cell declares a statement as a method that returns a `Bound`, or in its `claims`; any cell may, also a user's own:

| method | what is measured |
|---|---|
| `hidden_state_bound(steps)` | the states of a batch after n steps from rest |
| `jacobian_bound(lag)`, `jacobian_lower_bound(lag)`, `inverse_jacobian_bound(lag)` | ∂h_n/∂h_k along a sequence |
| `gradient_bound(steps, target_bound, input_bound)` | the largest entry of ∂E/∂θ, E = 1/N Σ ½|y_n − ȳ_n|² |
| `claims.orthogonal`, `claims.unitary`, `claims.singular_values` | the matrix `recurrent_weights()["W"]` |
| `claims.invertible` | the first state, rebuilt from the last; see `rnnzoo.diagnostics.symplectic` |
| `energy(u, state, w)` | its drift under a frozen input |

A `Bound` names what it bounds; the names that can be measured are the keys of `STATE_QUANTITIES` and
`JACOBIAN_QUANTITIES`. States and Jacobians are measured in float64, matrices in the dtype in which they are used.
"""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State
from rnnzoo.cells.claims import Bound, Condition
from rnnzoo.diagnostics.symplectic import RUNAWAY, conservative, energy_drift, inversion_errors
from rnnzoo.engine import unroll
from rnnzoo.orthogonal import orthogonality_error
from rnnzoo.recurrent import Recurrent
from rnnzoo.unitary import unitarity_error

COLUMNS = (
    "layer", "statement", "quantity", "at", "bound", "measured", "share", "lower", "holds", "reason", "source",
)  # fmt: skip
"""Columns of `bound_checks`.

layer: "" for a single cell. statement: the method or claim. at: the n or the lag, NaN for a matrix. share: measured
over bound, or bound over measured where `lower`: at most 1 where the bound holds. holds: "yes", "no", "does not apply",
or "not measured". reason: the conditions with their numbers. source: where the bound comes from.
"""

ROUNDING = 1e-6
"""A bound may be met exactly; rounding over some thousand steps must not count as exceeding it."""

MATRIX_LIMIT = {torch.float32: 1e-5, torch.float64: 1e-10}
"""How far a matrix of each dtype may be from orthogonal, or its singular values outside their interval."""

JACOBIAN_LAGS = (1, 10, 100)
GRADIENT_STEPS = (10, 100)


def _largest_position(_cell: Cell, states: State) -> Tensor:
    return states[0].abs().amax(-1)


def _oscillator_energy(cell: Cell, states: State) -> Tensor:
    gamma = float(cell.hyperparameters()["gamma"])
    energy: Tensor = gamma * states[0].square().sum(-1) + states[1].square().sum(-1)
    return energy


STATE_QUANTITIES: dict[str, Callable[[Cell, State], Tensor]] = {
    "gamma·|y_n|² + |z_n|²": _oscillator_energy,
    "max_i |y_n,i|": _largest_position,
}
"""Quantity → its value (time, batch) for a cell and its states, parts of (time, batch, width)."""


def _row_sum(jacobian: Tensor, _sizes: Sequence[int]) -> float:
    return float(jacobian.abs().sum(1).max())


def _spectral_norm(jacobian: Tensor, _sizes: Sequence[int]) -> float:
    return float(torch.linalg.matrix_norm(jacobian, 2))


def _inverse_norm(jacobian: Tensor, _sizes: Sequence[int]) -> float:
    smallest = float(torch.linalg.svdvals(jacobian)[-1])
    return 1 / smallest if smallest > 0 else math.inf


def _least_of_first_part(jacobian: Tensor, sizes: Sequence[int]) -> float:
    return float(torch.linalg.svdvals(jacobian[: sizes[0], : sizes[0]])[-1])


def _least_block_norm(jacobian: Tensor, sizes: Sequence[int]) -> float:
    units = sizes[0]
    blocks = jacobian.reshape(2, units, 2, units).diagonal(dim1=1, dim2=3)  # (2, 2, units)
    return float(torch.linalg.matrix_norm(blocks.movedim(-1, 0), 2).min())


JACOBIAN_QUANTITIES: dict[str, Callable[[Tensor, Sequence[int]], float]] = {
    "‖∂h_n/∂h_k‖₂": _spectral_norm,
    "‖(∂h_n/∂h_k)⁻¹‖₂": _inverse_norm,
    "‖∂(y_n, z_n)/∂(y_k, z_k)‖_∞": _row_sum,
    "σ_min(∂y_n/∂y_k)": _least_of_first_part,
    "min_i ‖∂(y_n,i, z_n,i)/∂(y_k,i, z_k,i)‖₂": _least_block_norm,
}
"""Quantity → its value for ∂h_n/∂h_k (N, N), all parts of the state side by side, and the widths of the parts."""

JACOBIAN_BOUNDS = ("jacobian_bound", "jacobian_lower_bound", "inverse_jacobian_bound")


def bound_checks(
    layer: Recurrent | Cell,
    x: Tensor,
    *,
    lags: Sequence[int] = JACOBIAN_LAGS,
    gradient_steps: Sequence[int] = GRADIENT_STEPS,
) -> pd.DataFrame:
    """Hold every statement that the cells of a layer declare against measurements on x.

    Args:
        layer: a recurrent layer, or a cell.
        x: input (time, batch, input_size); Jacobians are taken along its first sequence.
        lags: for bounds on Jacobians; those beyond the length are left out, and the length takes their place.
        gradient_steps: N of bounds on gradients, likewise.

    Returns:
        one row a statement and place, with `COLUMNS`; none where nothing is declared.

    Raises:
        ValueError: x is not (time, batch, input_size), or empty.
    """
    if x.dim() != 3 or 0 in x.shape:
        raise ValueError(
            f"bound_checks: x must be (time, batch, input_size) with no empty axis, got {tuple(x.shape)}; "
            "give at least one step of one sequence"
        )
    rows: list[dict[str, Any]] = []
    for name, cell, own in cells_with_input(layer, x):
        exact = copy.deepcopy(cell).double()
        found = [
            *_state_rows(exact, own.double()),
            *_jacobian_rows(exact, own.double(), _within(lags, len(x))),
            *_gradient_rows(exact, own.double(), _within(gradient_steps, len(x))),
            *_matrix_rows(cell),
            *_symplectic_rows(exact, own.double()),
        ]
        rows += [{"layer": name, **row} for row in found]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def cells_with_input(layer: Recurrent | Cell, x: Tensor) -> Iterator[tuple[str, Cell, Tensor]]:
    """Yield name, cell and input (time, batch, ·) of every layer and direction; a single cell has the name ""."""
    if isinstance(layer, Cell):
        yield "", layer, _like(x, layer)
        return
    cells = [cell for cell in layer.cells if isinstance(cell, Cell)]
    data = _like(x, cells[0])
    for number in range(layer.num_layers):
        outputs = []
        for direction in range(layer.directions):
            cell = cells[number * layer.directions + direction]
            own = data.flip(0) if direction else data
            words = [f"layer {number + 1}"] if layer.num_layers > 1 else []
            words += [("forward", "backward")[direction]] if layer.directions > 1 else []
            yield ", ".join(words), cell, own
            with torch.no_grad():
                output = unroll(cell, own, engine=layer.engine).output
            assert output is not None
            outputs.append(output.flip(0) if direction else output)
        above = torch.cat(outputs, -1)
        data = above + data if layer.residual and data.shape[-1] == above.shape[-1] else above


def jacobians(cell: Cell, x: Tensor, lags: Sequence[int]) -> dict[int, Tensor]:
    """Return lag → ∂h_T/∂h_{T−lag} (N, N) along one sequence x (time, 1, input_size), all state parts side by side."""
    w = {name: value.detach() for name, value in cell.recurrent_weights().items()}
    sizes = list(cell.state_sizes.values())
    with torch.no_grad():
        u = cell.project(x)
        states = unroll(cell, x, engine="reference", return_states=True).states
    assert states is not None
    found: dict[int, Tensor] = {}
    product: Tensor | None = None
    for lag in range(1, max(lags, default=0) + 1):
        t = len(x) - lag
        before = tuple(part[t - 1] for part in states) if t > 0 else tuple(p.detach() for p in cell.initial_state(1))
        own = step_jacobian(cell, u[t], before, w, sizes)
        product = own if product is None else product @ own
        if lag in lags:
            found[lag] = product
    return found


def step_jacobian(cell: Cell, u: Tensor, state: State, w: dict[str, Tensor], sizes: Sequence[int]) -> Tensor:
    """Return the Jacobian (N, N) of one step at a state of one sequence, parts of (1, width)."""
    total = sum(sizes)
    # as many copies of the state as it has entries: copy i gives row i of the Jacobian, all in one backward pass
    copies = tuple(part.expand(total, -1).contiguous().requires_grad_() for part in state)
    after = torch.cat(cell.step(u.expand(total, -1).contiguous(), copies, w), dim=1)
    chosen = torch.eye(total, dtype=u.dtype, device=u.device)
    return torch.cat(torch.autograd.grad(after, copies, chosen, materialize_grads=True), dim=1)


def _state_rows(cell: Cell, x: Tensor) -> Iterator[dict[str, Any]]:
    declared = getattr(cell, "hidden_state_bound", None)
    if declared is None:
        return
    with torch.no_grad():
        states = unroll(cell, x, engine="reference", return_states=True).states
    assert states is not None
    for n in _spread(len(x)):
        bound = declared(n)
        measure = STATE_QUANTITIES.get(bound.quantity)
        value = float(measure(cell, states)[n - 1].max()) if measure else math.nan
        yield judged("hidden_state_bound", n, bound, value)


def _jacobian_rows(cell: Cell, x: Tensor, lags: Sequence[int]) -> Iterator[dict[str, Any]]:
    declared = [name for name in JACOBIAN_BOUNDS if hasattr(cell, name)]
    found = jacobians(cell, x[:, :1], lags) if declared else {}
    for name in declared:
        for lag in lags:
            bound = getattr(cell, name)(lag)
            measure = JACOBIAN_QUANTITIES.get(bound.quantity)
            finite = bool(torch.isfinite(found[lag]).all())
            value = measure(found[lag], list(cell.state_sizes.values())) if measure and finite else math.nan
            yield judged(name, lag, bound, value)


def _gradient_rows(cell: Cell, x: Tensor, steps: Sequence[int]) -> Iterator[dict[str, Any]]:
    declared = getattr(cell, "gradient_bound", None)
    if declared is None:
        return
    for n in steps:
        # targets of Euclidean norm 1 have entries of at most 1: the bound is stated with either
        own, generator = x[:n, :1], torch.Generator().manual_seed(n)
        target = torch.randn(n, 1, cell.output_size, generator=generator, dtype=torch.float64).to(x.device)
        target = target / torch.linalg.vector_norm(target, dim=-1, keepdim=True)
        output = unroll(cell, own, engine="reference").output
        assert output is not None
        parameters = [p for p in cell.parameters() if p.requires_grad]
        loss = 0.5 * (output - target).square().sum() / n
        gradients = torch.autograd.grad(loss, parameters, allow_unused=True, materialize_grads=True)
        value = max(float(g.abs().max()) for g in gradients)
        yield judged("gradient_bound", n, declared(n, 1.0, float(own.abs().max())), value)


def _matrix_rows(cell: Cell) -> Iterator[dict[str, Any]]:
    claims = cell.claims
    if not (claims.orthogonal or claims.unitary or claims.singular_values):
        return
    W = cell.recurrent_weights()["W"].detach()
    limit = MATRIX_LIMIT.get(W.dtype, MATRIX_LIMIT[torch.float32])
    rounding = f"rounding of {str(W.dtype).removeprefix('torch.')}"
    if claims.orthogonal:
        bound = Bound("‖WᵀW - I‖₂", limit, (), f"by construction, up to {rounding}")
        yield judged("orthogonal", math.nan, bound, float(orthogonality_error(W)))
    if claims.unitary:
        bound = Bound("‖W*W - I‖₂", limit, (), f"by construction, up to {rounding}")
        yield judged("unitary", math.nan, bound, float(unitarity_error(W)))
    if claims.singular_values is not None:
        low, high = claims.singular_values
        values = torch.linalg.svdvals(W.double())
        source = f"by construction, up to {rounding}"
        yield judged("singular_values", math.nan, Bound("σ_max(W)", high + limit, (), source), float(values[0]))
        least = Bound("σ_min(W)", max(low - limit, 0.0), (), source, lower=True)
        yield judged("singular_values", math.nan, least, float(values[-1]))


def _symplectic_rows(cell: Cell, x: Tensor) -> Iterator[dict[str, Any]]:
    if cell.claims.invertible:
        error = float(inversion_errors(cell, x[:, :1], [len(x)], dtypes=[torch.float64])["error"].iloc[0])
        limit = math.sqrt(torch.finfo(torch.float64).eps)
        source = "exact but for rounding; half of float64's digits must survive"
        yield judged("invertible", len(x), Bound("‖h_0 rebuilt - h_0‖/max ‖h‖", limit, (), source), error)
    if conservative(cell):
        drift = energy_drift(cell, x[:, :1])
        source = "checked numerically over random draws: the energy moves, but no further away with time"
        reach = float(drift.attrs["reach"])
        swinging = Condition("the oscillators swing, and do not run away", reach <= RUNAWAY, {"reach": reach})
        bound = Bound("drift of the energy over its own swing", 1.0, (swinging,), source)
        yield judged("energy", len(x), bound, drift.attrs["drift"])


def judged(statement: str, at: float, bound: Bound, measured: float) -> dict[str, Any]:
    """Return the row of a bound and what was measured, without its layer."""
    if math.isnan(measured):
        share, holds = math.nan, "not measured"
    else:
        share = _share(measured, bound)
        holds = "yes" if share <= 1 + ROUNDING else "no"
    if not bound.applies:
        holds = "does not apply"
    return {
        "statement": statement,
        "quantity": bound.quantity,
        "at": at,
        "bound": bound.value,
        "measured": measured,
        "share": share,
        "lower": bound.lower,
        "holds": holds,
        "reason": bound.reason(),
        "source": bound.source,
    }


def _share(measured: float, bound: Bound) -> float:
    """Return measured/bound, or bound/measured for a lower bound; 0 for a bound that says nothing."""
    upper, value = (measured, bound.value) if not bound.lower else (bound.value, measured)
    if upper == 0 or math.isinf(value):
        return 0.0
    return upper / value if value > 0 else math.inf


def _like(x: Tensor, cell: Cell) -> Tensor:
    like = next(cell.parameters())
    return x.detach().to(like.device, like.dtype)


def _within(values: Sequence[int], length: int) -> list[int]:
    """Return the values that fit into the length, and the length itself where one does not."""
    return sorted({min(value, length) for value in values})


def _spread(length: int) -> list[int]:
    """Return 1, 2, 5, 10, … up to the length, and the length."""
    values = [m * 10**e for e in range(len(str(length))) for m in (1, 2, 5)]
    return sorted({*(v for v in values if v < length), length})
