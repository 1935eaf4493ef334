"""Figures of the gradient laboratory: each draws just what a frame of `rnnzoo.report.laboratory.frames` holds."""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from rnnzoo.report.canvas import (
    FAINT,
    MUTED,
    cell_axis,
    grid,
    heading,
    hide_unused,
    key,
    legend,
    panels,
    plain_logarithms,
    power,
    width_for,
)
from rnnzoo.report.colours import INK, CellStyle, cell_styles
from rnnzoo.report.content import StudyContent
from rnnzoo.report.gradients import FACTOR
from rnnzoo.report.laboratory.frames import MOMENT_WORDS, cells_of, moments_of

DECADES = 14
"""What lies so many decades below the largest value of a panel, or above the smallest, runs along its edge."""

LARGEST = 1e30
"""Furthest that an axis reaches, and its inverse."""

NEAR = 1e3
"""Bounds within this factor of an axis's end are on it; those further off say nothing of what is drawn."""

VIOLATED = "#c0172f"
STRUCK = "#8a8a8a"


def line_figure(
    content: StudyContent,
    frame: pd.DataFrame,
    x: str,
    y: str,
    labels: tuple[str, str],
    *,
    log_x: bool = False,
    log_y: bool = False,
    level: tuple[float, float] | None = None,
    zero: float | None = None,
    limits: tuple[float, float] | None = None,
    bounds: pd.DataFrame | None = None,
    height: float = 2.75,
) -> Figure:
    """Draw y over x with a line a cell, a row of panels a task and a column a moment.

    Args:
        content: tasks and cells.
        frame: task, cell, moment, and the columns x and y.
        x, y: columns.
        labels: of the axes.
        log_x, log_y: whether the axes are logarithmic.
        level: a band that is shaded: what counts as level.
        zero: a value at which a line is drawn.
        limits: of the y axis.
        bounds: task, cell, moment, at, bound and lower: marks of proven bounds.
        height: of a row in inches.
    """
    styles = cell_styles(content.cells)
    tasks = [task for task in content.tasks if (frame["task"] == task.label).any()]
    moments = moments_of(frame)
    figure, axes = panels(len(tasks), len(moments), height, sharey="row", width=width_for(len(moments), 2))
    for line, task in zip(axes, tasks, strict=True):
        own = frame[frame["task"] == task.label]
        low, high = value_range(own[y].to_numpy(dtype=float), limits) if log_y else (math.nan, math.nan)
        if bounds is not None and log_y:
            near = bounds.loc[bounds["task"] == task.label, "bound"].astype(float)
            near = near[near.between(low / NEAR, high * NEAR)]
            low, high = min([low, *(near / 2)]), max([high, *(near * 2)])
        for ax, moment in zip(line, moments, strict=True):
            heading(ax, f"{task.title}: {MOMENT_WORDS[moment]}")
            if level is not None:
                ax.axhspan(*level, color=FAINT, alpha=0.7, linewidth=0, zorder=0)
            if zero is not None:
                ax.axhline(zero, color=STRUCK, linewidth=1.0, zorder=1)
            for cell in cells_of(content, own):
                curve = own[(own["cell"] == cell) & (own["moment"] == moment)].sort_values(x)
                values = curve[y].to_numpy(dtype=float)
                if log_y:
                    values = np.clip(values, low * 1.15, high / 1.15)
                draw_line(ax, curve[x].to_numpy(dtype=float), values, styles[cell])
            if bounds is not None:
                draw_bounds(
                    ax, bounds[(bounds["task"] == task.label) & (bounds["moment"] == moment)], styles, low, high
                )
            if log_x:
                ax.set_xscale("log")
                ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
            if log_y:
                ax.set_yscale("log")
                ax.set_ylim(low, high)
                plain_logarithms(ax.yaxis)
            elif limits is not None:
                ax.set_ylim(*limits)
            ax.set_xlabel(labels[0])
        line[0].set_ylabel(labels[1])
    handles = [key(styles[cell], cell) for cell in cells_of(content, frame)]
    if bounds is not None and len(bounds):
        for lower, word in ((False, "upper bound"), (True, "lower bound")):
            if (bounds["lower"] == lower).any():
                handles.append(
                    Line2D([], [], color=MUTED, marker="^" if lower else "v", linestyle="none", markersize=6,
                           markerfacecolor="none", label=word)
                )  # fmt: skip
    legend(figure, handles)
    return figure


def value_range(values: np.ndarray, limits: tuple[float, float] | None = None) -> tuple[float, float]:
    """Return the ends of a logarithmic axis: all positive values, at most `DECADES` from 1 if 1 is among them."""
    if limits is not None:
        return limits
    known = values[np.isfinite(values) & (values > 0)]
    if not len(known):
        return 0.1, 10.0
    # ticks of an axis that reaches to the end of a float's range overflow
    low, high = np.clip([known.min(), known.max()], 1 / LARGEST, LARGEST).tolist()
    low = max(low, min(1.0, high) * 10.0**-DECADES)
    high = min(high, max(1.0, low) * 10.0**DECADES)
    return low / 2, high * 2


def draw_line(ax: Axes, x: np.ndarray, y: np.ndarray, look: CellStyle) -> None:
    """Draw one cell's line with some markers."""
    every = max(1, len(x) // 6)
    ax.plot(
        x, y, color=look.colour, linestyle=look.dash, marker=look.marker, markersize=5,
        markevery=(sum(map(ord, look.colour)) % every, every), markeredgecolor="white", markeredgewidth=0.5, zorder=3,
    )  # fmt: skip


def draw_bounds(ax: Axes, bounds: pd.DataFrame, styles: dict[str, CellStyle], low: float, high: float) -> None:
    """Mark proven bounds: a triangle that points to where the value must lie; one outside the axis is left out."""
    for _, row in bounds.iterrows():
        value = float(row["bound"])
        if low < value < high:
            ax.plot(
                float(row["at"]), value, marker="^" if row["lower"] else "v", markersize=7, markerfacecolor="none",
                markeredgecolor=styles[str(row["cell"])].colour, markeredgewidth=1.3, linestyle="none", zorder=4,
            )  # fmt: skip


def bound_figure(content: StudyContent, checks: pd.DataFrame) -> Figure:
    """Draw how much of each bound is used up, a row a statement of a cell, open before training and filled after.

    Args:
        content: cells.
        checks: `frames.checks`, those that apply and were measured.
    """
    styles = cell_styles(content.cells)
    rows = list(dict.fromkeys(zip(checks["cell"], checks["statement"], checks["quantity"], strict=True)))
    order = {cell: i for i, cell in enumerate(content.cells)}
    rows.sort(key=lambda row: order[row[0]])
    figure, axes = panels(1, 1, 0.7 + 0.3 * len(rows))
    ax = axes[0, 0]
    cell_axis(ax, [f"{cell}: {quantity}" for cell, _, quantity in rows])
    floor = 1e-8
    for number, row in enumerate(rows):
        own = checks[[tuple(found) == row for found in checks[["cell", "statement", "quantity"]].to_numpy()]]
        look = styles[row[0]]
        for offset, moment in ((-0.14, "initial"), (0.14, "trained")):
            for share in own.loc[own["moment"] == moment, "share"].astype(float):
                shown = min(max(share, floor), 1e4)
                colour = VIOLATED if share > 1 + 1e-6 else look.colour
                ax.plot(
                    shown, number + offset, marker="X" if share > 1 + 1e-6 else look.marker, markersize=7,
                    color=colour, markerfacecolor="white" if moment == "initial" else colour, markeredgecolor=colour,
                    markeredgewidth=1.2, linestyle="none", zorder=3, alpha=0.9,
                )  # fmt: skip
    ax.axvline(1.0, color=INK, linewidth=1.4, zorder=2)
    highest = max(10.0, 2 * float(checks["share"].clip(upper=1e4).max()))
    ax.axvspan(1.0, highest, color=VIOLATED, alpha=0.07, linewidth=0, zorder=0)
    ax.set_xscale("log")
    ax.set_xlim(floor / 2, highest)
    plain_logarithms(ax.xaxis)
    ax.set_xlabel("how much of the bound is used: 1 is the bound itself, beyond it is a violation")
    handles = [
        Line2D([], [], color=MUTED, marker="o", markerfacecolor="white" if moment == "initial" else MUTED,
               linestyle="none", label=MOMENT_WORDS[moment]) for moment in ("initial", "trained")
    ]  # fmt: skip
    legend(figure, handles)
    return figure


def heat_figure(content: StudyContent, history: pd.DataFrame, label: str) -> Figure:
    """Draw ‖∂L/∂h_t‖ over optimiser step and time step, a panel a cell, all on one colour scale.

    Args:
        content: cells.
        history: task, cell, step, t: median.
        label: of the task that is drawn.
    """
    own = history[history["task"] == label]
    cells = cells_of(content, own)
    rows, columns = grid(len(cells), 4)
    figure, axes = panels(rows, columns, 2.2, width=width_for(columns, 4), sharex=True, sharey=True)
    values = own["median"].to_numpy(dtype=float)
    low, high = value_range(values)
    norm = LogNorm(max(low, high * 1e-10), high)
    mesh: Any = None
    for number, (ax, cell) in enumerate(zip(axes.flat, cells, strict=False)):
        wide = own[own["cell"] == cell].pivot_table(index="step", columns="t", values="median", aggfunc="median")
        heading(ax, cell)
        ax.grid(visible=False)
        mesh = ax.pcolormesh(
            wide.columns.to_numpy(dtype=float), wide.index.to_numpy(dtype=float),
            np.clip(wide.to_numpy(dtype=float), norm.vmin, norm.vmax), norm=norm, cmap="viridis", shading="nearest",
            rasterized=True,
        )  # fmt: skip
        if number % columns == 0:
            ax.set_ylabel("optimiser step")
        if number >= len(cells) - columns:
            ax.set_xlabel("time step t")
            ax.tick_params(labelbottom=True)
    hide_unused(axes, len(cells))
    bar = figure.colorbar(mesh, ax=axes, shrink=0.7, pad=0.01)
    bar.set_label("‖∂L/∂hₜ‖", color=MUTED)
    bar.ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    return figure


def training_figure(
    content: StudyContent,
    frame: pd.DataFrame,
    columns: Sequence[tuple[str, str]],
    *,
    log: bool = True,
    level: float | None = None,
) -> Figure:
    """Draw columns of a frame over the optimiser steps, a row of panels a task and a column a quantity.

    Args:
        content: tasks and cells.
        frame: task, cell, step and the columns; a NaN leaves a gap.
        columns: column and title of each panel.
        log: whether the axes are logarithmic; otherwise the quantities are shares, and the axes begin at 0.
        level: a value at which a line is drawn.
    """
    styles = cell_styles(content.cells)
    tasks = [task for task in content.tasks if (frame["task"] == task.label).any()]
    figure, axes = panels(len(tasks), len(columns), 2.6, width=width_for(len(columns), 2))
    for line, task in zip(axes, tasks, strict=True):
        for ax, (name, title) in zip(line, columns, strict=True):
            own = frame[frame["task"] == task.label].dropna(subset=[name])
            values = own[name].to_numpy(dtype=float)
            low, high = value_range(values) if log else share_range(values)
            heading(ax, f"{task.title}: {title}")
            if level is not None:
                high = max(high, 2 * level)
                ax.axhline(level, color=STRUCK, linewidth=1.0, zorder=1)
            for cell in cells_of(content, own):
                curve = own[own["cell"] == cell].sort_values("step")
                values = curve[name].to_numpy(dtype=float)
                values = np.clip(values, low * 1.15, high) if log else values
                draw_line(ax, curve["step"].to_numpy(dtype=float), values, styles[cell])
            if log:
                ax.set_yscale("log")
                plain_logarithms(ax.yaxis)
            else:
                ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g}%"))
            ax.set_ylim(low, high)
            ax.set_xlabel("optimiser step")
    legend(figure, [key(styles[cell], cell) for cell in cells_of(content, frame)])
    return figure


def share_range(values: np.ndarray) -> tuple[float, float]:
    """Return the ends of an axis of shares: from just below 0 to just above the largest, at least 5%."""
    top = 1.1 * max(0.05, float(np.nanmax(values, initial=0.0)))
    return -0.03 * top, top


LEVEL = (1 / FACTOR, FACTOR)
