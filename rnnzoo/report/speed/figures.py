"""Figures of a speed study: each draws just what a frame of `rnnzoo.speed.judging` holds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from rnnzoo.engine.bench import FLOOR
from rnnzoo.engine.peers import PEERS
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
    power,
    width_for,
)
from rnnzoo.report.colours import INK, SOLID, CellStyle, Dash, cell_styles

AXES = {"steps": "time steps T", "hidden": "hidden size", "batch": "batch size"}
DASHES: dict[str, Dash] = {"native": SOLID, "reference": (0, (1.2, 1.4)), "reversible": (0, (6, 1.6, 1.4, 1.6))}
FILLS = {"reference": "white"}
"""Engines whose markers are hollow."""

OTHER: Dash = (0, (4, 1.4))
PEER = "#7a4fa3"
FLOOR_DASH: Dash = (0, (1, 1.2))


def time_figure(swept: pd.DataFrame, over: str, cells: Sequence[str], engines: Sequence[str]) -> Figure:
    """Draw the time of a pass along one axis, a panel a cell: engines, the floor, and the layers of its own kind.

    Args:
        swept: `judging.swept`.
        over: the axis, "steps", "hidden" or "batch".
        cells: a panel each.
        engines: in the order of the legend.
    """
    styles = cell_styles(list(cells))
    rows, columns = grid(len(cells), 4)
    figure, axes = panels(rows, columns, 2.15, width=width_for(columns, 4), sharex=True, sharey=True)
    timed = swept[swept["seconds"].notna()]
    for number, (ax, cell) in enumerate(zip(axes.flat, cells, strict=False)):
        own = timed[timed["cell"] == cell]
        heading(ax, cell)
        for name, line in own.groupby("engine", sort=False):
            draw_time(ax, line, str(name), styles[cell])
        ax.set_xscale("log")
        ax.set_yscale("log")
        size_axis(ax, sorted(timed["place"].unique()))
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(1e3 * value)))
        ax.yaxis.set_minor_locator(NullLocator())
        if number % columns == 0:
            ax.set_ylabel("ms a pass")
        if number >= len(cells) - columns:
            ax.set_xlabel(AXES[over])
            ax.tick_params(labelbottom=True)
    hide_unused(axes, len(cells))
    neutral = CellStyle(MUTED, "o", SOLID)
    handles = [engine_key(name, neutral) for name in engines if (timed["engine"] == name).any()]
    if (timed["engine"] == FLOOR).any():
        handles.append(Line2D([], [], color=INK, linestyle=FLOOR_DASH, linewidth=1.3, label="floor"))
    if timed["engine"].isin(list(PEERS)).any():
        handles.append(Line2D([], [], color=PEER, linestyle=OTHER, marker="x", markersize=4, label="another package"))
    legend(figure, handles)
    return figure


def engine_key(name: str, look: CellStyle) -> Line2D:
    """Return a legend entry for an engine."""
    return Line2D([], [], label=name, **engine_style(name, look))


def engine_style(name: str, look: CellStyle) -> dict[str, Any]:
    """Return how an engine's line is drawn in the colour and with the marker of its cell."""
    return {
        "color": look.colour, "linestyle": DASHES.get(name, OTHER), "marker": look.marker, "markersize": 4.5,
        "markerfacecolor": FILLS.get(name, look.colour), "markeredgecolor": look.colour, "markeredgewidth": 0.9,
        "linewidth": 1.9 if name == "native" else 1.3,
    }  # fmt: skip


def draw_time(ax: Axes, line: pd.DataFrame, name: str, look: CellStyle) -> None:
    """Draw one engine's, layer's or the floor's times."""
    x, y = line["place"].to_numpy(dtype=float), line["seconds"].to_numpy(dtype=float)
    if name == FLOOR:
        ax.plot(x, y, color=INK, linestyle=FLOOR_DASH, linewidth=1.3, zorder=2)
    elif name in PEERS:
        ax.plot(x, y, color=PEER, linestyle=OTHER, marker="x", markersize=4, linewidth=1.2, zorder=2)
    else:
        ax.plot(x, y, zorder=4 if name == "native" else 3, **engine_style(name, look))


def size_axis(ax: Axes, values: Sequence[int]) -> None:
    """Mark just the sizes that were measured on a logarithmic x axis."""
    ax.xaxis.set_major_locator(FixedLocator([float(value) for value in values]))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: compact(value)))


def compact(value: float) -> str:
    """Write a size on an axis: 500, 2k, 100k."""
    return f"{value / 1000:g}k" if value >= 1000 else f"{value:g}"


def share_figure(shares: pd.DataFrame, overs: Sequence[str], cells: Sequence[str]) -> Figure:
    """Draw the share of the floor's speed that the native engine reaches, a panel an axis and a line a cell.

    Args:
        shares: cell, over, place and share.
        overs: the axes.
        cells: in the order of the legend.
    """
    styles = cell_styles(list(cells))
    figure, axes = panels(1, len(overs), 3.0, width=width_for(len(overs), 3), sharey=True)
    for ax, over in zip(axes.flat, overs, strict=True):
        own = shares[shares["over"] == over]
        heading(ax, f"over {AXES[over]}")
        ax.axhline(1.0, color=INK, linestyle=FLOOR_DASH, linewidth=1.3, zorder=2)
        for cell in cells:
            line, look = own[own["cell"] == cell].sort_values("place"), styles[cell]
            ax.plot(
                line["place"].astype(float), line["share"].astype(float), color=look.colour, linestyle=look.dash,
                marker=look.marker, markersize=5.5, markeredgecolor="white", markeredgewidth=0.5, zorder=3,
            )  # fmt: skip
        ax.set_xscale("log")
        size_axis(ax, sorted(own["place"].unique()))
        ax.set_xlabel(AXES[over])
        ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
    axes.flat[0].set_ylim(0, 1.06 * max(1.0, float(shares["share"].max())))
    axes.flat[0].set_ylabel("share of the floor's speed")
    handles = [key(styles[cell], cell) for cell in cells]
    handles.append(Line2D([], [], color=INK, linestyle=FLOOR_DASH, linewidth=1.3, label="floor"))
    legend(figure, handles)
    return figure


def memory_figure(kept: pd.DataFrame, cells: Sequence[str]) -> Figure:
    """Draw what a pass keeps for its backward half, a row a cell and a mark an engine or layer.

    Args:
        kept: rows of comparisons at one shape.
        cells: in order.
    """
    styles = cell_styles(list(cells))
    figure, axes = panels(1, 1, 0.9 + 0.3 * len(cells))
    ax = axes[0, 0]
    cell_axis(ax, list(cells))
    for row, cell in enumerate(cells):
        own = kept[(kept["cell"] == cell) & kept["memory_mib"].notna()]
        for _, entry in own.iterrows():
            name, value = str(entry["engine"]), float(entry["memory_mib"])
            if name in PEERS:
                ax.plot(
                    value, row, marker="x", color=PEER, markersize=7, markeredgewidth=1.6, linestyle="none", zorder=3
                )
            else:
                style = engine_style(name, styles[cell]) | {
                    "linestyle": "none",
                    "markersize": 7,
                    "markeredgewidth": 1.4,
                }
                ax.plot(value, row, zorder=4 if name == "native" else 3, **style)
    ax.set_xlim(left=0)
    ax.set_xlabel("MiB kept between forward and backward")
    neutral = CellStyle(MUTED, "o", SOLID)
    names = [str(name) for name in kept["engine"].unique() if name not in PEERS]
    handles = [engine_key(name, neutral) for name in names]
    for handle in handles:
        handle.set_linestyle("none")
    if kept["engine"].isin(list(PEERS)).any():
        handles.append(Line2D([], [], color=PEER, linestyle="none", marker="x", markersize=7, label="another package"))
    legend(figure, handles)
    return figure


def length_figure(lengths: pd.DataFrame, memories: pd.DataFrame) -> Figure:
    """Draw the time of a step and the memory for states over the length of the sequence.

    Args:
        lengths: `judging.lengths`.
        memories: `judging.memories`.
    """
    cells = list(dict.fromkeys([*lengths["cell"], *memories["cell"]]))
    styles = cell_styles(cells)
    parts = [name for name, frame in (("time", lengths), ("memory", memories)) if len(frame)]
    figure, axes = panels(1, len(parts), 3.0, width=width_for(len(parts), 2))
    handles: dict[str, Line2D] = {}
    for ax, part in zip(axes.flat, parts, strict=True):
        frame = lengths if part == "time" else memories
        column = "seconds_per_step" if part == "time" else "memory_mib"
        heading(ax, "Time of a step" if part == "time" else "Memory for states, beyond the input")
        for (cell, engine), line in frame[frame[column].notna()].groupby(["cell", "engine"], sort=False):
            style = engine_style(str(engine), styles[str(cell)])
            x, y = line["steps"].to_numpy(dtype=float), line[column].to_numpy(dtype=float)
            if part == "time":
                middle, within = float(np.median(y)), float(line["within"].iloc[0])
                ax.axhspan(1 - within, 1 + within, color=FAINT, alpha=0.5, linewidth=0, zorder=0)
                y = y / middle
                ax.text(
                    0.98, 0.04 + 0.075 * len(ax.texts), f"{cell}: median {1e6 * middle:.3g} µs",
                    ha="right", va="bottom", transform=ax.transAxes, fontsize=8, color=styles[str(cell)].colour,
                )  # fmt: skip
            ax.plot(x, y, zorder=3, **style)
            handles[f"{cell}, {engine}"] = Line2D([], [], label=f"{cell}, {engine}", **style)
        ax.set_xscale("log")
        size_axis(ax, sorted(frame["steps"].astype(int).unique()))
        ax.set_xlabel(AXES["steps"])
        if part == "time":
            ax.set_ylim(bottom=0)
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
            ax.set_ylabel("of its median over the lengths")
        else:
            ax.set_yscale("log")
            ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
            ax.yaxis.set_minor_locator(NullLocator())
            ax.set_ylabel("MiB")
        ax.grid(visible=True, color=FAINT)
    legend(figure, list(handles.values()), columns=5)
    return figure
