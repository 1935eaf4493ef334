"""The trials of the search, and which settings mattered."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnnzoo.report.canvas import (
    BASELINE_KEY,
    MUTED,
    WIDTH,
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
from rnnzoo.report.colours import INK, cell_styles
from rnnzoo.report.content import StudyContent
from rnnzoo.run_state import LOST_STATES


def trial_figure(content: StudyContent, searched: pd.DataFrame) -> Figure:
    """Draw every trial's validation score, a panel a task and a row a cell; the chosen one ringed.

    Args:
        content: tasks and cells.
        searched: `searched.trials`.
    """
    styles = cell_styles(content.cells)
    tasks = [task for task in content.tasks if (searched["task"] == task.label).any()]
    rows, columns = grid(len(tasks), 3)
    figure, axes = panels(rows, columns, 0.9 + 0.32 * len(content.cells), sharey=True, width=width_for(columns, 3))
    for ax, task in zip(axes.flat, tasks, strict=False):
        own = searched[searched["task"] == task.label]
        heading(ax, task.title)
        cell_axis(ax, content.cells)
        worst = 4 * task.baseline if task.direction == "minimize" and task.baseline > 0 else math.inf
        values = own["valid"].clip(upper=worst)
        widen(ax, "x", values.dropna(), task)
        edges = ax.get_xlim()
        score_axis(ax, task, "x")
        ax.set_xlim(*edges)
        ax.set_xlabel(f"validation {task.metric}")
        mark_baseline(ax, task, "x")
        for row, cell in enumerate(content.cells):
            look, mine = styles[cell], own[own["cell"] == cell]
            offsets = np.array([((0.618 * index) % 1 - 0.5) * 0.5 for index in range(len(mine))])
            for pruned in (False, True):
                kept = ((mine["state"] == "pruned") == pruned).to_numpy()
                ax.plot(values[mine.index[kept]], row + offsets[kept], linestyle="none", marker=look.marker,
                        color=look.colour, markersize=4.5, alpha=0.6, zorder=3, markeredgewidth=0.9 if pruned else 0,
                        markerfacecolor="none" if pruned else look.colour)  # fmt: skip
            best = mine[mine["chosen"]]
            if len(best):
                place = mine.index.get_loc(best.index[0])
                ax.plot(values[best.index[0]], row + offsets[place], marker="o", markersize=10, markerfacecolor="none",
                        markeredgecolor=INK, markeredgewidth=1.1, linestyle="none", zorder=4)  # fmt: skip
            lost = int(mine["state"].isin(LOST_STATES).sum())
            if lost:
                ax.annotate(f"× {lost}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(2, 0), ha="left",
                            textcoords="offset points", va="center", fontsize=8, color=look.colour)  # fmt: skip
    hide_unused(axes, len(tasks))
    handles = [
        Line2D([], [], color=MUTED, marker="o", linestyle="none", markersize=4.5, alpha=0.6, label="one trial"),
        Line2D([], [], color=INK, marker="o", linestyle="none", markersize=10, markerfacecolor="none", label="chosen"),
        Line2D([], [], **BASELINE_KEY),
    ]
    if bool(searched["state"].isin(LOST_STATES).any()):
        handles.append(Line2D([], [], linestyle="none", label="× n: trials lost"))
    legend(figure, handles)
    return figure


def importance_figure(content: StudyContent, shares: pd.DataFrame) -> Figure:
    """Draw the importance of each setting, a row a setting of a cell and a column a task.

    Args:
        content: tasks and cells.
        shares: `searched.importance`.
    """
    styles = cell_styles(content.cells)
    tasks = [task for task in content.tasks if (shares["task"] == task.label).any()]
    wide = shares.pivot_table(index=["cell", "setting"], columns="task", values="importance")
    wide = wide.reindex(columns=[task.label for task in tasks])
    means = {pair: float(mean) for pair, mean in wide.mean(axis=1).items()}
    pairs = [
        (str(row["cell"]), str(row["setting"])) for _, row in shares.drop_duplicates(["cell", "setting"]).iterrows()
    ]
    order = sorted(pairs, key=lambda pair: (content.cells.index(pair[0]), -means[pair], pair[1]))
    wide = wide.loc[order].astype(float)
    texts = wide.map(lambda share: "" if math.isnan(share) else f"{100 * share:.0f}%").to_numpy(dtype=str)
    figure, axes = panels(1, 1, 0.5 + 0.27 * len(wide), width=min(WIDTH, 4.4 + 1.5 * len(tasks)))
    ax = axes[0, 0]
    ax.grid(visible=False)
    sns.heatmap(
        wide, vmin=0, vmax=1, cmap=sns.light_palette("#86a3bb", as_cmap=True), annot=texts, fmt="", linewidths=1.5,
        linecolor="white", cbar=False, ax=ax, annot_kws={"fontsize": 8.5, "color": INK},
    )  # fmt: skip
    ax.set(xlabel="", ylabel="")
    ax.xaxis.tick_top()
    ax.set_xticklabels([task.title for task in tasks], color=INK, fontsize=9)
    ax.set_yticklabels([setting for _, setting in order], rotation=0, color=INK, fontsize=8.5)
    ax.tick_params(length=0)
    names = [cell for cell, _ in order]
    for cell in dict.fromkeys(names):
        first, count = names.index(cell), names.count(cell)
        if first:
            ax.axhline(first, color="#9aa1a9", linewidth=0.9)
        ax.annotate(
            cell, (0, first + count / 2), xycoords=("axes fraction", "data"), xytext=(-135, 0), fontweight="bold",
            textcoords="offset points", va="center", ha="right", color=styles[cell].colour, fontsize=9,
            annotation_clip=False,
        )  # fmt: skip
    return figure
