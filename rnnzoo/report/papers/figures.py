"""Published scores beside ours: one row a recipe, one panel a kind of score."""

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter

from rnnzoo.report.canvas import FAINT, heading, legend, panels, plain_logarithms
from rnnzoo.report.colours import INK

OURS, THEIRS, BASELINE = "#17506e", "#c1582b", "#8a8a8a"

LEAST_SPAN = 30
"""Ends of a logarithmic axis lie at least this factor apart, so that it has a labelled tick and noise looks small."""


def comparison_figure(rows: pd.DataFrame) -> Figure:
    """Draw every recipe's score here and in print.

    Args:
        rows: `tables.comparisons`.
    """
    kinds = [(metric, part) for metric, part in rows.groupby("metric", sort=False)]
    heights = [max(1.1, 0.34 * len(part) + 0.7) for _, part in kinds]
    figure, axes = panels(len(kinds), 1, sum(heights) / len(kinds), gridspec_kw={"height_ratios": heights})
    for ax, (metric, part) in zip(axes[:, 0], kinds, strict=True):
        draw_kind(ax, str(metric), part.reset_index(drop=True))
    handles = [
        Line2D([], [], color=OURS, marker="o", linestyle="none", label="test score here, with its seeds' range"),
        Line2D([], [], color=OURS, marker="o", markerfacecolor="white", linestyle="none",
               label="best validation score here, not yet tested"),
        Line2D([], [], color=THEIRS, marker="|", markersize=9, linewidth=2.5, label="published for this cell"),
        Line2D([], [], color=BASELINE, marker="|", markersize=9, linestyle="none", label="an answer without memory"),
    ]  # fmt: skip
    legend(figure, handles, columns=2)
    return figure


def draw_kind(ax: Axes, metric: str, part: pd.DataFrame) -> None:
    """Draw the recipes that are scored in one metric."""
    percent = part["direction"].eq("maximize").all()
    heading(ax, metric)
    for place, row in enumerate(part.to_dict("records")):
        ax.plot([row["baseline"]], [place], color=BASELINE, marker="|", markersize=9, zorder=1)
        scored = not math.isnan(row["test"])
        value, low, high = (row[f"{'test' if scored else 'valid'}{end}"] for end in ("", "_low", "_high"))
        ax.plot([low, high], [place, place], color=OURS, linewidth=2, zorder=3)
        ax.plot(
            [value],
            [place],
            marker="o",
            markersize=6,
            color=OURS,
            markerfacecolor=OURS if scored else "white",
            zorder=4,
        )
        if not math.isnan(row["published_low"]):
            ends = [row["published_low"], row["published_high"]]
            ax.plot(ends, [place, place], color=THEIRS, linewidth=2.5, marker="|", markersize=9, zorder=2)
    names = [f"{row.cell} · {row.title}" for row in part.itertuples()]
    ax.set_ylim(len(part) - 0.4, -0.6)
    ax.set_yticks(range(len(part)), names, fontsize=9, color=INK)
    ax.tick_params(axis="y", length=0)
    ax.grid(visible=False, axis="y")
    for place in range(len(part)):
        ax.axhline(place, color=FAINT, linewidth=0.7, zorder=0)
    ax.spines["left"].set_visible(False)
    if percent:
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
        ax.set_xlabel("larger is better")
    else:
        ax.set_xscale("log")
        low, high = ax.get_xlim()
        ax.set_xlim(min(low, high / LEAST_SPAN), 1.15 * high)
        plain_logarithms(ax.xaxis)
        ax.set_xlabel("smaller is better")
