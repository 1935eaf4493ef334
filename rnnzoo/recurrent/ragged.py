"""Sequences of unequal length: packed so that no padding step is ever computed, whatever the engine.

Packed order is that of `torch.nn.utils.rnn.PackedSequence`: sequences sorted by length, longest first; then all
entries of time 0, all of time 1, and so on, a time holding only the sequences that still run. Wherever the number of
running sequences shrinks, a new segment begins: inside a segment all sequences have the same length, so an engine
needs to know nothing of padding.
"""

from dataclasses import dataclass
from itertools import groupby

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnnzoo.cells.base import Cell, State
from rnnzoo.engine import Engine, Unrolled
from rnnzoo.engine.carry import carry_from, enter, stretch, weights_for


@dataclass(frozen=True)
class Ragged:
    """Where the N entries of a batch of B sequences of unequal length lie, in packed order and in padded tensors.

    Attributes:
        steps: time steps T of the padded layout.
        batch_sizes: how many sequences still run at each time step.
        order: (B,) the batch row at each place, longest sequence first.
        inverse: (B,) the place of each batch row.
        row: (N,) the place of the sequence that each entry belongs to.
        position: (N,) index of each entry in a padded tensor whose time and batch axes are flattened.
        reversal: (N,) for each entry the one as far from the end of its sequence as it is from the start.
    """

    steps: int
    batch_sizes: tuple[int, ...]
    order: Tensor
    inverse: Tensor
    row: Tensor
    position: Tensor
    reversal: Tensor

    @property
    def batch_size(self) -> int:
        """Number of sequences B."""
        return self.batch_sizes[0]

    def segments(self) -> list[tuple[int, int]]:
        """Return (steps, running sequences) of each stretch of time in which no sequence ends."""
        return [(len(list(run)), batch) for batch, run in groupby(self.batch_sizes)]

    def pack(self, x: Tensor) -> Tensor:
        """(T, B, width) → (N, width); what lies in the padding is not read."""
        return x.reshape(-1, x.shape[-1]).index_select(0, self.position)

    def pad(self, data: Tensor) -> Tensor:
        """(N, width) → (T, B, width), zero beyond the end of each sequence."""
        empty = data.new_zeros(self.steps * self.batch_size, data.shape[-1])
        return empty.index_copy(0, self.position, data).view(self.steps, self.batch_size, -1)

    def reverse(self, data: Tensor) -> Tensor:
        """Turn every sequence of (N, width) back to front within its length; twice gives back the first."""
        return data.index_select(0, self.reversal)

    def sort(self, state: State) -> State:
        """Order the rows of a state by sequence length, longest first."""
        return tuple(part.index_select(0, self.order) for part in state)

    def unsort(self, state: State) -> State:
        """Undo `sort`."""
        return tuple(part.index_select(0, self.inverse) for part in state)


def ragged_from_lengths(lengths: list[int], steps: int, device: torch.device) -> Ragged:
    """Return the layout of sequences of these lengths (each from 1 to `steps`) in a padded tensor of `steps` steps."""
    order = torch.tensor(lengths).argsort(descending=True, stable=True)
    return _layout(torch.tensor(lengths)[order], order, steps, device)


def ragged_from_packed(packed: PackedSequence) -> Ragged:
    """Return the layout of a `PackedSequence`."""
    sizes = packed.batch_sizes
    places = torch.arange(int(sizes[0]))
    lengths = (sizes.unsqueeze(0) > places.unsqueeze(1)).sum(1)
    order = places if packed.sorted_indices is None else packed.sorted_indices
    return _layout(lengths, order, len(sizes), packed.data.device)


def _layout(sorted_lengths: Tensor, order: Tensor, steps: int, device: torch.device) -> Ragged:
    if torch.compiler.is_compiling():
        # the sizes depend on the lengths' values: nothing to trace. (As a decorator it would import all of dynamo.)
        torch._dynamo.graph_break()
    # All index tensors are made where the lengths are and copied once: their sizes depend on the lengths' values.
    running = torch.arange(int(sorted_lengths[0])).unsqueeze(1) < sorted_lengths  # (time, place)
    time, row = running.nonzero(as_tuple=True)
    batch_sizes = running.sum(1)
    start = batch_sizes.cumsum(0) - batch_sizes
    reversal = start[sorted_lengths[row] - 1 - time] + row
    time, row, reversal, order = (index.to(device) for index in (time, row, reversal, order))
    return Ragged(
        steps=steps,
        batch_sizes=tuple(batch_sizes.tolist()),
        order=order,
        inverse=order.argsort(),
        row=row,
        position=time * len(order) + order[row],
        reversal=reversal,
    )


def unroll_packed(
    engine: Engine, cell: Cell, x: Tensor, state: State, ragged: Ragged, *, outputs: bool, states: bool
) -> Unrolled:
    """Carry a cell through packed sequences, a segment at a time, with the state of those that still run.

    Args:
        engine: carries the cell through each segment.
        cell: any cell.
        x: packed input (N, input_size).
        state: the state before the first step, its rows sorted as `ragged.sort` does.
        ragged: the layout of `x`.
        outputs: whether the output is wanted.
        states: whether the states are wanted.

    Returns:
        Packed output (N, output_size) and states (N, width), or None for what was not asked for, and the state of
        each sequence after its own last step, sorted.
    """
    entry, w = enter(engine, cell, x.unsqueeze(1)), weights_for(engine, cell, x)
    pieces: list[Unrolled] = []
    ended: list[State] = []
    segments = ragged.segments()
    start = 0
    for index, (steps, batch) in enumerate(segments):
        stop = start + steps * batch
        state = tuple(part[:batch] for part in state)
        here = stretch(entry, start, stop, steps, batch)
        piece = carry_from(engine, cell, here, state, w, outputs=outputs, states=states)
        pieces.append(piece)
        state = piece.state
        going_on = segments[index + 1][1] if index + 1 < len(segments) else 0
        ended.append(tuple(part[going_on:] for part in state))
        start = stop
    # The longest sequences stand first and end last.
    final = tuple(torch.cat(parts) for parts in zip(*reversed(ended), strict=True))
    output = torch.cat([p.output.flatten(0, 1) for p in pieces if p.output is not None]) if outputs else None
    trajectories = [p.states for p in pieces if p.states is not None]
    kept = tuple(torch.cat([part.flatten(0, 1) for part in parts]) for parts in zip(*trajectories, strict=True))
    return Unrolled(output, final, kept if states else None)
