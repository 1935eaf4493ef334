"""The gradient of a loss at every state of every cell of a model, in one pass back through time."""

from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine.base import Unrolled
from rnnzoo.learning.base import carried_by
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Batch, Task
from rnnzoo.training import placed

CHUNK = 100
"""Steps whose graph is held at once: memory grows with this, not with the length of the sequence."""


@dataclass
class Passage:
    """A cell's way through a stretch of time in which the same sequences run.

    Attributes:
        layer, direction: which cell of the stack; direction is 0 for forward, 1 for backward.
        cell, w: the cell and its recurrent weights, detached.
        u: (time, batch, ·), detached.
        states: s before the first step and after every step, a (time + 1, batch, width) tensor a part.
        adjoints: ∂L/∂s after every step, a (time, batch, width) tensor a part, the parts taken as independent.
        times: (time, batch), the step of the sequence that each step reads, from 0, on the CPU.
        rows: (batch,), the sequence of the batch that each row is, on the CPU.
    """

    cell: Cell
    w: Weights
    u: Tensor
    states: State
    adjoints: State = ()
    layer: int = 0
    direction: int = 0
    times: Tensor = field(default_factory=lambda: torch.empty(0))
    rows: Tensor = field(default_factory=lambda: torch.empty(0))


class _Watcher:
    """An engine that runs the reference loop without a graph and, on the way back, rebuilds it a chunk at a time.

    The stacked states of other engines are leaves of no recurrence: the gradient at one of them would miss all that
    the state does later.
    """

    def __init__(self, model: SequenceModel) -> None:
        cells = list(model.recurrent.cells)
        bottom = cells[: model.recurrent.directions]
        self.unasked = [cell for cell in bottom if not any(cell is other for other in cells[len(bottom) :])]
        self.passages: list[Passage] = []
        self.anchors: list[Tensor] = []

    def __call__(self, cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
        """Carry `cell` through `u`; see `rnnzoo.engine.base.Engine`."""
        if any(cell is bottom for bottom in self.unasked):  # the gradient of its input would reach no state
            u = u.detach()
        anchor = u.new_zeros((), requires_grad=True)
        stacked = _Watched.apply(self, cell, list(w), anchor, u, *state, *w.values())  # type: ignore[no-untyped-call]
        self.anchors.append(anchor)
        final = tuple(part[-1] for part in stacked)
        return Unrolled(cell.output(stacked) if outputs else None, final, stacked if states else None)


class _Watched(torch.autograd.Function):
    """(u, state, w) → the state after every step; the gradients that come back are written into the passage."""

    @staticmethod
    def forward(
        ctx: Any, watcher: _Watcher, cell: Cell, names: list[str], _anchor: Tensor, u: Tensor, *rest: Tensor
    ) -> State:
        count = len(rest) - len(names)
        w = {name: value.detach() for name, value in zip(names, rest[count:], strict=True)}
        u = u.detach()
        walked = [rest[:count]]
        for u_t in u.unbind(0):
            walked.append(cell.step(u_t, walked[-1], w))
        states = tuple(torch.stack(part) for part in zip(*walked, strict=True))
        ctx.passage = Passage(cell, w, u, states)
        watcher.passages.append(ctx.passage)
        return tuple(part[1:].detach() for part in states)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor | None, ...]:
        passage: Passage = ctx.passage
        adjoints = tuple(gradient.clone() for gradient in gradients)
        _, _, _, _, wants_u, *wants_rest = ctx.needs_input_grad
        u_gradient = torch.zeros_like(passage.u) if wants_u else None
        totals = {name: torch.zeros_like(value) for name, value in passage.w.items()}
        first: State = tuple(torch.zeros_like(part[0]) for part in passage.states)
        steps = len(passage.u)
        with torch.enable_grad():
            for start in range((steps - 1) // CHUNK * CHUNK, -1, -CHUNK):
                stop = min(start + CHUNK, steps)
                begin = tuple(part[start].detach().requires_grad_() for part in passage.states)
                u = passage.u[start:stop].detach().requires_grad_()
                w = {name: value.detach().requires_grad_() for name, value in passage.w.items()}
                nodes: list[Tensor] = []
                state: State = begin
                for u_t in u.unbind(0):
                    # a node of its own for each part: in coRNN y_n is computed from the very tensor z_n, and the
                    # gradient at that one would count the way through y_n twice
                    state = tuple(part.view_as(part) for part in passage.cell.step(u_t, state, w))
                    nodes += state
                by_step = zip(*(part[start:stop].unbind(0) for part in adjoints), strict=True)
                later = [gradient for step in by_step for gradient in step]
                found = torch.autograd.grad(
                    nodes, [*nodes, *begin, u, *w.values()], later, allow_unused=True, materialize_grads=True
                )
                at_nodes, found = found[: len(nodes)], found[len(nodes) :]
                for part, adjoint in enumerate(adjoints):
                    adjoint[start:stop] = torch.stack(at_nodes[part :: len(state)])
                for part, gradient in enumerate(found[: len(begin)]):
                    (adjoints[part][start - 1] if start else first[part]).add_(gradient)
                if u_gradient is not None:
                    u_gradient[start:stop] = found[len(begin)]
                for total, gradient in zip(totals.values(), found[len(begin) + 1 :], strict=True):
                    total += gradient
        passage.adjoints = adjoints
        rest = [g if wanted else None for g, wanted in zip([*first, *totals.values()], wants_rest, strict=True)]
        return (None, None, None, adjoints[0].new_zeros(()), u_gradient, *rest)


def passages(model: SequenceModel, task: Task, batch: Batch) -> list[Passage]:
    """Run a model on a batch, and the task's loss back through it, and return what every cell met on the way.

    Args:
        model: any model, in evaluation mode for this: without dropout. Nothing of it is changed.
        task: gives the loss, a mean over the batch.
        batch: sequences, of unequal length if it says so.

    Returns:
        a passage for each layer, direction and stretch of time, in the order of the forward pass.
    """
    batch = placed(batch, next(model.parameters()))
    watcher = _Watcher(model)
    training = model.training
    model.eval()
    try:
        with carried_by(model, watcher), torch.enable_grad():
            loss = task.loss(model(batch.x, batch.lengths), batch.target)
            torch.autograd.grad(loss, watcher.anchors)
    finally:
        model.train(training)
    _place(watcher.passages, model, batch)
    return watcher.passages


def in_time(found: list[Passage], values: list[Tensor], sequences: int) -> Tensor:
    """Return the sums over layers and directions of what is known at each step of each passage: (time, batch).

    Args:
        found: passages of one run.
        values: (time, batch) for each of them.
        sequences: of the batch.

    Returns:
        the sums, 0 beyond the end of a shorter sequence.
    """
    total = values[0].new_zeros(1 + max(int(passage.times.max()) for passage in found), sequences)
    for passage, value in zip(found, values, strict=True):
        total.index_put_((passage.times, passage.rows.expand_as(passage.times)), value, accumulate=True)
    return total


def _place(found: list[Passage], model: SequenceModel, batch: Batch) -> None:
    """Tell each passage whose it is and when: a cell has one for each stretch, in which the same sequences run."""
    directions = model.recurrent.directions
    stretches = len(found) // (model.recurrent.num_layers * directions)
    for index, passage in enumerate(found):
        cell, stretch = divmod(index, stretches)
        passage.layer, passage.direction = divmod(cell, directions)
        steps, count = passage.u.shape[:2]
        before = sum(len(p.u) for p in found[index - stretch : index])
        steps_of = torch.full((count,), sum(len(p.u) for p in found[:stretches]))
        passage.rows = torch.arange(count)
        if batch.lengths is not None:  # the sequences that run longest come first
            ordered = torch.as_tensor(batch.lengths).cpu().sort(descending=True, stable=True)
            passage.rows, steps_of = ordered.indices[:count], ordered.values[:count]
        steps_read = torch.arange(before, before + steps).unsqueeze(1)
        passage.times = steps_of - 1 - steps_read if passage.direction else steps_read.expand(-1, count)
