"""Validation scores over steps and over seconds."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math
from itertools import cycle
from textwrap import shorten
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnnzoo.report.canvas import BASELINE_KEY, heading, key, legend, mark_baseline, panels, score_axis, widen
from rnnzoo.report.colours import INK, CellStyle, cell_styles
from rnnzoo.report.content import StudyContent, TaskContent

PUBLISHED_KINDS = (
    ("black", (5.0, 2.0), "."),
    ("#5b5b5b", (3.0, 1.6), "d"),
    ("#8a8a8a", (8.0, 2.0), "2"),
    ("black", (5.0, 1.0, 1.0, 1.0), "*"),
)
"""Colour, dashes and marker of the first published curve, the second and so on."""


def curve_figure(content: StudyContent, curves: pd.DataFrame) -> Figure:
    """Draw validation scores over steps and over seconds, a row a task; published curves dashed in black and grey.

    Args:
        content: tasks, cells and published curves.
        curves: `tables.learning_curves`.
    """
    styles = cell_styles(content.cells)
    tasks = [task for task in content.tasks if (curves["task"] == task.label).any()]
    figure, axes = panels(len(tasks), 2, 2.75, sharey="row")
    looks = published_looks(content.published)
    for (left, right), task in zip(axes, tasks, strict=True):
        own = curves[curves["task"] == task.label]
        published = content.published[content.published["task"] == task.label]
        heading(left, task.title)
        for ax, x in ((left, "step"), (right, "seconds")):
            for cell in content.cells:
                draw_curve(ax, own[own["cell"] == cell], x, styles[cell])
            mark_baseline(ax, task, "y")
            ax.set_xlabel("training step" if x == "step" else seconds_label(own))
            ax.margins(x=0.02)
        for (name, source), curve in published.groupby(["name", "source"], sort=False):
            curve, look = curve.sort_values("step"), looks[str(name), str(source)]
            left.plot(curve["step"].astype(float), curve["valid"].astype(float), **look, zorder=5)
        limit_curves(left, [*own["median"], *pd.to_numeric(published["valid"], errors="coerce")], task)
        edges = left.get_ylim()
        score_axis(left, task, "y")
        left.set_ylim(*edges)
        left.set_ylabel(f"validation {task.metric}")
        if bool((own["seconds"] > 0).any()):
            right.set_xlim(left=0)
    drawn = set(curves["cell"])
    handles = [key(styles[cell], cell) for cell in content.cells if cell in drawn] + [Line2D([], [], **BASELINE_KEY)]
    legend(figure, handles, columns=5)
    if looks:
        # sources are long, so they stand under each other
        named = [
            Line2D([], [], **look, label=shorten(f"published: {name} ({source})", 120, placeholder=" …"))
            for (name, source), look in looks.items()
        ]
        figure.legend(handles=named, loc="outside lower left", ncols=1, frameon=False, fontsize=8.5, handlelength=4.0,
                      handletextpad=0.5, labelcolor=INK)  # fmt: skip
    return figure


def published_looks(published: pd.DataFrame) -> dict[tuple[str, str], dict[str, Any]]:
    """Return how each published curve is drawn, by its name and source: dashed, black first and then greys."""
    pairs = published[["name", "source"]].drop_duplicates().itertuples(index=False)
    origins = [(str(name), str(source)) for name, source in pairs]
    return {
        origin: {"color": colour, "linestyle": (0, dash), "marker": marker, "markersize": 4, "linewidth": 1.3}
        for origin, (colour, dash, marker) in zip(origins, cycle(PUBLISHED_KINDS), strict=False)
    }


def seconds_label(curves: pd.DataFrame) -> str:
    """Say which seconds a curve is drawn over."""
    if bool((curves["timing"] == "measured").all()):
        return "seconds of training (steps × seconds a step, measured alone)"
    return "seconds of training (clock of the run, machine shared)"


def draw_curve(ax: Axes, curve: pd.DataFrame, x: str, look: CellStyle) -> None:
    """Draw the median over the seeds as a line, their range as a band."""
    curve = curve.dropna(subset=[x, "median"])
    if curve.empty:
        return
    places = curve[x].to_numpy(dtype=float)
    ax.fill_between(places, curve["low"].astype(float), curve["high"].astype(float), color=look.colour, alpha=0.10,
                    linewidth=0, zorder=2)  # fmt: skip
    every = max(1, len(curve) // 6)
    # each cell's markers start elsewhere, so that they do not pile up where curves coincide
    start = sum(map(ord, look.colour)) % every
    ax.plot(
        places, curve["median"].astype(float), color=look.colour, linestyle=look.dash, marker=look.marker,
        markevery=(start, every), markersize=5, markeredgecolor="white", markeredgewidth=0.5, zorder=3,
    )  # fmt: skip


def limit_curves(ax: Axes, values: list[float], task: TaskContent) -> None:
    """Set the score axis so that a run which got lost does not squeeze the others, less easily on a logarithmic one."""
    times = 10.0 if task.log else 3.0
    worst = times * task.baseline if task.direction == "minimize" and task.baseline > 0 else math.inf
    widen(ax, "y", [min(value, worst) for value in values], task)
