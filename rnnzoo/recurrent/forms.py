"""The forms in which users give and get sequences and states, and the one in which layers hand them on."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import PackedSequence

from rnnzoo.cells import Cell, State
from rnnzoo.recurrent.ragged import Ragged, ragged_from_lengths, ragged_from_packed

LayerState = Tensor | State | tuple[State, ...]
"""A state of a whole stack, as `Recurrent` takes and returns it."""


class Entry(NamedTuple):
    """Input as layers hand it on, and what is needed to give an answer back in the form in which it came.

    Attributes:
        data: (T, B, width), or packed (N, width) where sequences differ in length.
        batch_size: number of sequences B.
        ragged: the layout of packed data, or None.
        batched: whether the input had a batch axis.
        batch_first: whether this came before the time axis.
        packed: the input, if it was a `PackedSequence`.
    """

    data: Tensor
    batch_size: int
    ragged: Ragged | None = None
    batched: bool = True
    batch_first: bool = False
    packed: PackedSequence | None = None

    def padded(self, data: Tensor) -> Tensor:
        """Return data of the layers in the layout of padded input, zero beyond the end of each sequence."""
        if self.ragged is not None:
            data = self.ragged.pad(data)
        if not self.batched:
            return data.squeeze(1)
        return data.transpose(0, 1) if self.batch_first else data

    def like_input(self, data: Tensor) -> Tensor | PackedSequence:
        """Return data of the layers in the form of the input."""
        if self.packed is None:
            return self.padded(data)
        return PackedSequence(data, self.packed.batch_sizes, self.packed.sorted_indices, self.packed.unsorted_indices)


def take_input(
    x: Tensor | PackedSequence, lengths: Sequence[int] | Tensor | None, cell: Cell, *, batch_first: bool
) -> Entry:
    """Check what a user gives to a stack that begins with `cell`, and bring it into the layers' form.

    Raises:
        TypeError: `x` or `lengths` is of a wrong type, or `x` of another dtype or device than the parameters.
        ValueError: a shape does not fit, a length is outside [1, T], or `lengths` goes with input that has none.
    """
    if isinstance(x, PackedSequence):
        if lengths is not None:
            raise ValueError("Recurrent: lengths cannot go with a PackedSequence, which has its own; leave it out")
        _check_data(x.data, f"packed data (entries, {cell.input_size})", cell, {2})
        ragged = ragged_from_packed(x)
        return Entry(x.data, ragged.batch_size, ragged, batch_first=batch_first, packed=x)
    axes = "batch, time" if batch_first else "time, batch"
    _check_data(x, f"({axes}, {cell.input_size}) or, without a batch, (time, {cell.input_size})", cell, {2, 3})
    if x.dim() == 2:
        if lengths is not None:
            raise ValueError("Recurrent: lengths cannot go with a sequence without a batch; cut x to its length")
        return Entry(x.unsqueeze(1), 1, batched=False)
    data = x.transpose(0, 1) if batch_first else x
    steps, batch_size = data.shape[:2]
    if lengths is not None:
        numbers = _length_list(lengths, steps, batch_size)
        if min(numbers) < steps:
            ragged = ragged_from_lengths(numbers, steps, x.device)
            return Entry(ragged.pack(data), batch_size, ragged, batch_first=batch_first)
    return Entry(data, batch_size, batch_first=batch_first)


def take_state(state: LayerState | None, cells: list[Cell], entry: Entry) -> list[State]:
    """Return a state for each cell, batched and in the order of `entry.data`, from one that a user gives.

    Raises:
        TypeError: a part is of another dtype or device than the parameters.
        ValueError: the number of parts or a shape does not fit.
    """
    if state is None:
        states = [cell.initial_state(entry.batch_size) for cell in cells]
    elif alike(cells):
        single = len(cells[0].state_sizes) == 1
        parts = _checked_parts("state", (state,) if single else state, cells[0], (len(cells),), entry)
        states = [tuple(part[index] for part in parts) for index in range(len(cells))]
    else:
        if not isinstance(state, list | tuple) or len(state) != len(cells):
            found = f"{len(state)} entries" if isinstance(state, list | tuple) else type(state).__name__
            raise ValueError(
                f"Recurrent: state must be a tuple with an entry for each of the {len(cells)} cells, got {found}"
            )
        states = [_checked_parts(f"state[{i}]", state[i], cell, (), entry) for i, cell in enumerate(cells)]
    if state is not None and not entry.batched:
        states = [tuple(part.unsqueeze(0) for part in parts) for parts in states]
    return states if entry.ragged is None else [entry.ragged.sort(parts) for parts in states]


def give_state(states: list[State], cells: list[Cell], entry: Entry) -> LayerState:
    """Return the state of each cell in the form that users get and `take_state` takes back."""
    if entry.ragged is not None:
        states = [entry.ragged.unsort(parts) for parts in states]
    if not entry.batched:
        states = [tuple(part.squeeze(0) for part in parts) for parts in states]
    if not alike(cells):
        return tuple(states)
    stacked = tuple(torch.stack(parts) for parts in zip(*states, strict=True))
    return stacked if len(stacked) > 1 else stacked[0]


def alike(cells: list[Cell]) -> bool:
    """Whether the states of all cells can be stacked part by part."""
    first = cells[0]
    return all(type(cell) is type(first) and cell.state_sizes == first.state_sizes for cell in cells)


def _check_data(x: object, wanted: str, cell: Cell, dims: set[int]) -> None:
    if not isinstance(x, Tensor):
        raise TypeError(f"Recurrent: x must be a tensor {wanted}, or a PackedSequence, got {type(x).__name__}")
    if x.dim() not in dims or x.shape[-1] != cell.input_size or 0 in x.shape:
        raise ValueError(f"Recurrent: x must be {wanted}, with at least one entry, got {tuple(x.shape)}")
    _check_kind("x", x, cell)


def _check_kind(name: str, tensor: Tensor, cell: Cell) -> None:
    like = next(cell.parameters())
    if tensor.dtype != like.dtype or tensor.device != like.device:
        raise TypeError(
            f"Recurrent: {name} is {tensor.dtype} on {tensor.device}, the parameters are {like.dtype} on "
            f"{like.device}; convert one, e.g. with .to({str(like.device)!r}, {like.dtype})"
        )


def _checked_parts(name: str, parts: object, cell: Cell, leading: tuple[int, ...], entry: Entry) -> State:
    sizes = cell.state_sizes
    if not isinstance(parts, list | tuple) or len(parts) != len(sizes):
        found = f"{len(parts)} parts" if isinstance(parts, list | tuple) else type(parts).__name__
        raise ValueError(f"Recurrent: {name} must be a tuple ({', '.join(sizes)}), got {found}")
    for (part_name, width), part in zip(sizes.items(), parts, strict=True):
        wanted = (*leading, *((entry.batch_size,) if entry.batched else ()), width)
        if not isinstance(part, Tensor) or part.shape != wanted:
            found = f"shape {tuple(part.shape)}" if isinstance(part, Tensor) else type(part).__name__
            raise ValueError(f"Recurrent: {name}, part {part_name}, must be a tensor {wanted}, got {found}")
        _check_kind(f"{name}, part {part_name},", part, cell)
    return tuple(parts)


def _length_list(lengths: object, steps: int, batch_size: int) -> list[int]:
    numbers: object = lengths
    if isinstance(lengths, Tensor):
        if lengths.dim() != 1 or lengths.dtype not in (torch.int64, torch.int32, torch.int16, torch.int8, torch.uint8):
            raise TypeError(
                f"Recurrent: lengths must be a 1-D tensor of integers, got {lengths.dtype} of shape "
                f"{tuple(lengths.shape)}; use lengths.long()"
            )
        numbers = lengths.tolist()
    if not isinstance(numbers, list | tuple) or not all(type(number) is int for number in numbers):
        raise TypeError(f"Recurrent: lengths must be a list of integers or a 1-D integer tensor, got {lengths!r}")
    if len(numbers) != batch_size:
        raise ValueError(
            f"Recurrent: lengths must hold a number for each of {batch_size} sequences, got {len(numbers)}"
        )
    if min(numbers) < 1 or max(numbers) > steps:
        raise ValueError(
            f"Recurrent: lengths must lie in [1, {steps}], got {min(numbers)} to {max(numbers)}; "
            "leave empty sequences out, and pad x to the longest"
        )
    return list(numbers)
