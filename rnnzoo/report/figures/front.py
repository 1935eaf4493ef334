"""What is traded: the score against the time of a step and against the gradient, with the Pareto fronts."""

import math
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from rnnzoo.report.canvas import (
    BASELINE_KEY,
    MUTED,
    WIDTH,
    heading,
    key,
    legend,
    mark_baseline,
    panels,
    score_axis,
    widen,
)
from rnnzoo.report.colours import INK, cell_styles
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.figures.scores import interval_ends
from rnnzoo.report.front import measured

AXES = {
    "time": ("seconds_per_step", "time_front", "milliseconds per training step (slower →)", 1e3),
    "gradient": ("decades", "gradient_front", "decades by which the gradient changes (worse →)", 1.0),
}

FRONT_LINE: dict[str, Any] = {"color": INK, "linewidth": 1.1, "linestyle": (0, (4, 2))}
FRONT_KEY: dict[str, Any] = {**FRONT_LINE, "label": "Pareto front of the panel"}


def front_figure(content: StudyContent, table: pd.DataFrame) -> Figure:
    """Draw score against time and score against gradient, a row a task; up and left is better.

    Args:
        content: tasks and cells.
        table: `front.fronts`.
    """
    shown = [name for name in measured(table) if name in AXES]
    tasks = [task for task in content.tasks if (table["task"] == task.label).any()]
    figure, axes = panels(len(tasks), len(shown), 2.9, width=WIDTH * (0.62 if len(shown) == 1 else 0.88))
    for line, task in zip(axes, tasks, strict=True):
        heading(line[0], task.title)
        for ax, name in zip(line, shown, strict=True):
            draw(ax, content, task, table[table["task"] == task.label], name)
    styles = cell_styles(content.cells)
    handles = [key(styles[cell], cell, line=False) for cell in content.cells if (table["cell"] == cell).any()]
    legend(figure, [
        *handles,
        Line2D([], [], **FRONT_KEY),
        Line2D([], [], color=MUTED, marker="o", markersize=8, markerfacecolor="none", linestyle="none",
               label="not on the front of all measures"),
        Line2D([], [], **BASELINE_KEY),
    ], columns=5)  # fmt: skip
    return figure


def draw(ax: Axes, content: StudyContent, task: TaskContent, own: pd.DataFrame, name: str) -> None:
    """Draw one panel."""
    column, front, label, scale = AXES[name]
    means = own["mean"].astype(float)
    mark_baseline(ax, task, "y")
    widen(ax, "y", [*means, *interval_ends(own, means, task)], task)
    edges = ax.get_ylim()
    score_axis(ax, task, "y")
    ax.set_ylim(*(reversed(edges) if task.direction == "minimize" else edges))
    ax.set_ylabel(f"test {task.metric} (better →)")
    values = scale * own[column].astype(float)
    finite = values[np.isfinite(values)]
    top = float(finite.max()) * 1.12 if len(finite) and float(finite.max()) > 0 else 1.0
    beyond = bool(np.isinf(values).any())
    edge = top * (1.12 if beyond else 1.0)
    styles = cell_styles(content.cells)
    for (_, row), value in zip(own.iterrows(), values, strict=True):
        if math.isnan(value):
            continue
        look, x = styles[str(row["cell"])], min(value, edge * 0.97)
        if not math.isnan(float(row["low"])):
            ax.plot([x, x], [row["low"], row["high"]], color=look.colour, alpha=0.3, linewidth=2.5, zorder=2)
        ax.plot(x, row["mean"], marker=look.marker, color=look.colour, markersize=8, zorder=4,
                markerfacecolor=look.colour if row["front"] else "white",
                markeredgecolor="white" if row["front"] else look.colour,
                markeredgewidth=0.7 if row["front"] else 1.4)  # fmt: skip
    best = own.assign(x=values.clip(upper=edge * 0.97))[own[front].astype(bool)].sort_values(["x", "mean"])
    if len(best):
        ax.step([*best["x"], edge], [*best["mean"], best["mean"].iloc[-1]], where="post", zorder=1.5, **FRONT_LINE)
    ax.set_xlim(0 if name == "time" else -0.03 * edge, edge)
    ax.xaxis.set_major_locator(MaxNLocator(6))
    ax.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.6g}"))
    if beyond:
        ax.axvspan(top, edge, color="#eceef0", zorder=0, linewidth=0)
        ax.text(0.5 * (top + edge), 0.02, "0 or ∞", transform=ax.get_xaxis_transform(), ha="center", va="bottom",
                fontsize=7, color=MUTED)  # fmt: skip
    ax.set_xlabel(label)


TRIAL_AXES = {
    "parameters": ("parameters (larger →)", 1.0),
    "seconds_per_step": ("milliseconds per training step (slower →)", 1e3),
    "memory": ("MiB kept for the backward pass (more →)", 1.0),
    "gradient_health": ("gradient health (better →)", 1.0),
}


def trial_front_figure(content: StudyContent, table: pd.DataFrame) -> Figure:
    """Draw the trials of searches for several objectives, a row a task; those on the front of all of them are filled.

    A broken line is the front of the two objectives of its panel.

    Args:
        content: tasks and cells.
        table: `front.trial_fronts`.
    """
    shown = [name for name in TRIAL_AXES if name in table.columns]
    tasks = [task for task in content.tasks if (table["task"] == task.label).any()]
    width = WIDTH * (0.62 if len(shown) == 1 else 0.88)
    figure, axes = panels(len(tasks), len(shown), 2.9, width=width)
    styles = cell_styles(content.cells)
    for line, task in zip(axes, tasks, strict=True):
        heading(line[0], task.title)
        own = table[table["task"] == task.label]
        worst = 4 * task.baseline if task.direction == "minimize" and task.baseline > 0 else math.inf
        for ax, name in zip(line, shown, strict=True):
            label, scale = TRIAL_AXES[name]
            mark_baseline(ax, task, "y")
            widen(ax, "y", own["score"].clip(upper=worst), task)
            edges = ax.get_ylim()
            score_axis(ax, task, "y")
            ax.set_ylim(*(reversed(edges) if task.direction == "minimize" else edges))
            ax.set_ylabel(f"validation {task.metric} (better →)")
            for _, row in own.iterrows():
                look, filled = styles[str(row["cell"])], bool(row["front"])
                ax.plot(scale * row[name], min(float(row["score"]), worst), marker=look.marker, linestyle="none",
                        markersize=7 if filled else 5, markerfacecolor=look.colour if filled else "none",
                        markeredgecolor="white" if filled else look.colour, markeredgewidth=0.6 if filled else 0.9,
                        alpha=1.0 if filled else 0.55, zorder=4 if filled else 3)  # fmt: skip
            if name != "gradient_health":
                ax.set_xlim(left=0)
            draw_front(ax, own[own[f"{name}_front"].astype(bool)], name, scale)
            ax.xaxis.set_major_locator(MaxNLocator(6))
            ax.set_xlabel(label)
    handles = [key(styles[cell], cell, line=False) for cell in content.cells if (table["cell"] == cell).any()]
    hollow = Line2D([], [], color=MUTED, marker="o", markersize=5, markerfacecolor="none", linestyle="none",
                    label="not on the front of all objectives")  # fmt: skip
    legend(figure, [*handles, Line2D([], [], **FRONT_KEY), hollow, Line2D([], [], **BASELINE_KEY)], columns=5)
    return figure


def draw_front(ax: Axes, best: pd.DataFrame, name: str, scale: float) -> None:
    """Draw the line from trial to trial of a panel's front, out to the edge where the objective is worst."""
    better = name != "gradient_health"
    edge = ax.get_xlim()[1 if better else 0]
    best = best.sort_values(name, ascending=better)
    if len(best):
        ax.step([*(scale * best[name]), edge], [*best["score"], best["score"].iloc[-1]], where="post", zorder=1.5,
                **FRONT_LINE)  # fmt: skip
        ax.set_xlim(*((None, edge) if better else (edge, None)))
