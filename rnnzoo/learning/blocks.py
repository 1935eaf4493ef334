"""A sequence cut into blocks of time steps that no gradient crosses, all of them run at once."""

from typing import NamedTuple

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine import Engine


def borders(steps: int, length: int) -> list[tuple[int, int]]:
    """Return begin and end of every block of `length` steps; counted from the end, the short one comes first."""
    starts = list(range(steps, 0, -length))[::-1]
    return [(max(0, end - length), end) for end in starts]


class Blocks(NamedTuple):
    """A cell's way through a sequence in K blocks; each part hangs on the graph of its own block alone.

    Attributes:
        ends: the state after the last step of every block, a (K, batch, width) tensor a part.
        states: the state after every step, a (time, batch, width) tensor a part.
        borders: begin and end of every block.
    """

    ends: State
    states: State
    borders: list[tuple[int, int]]


def in_blocks(cell: Cell, u: Tensor, state: State, w: Weights, length: int, *, ahead: Engine, inside: Engine) -> Blocks:
    """Carry a cell through a sequence so that no gradient crosses the borders of blocks.

    The sequence is first walked without a graph, which gives the state at which every block begins. The blocks then
    depend on nothing but their own inputs: they are run side by side as one large batch, so that the number of steps
    in a row is one block's, not the sequence's.

    Args:
        cell, u, state, w: see `rnnzoo.engine.base.Engine`; the first block's state keeps its graph.
        length: steps of a block.
        ahead: engine of the walk without a graph.
        inside: engine of the blocks.
    """
    steps, batch_size = u.shape[:2]
    cuts = borders(steps, length)
    short = steps % length
    if len(cuts) == 1:
        run = inside(cell, u, state, w, outputs=False, states=True)
        assert run.states is not None
        return Blocks(tuple(part.unsqueeze(0) for part in run.state), run.states, cuts)
    with torch.no_grad():
        walked = ahead(cell, u, state, w, outputs=False, states=True).states
    assert walked is not None
    before = [begin - 1 for begin, _ in cuts[1:]]
    entering = [
        torch.cat([part.unsqueeze(0), known[before]]) for part, known in zip(state, walked, strict=True)
    ]  # (K, batch, width)
    ends: list[list[Tensor]] = [[] for _ in state]
    states: list[list[Tensor]] = [[] for _ in state]
    if short:
        first = inside(cell, u[:short], state, w, outputs=False, states=True)
        assert first.states is not None
        for i, (end, known) in enumerate(zip(first.state, first.states, strict=True)):
            ends[i].append(end.unsqueeze(0))
            states[i].append(known)
    whole = (steps - short) // length
    side_by_side = u[short:].reshape(whole, length, batch_size, -1).transpose(0, 1).reshape(length, -1, u.shape[2])
    begin = tuple(part[-whole:].reshape(whole * batch_size, -1) for part in entering)
    run = inside(cell, side_by_side, begin, w, outputs=False, states=True)
    assert run.states is not None
    for i, (end, known) in enumerate(zip(run.state, run.states, strict=True)):
        ends[i].append(end.reshape(whole, batch_size, -1))
        unfolded = known.reshape(length, whole, batch_size, -1).transpose(0, 1)
        states[i].append(unfolded.reshape(whole * length, batch_size, -1))
    return Blocks(tuple(map(torch.cat, ends)), tuple(map(torch.cat, states)), cuts)
