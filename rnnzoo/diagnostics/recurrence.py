"""A cell or a stack of cells as one map of its whole state, s_t = F(x_t, s_{t−1}), and the derivative of that map."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State
from rnnzoo.engine import check_input
from rnnzoo.model import SequenceModel
from rnnzoo.recurrent import Recurrent

Source = Cell | Recurrent | SequenceModel
"""What has a recurrence: a cell, a layer or stack of one direction, or a model around one."""


class Recurrence:
    """The recurrence of a source, in float64 and apart from it: later changes of the source do not reach it.

    The state s (…, N) holds all parts of all layers side by side, in the order of `names`.

    Args:
        source: a cell, or a layer or model of one direction; dropout is off, an encoder and the readout are left out.

    Raises:
        TypeError: the source is none of these.
        ValueError: it reads sequences in two directions: its state at one time is no function of the one before.
    """

    def __init__(self, source: Source) -> None:
        given: object = source
        if not isinstance(given, Cell | Recurrent | SequenceModel):
            raise TypeError(
                f"Recurrence: source must be a Cell, a Recurrent or a SequenceModel, got {type(given).__name__}; "
                "wrap your own step in a Cell"
            )
        layer = source.recurrent if isinstance(source, SequenceModel) else source
        cells = [layer]
        self.residual = False
        if isinstance(layer, Recurrent):
            if layer.bidirectional:
                raise ValueError(
                    "Recurrence: source must read in one direction, got bidirectional=True; "
                    "give one of its cells, e.g. layer.cells[0]"
                )
            cells = list(layer.cells)  # type: ignore[arg-type]
            self.residual = layer.residual
        self.cells = [copy.deepcopy(cell).double().requires_grad_(False).eval() for cell in cells]
        self.weights = [cell.recurrent_weights() for cell in self.cells]  # type: ignore[operator]
        self.names = [f"{name}_{n}" for n, cell in enumerate(self._cells) for name in cell.state_sizes]
        self.widths = [width for cell in self._cells for width in cell.state_sizes.values()]

    @property
    def width(self) -> int:
        """N, the entries of the whole state."""
        return sum(self.widths)

    @property
    def input_size(self) -> int:
        """Features of the input."""
        return self._cells[0].input_size

    @property
    def _cells(self) -> list[Cell]:
        return [cell for cell in self.cells if isinstance(cell, Cell)]

    def step(self, x: Tensor, u: Tensor, s: Tensor) -> Tensor:
        """Return the next state from x_t (rows, input_size), u_t = project(x_t) of the first layer, and s (rows, N)."""
        parts = list(torch.split(s, self.widths, dim=1))
        after: list[Tensor] = []
        data = x
        for n, (cell, w) in enumerate(zip(self._cells, self.weights, strict=True)):
            count = len(cell.state_sizes)
            state: State = tuple(parts[len(after) : len(after) + count])
            state = cell.step(u if n == 0 else cell.project(data.unsqueeze(0))[0], state, w)
            after += state
            above = cell.output(state)
            data = above + data if self.residual and above.shape[-1] == data.shape[-1] else above
        return torch.cat(after, dim=1)

    def walk(self, x: Tensor, state: Tensor | None = None) -> "Trajectory":
        """Carry the state through an input.

        Args:
            x: input (time, batch, input_size), of any floating-point dtype.
            state: s_0 (batch, N), by default the initial states of the cells.

        Raises:
            TypeError, ValueError: the shape does not fit.
        """
        given: object = x  # callers without type checks pass arrays
        check_input(self._cells[0], x.detach().double() if isinstance(given, Tensor) else x)
        x = x.detach().double()
        if state is None:
            state = torch.cat([part for cell in self._cells for part in cell.initial_state(x.shape[1])], dim=1)
        u = self._cells[0].project(x)
        states = torch.empty(len(x) + 1, *state.shape, dtype=torch.float64, device=x.device)
        states[0] = state
        for t in range(len(x)):
            states[t + 1] = self.step(x[t], u[t], states[t])
        return Trajectory(self, x, u, states)


@dataclass(frozen=True)
class Trajectory:
    """A walk of a recurrence, at whose steps the derivative J_t = ∂s_t/∂s_{t−1} can be applied.

    Attributes:
        recurrence: what walked.
        x: its input (time, batch, input_size).
        u: the first layer's projection of it.
        states: s_0 … s_T (time + 1, batch, N).
    """

    recurrence: Recurrence
    x: Tensor
    u: Tensor
    states: Tensor

    @property
    def steps(self) -> int:
        """T."""
        return len(self.x)

    @property
    def batch_size(self) -> int:
        """Sequences."""
        return self.x.shape[1]

    def push(self, t: int, tangents: Tensor) -> Tensor:
        """Return J_t v for k directions a sequence: (batch, N, k) → (batch, N, k); t from 1 to T."""
        x, u, s, directions = self._rows(t, tangents)
        # The derivative of v ↦ J_tᵀ v, which is linear: cells that have a backward pass need nothing more, and it
        # takes half the time of torch's forward mode.
        with torch.enable_grad():
            v = torch.zeros_like(directions, requires_grad=True)
            pulled = self._pulled(x, u, s, v, create_graph=True)
            if pulled.requires_grad:
                (pushed,) = torch.autograd.grad(pulled, v, directions, materialize_grads=True)
            else:
                pushed = torch.zeros_like(directions)
        return pushed.view(self.batch_size, -1, pushed.shape[1]).mT

    def pull(self, t: int, cotangents: Tensor) -> Tensor:
        """Return J_tᵀ v for k directions a sequence: (batch, N, k) → (batch, N, k); t from 1 to T."""
        x, u, s, directions = self._rows(t, cotangents)
        pulled = self._pulled(x, u, s, directions, create_graph=False)
        return pulled.view(self.batch_size, -1, pulled.shape[1]).mT

    def jacobian(self, t: int) -> Tensor:
        """Return J_t (batch, N, N) itself; t from 1 to T."""
        width = self.recurrence.width
        return self.push(t, torch.eye(width, dtype=torch.float64, device=self.x.device).expand(self.batch_size, -1, -1))

    def _pulled(self, x: Tensor, u: Tensor, s: Tensor, v: Tensor, *, create_graph: bool) -> Tensor:
        with torch.enable_grad():
            after = self.recurrence.step(x, u, s.requires_grad_())
            if not after.requires_grad:  # a state that does not depend on the one before
                return torch.zeros_like(s)
            (pulled,) = torch.autograd.grad(after, s, v, create_graph=create_graph, materialize_grads=True)
        return pulled

    def _rows(self, t: int, directions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return x_t, u_t, s_{t−1} and the directions with a row for each direction of each sequence.

        A step treats rows apart from each other, so that k directions are k rows of one call.
        """
        k = directions.shape[2]
        x, u, s = (part.repeat_interleave(k, dim=0) for part in (self.x[t - 1], self.u[t - 1], self.states[t - 1]))
        return x, u, s, directions.mT.reshape(len(s), -1)
