"""All tasks together: interquartile means, performance profiles, probabilities of improvement, and places."""

import math

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from rnnzoo.report.canvas import MUTED, WIDTH, cell_axis, key, legend, panels
from rnnzoo.report.colours import BASELINE, INK, cell_styles
from rnnzoo.report.content import StudyContent
from rnnzoo.report.tables import LEVEL

WIDEST_LABEL = 10
"""Letters of a cell's label that fit over a column of a matrix; longer ones are turned."""


def aggregate_figure(content: StudyContent, table: pd.DataFrame) -> Figure:
    """Draw the interquartile mean of every cell with its interval, the best on top.

    Args:
        content: cells.
        table: `across.aggregates`.
    """
    styles = cell_styles(content.cells)
    cells = [str(cell) for cell in table["cell"]]
    figure, axes = panels(1, 1, 0.6 + 0.3 * len(cells), width=0.62 * WIDTH)
    ax = axes[0, 0]
    cell_axis(ax, cells)
    for row, (_, own) in enumerate(table.iterrows()):
        look = styles[str(own["cell"])]
        ax.plot([own["low"], own["high"]], [row, row], color=look.colour, linewidth=6, alpha=0.3,
                solid_capstyle="butt", zorder=2)  # fmt: skip
        ax.plot(own["iqm"], row, marker=look.marker, color=look.colour, markersize=7.5, markeredgecolor="white",
                markeredgewidth=0.7, zorder=3)  # fmt: skip
        ax.annotate(f"{own['iqm']:.3f}", (1.0, row), xycoords=("axes fraction", "data"), ha="right", va="center",
                    fontsize=7.5, color=INK)  # fmt: skip
    for place in (0.0, 1.0):
        ax.axvline(place, color=BASELINE, linewidth=1.2, linestyle=(0, (1, 1.5)), zorder=1)
    low = float(np.nanmin([*table["iqm"], *table["low"], 0.0]))
    ax.set_xlim(low - 0.04, max(1.0, float(np.nanmax([*table["iqm"], *table["high"]]))) + 0.13)
    ax.set_xlabel("interquartile mean of normalised scores (0 = memoryless baseline, 1 = solved)")
    return figure


def profile_figure(content: StudyContent, table: pd.DataFrame) -> Figure:
    """Draw the share of runs that reach each normalised score, a line a cell.

    Args:
        content: cells.
        table: `across.profiles`.
    """
    styles = cell_styles(content.cells)
    figure, axes = panels(1, 1, 3.4, width=0.85 * WIDTH)
    ax = axes[0, 0]
    shown = [cell for cell in content.cells if (table["cell"] == cell).any()]
    for cell in shown:
        own, look = table[table["cell"] == cell], styles[cell]
        ax.fill_between(own["threshold"], own["low"], own["high"], color=look.colour, alpha=0.08, linewidth=0,
                        step="pre")  # fmt: skip
        ax.plot(own["threshold"], own["share"], drawstyle="steps-pre", color=look.colour, linestyle=look.dash,
                marker=look.marker,
                markevery=(4 + 3 * shown.index(cell) % 12, 25), markersize=5, markeredgecolor="white",
                markeredgewidth=0.4, zorder=3)  # fmt: skip
    ax.set_xlim(0, 1.005)
    ax.set_ylim(-0.02, 1.02)
    ax.set_xlabel("normalised score τ (0 = memoryless baseline, 1 = solved)")
    ax.set_ylabel("share of runs that reach τ")
    legend(figure, [key(styles[cell], cell) for cell in shown], columns=8)
    return figure


def improvement_figure(content: StudyContent, table: pd.DataFrame, order: list[str]) -> Figure:
    """Draw the probability that a run of the cell in the row beats one of the cell in the column.

    Args:
        content: cells.
        table: `across.improvements`.
        order: cells from the first row to the last.
    """
    styles = cell_styles(content.cells)
    wide = table.pivot(index="cell", columns="against", values="probability").reindex(index=order, columns=order)
    entries = {(str(row["cell"]), str(row["against"])): row for _, row in table.iterrows()}
    size = len(order)
    figure, axes = panels(1, 1, 0.7 + 0.4 * size, width=min(WIDTH, 2.2 + 0.75 * size))
    ax = axes[0, 0]
    ax.grid(visible=False)
    sns.heatmap(
        wide.astype(float), vmin=0, vmax=1, cmap=sns.diverging_palette(35, 240, s=55, l=62, as_cmap=True), cbar=False,
        linewidths=1.5, linecolor="white", ax=ax,
    )  # fmt: skip
    for row, cell in enumerate(order):
        for column, against in enumerate(order):
            if cell != against:
                own = entries[cell, against]
                apart = own["low"] > 0.5 or own["high"] < 0.5
                ax.text(column + 0.5, row + 0.5, f"{own['probability']:.2f}", ha="center", va="center",
                        fontsize=8.5, color=INK, fontweight="bold" if apart else "normal")  # fmt: skip
    ax.set(xlabel="", ylabel="")
    ax.xaxis.tick_top()
    turned = max(map(len, order)) > WIDEST_LABEL
    ax.set_xticklabels(order, color=INK, fontsize=9, rotation=30 if turned else 0, ha="left" if turned else "center",
                       rotation_mode="anchor" if turned else "default")  # fmt: skip
    ax.set_yticklabels(order, rotation=0, color=INK, fontsize=9)
    for label in ax.get_yticklabels():
        label.set_color(styles[label.get_text()].colour)
        label.set_fontweight("bold")
    ax.tick_params(length=0)
    ax.set_title("beats … →", loc="left", fontsize=8.5, color=MUTED, fontweight="normal", pad=8 if turned else 20)
    return figure


def places_figure(content: StudyContent, ranks: pd.Series, p_values: pd.DataFrame) -> Figure:
    """Draw the critical-difference diagram: mean places, and bars over the cells that are not told apart.

    Args:
        content: cells.
        ranks: mean place of every cell.
        p_values: cells × cells, corrected, 1 on the diagonal.

    Raises:
        ImportError: scikit-posthocs is not installed.
    """
    from scikit_posthocs import critical_difference_diagram

    styles = cell_styles(content.cells)
    figure, axes = panels(1, 1, 0.9 + 0.24 * len(ranks), width=0.8 * WIDTH)
    ax = axes[0, 0]
    ax.grid(visible=False)
    critical_difference_diagram(
        ranks, p_values, alpha=LEVEL, ax=ax, label_fmt_left="{label} ({rank:.2f})",
        label_fmt_right="({rank:.2f}) {label}",
        color_palette={cell: styles[cell].colour for cell in ranks.index}, label_props={"fontsize": 9},
        # ends are marked: a bar over cells of the same mean place has no length
        crossbar_props={"color": INK, "linewidth": 2.2, "marker": "|", "markersize": 7, "markeredgewidth": 2.2},
        marker_props={"s": 26},
    )  # fmt: skip
    places = range(math.floor(float(ranks.min())), math.ceil(float(ranks.max())) + 1)
    left, right = ax.get_xlim()
    ax.set_xticks([place for place in places if left <= place <= right])
    ax.spines["top"].set_visible(True)
    return figure
