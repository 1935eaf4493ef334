"""What learning rules reach, and the angle between their gradients and the true one."""

import math

import numpy as np
import pandas as pd
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from rnnzoo.learning.together import ALL, BEFORE
from rnnzoo.report import formats
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
    ramp,
    score_axis,
    widen,
    width_for,
)
from rnnzoo.report.colours import INK, cell_styles, rule_styles
from rnnzoo.report.content import StudyContent
from rnnzoo.report.figures.scores import interval_ends
from rnnzoo.report.learning import RANDOM


def names(content: StudyContent) -> list[str]:
    """Return the names of the study's rules, in the order of its file."""
    return list(dict.fromkeys(content.rules["name"]))


def bases(content: StudyContent) -> list[str]:
    """Return the cells that the rules are crossed with."""
    return list(dict.fromkeys(content.rules["base"]))


def rule_figure(content: StudyContent, table: pd.DataFrame) -> Figure:
    """Draw the mean test score and its interval by rule, a panel a task, a row a rule, a mark a cell.

    Args:
        content: tasks, cells and rules.
        table: `learning.rule_scores`.
    """
    rules, cells = names(content), bases(content)
    styles = cell_styles(cells)
    rows, columns = grid(len(content.tasks), 3)
    figure, axes = panels(rows, columns, 0.9 + 0.34 * len(rules), width=width_for(columns, 3), sharey=True)
    for ax, task in zip(axes.flat, content.tasks, strict=False):
        heading(ax, task.title)
        cell_axis(ax, rules)
        own = table[table["task"] == task.label]
        widen(ax, "x", [*own["mean"], *interval_ends(own, own["mean"], task)], task)
        edges = ax.get_xlim()
        score_axis(ax, task, "x")
        ax.set_xlim(*edges)
        mark_baseline(ax, task, "x")
        for _, row in own.iterrows():
            look, index = styles[row["base"]], cells.index(row["base"])
            y = rules.index(row["name"]) + 0.22 * (index - (len(cells) - 1) / 2)
            if not math.isnan(row["low"]):
                ax.plot([row["low"], row["high"]], [y, y], color=look.colour, linewidth=4, alpha=0.25,
                        solid_capstyle="butt", zorder=2)  # fmt: skip
            ax.plot(row["mean"], y, linestyle="none", marker=look.marker, color=look.colour, markersize=6.5,
                    markeredgecolor="white", markeredgewidth=0.6, zorder=3)  # fmt: skip
    hide_unused(axes, len(content.tasks))
    interval = Line2D([], [], color=MUTED, linewidth=4, alpha=0.3, label="95% interval of the mean")
    marks = [key(styles[cell], cell, line=False) for cell in cells]
    legend(figure, [*marks, interval, Line2D([], [], **BASELINE_KEY)])
    return figure


def alignment_figure(content: StudyContent, found: pd.DataFrame) -> Figure:
    """Draw the angle over training, a row a task, a column a cell, a line a rule.

    Args:
        content: tasks and rules.
        found: `learning.angles`.
    """
    own = found[found["parameter"] == BEFORE]
    tasks = [task for task in content.tasks if (own["task"] == task.label).any()]
    cells = [base for base in bases(content) if (own["base"] == base).any()]
    rules = [name for name in names(content) if (own["name"] == name).any()]
    styles = rule_styles(names(content))
    figure, axes = panels(len(tasks), len(cells), 2.4, width=width_for(len(cells), 2), sharey=True, sharex="row")
    for line, task in zip(axes, tasks, strict=True):
        for ax, cell in zip(line, cells, strict=True):
            heading(ax, f"{task.title}: {cell}")
            ax.axhline(RANDOM, color=MUTED, linewidth=1.1, linestyle=(0, (1, 1.5)), zorder=1)
            for name in rules:
                path = own[(own["task"] == task.label) & (own["base"] == cell) & (own["name"] == name)]
                path, look = path.sort_values("step"), styles[name]
                ax.fill_between(path["step"], path["low"], path["high"], color=look.colour, alpha=0.1, linewidth=0)
                ax.plot(path["step"], path["degrees"], color=look.colour, linestyle=look.dash, marker=look.marker,
                        markersize=4.5, markeredgecolor="white", markeredgewidth=0.5, zorder=3)  # fmt: skip
            ax.set_ylim(0, max(120.0, 10 * math.ceil(float(own["high"].max()) / 10)))
            ax.set_yticks([0, 30, 60, 90, 120])
            ax.set_xlabel("optimiser step")
        line[0].set_ylabel("degrees")
    right = Line2D([], [], color=MUTED, linewidth=1.1, linestyle=(0, (1, 1.5)), label="a random direction")
    legend(figure, [*(key(styles[name], name) for name in rules), right])
    return figure


def last_angles(found: pd.DataFrame) -> pd.DataFrame:
    """Return the angles at the last step at which they were measured, parameter by parameter."""
    own = found[~found["parameter"].isin([ALL, BEFORE])]
    own = own[~own["parameter"].str.startswith("linear.")]
    return own[own["step"] == own.groupby(["task", "cell"])["step"].transform("max")].reset_index(drop=True)


def parameter_figure(content: StudyContent, last: pd.DataFrame) -> Figure:
    """Draw the angle after training by parameter and rule, a panel a task and cell; dark is aligned.

    Args:
        content: tasks and rules.
        last: `last_angles`.
    """
    pairs = [
        (task, base)
        for task in content.tasks
        for base in bases(content)
        if ((last["task"] == task.label) & (last["base"] == base)).any()
    ]
    rules = [name for name in names(content) if (last["name"] == name).any()]
    columns = len({base for _, base in pairs})
    most = int(last.groupby(["task", "base"])["parameter"].nunique().max())
    rows = math.ceil(len(pairs) / columns)
    figure, axes = panels(rows, columns, 1.1 + 0.27 * most, width=width_for(columns, 2))
    for ax, (task, base) in zip(axes.flat, pairs, strict=False):
        own = last[(last["task"] == task.label) & (last["base"] == base)]
        parameters = list(dict.fromkeys(own["parameter"]))
        values = np.full((len(parameters), len(rules)), np.nan)
        for _, row in own.iterrows():
            values[parameters.index(row["parameter"]), rules.index(row["name"])] = row["degrees"]
        heading(ax, f"{task.title}: {base}")
        ax.imshow(1 - values / RANDOM, cmap=ramp(), vmin=0, vmax=1, aspect="auto")
        for (i, j), value in np.ndenumerate(values):
            text = formats.MISSING if math.isnan(value) else f"{value:.0f}°"
            ax.text(j, i, text, ha="center", va="center", fontsize=8, color="white" if value < 45 else INK)
        ax.set_xticks(range(len(rules)), rules, rotation=20, ha="right", fontsize=8)
        ax.set_yticks(range(len(parameters)), [short(name) for name in parameters], fontsize=8, color=INK)
        ax.tick_params(length=0)
        ax.grid(visible=False)
    hide_unused(axes, len(pairs))
    return figure


def short(parameter: str) -> str:
    """Return a parameter's name without what all of a model's share."""
    return parameter.removeprefix("recurrent.cells.").removeprefix("0.")
