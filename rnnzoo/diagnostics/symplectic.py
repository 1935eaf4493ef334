"""Invertible and symplectic steps: how exactly the first state can be rebuilt, and whether the energy drifts."""

import copy
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

import pandas as pd
import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine import unroll

RUNAWAY = 1.5
"""Oscillators whose largest state grows by more than this factor from the first half to the second run away."""


@runtime_checkable
class Conservative(Protocol):
    """A cell that has an energy."""

    def energy(self, u: Tensor, state: State, w: Weights) -> Tensor:
        """Return the energy (batch, units) that the step keeps, up to an oscillation, while u stays as it is."""
        ...


def conservative(cell: Cell) -> bool:
    """Whether a cell has an energy."""
    return isinstance(cell, Conservative)


@torch.no_grad()
def inversion_errors(
    cell: Cell,
    x: Tensor,
    steps: Sequence[int],
    *,
    dtypes: Sequence[torch.dtype] = (torch.float32, torch.float64),
) -> pd.DataFrame:
    """Go n steps forward and back again, and return how far the first state is missed.

    error = max |h_0 rebuilt − h_0| / max |h| over all steps, units and sequences.

    Args:
        cell: one that claims to be invertible.
        x: input (time, batch, input_size).
        steps: numbers of steps n, each from 1 to the length of x.
        dtypes: in which it is done, each on a copy of the cell.

    Returns:
        dtype, steps: error.

    Raises:
        TypeError: the cell is not invertible.
        ValueError: there are not so many steps.
    """
    if not cell.claims.invertible:
        raise TypeError(f"inversion_errors: {type(cell).__name__} does not claim to be invertible; give one that does")
    if any(not 1 <= n <= len(x) for n in steps):
        raise ValueError(f"inversion_errors: steps must lie in [1, {len(x)}], the length of x, got {list(steps)}")
    rows = []
    for dtype in dtypes:
        own = copy.deepcopy(cell).to(dtype)
        w = own.recurrent_weights()
        u = own.project(x.to(dtype))
        states = unroll(own, x.to(dtype), engine="reference", return_states=True).states
        assert states is not None
        first = own.initial_state(x.shape[1])
        largest = max(float(part.abs().max()) for part in states) or 1.0
        for n in steps:
            state: State = tuple(part[n - 1] for part in states)
            for t in range(n - 1, -1, -1):
                state = own.inverse_step(u[t], state, w)  # type: ignore[operator]
            missed = max(float((a - b).abs().max()) for a, b in zip(state, first, strict=True))
            rows.append({"dtype": str(dtype).removeprefix("torch."), "steps": n, "error": missed / largest})
    return pd.DataFrame(rows, columns=["dtype", "steps", "error"])


@torch.no_grad()
def energy_drift(cell: Cell, x: Tensor) -> pd.DataFrame:
    """Freeze the input at its value after half of the steps, go on for T steps, and return the energy of all units.

    The state in which the input is frozen is the one that the sequence left, so that the oscillators swing.

    Args:
        cell: one that has an energy.
        x: input (time, batch, input_size), at least 20 steps for the drift to mean something.

    Returns:
        t: energy, change (against the first, over the first), summed over units and averaged over sequences. In
        `attrs["drift"]`: by how much the means over the first and the last half differ, over the swing, the largest
        less the smallest value in the first half; the largest over sequences. Up to 1 there is no drift to be seen. In
        `attrs["reach"]`: the largest state in the second half over that in the first.

    Raises:
        TypeError: the cell has no energy.
    """
    if not isinstance(cell, Conservative):
        raise TypeError(f"energy_drift: {type(cell).__name__} has no energy(u, state, w); give a cell that has")
    half = max(1, len(x) // 2)
    u, w = cell.project(x), cell.recurrent_weights()
    state = unroll(cell, x[:half], engine="reference", state=cell.initial_state(x.shape[1])).state
    frozen = u[half - 1]
    values, sizes = [], []
    for _ in range(len(x)):
        values.append(cell.energy(frozen, state, w).sum(-1))
        sizes.append(max(float(part.abs().max()) for part in state))
        state = cell.step(frozen, state, w)
    energy = torch.stack(values)  # (time, batch)
    early, late = energy[:half], energy[half:] if len(x) > 1 else energy
    swing = (early.amax(0) - early.amin(0)).clamp_min(torch.finfo(energy.dtype).tiny)
    drift = float(((late.mean(0) - early.mean(0)).abs() / swing).max())
    mean = energy.mean(1)
    frame = pd.DataFrame(
        {"t": range(1, len(x) + 1), "energy": mean.cpu(), "change": ((mean - mean[0]) / mean[0]).cpu()}
    )
    frame.attrs["drift"] = drift
    frame.attrs["reach"] = max(sizes[half:] or sizes) / (max(sizes[:half]) or 1.0)
    return frame
