"""How much of a loss's gradient reaches the state at every time step: ‖∂L/∂h_t‖ on the full state."""

import pandas as pd
import torch
from torch import Tensor

from rnnzoo.cells.base import State
from rnnzoo.checks import number_in
from rnnzoo.diagnostics.adjoints import in_time, passages
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
    # the task's loss is a mean over the batch: times its size, it is the gradient of L_b
    size = batch.x.shape[1]
    # in float64, where the square of a small number is no 0
    squares = [sum_of_squares(passage.adjoints) * size**2 for passage in found]
    return in_time(found, squares, size).sqrt().to(found[0].u.dtype)


def sum_of_squares(parts: State) -> Tensor:
    """Return Σ over the entries of all parts (…, width) of their squares, in float64."""
    norms = [torch.linalg.vector_norm(part, dim=-1, dtype=torch.float64) for part in parts]
    return torch.stack(norms).square().sum(0)


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


def quantiles(values: Tensor, *, skip_missing: bool = False) -> pd.DataFrame:
    """Return median, low and high (the 10% and 90% quantiles) over the last axis of (rows, batch), a row each.

    A NaN makes all three NaN, unless `skip_missing` leaves it out.
    """
    levels = torch.tensor([0.5, 0.1, 0.9], dtype=torch.float64, device=values.device)
    quantile = torch.nanquantile if skip_missing else torch.quantile
    found = quantile(values.double(), levels, dim=1).cpu()
    return pd.DataFrame({name: row.numpy() for name, row in zip(("median", "low", "high"), found, strict=True)})


def gradient_profile(model: SequenceModel, task: Task) -> pd.DataFrame:
    """Return the quantiles of ‖∂L_b/∂h_t‖ over validation sequences.

    Returns:
        one row a time step: t (from 1), median, low, high (the 10% and 90% quantiles); and, the same in every row,
        early_share, the median over the sequences of `early_share`, NaN where no sequence has a gradient.
    """
    norms = state_gradients(model, task, next(iter(task.held_out("valid", SEQUENCES))))
    frame = quantiles(norms)
    frame.insert(0, "t", range(1, len(norms) + 1))
    return frame.assign(early_share=quantiles(early_share(norms)[None], skip_missing=True)["median"].iloc[0])
