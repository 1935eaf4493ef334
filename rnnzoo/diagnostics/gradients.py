"""How much of a loss's gradient reaches the state at every time step: ‖∂L/∂h_t‖ on the full state."""

import pandas as pd
import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine.base import Unrolled
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Batch, Task
from rnnzoo.training import placed

SEQUENCES = 32
"""Sequences over which the quantiles are taken: enough for a median, cheap enough for every run."""


class StateRecorder:
    """An engine that runs the reference loop and keeps the state after every step as its own node of the graph.

    The stacked states of other engines are leaves of no recurrence: the gradient at one of them would miss all that
    the state does later.
    """

    def __init__(self) -> None:
        self.trajectories: list[list[State]] = []

    def __call__(self, cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
        """Carry `cell` through `u`; see `rnnzoo.engine.base.Engine`."""
        trajectory: list[State] = []
        for u_t in u.unbind(0):
            # a node of its own for each part: in coRNN y_n is computed from the very tensor z_n, and the gradient
            # at that one would count the way through y_n twice
            state = tuple(part.view_as(part) for part in cell.step(u_t, state, w))
            trajectory.append(state)
        self.trajectories.append(trajectory)
        stacked = tuple(torch.stack(part) for part in zip(*trajectory, strict=True))
        return Unrolled(cell.output(stacked) if outputs else None, state, stacked if states else None)


def state_gradients(model: SequenceModel, task: Task, batch: Batch) -> Tensor:
    """Return ‖∂L_b/∂h_t‖ for every step and sequence, L_b the loss of sequence b alone.

    Args:
        model: any model; all layers and directions count as one state h_t.
        task: gives the loss.
        batch: sequences (time, batch, input_size).

    Returns:
        norms (time, batch), in the dtype of the parameters, where a gradient too small for it is 0.
    """
    batch = placed(batch, next(model.parameters()))
    recorder = StateRecorder()
    engine = model.recurrent.engine
    model.recurrent.engine = recorder
    training = model.training
    model.eval()
    try:
        loss = task.loss(model(batch.x, batch.lengths), batch.target)
    finally:
        model.recurrent.engine = engine
        model.train(training)
    parts = [part for trajectory in recorder.trajectories for state in trajectory for part in state]
    gradients = torch.autograd.grad(loss, parts, allow_unused=True, materialize_grads=True)
    size = batch.x.shape[1]
    squares = torch.zeros(batch.x.shape[:2], dtype=parts[0].dtype, device=parts[0].device)
    position = 0
    for trajectory in recorder.trajectories:
        for t, state in enumerate(trajectory):
            for _ in state:
                # the task's loss is a mean over the batch: times its size, it is the gradient of L_b
                squares[t] += (gradients[position] * size).square().sum(1)
                position += 1
    return squares.sqrt()


def gradient_profile(model: SequenceModel, task: Task) -> pd.DataFrame:
    """Return the quantiles of ‖∂L_b/∂h_t‖ over validation sequences.

    Returns:
        one row a time step: t (from 1), median, low, high (the 10% and 90% quantiles).
    """
    batch = next(iter(task.held_out("valid", SEQUENCES)))
    norms = state_gradients(model, task, batch).double()
    low, median, high = torch.quantile(norms, torch.tensor([0.1, 0.5, 0.9], dtype=norms.dtype, device=norms.device), 1)
    return pd.DataFrame({"t": range(1, len(norms) + 1), "median": median.cpu(), "low": low.cpu(), "high": high.cpu()})
