"""What the runs of a study measured beside their scores, as one frame a diagnostic."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import pandas as pd

from rnnzoo.diagnostics.recording import read_costs
from rnnzoo.records import read_frame

if TYPE_CHECKING:
    from rnnzoo.study.results import Found

COSTS = "costs"
"""The frame of what measuring took."""


def measured_frames(found: "Iterable[Found]", names: Iterable[str]) -> dict[str, pd.DataFrame]:
    """Return name → the frames of all confirm runs under each other, with task, cell and seed; empty ones left out.

    Raises:
        RecordError: a file cannot be read.
    """
    runs = [run for run in found if run.phase == "confirm"]
    frames: dict[str, list[pd.DataFrame]] = {}
    for run in runs:
        known: dict[str, Any] = {
            "task": run.competitor.label,
            "cell": run.competitor.cell,
            "seed": run.record.config.seed,
        }
        for name in names:
            # "gradients" has a place of its own in a report's content
            frame = read_frame(run.folder, f"{name}.csv") if name != "gradients" else pd.DataFrame()
            if not frame.empty:
                frames.setdefault(name, []).append(frame.assign(**known))
        costs = [{"diagnostic": name} | known | cost for name, cost in read_costs(run.folder).items()]
        if costs:
            frames.setdefault(COSTS, []).append(pd.DataFrame(costs))
    return {name: pd.concat(parts, ignore_index=True) for name, parts in frames.items()}
