"""The gradient laboratory as one literal table: what can be measured of a model at one moment, each as a frame.

A measure takes a model and the task on whose sequences it is measured, and returns a frame that is small enough to be
kept with every run. What it costs is timed by whoever calls it; nothing here is part of a training step.
"""

import math
from collections.abc import Callable

import numpy as np
import pandas as pd
import torch
from torch import Tensor

from rnnzoo.configuration import Diagnostic
from rnnzoo.diagnostics.bounds import bound_checks
from rnnzoo.diagnostics.constraints import matrix_state
from rnnzoo.diagnostics.gradients import SEQUENCES, gradient_profile
from rnnzoo.diagnostics.jacobians import singular_values
from rnnzoo.diagnostics.lags import parameter_gradients
from rnnzoo.diagnostics.lyapunov import lyapunov_exponents
from rnnzoo.diagnostics.memory import memory_capacity, random_input
from rnnzoo.diagnostics.precision import precision_drift
from rnnzoo.diagnostics.recurrence import Recurrence
from rnnzoo.diagnostics.symplectic import inversion_errors
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Batch, Task

LONGEST_PROFILE = 500
"""Time steps that a frame over time keeps: those of a longer sequence are thinned evenly."""

LONGEST_LAG = 1000
"""Largest lag of singular values: the cost of a Jacobian grows with its lag."""

EXPONENTS = 4
BINS = 50
"""Parts of the sequence into which gradients of parameters are summed."""

MEMORY_SEQUENCES = 40
MEMORY_LAGS = 200
PRECISION_SEQUENCES = 4
BOUND_SEQUENCES = 4


def first_sequences(task: Task, count: int) -> Batch:
    """Return the first validation sequences of a task."""
    return next(iter(task.held_out("valid", count)))


@torch.no_grad()
def layer_input(model: SequenceModel, task: Task, count: int) -> Tensor:
    """Return what the recurrent layer reads of the first validation sequences: (time, batch, ·)."""
    like = next(model.parameters())
    x = first_sequences(task, count).x.to(like.device, like.dtype)
    read: Tensor = x if model.encoder is None else model.encoder(x)
    return read


def spread(longest: int) -> list[int]:
    """Return 1, 2, 5, 10, … up to `longest`, and `longest`."""
    values = [m * 10**e for e in range(len(str(longest))) for m in (1, 2, 5)]
    return sorted({*(value for value in values if value < longest), longest})


def thinned(frame: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    """Return the rows of at most `LONGEST_PROFILE` values of t, evenly spread, the first and the last among them."""
    last = int(frame["t"].max())
    kept = np.unique(np.linspace(1, last, min(last, LONGEST_PROFILE)).round().astype(int))
    return frame[frame["t"].isin(kept)].sort_values([*by, "t"], kind="stable").reset_index(drop=True)


def gradients(model: SequenceModel, task: Task) -> pd.DataFrame:
    """t: median, low, high of ‖∂L/∂h_t‖; and early_share, the share that reaches the first tenth of the steps."""
    return thinned(gradient_profile(model, task), [])


def jacobians(model: SequenceModel, task: Task) -> pd.DataFrame:
    """lag, index: log_sigma, singular values of ∂h_T/∂h_{T−lag} on one sequence; and how many there are in `width`."""
    x = layer_input(model, task, 1)
    found = singular_values(model.recurrent, x, spread(min(len(x), LONGEST_LAG)))
    kept = found.drop(columns="sequence").assign(width=found.attrs["width"])
    # the largest few and the smallest that is known tell what is seen
    last = kept.groupby("lag")["index"].transform("max")
    return kept[(kept["index"] <= EXPONENTS) | (kept["index"] == last)]


def lyapunov(model: SequenceModel, task: Task) -> pd.DataFrame:
    """t, index: exponent, the mean growth up to t on one sequence; and the Kaplan–Yorke dimension."""
    width = Recurrence(model.recurrent).width
    found = lyapunov_exponents(model.recurrent, layer_input(model, task, 1), k=min(EXPONENTS, width))
    history = found.history.drop(columns="sequence")
    # the history has some of the steps only: the last one up to each that is wanted
    known = np.sort(history["t"].unique())
    last = np.searchsorted(known, spread(int(known[-1])), side="right") - 1
    kept = history[history["t"].isin(known[last[last >= 0]])]
    dimensions = found.dimensions.iloc[0]
    return kept.assign(kaplan_yorke=float(dimensions["kaplan_yorke"]), least=float(dimensions["least"]))


def memory(model: SequenceModel, task: Task) -> pd.DataFrame:
    """lag: capacity, the share of the input's variance so far back that a linear readout of the state recalls."""
    longest = min(task.length - 1, MEMORY_LAGS)
    every = sorted({round(lag) for lag in np.geomspace(1, longest, min(longest, 40))})
    x = random_input(model.recurrent, 3 * longest, MEMORY_SEQUENCES)
    return memory_capacity(model.recurrent, x, [0, *every], washout=longest)


def lags(model: SequenceModel, task: Task) -> pd.DataFrame:
    """layer, direction, weight, t (the last of its bin): share of the gradient that these steps contribute."""
    found = parameter_gradients(model, task, first_sequences(task, SEQUENCES))
    length = int(found["t"].max())
    size = math.ceil(length / BINS)
    keys = ["layer", "direction", "weight"]
    ends = ((found["t"] - 1) // size + 1) * size
    binned = found.assign(t=ends.clip(upper=length)).groupby([*keys, "t"], sort=True)["share"].sum()
    return binned.reset_index()


def precision(model: SequenceModel, task: Task) -> pd.DataFrame:
    """quantity, t: median, low, high of the relative error of float32 against float64."""
    return thinned(precision_drift(model, task, first_sequences(task, PRECISION_SEQUENCES)), ["quantity"])


def bounds(model: SequenceModel, task: Task) -> pd.DataFrame:
    """Every statement that the cells declare, held against a measurement; see `rnnzoo.diagnostics.bounds`."""
    return bound_checks(model.recurrent, layer_input(model, task, BOUND_SEQUENCES))


def constraints(model: SequenceModel, task: Task) -> pd.DataFrame:  # noqa: ARG001 - one signature for all
    """layer: error, largest, smallest and claim of the recurrent matrix; see `rnnzoo.diagnostics.constraints`."""
    return matrix_state(model.recurrent)


def inversion(model: SequenceModel, task: Task) -> pd.DataFrame:
    """dtype, steps: error with which the first state is rebuilt; no row for cells that are not invertible."""
    cell, x = model.recurrent.cells[0], layer_input(model, task, 1)
    if not cell.claims.invertible:  # type: ignore[union-attr]
        return pd.DataFrame(columns=["dtype", "steps", "error"])
    return inversion_errors(cell, x, spread(len(x)))  # type: ignore[arg-type]


Measure = Callable[[SequenceModel, Task], pd.DataFrame]

MEASURES: dict[Diagnostic, Measure] = {
    "gradients": gradients,
    "jacobians": jacobians,
    "lags": lags,
    "lyapunov": lyapunov,
    "memory": memory,
    "precision": precision,
    "bounds": bounds,
    "inversion": inversion,
}
"""Name in a study file → what is measured at initialisation and after training."""

ALONG: dict[Diagnostic, Measure] = {"history": gradients, "constraints": constraints}
"""Name in a study file → what is measured again and again while training goes on."""

ONE_DIRECTION: frozenset[Diagnostic] = frozenset({"jacobians", "lyapunov", "memory"})
"""Measures of the recurrence alone, which a model that reads in two directions has not."""


def measured_on(task: Task, make: Callable[..., Task], length: int | None) -> Task:
    """Return the task at the length on which is measured: itself, or another of its kind.

    Raises:
        ValueError: the task has no option `length`.
    """
    if length is None:
        return task
    options = task.options()
    if "length" not in options:
        raise ValueError(
            f"diagnostics_length must be left out for a task of fixed length, got {length} for "
            f"{type(task).__name__} with its {task.length} steps"
        )
    return make(**options | {"length": length})
