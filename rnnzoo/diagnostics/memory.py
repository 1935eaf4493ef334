"""Memory capacity: how much of the input of k steps ago can be read from a cell's state by a linear map."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rnnzoo.checks import integer_in, positive_integer
from rnnzoo.diagnostics.recurrence import Recurrence, Source

HELD_OUT = 0.25
"""Share of the sequences that the capacity is measured on; the readout never sees them."""

RIDGES = tuple(10.0**power for power in range(-9, 4))
"""Strengths of the ridge penalty to choose from, on states scaled to variance 1."""


def random_input(source: Source, steps: int, batch: int, feature: int = 0, seed: int = 0) -> Tensor:
    """Return an input of independent numbers from U(−1, 1) in one feature, and 0 in the others.

    Args:
        source: whose input size it has.
        steps: time steps, at least 1.
        batch: sequences, at least 1.
        feature: from 0 to input_size − 1.
        seed: of the numbers.

    Returns:
        (time, batch, input_size), float32.
    """
    width = Recurrence(source).input_size
    chosen = integer_in("random_input", "feature", feature, 0, width - 1)
    shape = positive_integer("random_input", "steps", steps), positive_integer("random_input", "batch", batch)
    x = torch.zeros(*shape, width)
    x[:, :, chosen] = 2 * torch.rand(*shape, generator=torch.Generator().manual_seed(seed)) - 1
    return x


def memory_capacity(
    source: Source, x: Tensor, lags: Sequence[int], feature: int = 0, washout: int | None = None
) -> pd.DataFrame:
    """Return how well a ridge regression reads x_{t−k} from the state s_t, for each lag k.

    capacity(k) = max(0, 1 − Σ (x_{t−k} − x̂_{t−k})² / Σ (x_{t−k} − x̄)²), over held-out sequences: 1 is perfect recall, 0
    nothing. The readout is fitted on three quarters of the sequences, its penalty chosen among them by leave-one-out
    for each lag. Summed over all lags a linear network of N state entries has at most N (Jaeger), and so has any other
    network with independent inputs; what finite data lets through beyond that is sampling error.

    Args:
        source: a cell, or a layer or model of one direction; the state is its whole one, of width N.
        x: input (time, batch, input_size) of at least 2 sequences, independent from step to step in `feature`, such as
            `random_input`; the steps after the washout times the sequences should be many times N.
        lags: k, each from 0 (the input just read) to washout.
        feature: of the input that is to be recalled.
        washout: first steps that are not used, by default the largest lag; more where the initial state lasts longer.

    Returns:
        one row a lag, in ascending order: capacity, and ridge, the penalty that was chosen. In attrs: "width" N.

    Raises:
        TypeError, ValueError: an argument does not fit; the message names it, its value and what to do.

    Source: Jaeger, Short term memory in echo state networks, GMD report 152, 2002.
    """
    from sklearn.linear_model import RidgeCV  # a second to import, which who never measures this is spared
    from sklearn.preprocessing import StandardScaler

    recurrence = Recurrence(source)
    walked = recurrence.walk(x)
    owner = "memory_capacity"
    chosen = integer_in(owner, "feature", feature, 0, recurrence.input_size - 1)
    if not lags:
        raise ValueError(f"{owner}: lags must name at least one lag, got none; pass e.g. range(100)")
    if walked.batch_size < 2:
        raise ValueError(f"{owner}: x must hold at least 2 sequences, one of them held out, got 1; pass e.g. 8")
    ordered = sorted({integer_in(owner, "lags", lag, 0, walked.steps - 2) for lag in lags})
    start = ordered[-1] if washout is None else integer_in(owner, "washout", washout, ordered[-1], walked.steps - 2)
    fitted = walked.batch_size - max(1, round(HELD_OUT * walked.batch_size))
    states = walked.states[start + 1 :]  # s_t for t > washout; states[0] is the one before the first step
    signal = walked.x[:, :, chosen]
    targets = torch.stack([signal[start - lag : walked.steps - lag] for lag in ordered], 2)  # (time, batch, lags)
    if float(targets[:, :fitted].std()) == 0:
        raise ValueError(f"{owner}: x must vary in feature {chosen}, got a constant; pass e.g. random_input(…)")

    def rows(values: Tensor, sequences: slice) -> "np.ndarray[tuple[int, int], np.dtype[np.float64]]":
        return values[:, sequences].flatten(0, 1).cpu().numpy()

    scaler = StandardScaler().fit(rows(states, slice(fitted)))
    readout = RidgeCV(RIDGES, alpha_per_target=True).fit(
        scaler.transform(rows(states, slice(fitted))), rows(targets, slice(fitted))
    )
    recalled = readout.predict(scaler.transform(rows(states, slice(fitted, None)))).reshape(-1, len(ordered))
    asked = rows(targets, slice(fitted, None))
    unexplained = ((asked - recalled) ** 2).sum(0) / ((asked - asked.mean(0)) ** 2).sum(0)
    frame = pd.DataFrame({"lag": ordered, "capacity": np.clip(1 - unexplained, 0, 1)})
    frame["ridge"] = np.broadcast_to(readout.alpha_, len(ordered))
    frame.attrs["width"] = recurrence.width
    return frame
