"""What a training step costs, and the score that it buys."""

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from rnnzoo.report.canvas import (
    BASELINE_KEY,
    MUTED,
    cell_axis,
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
from rnnzoo.report.colours import INK, cell_styles
from rnnzoo.report.content import StudyContent
from rnnzoo.report.figures.scores import interval_ends


def cost_figure(content: StudyContent, costs: pd.DataFrame) -> Figure:
    """Draw time and memory of a training step and the parameters, a column a quantity and a row a task.

    Args:
        content: tasks and cells.
        costs: `tables.step_seconds`.
    """
    styles = cell_styles(content.cells)
    quantities = [
        ("seconds_per_step", "milliseconds per training step", 1e3),
        ("memory_mib", "MiB kept for backward", 1.0),
        ("parameters", "parameters", 1.0),
    ]
    quantities = [entry for entry in quantities if costs[entry[0]].notna().any()]
    tasks = [task for task in content.tasks if (costs["task"] == task.label).any()]
    height = 0.75 + 0.23 * len(content.cells)
    figure, axes = panels(len(tasks), len(quantities), height, sharey=True, width=width_for(len(quantities), 3))
    for line, task in zip(axes, tasks, strict=True):
        own = costs[costs["task"] == task.label].set_index("cell")
        heading(line[0], task.title)
        for ax, (name, label, scale) in zip(line, quantities, strict=True):
            cell_axis(ax, content.cells)
            values = own[name].astype(float) * scale
            top = float(values.max()) if values.notna().any() else 1.0
            for row, cell in enumerate(content.cells):
                value = float(values.get(cell, math.nan))
                if math.isnan(value):
                    ax.text(0.02 * top, row, "not measured", va="center", fontsize=7.5, color=MUTED)
                    continue
                look = styles[cell]
                ax.plot([0, value], [row, row], color=look.colour, linewidth=2.2, solid_capstyle="butt", zorder=2)
                ax.plot(value, row, marker=look.marker, color=look.colour, markersize=6.5, markeredgecolor="white",
                        markeredgewidth=0.6, zorder=3)  # fmt: skip
                text = f"{value:,.0f}" if name == "parameters" else f"{value:.3g}" if value < 100 else f"{value:,.0f}"
                ax.annotate(text, (value, row), xytext=(7, 0), textcoords="offset points", va="center", fontsize=7.5,
                            color=INK)  # fmt: skip
            ax.set_xlim(0, top * 1.22)
            ax.xaxis.set_major_locator(MaxNLocator(5))
            ax.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.6g}"))
            ax.set_xlabel(label)
    return figure


def tradeoff_figure(content: StudyContent, costs: pd.DataFrame) -> Figure:
    """Draw the mean score against the time of a training step, a panel a task; up and left is better.

    Args:
        content: tasks and cells.
        costs: `tables.step_seconds`.
    """
    styles = cell_styles(content.cells)
    known = costs[costs["seconds_per_step"].notna() & costs["mean"].notna()]
    tasks = [task for task in content.tasks if (known["task"] == task.label).any()]
    rows, columns = grid(len(tasks), 3)
    figure, axes = panels(rows, columns, 3.0, width=width_for(columns, 3))
    for ax, task in zip(axes.flat, tasks, strict=False):
        own = known[known["task"] == task.label]
        heading(ax, task.title)
        mark_baseline(ax, task, "y")
        widen(ax, "y", [*own["mean"].astype(float), *interval_ends(own, own["mean"].astype(float), task)], task)
        edges = ax.get_ylim()
        score_axis(ax, task, "y")
        # a good score is up in every panel
        ax.set_ylim(*(reversed(edges) if task.direction == "minimize" else edges))
        # the label is turned: its arrow points up
        ax.set_ylabel(f"test {task.metric} (better →)")
        milliseconds = own["seconds_per_step"].astype(float) * 1e3
        for (_, row), x in zip(own.iterrows(), milliseconds, strict=True):
            look = styles[row["cell"]]
            if not math.isnan(float(row["low"])):
                ax.plot([x, x], [row["low"], row["high"]], color=look.colour, alpha=0.3, linewidth=2.5, zorder=2)
            ax.plot(x, row["mean"], marker=look.marker, color=look.colour, markersize=8, markeredgecolor="white",
                    markeredgewidth=0.7, zorder=3)  # fmt: skip
        ax.set_xlim(0, float(milliseconds.max()) * 1.12)
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.6g}"))
        ax.set_xlabel("milliseconds per training step (slower →)")
    hide_unused(axes, len(tasks))
    handles = [key(styles[cell], cell, line=False) for cell in content.cells if (known["cell"] == cell).any()]
    legend(figure, [*handles, Line2D([], [], **BASELINE_KEY)])
    return figure
