"""Every seed's test score with the mean and its interval."""

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnnzoo.report.canvas import (
    BASELINE_KEY,
    MUTED,
    cell_axis,
    grid,
    heading,
    hide_unused,
    legend,
    mark_baseline,
    panels,
    score_axis,
    widen,
    width_for,
)
from rnnzoo.report.colours import cell_styles
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.run_state import LOST_STATES


def score_figure(content: StudyContent, runs: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Draw every seed's test score, the mean and its interval, a panel a task and a row a cell.

    Args:
        content: tasks and cells.
        runs: `tables.confirmed`.
        table: `tables.scores`.
    """
    styles = cell_styles(content.cells)
    rows, columns = grid(len(content.tasks), 3)
    height = 0.9 + 0.3 * len(content.cells)
    figure, axes = panels(rows, columns, height, width=width_for(columns, 3), sharey=True)
    for ax, task in zip(axes.flat, content.tasks, strict=False):
        heading(ax, task.title)
        cell_axis(ax, content.cells)
        own, means = runs[runs["task"] == task.label], table[table["task"] == task.label]
        widen(ax, "x", [*own["score"].dropna(), *interval_ends(means, own["score"].dropna(), task)], task)
        edges = ax.get_xlim()
        score_axis(ax, task, "x")
        ax.set_xlim(*edges)
        mark_baseline(ax, task, "x")
        for row, cell in enumerate(content.cells):
            look, mean = styles[cell], means[means["cell"] == cell].iloc[0]
            low, middle, high, n = (float(mean[name]) for name in ("low", "mean", "high", "n"))
            if n > 1:
                ax.plot([low, high], [row, row], color=look.colour, linewidth=5, alpha=0.25,
                        solid_capstyle="butt", zorder=2)  # fmt: skip
            if n > 0:
                ax.plot([middle, middle], [row - 0.3, row + 0.3], color=look.colour, linewidth=2, zorder=3)
            seeds = own[own["cell"] == cell]
            for offset, (_, run) in zip(spread(len(seeds)), seeds.iterrows(), strict=True):
                lost = run["state"] in LOST_STATES
                ax.plot(
                    run["score"], row + offset, linestyle="none", marker="x" if lost else look.marker,
                    color=look.colour, markersize=7 if lost else 6, markeredgewidth=1.6 if lost else 0.6,
                    markeredgecolor=look.colour if lost else "white", zorder=4,
                )  # fmt: skip
    hide_unused(axes, len(content.tasks))
    handles = [
        Line2D([], [], color=MUTED, marker="o", linestyle="none", markersize=6, label="one seed"),
        Line2D([], [], color=MUTED, marker="|", linestyle="none", markersize=10, markeredgewidth=2, label="mean"),
        Line2D([], [], color=MUTED, linewidth=5, alpha=0.3, label="95% interval of the mean"),
        Line2D([], [], **BASELINE_KEY),
    ]
    if bool(runs["state"].isin(LOST_STATES).any()):
        handles.append(Line2D([], [], color=MUTED, marker="x", linestyle="none", markersize=7, markeredgewidth=1.6,
                              label="lost, counted as the baseline"))  # fmt: skip
    legend(figure, handles)
    return figure


def spread(count: int) -> list[float]:
    """Return offsets that keep `count` marks on one row apart."""
    return [0.0] if count == 1 else list(np.linspace(-0.17, 0.17, count))


def interval_ends(means: pd.DataFrame, values: pd.Series, task: TaskContent) -> list[float]:
    """Return the ends of the intervals, as far as they may widen an axis that shows these values."""
    if values.empty:
        return []
    low, high = float(values.min()), float(values.max())
    reach = (low / 3, high * 3) if task.log else (low - (high - low) / 2, high + (high - low) / 2)
    ends = [float(end) for name in ("low", "high") for end in means[name].dropna()]
    return [min(max(end, reach[0]), reach[1]) for end in ends]
