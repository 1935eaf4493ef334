"""A cell or a stack of cells as one map of its whole state, s_t = F(x_t, s_{t−1}), and the derivative of that map."""

import copy
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine import check_input
from rnnzoo.model import SequenceModel
from rnnzoo.recurrent import Recurrent

Source = Cell | Recurrent | SequenceModel
"""What has a recurrence: a cell, a layer or stack of one direction, or a model around one."""

StepMap = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A map of the whole state: x_t (rows, input_size), u_t and s (rows, N) to a state (rows, N)."""


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

    @property
    def invertible(self) -> bool:
        """Whether every cell can undo its step."""
        return all(cell.claims.invertible for cell in self._cells)

    def step(self, x: Tensor, u: Tensor, s: Tensor) -> Tensor:
        """Return the next state from x_t (rows, input_size), u_t = project(x_t) of the first layer, and s (rows, N)."""
        after: list[Tensor] = []
        data = x
        for n, (cell, w, state) in enumerate(self._layers(s)):
            state = cell.step(u if n == 0 else cell.project(data.unsqueeze(0))[0], state, w)
            after += state
            data = self._above(cell, state, data)
        return torch.cat(after, dim=1)

    def inverse_step(self, x: Tensor, u: Tensor, s: Tensor) -> Tensor:
        """Return the state before the step that led to s (rows, N) from x_t and u_t; for an invertible recurrence."""
        before: list[Tensor] = []
        data = x
        for n, (cell, w, state) in enumerate(self._layers(s)):
            own = u if n == 0 else cell.project(data.unsqueeze(0))[0]
            before += cell.inverse_step(own, state, w)  # type: ignore[operator]
            data = self._above(cell, state, data)
        return torch.cat(before, dim=1)

    def _layers(self, s: Tensor) -> Iterator[tuple[Cell, Weights, State]]:
        """Yield every layer's cell, its weights and its part of s (rows, N)."""
        parts = list(torch.split(s, self.widths, dim=1))
        for cell, w in zip(self._cells, self.weights, strict=True):
            count = len(cell.state_sizes)
            yield cell, w, tuple(parts[:count])
            parts = parts[count:]

    def _above(self, cell: Cell, state: State, data: Tensor) -> Tensor:
        """Return what the layer above reads of a layer's new state and its own input."""
        above = cell.output(state)
        return above + data if self.residual and above.shape[-1] == data.shape[-1] else above

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
        return self._push(self.recurrence.step, t, t - 1, tangents)

    def pull(self, t: int, cotangents: Tensor) -> Tensor:
        """Return J_tᵀ v for k directions a sequence: (batch, N, k) → (batch, N, k); t from 1 to T."""
        return self._pull(self.recurrence.step, t, t - 1, cotangents)

    def push_back(self, t: int, tangents: Tensor) -> Tensor:
        """Return J_t⁻¹ v, as `push`: the derivative of the inverse step at s_t, which must exist."""
        return self._push(self.recurrence.inverse_step, t, t, tangents)

    def pull_back(self, t: int, cotangents: Tensor) -> Tensor:
        """Return J_t⁻ᵀ v, as `pull`; the inverse step must exist."""
        return self._pull(self.recurrence.inverse_step, t, t, cotangents)

    def jacobian(self, t: int) -> Tensor:
        """Return J_t (batch, N, N) itself; t from 1 to T."""
        width = self.recurrence.width
        return self.push(t, torch.eye(width, dtype=torch.float64, device=self.x.device).expand(self.batch_size, -1, -1))

    def _push(self, map_: StepMap, t: int, at: int, tangents: Tensor) -> Tensor:
        x, u, s, directions = self._rows(t, at, tangents)
        # The derivative of v ↦ J_tᵀ v, which is linear: cells that have a backward pass need nothing more, and it
        # takes half the time of torch's forward mode.
        with torch.enable_grad():
            v = torch.zeros_like(directions, requires_grad=True)
            pulled = _pulled(map_, x, u, s, v, create_graph=True)
            if pulled.requires_grad:
                (pushed,) = torch.autograd.grad(pulled, v, directions, materialize_grads=True)
            else:
                pushed = torch.zeros_like(directions)
        return pushed.view(self.batch_size, -1, pushed.shape[1]).mT

    def _pull(self, map_: StepMap, t: int, at: int, cotangents: Tensor) -> Tensor:
        x, u, s, directions = self._rows(t, at, cotangents)
        pulled = _pulled(map_, x, u, s, directions, create_graph=False)
        return pulled.view(self.batch_size, -1, pulled.shape[1]).mT

    def _rows(self, t: int, at: int, directions: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Return x_t, u_t, s_at and the directions with a row for each direction of each sequence.

        A step treats rows apart from each other, so that k directions are k rows of one call.
        """
        k = directions.shape[2]
        x, u, s = (part.repeat_interleave(k, dim=0) for part in (self.x[t - 1], self.u[t - 1], self.states[at]))
        return x, u, s, directions.mT.reshape(len(s), -1)


def _pulled(map_: StepMap, x: Tensor, u: Tensor, s: Tensor, v: Tensor, *, create_graph: bool) -> Tensor:
    with torch.enable_grad():
        mapped = map_(x, u, s.requires_grad_())
        if not mapped.requires_grad:  # a state that does not depend on the one before
            return torch.zeros_like(s)
        (pulled,) = torch.autograd.grad(mapped, s, v, create_graph=create_graph, materialize_grads=True)
    return pulled
