"""What a training step costs."""

import math

import pandas as pd
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from rnnzoo.report.canvas import (
    MUTED,
    cell_axis,
    heading,
    panels,
    width_for,
)
from rnnzoo.report.colours import INK, cell_styles
from rnnzoo.report.content import StudyContent


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
