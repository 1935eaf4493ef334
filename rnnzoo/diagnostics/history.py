"""The gradient at every time step along training: what a heat map, optimiser step × time step, is drawn from."""

from collections.abc import Collection

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rnnzoo.checks import positive_integer
from rnnzoo.diagnostics.gradients import SEQUENCES, early_share, quantiles, state_gradients
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Task


class GradientHistory:
    """Measures ‖∂L_b/∂h_t‖ after chosen optimiser steps, always on the same validation sequences.

        history = GradientHistory(model, task, at=range(0, 1001, 50))
        history(0)                 # before training
        training.advance(history)  # it is told of every step and measures at those asked for

    Args:
        model: what is trained.
        task: gives the sequences and the loss.
        at: optimiser steps after which to measure; 0 is before training.
        sequences: how many validation sequences, at least 1.
        times: most time steps that are kept of each measurement, evenly spread, with the first and the last.

    Raises:
        TypeError, ValueError: sequences or times is not a positive integer.
    """

    def __init__(
        self, model: SequenceModel, task: Task, at: Collection[int], *, sequences: int = SEQUENCES, times: int = 200
    ) -> None:
        self.model = model
        self.task = task
        self.at = frozenset(at)
        self.times = positive_integer("GradientHistory", "times", times)
        self.batch = next(iter(task.held_out("valid", positive_integer("GradientHistory", "sequences", sequences))))
        self._frames: list[pd.DataFrame] = []
        self._shares: dict[int, Tensor] = {}

    def __call__(self, step: int) -> None:
        """Measure, if that is asked for after this step; a step that is told twice is measured once."""
        if step not in self.at or step in self._shares:
            return
        norms = state_gradients(self.model, self.task, self.batch)
        kept = np.unique(np.linspace(1, len(norms), min(len(norms), self.times)).round().astype(int))
        frame = quantiles(norms[torch.from_numpy(kept - 1)])
        frame.insert(0, "t", kept)
        frame.insert(0, "step", step)
        self._frames.append(frame)
        self._shares[step] = early_share(norms)

    def frame(self) -> pd.DataFrame:
        """Return one row for each measured step and t: step, t, median, low, high of the norms over the sequences."""
        if not self._frames:
            return pd.DataFrame(columns=["step", "t", "median", "low", "high"])
        return pd.concat(self._frames, ignore_index=True)

    def shares(self) -> pd.DataFrame:
        """Return one row a measured step: step, median, low, high of the share that reaches the first tenth."""
        if not self._shares:
            return pd.DataFrame(columns=["step", "median", "low", "high"])
        frame = quantiles(torch.stack(list(self._shares.values())), skip_missing=True)
        frame.insert(0, "step", list(self._shares))
        return frame
