"""From a cell's input to its states, with an engine: what needs no u of its own is never given one."""

from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine.automatic import automatic, kernels_apply
from rnnzoo.engine.base import Engine, Unrolled
from rnnzoo.engine.native import Unsupported, fused, native, reversible
from rnnzoo.engine.projection import find_projection


def carry(engine: Engine, cell: Cell, x: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
    """Carry `cell` from `state` through all steps of x (time, batch, input_size).

    A kernel projects the input as it walks; every other engine is given `cell.project(x)`.

    Args:
        engine, cell, state, w, outputs, states: see `rnnzoo.engine.base.Engine`.
        x: the input, at least one step.
    """
    if any(engine is kernel for kernel in (automatic, native, reversible)) and kernels_apply(x):
        projection = find_projection(cell, x)
        if projection is not None:
            try:
                return fused(cell, projection, state, w, outputs=outputs, states=states, rebuild=engine is reversible)
            except Unsupported:
                pass  # the engine says why, or finds that it can with u
    return engine(cell, cell.project(x), state, w, outputs=outputs, states=states)
