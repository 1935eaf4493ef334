"""What a search optimises: the names that `search.objectives` may hold, and their values in a trial's runs."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import pandas as pd

from rnnzoo.diagnostics.ends import ends
from rnnzoo.records import GRADIENTS, RunRecord, read_frame, run_folder
from rnnzoo.tasks.base import Metric

Objective = Literal["score", "parameters", "seconds_per_step", "memory", "gradient_health"]
Direction = Literal["minimize", "maximize"]

TIMED: tuple[Objective, ...] = ("seconds_per_step",)
"""Objectives that are read from a clock: with one of them, a search that is begun anew proposes other settings."""

MEASURED_GRADIENTS: tuple[Objective, ...] = ("gradient_health",)
"""Objectives for which a trial's runs record their gradients."""

WEIGHED: tuple[Objective, ...] = ("memory",)
"""Objectives for which a trial's runs record the memory of a training step."""

WORST_HEALTH = -45.0
"""Gradient health where nothing arrives: as many decades as float32 has below 1."""


def direction(objective: Objective, metric: Metric) -> Direction:
    """Return the way in which an objective is better."""
    match objective:
        case "score":
            return metric.direction
        case "parameters" | "seconds_per_step" | "memory":
            return "minimize"
        case "gradient_health":
            return "maximize"


def worst(objective: Objective, metric: Metric) -> float:
    """Return the value of a trial that diverged: worse than all others."""
    return math.inf if direction(objective, metric) == "minimize" else -math.inf


def value(objective: Objective, records: Sequence[RunRecord], root: Path) -> float:
    """Return an objective's value for a trial from its finished runs.

    "score" is the mean of the best validation scores. "parameters" is the mean of trained parameters, which differ
    between the runs of a trial where each draws a network of its own. "seconds_per_step" is the time in training steps
    by their number; runs that share the machine slow each other down. "memory" is the mean of MiB that are kept
    between the forward and the backward pass of a training step, see `RunRecord.memory_mib`. "gradient_health" is the
    mean of the runs' `health`.

    Args:
        objective: see above.
        records: of runs that finished.
        root: folder of the run folders.
    """
    match objective:
        case "score":
            return sum(record.valid for record in records if record.valid is not None) / len(records)
        case "parameters":
            return sum(record.parameters for record in records) / len(records)
        case "memory":
            weighed = [record.memory_mib for record in records if record.memory_mib is not None]
            return sum(weighed) / len(weighed)
        case "seconds_per_step":
            return sum(record.seconds for record in records) / sum(record.steps for record in records)
        case "gradient_health":
            frames = [read_frame(run_folder(root, record.config), GRADIENTS) for record in records]
            return sum(health(frame) for frame in frames) / len(frames)


def health(profile: pd.DataFrame) -> float:
    """Return −|log₁₀(g₁ / g_T)|, with g the norm ‖∂L/∂h_t‖ at both ends; see `rnnzoo.diagnostics.ends`.

    That is after training; 0 is best. −2 says that the gradient at the beginning is a hundredth of that at the end, or
    a hundred times as large: the ratio by which a report calls a gradient vanishing or exploding. A gradient that is
    zero or no number at one of the ends, or not there, gives the worst value, −45.

    Args:
        profile: gradients.csv of a run.
    """
    if profile.empty:
        return WORST_HEALTH
    trained = profile[profile["moment"] == "trained"].sort_values("t")
    if trained.empty:
        return WORST_HEALTH
    first, last = ends(trained["median"].astype(float).tolist())
    if not (0 < first < math.inf and 0 < last < math.inf):
        return WORST_HEALTH
    return max(WORST_HEALTH, -abs(math.log10(first) - math.log10(last)))
