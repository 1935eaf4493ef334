"""What float32 does to a recurrence: how far its states and its gradient stray from those of float64."""

import copy

import pandas as pd
import torch
from torch import Tensor

from rnnzoo.diagnostics.adjoints import Passage, in_time, passages
from rnnzoo.diagnostics.gradients import quantiles
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Batch, Task


def precision_drift(model: SequenceModel, task: Task, batch: Batch) -> pd.DataFrame:
    """Return the relative errors of float32 in state and gradient, ‖a − b‖/‖b‖, at every time step.

    Both runs have the same parameters, those of the model rounded to float32, and the same input: what differs is the
    arithmetic alone. The state is that of all layers and directions side by side; the gradient is ∂L/∂h_t.

    Args:
        model: any model, measured without dropout.
        task: gives the loss.
        batch: sequences (time, batch, input_size), in float32.

    Returns:
        one row for each quantity ("state" or "gradient") and t (from 1): median, low, high (the 10% and 90% quantiles
        over the sequences that have a step t). A gradient error of 1 means that float32 has lost the gradient, as where
        it underflows; of 6e-8, that it has as many digits as a float32 can hold. Sequences whose float64 norm is 0 are
        left out; all three are NaN where none is left.
    """
    single = copy.deepcopy(model).float()
    double = copy.deepcopy(single).double()
    narrow, wide = passages(single, task, batch), passages(double, task, batch)
    sequences = batch.x.shape[1]
    frames = []
    for quantity in ("state", "gradient"):
        pairs = [(_values(a, quantity), _values(b, quantity)) for a, b in zip(narrow, wide, strict=True)]
        strayed = in_time(wide, [(a - b).square().sum(2) for a, b in pairs], sequences).sqrt()
        whole = in_time(wide, [b.square().sum(2) for _, b in pairs], sequences).sqrt()
        frame = quantiles(torch.where(whole > 0, strayed / whole, torch.nan), skip_missing=True)
        frame.insert(0, "t", range(1, len(frame) + 1))
        frame.insert(0, "quantity", quantity)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)


def _values(passage: Passage, quantity: str) -> Tensor:
    """Return the states after every step, or the gradients there, in float64: (time, batch, width)."""
    parts = tuple(part[1:] for part in passage.states) if quantity == "state" else passage.adjoints
    return torch.cat(parts, 2).double()
