"""The gradient laboratory as one literal table: what can be measured of a model at one moment, each as a frame.

A measure takes a model and the task on whose sequences it is measured, and returns a frame that is small enough to be
kept with every run. What it costs is timed by whoever calls it; nothing here is part of a training step.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd

from rnnzoo.configuration import Diagnostic
from rnnzoo.diagnostics.bounds import bound_checks
from rnnzoo.diagnostics.constraints import matrix_state
from rnnzoo.diagnostics.gradients import gradient_profile
from rnnzoo.diagnostics.jacobians import singular_values
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

MEMORY_SEQUENCES = 200
MEMORY_LAGS = 200
PRECISION_SEQUENCES = 4
BOUND_SEQUENCES = 4


def first_sequences(task: Task, count: int) -> Batch:
    """Return the first validation sequences of a task."""
    return next(iter(task.held_out("valid", count)))


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
    """t: median, low, high of ‖∂L/∂h_t‖."""
    return thinned(gradient_profile(model, task), [])


def jacobians(model: SequenceModel, task: Task) -> pd.DataFrame:
    """lag, index: log_sigma, the leading singular values of ∂h_T/∂h_{T−lag} on one sequence; and all in `width`."""
    x = first_sequences(task, 1).x
    found = singular_values(model, x, spread(min(len(x), LONGEST_LAG)))
    kept = found.drop(columns="sequence").assign(width=found.attrs["width"])
    # of all N, the largest few and the smallest tell what is seen
    last = kept.groupby("lag")["index"].transform("max")
    return kept[(kept["index"] <= EXPONENTS) | ((kept["index"] == last) & (last == kept["width"]))]


def bounds(model: SequenceModel, task: Task) -> pd.DataFrame:
    """Every statement that the cells declare, held against a measurement; see `rnnzoo.diagnostics.bounds`."""
    return bound_checks(model.recurrent, first_sequences(task, BOUND_SEQUENCES).x)


def constraints(model: SequenceModel, task: Task) -> pd.DataFrame:  # noqa: ARG001 - one signature for all
    """layer: error, largest, smallest and claim of the recurrent matrix; see `rnnzoo.diagnostics.constraints`."""
    return matrix_state(model.recurrent)


def inversion(model: SequenceModel, task: Task) -> pd.DataFrame:
    """dtype, steps: error with which the first state is rebuilt; no row for cells that are not invertible."""
    cell, x = model.recurrent.cells[0], first_sequences(task, 1).x
    if not cell.claims.invertible:  # type: ignore[union-attr]
        return pd.DataFrame(columns=["dtype", "steps", "error"])
    return inversion_errors(cell, x, spread(len(x)))  # type: ignore[arg-type]


Measure = Callable[[SequenceModel, Task], pd.DataFrame]

MEASURES: dict[Diagnostic, Measure] = {
    "gradients": gradients,
    "jacobians": jacobians,
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
