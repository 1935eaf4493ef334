"""What an engine is: a way to carry a cell through time. Every engine computes the same numbers."""

from typing import NamedTuple, Protocol

from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights


class Unrolled(NamedTuple):
    """What a cell did over a sequence.

    Attributes:
        output: `cell.output` at every step (time, batch, output_size), or None where only the end was asked for.
        state: the state after the last step.
        states: the state after every step, a (time, batch, width) tensor a part, or None unless asked for.
    """

    output: Tensor | None
    state: State
    states: State | None


class Engine(Protocol):
    """Carries a cell from `state` through all steps of `u` (time, batch, ·).

    Args:
        cell: the cell; the engine calls its `step` and `output` (or what it derived from them).
        u: `cell.project(x)`, at least one step.
        state: the state before the first step.
        w: `cell.recurrent_weights()`, or `cell.kernel_weights()`: `step` takes either.
        outputs: whether `Unrolled.output` is wanted.
        states: whether `Unrolled.states` is wanted.
    """

    def __call__(self, cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
        """Return what was asked for."""
        ...
