"""The layer that users import: stacks and directions of any cell, called as `torch.nn.LSTM` is called."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention
from torch.nn.utils.rnn import PackedSequence

from rnnzoo.cells import Cell, State
from rnnzoo.checks import number_in, one_of, positive_integer
from rnnzoo.engine import Engine, Unrolled, carry, resolve, weights_for
from rnnzoo.recurrent.forms import Entry, LayerState, give_state, take_input, take_state
from rnnzoo.recurrent.ragged import Ragged, unroll_packed
from rnnzoo.recurrent.stack import adopt_stack, build_stack, cell_class, check_stack


class Recurrent(nn.Module):
    """One or more layers of recurrent cells in one or two directions, called as `torch.nn.LSTM` is called.

    Args:
        cell: what to build from:
            a cell class or a name in `CELLS`: layers and directions are made from the arguments that follow;
            a cell: one layer; a list of cells: a stack, with `bidirectional` a list of pairs (forward, backward).
        input_size: features of the input, at least 1; not with cells that are made already.
        hidden_size: units of each layer and direction, at least 1; not with cells that are made already.
        num_layers: layers, at least 1; each reads the outputs of the one below, both directions side by side.
        bidirectional: whether each layer has a second cell that reads the sequence from its end.
        dropout: probability in [0, 1) with which an output of a layer is zeroed for the next; none after the last.
        dropout_mask: "step" draws a mask at every step, as `torch.nn.LSTM` does; "sequence" one mask for all steps
            of a sequence, as the released code of UnICORNN does.
        batch_first: whether padded input and output are (B, T, ·) instead of (T, B, ·); states are not affected.
        residual: whether a layer adds its input to its output, wherever the two have the same width.
        engine: a name in `ENGINES`, "auto", or an engine of your own.
        device, dtype: of the parameters; not with cells that are made already.
        hyperparameters: of the cell class; a list of length `num_layers` gives a value a layer.

    Shapes: with T steps, B sequences, I = `input_size`, L layers, D directions and O = `output_size`,
        input: (T, B, I), (B, T, I) with `batch_first`, (T, I) without a batch, or a `PackedSequence`;
        output: in the form of the input, with O features;
        state: if all cells have one class and one state width, each part of it is (L·D, B, width), or (L·D, width)
            without a batch, layer by layer and forward before backward; a single part is given as a bare tensor, as
            `torch.nn.GRU` does, several as a tuple, as `torch.nn.LSTM` does. If cells differ, a state is a tuple with
            an entry for each layer and direction, itself the tuple of this cell's parts, (B, width) each.

    Raises:
        TypeError, ValueError: an argument does not fit; the message names it, its value and what to do.

    Differs from `torch.nn.LSTM`: `lengths=`, `return_states=`, `last_output`, and stacks of different cells.
    """

    def __init__(
        self,
        cell: Cell | type[Cell] | str | Sequence[Cell] | Sequence[tuple[Cell, Cell]],
        input_size: int | None = None,
        hidden_size: int | None = None,
        *,
        num_layers: int = 1,
        bidirectional: bool = False,
        dropout: float = 0.0,
        dropout_mask: str = "step",
        batch_first: bool = False,
        residual: bool = False,
        engine: str | Engine = "auto",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
        **hyperparameters: Any,
    ) -> None:
        super().__init__()
        self.num_layers = positive_integer("Recurrent", "num_layers", num_layers)
        self.bidirectional = _flag("bidirectional", bidirectional)
        self.batch_first = _flag("batch_first", batch_first)
        self.residual = _flag("residual", residual)
        self.dropout = number_in("Recurrent", "dropout", dropout, 0.0, 1.0, open_high=True)
        self.dropout_mask = one_of("Recurrent", "dropout_mask", dropout_mask, ("step", "sequence"))
        resolve(engine)
        self.engine = engine
        if isinstance(cell, str | type):
            cells = build_stack(
                cell_class(cell),
                input_size,
                hidden_size,
                num_layers=num_layers,
                directions=self.directions,
                device=device,
                dtype=dtype,
                hyperparameters=hyperparameters,
            )
        else:
            given = {"input_size": input_size, "hidden_size": hidden_size, "device": device, "dtype": dtype}
            given = {name: value for name, value in given.items() if value is not None} | hyperparameters
            if given:
                settings = ", ".join(f"{name}={value!r}" for name, value in given.items())
                raise TypeError(
                    f"Recurrent: {settings} cannot go with cells that are made already; make the cells with it, "
                    "or pass a cell class"
                )
            cells = adopt_stack(cell, num_layers=num_layers, directions=self.directions)
            self.num_layers = len(cells) // self.directions
        check_stack(cells, directions=self.directions, residual=self.residual)
        self.cells = nn.ModuleList(cells)

    @property
    def directions(self) -> int:
        """D: 2 if bidirectional, else 1."""
        return 2 if self.bidirectional else 1

    @property
    def input_size(self) -> int:
        """Features of the input."""
        return self._cells[0].input_size

    @property
    def hidden_size(self) -> int:
        """Units of a cell of the last layer."""
        return self._cells[-1].hidden_size

    @property
    def output_size(self) -> int:
        """Features of the output: those of the last layer's cells, both directions side by side."""
        return sum(cell.output_size for cell in self._layer(self.num_layers - 1))

    def reset_parameters(self) -> None:
        """Draw the parameters of every cell anew."""
        for cell in self._cells:
            cell.reset_parameters()

    def forward(
        self,
        x: Tensor | PackedSequence,
        state: LayerState | None = None,
        lengths: Sequence[int] | Tensor | None = None,
        *,
        return_states: bool = False,
    ) -> tuple[Tensor | PackedSequence, LayerState] | tuple[Tensor | PackedSequence, LayerState, list[State]]:
        """Carry the stack through sequences.

        Args:
            x: input; see the class for shapes.
            state: the state before the first step, in the form in which a final state is returned; each cell's own
                initial state by default.
            lengths: steps of each sequence of a padded batch, from 1 to T, in any order; what lies beyond them is
                never read. A tensor on an accelerator is waited for: give a list or a CPU tensor there.
            return_states: whether to return the state after every step as well.

        Returns:
            The output, in the form of the input and zero beyond `lengths`; the state after each sequence's last
            step; and, if asked for, a list with an entry for each layer and direction: the tuple of its parts, each
            (T, B, width) in the layout of padded input (also for a `PackedSequence`), zero beyond `lengths`, in the
            order in which the cell took its steps: backward cells begin at the end of the sequence.
        """
        cells = self._cells
        entry = take_input(x, lengths, cells[0], batch_first=self.batch_first)
        initial = take_state(state, cells, entry)
        output, finals, trajectories = self._walk(entry, initial, last=False, states=return_states)
        answer, final = entry.like_input(output), give_state(finals, cells, entry)
        if not return_states:
            return answer, final
        return answer, final, [tuple(entry.padded(part) for part in parts) for parts in trajectories]

    def last_output(
        self, x: Tensor | PackedSequence, state: LayerState | None = None, lengths: Sequence[int] | Tensor | None = None
    ) -> Tensor:
        """Return the output at each direction's last step, without making the top layer's outputs at the others.

        Args:
            x, state, lengths: as in `forward`.

        Returns:
            (B, output_size), or (output_size,) without a batch. A forward cell's last step is the sequence's last, a
            backward cell's is the sequence's first: both have read all of it.
        """
        cells = self._cells
        entry = take_input(x, lengths, cells[0], batch_first=self.batch_first)
        output, _, _ = self._walk(entry, take_state(state, cells, entry), last=True, states=False)
        if entry.ragged is not None:
            (output,) = entry.ragged.unsort((output,))
        return output if entry.batched else output.squeeze(0)

    def extra_repr(self) -> str:
        """Return the layer's own settings for `repr`."""
        names = ("num_layers", "bidirectional", "dropout", "dropout_mask", "batch_first", "residual", "engine")
        return ", ".join(f"{name}={getattr(self, name)!r}" for name in names)

    @property
    def _cells(self) -> list[Cell]:
        return [cell for cell in self.cells if isinstance(cell, Cell)]

    def _layer(self, layer: int) -> list[Cell]:
        return self._cells[layer * self.directions : (layer + 1) * self.directions]

    def _walk(
        self, entry: Entry, initial: list[State], *, last: bool, states: bool
    ) -> tuple[Tensor, list[State], list[State]]:
        """Carry all layers through the sequences: the top layer's output (at its last step only if `last`), states."""
        data = entry.data
        finals: list[State] = []
        trajectories: list[State] = []
        for layer in range(self.num_layers):
            top = layer == self.num_layers - 1
            everywhere = not (last and top)
            outputs: list[Tensor] = []
            for direction, cell in enumerate(self._layer(layer)):
                state = initial[layer * self.directions + direction]
                run = self._run(cell, data, state, entry.ragged, direction == 1, outputs=everywhere, states=states)
                outputs.append(cell.output(run.state) if run.output is None else run.output)
                finals.append(run.state)
                if run.states is not None:
                    trajectories.append(run.states)
            above = outputs[0] if len(outputs) == 1 else torch.cat(outputs, -1)
            if self.residual and data.shape[-1] == above.shape[-1]:
                above = above + (data if everywhere else self._at_last_steps(entry.ragged, data, layer))
            data = above if top else self._drop(entry, above)
        return data, finals, trajectories

    def _run(
        self,
        cell: Cell,
        data: Tensor,
        state: State,
        ragged: Ragged | None,
        backward: bool,
        *,
        outputs: bool,
        states: bool,
    ) -> Unrolled:
        engine = resolve(self.engine)
        if backward:
            data = _reverse(data, ragged)
        if ragged is None:
            run = carry(engine, cell, data, state, weights_for(engine, cell, data), outputs=outputs, states=states)
        else:
            run = unroll_packed(engine, cell, data, state, ragged, outputs=outputs, states=states)
        if backward and run.output is not None:
            run = run._replace(output=_reverse(run.output, ragged))
        return run

    def _at_last_steps(self, ragged: Ragged | None, data: Tensor, layer: int) -> Tensor:
        """Return, for the features of each direction, what the layer read at this direction's last step: (B, width)."""
        if ragged is None:
            first, last = data[0], data[-1]
        else:
            first = data[: ragged.batch_size]
            last = data.index_select(0, ragged.reversal[: ragged.batch_size])
        split = self._layer(layer)[0].output_size
        return torch.cat([last[:, :split], first[:, split:]], -1)

    def _drop(self, entry: Entry, data: Tensor) -> Tensor:
        if self.dropout_mask == "step" or not self.training or self.dropout == 0:
            return F.dropout(data, self.dropout, self.training)
        mask = F.dropout(data.new_ones(entry.batch_size, data.shape[-1]), self.dropout)
        return data * (mask if entry.ragged is None else mask.index_select(0, entry.ragged.row))


def _reverse(data: Tensor, ragged: Ragged | None) -> Tensor:
    return data.flip(0) if ragged is None else ragged.reverse(data)


def _flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise TypeError(f"Recurrent: {name} must be True or False, got {value!r}")
    return value
