"""From a cell's input to its states, with an engine: what needs no u of its own is never given one."""

from typing import TypeAlias

from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine.automatic import automatic, kernels_apply
from rnnzoo.engine.base import Engine, Unrolled
from rnnzoo.engine.native import Unsupported, compiler_is_missing, fused, native, reversible
from rnnzoo.engine.projection import Projection, projected

Entry: TypeAlias = "Tensor | Projection"
"""What an engine begins with: u, or the input and what projects it."""


def carry(engine: Engine, cell: Cell, x: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
    """Carry `cell` from `state` through all steps of x (time, batch, input_size).

    A kernel projects the input as it walks; every other engine is given `cell.project(x)`.

    Args:
        engine, cell, state, w, outputs, states: see `rnnzoo.engine.base.Engine`.
        x: the input, at least one step.
    """
    return carry_from(engine, cell, enter(engine, cell, x), state, w, outputs=outputs, states=states)


def enter(engine: Engine, cell: Cell, x: Tensor) -> Entry:
    """Return what `carry_from` begins with: `project` is called, or seen to be linear, once."""
    return projected(cell, x) if _by_kernel(engine, x) else cell.project(x)


def weights_for(engine: Engine, cell: Cell, x: Tensor) -> Weights:
    """Return the recurrent weights of a cell in the form that suits the engine which is to carry it through x."""
    # to look for a compiler takes 70 µs, a tenth of a small pass, and most cells have one form only
    one_form = type(cell).kernel_weights is Cell.kernel_weights
    if one_form or not _by_kernel(engine, x) or compiler_is_missing():
        return cell.recurrent_weights()
    return cell.kernel_weights()


def _by_kernel(engine: Engine, x: Tensor) -> bool:
    return any(engine is kernel for kernel in (automatic, native, reversible)) and kernels_apply(x)


def carry_from(
    engine: Engine, cell: Cell, entry: Entry, state: State, w: Weights, *, outputs: bool, states: bool
) -> Unrolled:
    """Carry `cell` on from what `enter` returned, or a stretch of it; the arguments are those of `carry`."""
    if isinstance(entry, Projection):
        try:
            rebuild = engine is reversible
            return fused(cell, entry, state, w, outputs=outputs, states=states, rebuild=rebuild)
        except Unsupported:
            entry = entry.project()  # the engine says why, or finds that it can with u
    return engine(cell, entry, state, w, outputs=outputs, states=states)


def stretch(entry: Entry, start: int, stop: int, steps: int, batch: int) -> Entry:
    """Return entries start … stop − 1 along the first axis, as (steps, batch, ·)."""
    if isinstance(entry, Projection):
        return Projection(entry.x[start:stop].reshape(steps, batch, -1), entry.V, entry.b)
    return entry[start:stop].reshape(steps, batch, -1)
