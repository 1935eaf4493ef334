"""The reference engine: a Python loop over `step` and autograd; the truth that other engines are tested against."""

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine.base import Unrolled


def reference(cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
    """Carry `cell` through `u` step by step; see `rnnzoo.engine.base.Engine`."""
    trajectory: list[State] = []
    # unbind, not u[t]: the backward of T index operations would fill T tensors of the size of u.
    for u_t in u.unbind(0):
        state = cell.step(u_t, state, w)
        if outputs or states:
            trajectory.append(state)
    stacked = tuple(torch.stack(part) for part in zip(*trajectory, strict=True)) if trajectory else None
    output = cell.output(stacked) if outputs and stacked is not None else None
    return Unrolled(output, state, stacked if states else None)
