"""The validation score to expect from so many trials."""

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from rnnzoo.report.canvas import (
    BASELINE_KEY,
    FAINT,
    MUTED,
    grid,
    heading,
    hide_unused,
    key,
    legend,
    mark_baseline,
    panels,
    score_axis,
    widen,
    width_for,
)
from rnnzoo.report.colours import cell_styles
from rnnzoo.report.content import StudyContent
from rnnzoo.report.tuning import BUDGETS

MANY = 30
"""From so many trials on, their axis is logarithmic: the first ones matter most."""


def tuning_figure(content: StudyContent, curves: pd.DataFrame) -> Figure:
    """Draw the expected best validation score over the number of trials, a panel a task and a line a cell.

    Args:
        content: tasks and cells.
        curves: `tuning.tuning_curves`.
    """
    styles = cell_styles(content.cells)
    tasks = [task for task in content.tasks if (curves["task"] == task.label).any()]
    rows, columns = grid(len(tasks), 3)
    figure, axes = panels(rows, columns, 3.0, width=width_for(columns, 3))
    for ax, task in zip(axes.flat, tasks, strict=False):
        own = curves[curves["task"] == task.label]
        heading(ax, task.title)
        mark_baseline(ax, task, "y")
        widen(ax, "y", [*own["expected"], *own["low"].dropna(), *own["high"].dropna()], task)
        edges = ax.get_ylim()
        score_axis(ax, task, "y")
        ax.set_ylim(*(reversed(edges) if task.direction == "minimize" else edges))
        ax.set_ylabel(f"validation {task.metric} (better →)")
        most = int(own["trials"].max())
        if most >= MANY:
            ax.set_xscale("log")
        ax.xaxis.set_major_locator(MaxNLocator(6, integer=True))
        if most >= MANY:
            ticks = [k for k in (1, 2, 5, 10, 20, 50, 100, 200, 500, 1000) if k <= most]
            ax.set_xticks(ticks)
            ax.set_xticks([], minor=True)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.0f}"))
        ax.set_xlim(1 if most > 1 else 0.5, most * (1.06 if most >= MANY else 1) + 0.15)
        for budget in BUDGETS:
            if budget <= most:
                ax.axvline(budget, color=FAINT, linewidth=2.5, zorder=0)
        ax.set_xlabel("trials spent on tuning")
        for cell in content.cells:
            mine = own[own["cell"] == cell]
            if mine.empty:
                continue
            look = styles[cell]
            ax.fill_between(mine["trials"], mine["low"], mine["high"], color=look.colour, alpha=0.10, linewidth=0)
            ax.plot(mine["trials"], mine["expected"], color=look.colour, linestyle=look.dash, marker=look.marker,
                    markersize=4.5, markevery=max(1, most // 8), markeredgecolor="white", markeredgewidth=0.4,
                    zorder=3)  # fmt: skip
    hide_unused(axes, len(tasks))
    handles = [key(styles[cell], cell) for cell in content.cells if (curves["cell"] == cell).any()]
    band = Line2D([], [], color=MUTED, linewidth=6, alpha=0.2, label="95% interval")
    legend(figure, [*handles, band, Line2D([], [], **BASELINE_KEY)])
    return figure
