"""What happens to the gradient on its way back through time, put into words."""

import math
from typing import Literal

import pandas as pd

from rnnzoo.diagnostics.ends import ends
from rnnzoo.report.content import StudyContent
from rnnzoo.report.once import once

FACTOR = 100.0
"""A gradient that changes by less than this factor between the ends of the sequence is called level."""

Fate = Literal["vanishes", "explodes", "stays level", "not measured"]
MOMENTS = ("initial", "trained")


@once
def gradient_profiles(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell, moment, t): median, low and high of ‖∂L/∂h_t‖, each the median over the seeds."""
    columns = ["task", "cell", "moment", "t", "median", "low", "high"]
    if content.gradients.empty:
        return pd.DataFrame(columns=columns)
    frame = content.gradients.copy()
    for name in ("t", "median", "low", "high"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype(float)
    return frame.groupby(["task", "cell", "moment", "t"], sort=True)[["median", "low", "high"]].median().reset_index()


@once
def gradient_fates(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell, moment): the gradient at the sequence's beginning over that at its end.

    Columns: task, cell, moment, first, last (`diagnostics.ends`), ratio (first / last; 0 on
    underflow, infinite on overflow, NaN where nothing was measured), fate.
    """
    groups = gradient_profiles(content).groupby(["task", "moment", "cell"])
    measured = {key: own["median"].tolist() for key, own in groups}
    table = []
    for task in content.tasks:
        for moment in MOMENTS:
            for cell in content.cells:
                if (norms := measured.get((task.label, moment, cell))) is None:
                    continue
                first, last = ends(norms)
                ratio = quotient(first, last)
                table.append(
                    {
                        "task": task.label,
                        "cell": cell,
                        "moment": moment,
                        "first": first,
                        "last": last,
                        "ratio": ratio,
                        "fate": fate(ratio),
                    }
                )
    return pd.DataFrame(table, columns=["task", "cell", "moment", "first", "last", "ratio", "fate"])


def quotient(first: float, last: float) -> float:
    """Return first / last where 0 / 0 and anything over NaN is NaN, and an overflow or x / 0 infinite."""
    if math.isnan(first) or math.isnan(last) or (first == 0 and last == 0):
        return math.nan
    if math.isinf(first) or last == 0:
        return math.inf
    return first / last


def fate(ratio: float) -> Fate:
    """Return what a gradient does whose norm at the sequence's beginning is `ratio` times that at its end."""
    if math.isnan(ratio):
        return "not measured"
    if ratio < 1 / FACTOR:
        return "vanishes"
    return "explodes" if ratio > FACTOR else "stays level"
