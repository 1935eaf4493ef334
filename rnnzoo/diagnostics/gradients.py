"""How much of a loss's gradient reaches the state at every time step: ‖∂L/∂h_t‖ on the full state."""

import pandas as pd
import torch
from torch import Tensor

from rnnzoo.checks import number_in
from rnnzoo.diagnostics.adjoints import passages
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Batch, Task

SEQUENCES = 32
"""Sequences over which the quantiles are taken: enough for a median, cheap enough for every run."""


def state_gradients(model: SequenceModel, task: Task, batch: Batch) -> Tensor:
    """Return ‖∂L_b/∂h_t‖ for every step and sequence, L_b the loss of sequence b alone.

    Args:
        model: any model; all layers and directions count as one state h_t, that of a backward cell being the one after
            it has read step t.
        task: gives the loss.
        batch: sequences (time, batch, input_size).

    Returns:
        norms (time, batch), in the dtype of the parameters, where a gradient too small for it is 0; 0 beyond the end
        of a shorter sequence. With an encoder ahead of the recurrent layer, the steps are those that the layer reads.
    """
    found = passages(model, task, batch)
    size = batch.x.shape[1]
    steps = 1 + max(int(passage.times.max()) for passage in found)
    squares = found[0].u.new_zeros(steps, size)
    for passage in found:
        # the task's loss is a mean over the batch: times its size, it is the gradient of L_b
        square = (torch.cat(passage.adjoints, 2) * size).square().sum(2)
        squares.index_put_((passage.times, passage.rows.expand_as(passage.times)), square, accumulate=True)
    return squares.sqrt()


def early_share(norms: Tensor, part: float = 0.1) -> Tensor:
    """Return how much of the gradient reaches the first steps: Σ_{t ≤ part·T} ‖∂L/∂h_t‖ / Σ_t ‖∂L/∂h_t‖.

    A level gradient gives `part`, one that vanishes on its way back 0, one that explodes 1.

    Args:
        norms: ‖∂L/∂h_t‖ (time, batch), as `state_gradients` returns them.
        part: share of the steps that count as first, in (0, 1]; at least one step does.

    Returns:
        shares (batch,), float64; NaN where there is no gradient at all.
    """
    number_in("early_share", "part", part, 0.0, 1.0, open_low=True)
    first = max(1, round(part * len(norms)))
    total = norms.double().sum(0)
    return norms[:first].double().sum(0) / total


def quantiles(values: Tensor) -> pd.DataFrame:
    """Return median, low and high (the 10% and 90% quantiles) over the last axis of (rows, batch), a row each."""
    levels = torch.tensor([0.5, 0.1, 0.9], dtype=torch.float64, device=values.device)
    found = torch.quantile(values.double(), levels, dim=1).cpu()
    return pd.DataFrame({name: row.numpy() for name, row in zip(("median", "low", "high"), found, strict=True)})


def gradient_profile(model: SequenceModel, task: Task) -> pd.DataFrame:
    """Return the quantiles of ‖∂L_b/∂h_t‖ over validation sequences.

    Returns:
        one row a time step: t (from 1), median, low, high (the 10% and 90% quantiles).
    """
    norms = state_gradients(model, task, next(iter(task.held_out("valid", SEQUENCES))))
    frame = quantiles(norms)
    frame.insert(0, "t", range(1, len(norms) + 1))
    return frame
