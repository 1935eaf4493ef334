"""Lyapunov exponents of a cell under its input: at what rate a step stretches or shrinks the state's directions."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rnnzoo.checks import integer_in, positive_integer
from rnnzoo.diagnostics.jacobians import check_count
from rnnzoo.diagnostics.recurrence import Recurrence, Source

LEADING = 8
"""Exponents that are measured unless told otherwise."""

POINTS = 200
"""Most time steps in a history, evenly spread: what a figure can show."""

LEVEL = 1e-9
"""Nats a step below which an exponent is rounding: 2e-16 for each of the operations that a QR step takes."""


@dataclass(frozen=True)
class LyapunovSpectrum:
    """The k leading Lyapunov exponents, and how they were approached.

    Attributes:
        exponents: one row for each sequence and index (1 … k, the largest first): exponent, in nats a step, −∞ for a
            direction that a step removes.
        history: one row for each sequence, t (steps averaged over) and index: exponent, the mean up to there. What
            it still moves at its end is how little the last digits of `exponents` mean.
        dimensions: one row for each sequence: kaplan_yorke, NaN where k exponents are too few to tell, and least, what
            they prove of it.
    """

    exponents: pd.DataFrame
    history: pd.DataFrame
    dimensions: pd.DataFrame


def lyapunov_exponents(
    source: Source, x: Tensor, k: int | None = None, warm_up: int = 0, seed: int = 0
) -> LyapunovSpectrum:
    """Return the k leading Lyapunov exponents of a recurrence along its trajectory under an input.

    With Q_0 random and orthonormal, J_t Q_{t−1} = Q_t R_t at every step, and λ_i = mean over t of log |(R_t)_ii|.

    Args:
        source: a cell, or a layer or model of one direction; the state is its whole one, of width N.
        x: input (time, batch, input_size); zeros show the cell by itself.
        k: how many, from 1 to N, by default 8 (or N if that is less). The cost of a step grows with k²N.
        warm_up: first steps that are left out of the mean, from 0 to time − 1: state and directions settle there.
        seed: of Q_0.

    Returns:
        exponents, history and dimensions; the exponents of one sequence descend but for what has not converged.

    Raises:
        TypeError, ValueError: k or warm_up is out of range, or the source has no recurrence in one direction.

    Source: Benettin, Galgani, Giorgilli and Strelcyn, Lyapunov characteristic exponents, Meccanica 1980; for recurrent
    networks Engelken, Wolf and Abbott, Lyapunov spectra of chaotic recurrent neural networks, 2020.
    """
    recurrence = Recurrence(source)
    columns = check_count("lyapunov_exponents", k, recurrence.width, LEADING)
    walked = recurrence.walk(x)
    start = integer_in("lyapunov_exponents", "warm_up", warm_up, 0, walked.steps - 1)
    generator = torch.Generator().manual_seed(seed)
    drawn = torch.randn(walked.batch_size, recurrence.width, columns, generator=generator, dtype=torch.float64)
    q: Tensor = torch.linalg.qr(drawn.to(walked.x.device)).Q
    stretched = torch.empty(walked.steps, walked.batch_size, columns, dtype=torch.float64)
    for t in range(1, walked.steps + 1):
        image = walked.push(t, q)
        q, r = torch.linalg.qr(image)
        lengths = r.diagonal(dim1=1, dim2=2).abs()
        rounding = recurrence.width * torch.finfo(image.dtype).eps * torch.linalg.vector_norm(image, dim=1)
        stretched[t - 1] = torch.where(lengths > rounding, lengths.log(), -torch.inf).cpu()
    means = stretched[start:].cumsum(0) / torch.arange(1, walked.steps - start + 1).view(-1, 1, 1)
    return _spectrum(means.numpy(), recurrence.width)


def kaplan_yorke(exponents: "np.ndarray[tuple[int], np.dtype[np.float64]]", width: int) -> tuple[float, float]:
    """Return the Kaplan–Yorke dimension of k leading exponents, and the least that it is.

    D = j + (λ_1 + … + λ_j) / |λ_{j+1}|, j the largest number with λ_1 + … + λ_j ≥ 0; 0 if λ_1 < 0, and N if the sum of
    all N is not negative. A sum above −1e-9 per term counts as 0.

    Args:
        exponents: (k,), in nats.
        width: N, of the whole state.

    Returns:
        the dimension, NaN where the sum of all k < N exponents is not negative; and its lower bound, k there.
    """
    positive_integer("kaplan_yorke", "width", width)
    ordered = np.sort(exponents)[::-1]
    sums = ordered.cumsum()
    level = sums >= -LEVEL * np.arange(1, len(sums) + 1)
    if level.all():
        return (float(width), float(width)) if len(sums) >= width else (float("nan"), float(len(sums)))
    j = int(level.argmin())  # the first sum below 0
    dimension = j + max(float(sums[j - 1]), 0.0) / abs(float(ordered[j])) if j else 0.0
    return dimension, dimension


def _spectrum(means: "np.ndarray[tuple[int, int, int], np.dtype[np.float64]]", width: int) -> LyapunovSpectrum:
    """Return the frames for running means (time, batch, k)."""
    steps, batch, k = means.shape
    last = means[-1]
    shown = np.unique(np.linspace(1, steps, min(steps, POINTS)).round().astype(int))
    index = pd.MultiIndex.from_product([range(batch), shown, range(1, k + 1)], names=["sequence", "t", "index"])
    history = pd.DataFrame({"exponent": means[shown - 1].swapaxes(0, 1).ravel()}, index=index).reset_index()
    exponents = history[history["t"] == steps].drop(columns="t").reset_index(drop=True)
    dimensions = [kaplan_yorke(row, width) for row in last]
    frame = pd.DataFrame(dimensions, columns=["kaplan_yorke", "least"]).rename_axis("sequence").reset_index()
    return LyapunovSpectrum(exponents, history, frame)
