"""The compiled engine: the loop over `step` in chunks through `torch.compile`, for GPUs.

A whole sequence would be unrolled into one graph that takes minutes to compile; a chunk is compiled once and used for
every other chunk. On the CPU `native` is faster and compiles in a second.
"""

import weakref
from collections.abc import Callable
from typing import TypeAlias

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine.base import Unrolled
from rnnzoo.engine.reference import reference

CHUNK = 25
"""Steps in a compiled chunk: more are slower to compile, fewer leave more overhead a step."""

Chunk: TypeAlias = Callable[[Tensor, State, Weights], tuple[State, State]]

_chunks: weakref.WeakKeyDictionary[Cell, Chunk] = weakref.WeakKeyDictionary()


def compiled(cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
    """Carry `cell` through `u` in compiled chunks; see `rnnzoo.engine.base.Engine`."""
    chunk = _chunks.get(cell)
    if chunk is None:
        chunk = _chunks[cell] = torch.compile(_unrolled(cell), dynamic=False)
    trajectory: list[State] = []
    for piece in torch.split(u, CHUNK):
        if len(piece) == CHUNK:
            state, all_states = chunk(piece, state, w)
        else:  # the rest is too short to be worth a compilation of its own
            run = reference(cell, piece, state, w, outputs=False, states=True)
            assert run.states is not None
            state, all_states = run.state, run.states
        if outputs or states:
            trajectory.append(all_states)
    whole = tuple(torch.cat(part) for part in zip(*trajectory, strict=True)) if trajectory else None
    output = cell.output(whole) if outputs and whole is not None else None
    return Unrolled(output, state, whole if states else None)


def _unrolled(cell: Cell) -> Chunk:
    """Return the loop over a chunk; it holds no reference to the cell that would keep it alive."""
    reference_to_cell = weakref.ref(cell)

    def run(u: Tensor, state: State, w: Weights) -> tuple[State, State]:
        alive = reference_to_cell()
        assert alive is not None
        trajectory = []
        for u_t in u.unbind(0):
            state = alive.step(u_t, state, w)
            trajectory.append(state)
        return state, tuple(torch.stack(part) for part in zip(*trajectory, strict=True))

    return run
