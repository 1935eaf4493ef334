"""Frames to figures. Every figure takes a frame from `tables`, `gradients` or `searched` and draws just that.

Figures are made with matplotlib's objects, without pyplot and without changing rcParams for others.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from rnnzoo.report.colours import BASELINE, INK, CellStyle, cell_styles
from rnnzoo.report.content import StudyContent, TaskContent

WIDTH = 10.4
"""Width of a full figure in inches; the page shows it at about a hundred pixels an inch."""

FAINT = "#e4e6e9"
MUTED = "#5d646d"

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 8.5,
    "axes.labelcolor": MUTED,
    "axes.edgecolor": "#b4b9c0",
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": "#b4b9c0",
    "ytick.color": "#b4b9c0",
    "xtick.labelcolor": MUTED,
    "ytick.labelcolor": MUTED,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "text.color": INK,
    "axes.titlecolor": INK,
    "lines.linewidth": 1.5,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "svg.hashsalt": "rnnzoo",
    "svg.fonttype": "path",
    "text.parse_math": False,
    "mathtext.default": "regular",
}


@contextmanager
def drawing() -> Iterator[None]:
    """Draw in the report's style; matplotlib's settings are the caller's again afterwards."""
    with mpl.rc_context({**mpl.rcParamsDefault, **STYLE}):
        yield


def panels(rows: int, columns: int, height: float, *, width: float = WIDTH, **options: Any) -> tuple[Figure, np.ndarray]:
    """Return a figure of rows × columns axes, each row `height` inches high, with room for a legend on top."""
    figure = Figure(figsize=(width, height * rows + 0.5), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.06, h_pad=0.06, wspace=0.03, hspace=0.05)  # type: ignore[union-attr]
    return figure, figure.subplots(rows, columns, squeeze=False, **options)


def grid(count: int, columns: int) -> tuple[int, int]:
    """Return rows and columns for `count` panels with at most `columns` in a row."""
    columns = max(1, min(columns, count))
    return math.ceil(count / columns), columns


def width_for(columns: int, most: int) -> float:
    """Return a figure's width: the full one for `most` columns, less for fewer, never so little that text is large."""
    return WIDTH * (0.62 if columns == 1 and most > 1 else 1.0)


def heading(axes: Axes, text: str) -> None:
    """Put the panel's title above its left edge."""
    axes.set_title(text, pad=7)


def score_axis(axes: Axes, task: TaskContent, which: str) -> None:
    """Make an axis a score's: logarithmic for errors that span decades, in % for accuracies."""
    axis = axes.xaxis if which == "x" else axes.yaxis
    if task.log:
        (axes.set_xscale if which == "x" else axes.set_yscale)("log")
        plain_logarithms(axis)
    elif task.percent:
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
        axis.set_major_locator(MaxNLocator(5, steps=[1, 2, 2.5, 5, 10]))
    better = "smaller is better" if task.direction == "minimize" else "larger is better"
    (axes.set_xlabel if which == "x" else axes.set_ylabel)(f"{task.metric}, {better}" if which == "x" else task.metric)


def plain_logarithms(axis: Any) -> None:
    """Label a logarithmic axis at whole powers as 0.01 or 10⁻⁹, and without minor labels."""
    axis.set_major_locator(LogLocator(base=10, numticks=7))
    axis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
    axis.set_minor_formatter(NullFormatter())


def power(value: float) -> str:
    """Write a tick of a logarithmic axis."""
    if value <= 0:
        return ""
    exponent = math.log10(value)
    if abs(exponent - round(exponent)) > 1e-6 or -4 < exponent < 5:
        return f"{value:.6f}".rstrip("0").rstrip(".") if value < 1 else f"{value:g}"
    return f"10{str(round(exponent)).translate(str.maketrans('-0123456789', '⁻⁰¹²³⁴⁵⁶⁷⁸⁹'))}"


def widen(axes: Axes, which: str, values: Iterable[float], task: TaskContent) -> None:
    """Set a score axis so that it holds these values and the baseline with a margin; a decade's third on a log axis."""
    known = [v for v in values if math.isfinite(v) and (v > 0 or not task.log)]
    low, high = min([task.baseline, *known]), max([task.baseline, *known])
    if task.log:
        low, high = low / 1.6, high * 1.6
        if high / low < 30:
            low = high / 30
    elif task.percent:
        low, high = min(0.0, low) - 0.02, 1.02
    else:
        margin = 0.06 * ((high - low) or 1.0)
        low, high = low - margin, high + margin
    (axes.set_xlim if which == "x" else axes.set_ylim)(low, high)


def mark_baseline(axes: Axes, task: TaskContent, which: str) -> None:
    """Draw the memoryless baseline across the panel."""
    line = axes.axvline if which == "x" else axes.axhline
    line(task.baseline, color=BASELINE, linewidth=1.2, linestyle=(0, (1, 1.5)), zorder=1)


def cell_axis(axes: Axes, cells: list[str]) -> None:
    """Make the y axis one row a cell, the first on top."""
    axes.set_ylim(len(cells) - 0.4, -0.6)
    axes.set_yticks(range(len(cells)), cells, fontsize=9, color=INK)
    axes.tick_params(axis="y", length=0)
    axes.grid(visible=False, axis="y")
    for row in range(len(cells)):
        axes.axhline(row, color=FAINT, linewidth=0.7, zorder=0)
    axes.spines["left"].set_visible(False)


def key(style: CellStyle, label: str, *, line: bool = True) -> Line2D:
    """Return a legend entry for a cell."""
    return Line2D(
        [], [], color=style.colour, marker=style.marker, linestyle=style.dash if line else "none", label=label,
        markersize=5.5, markeredgecolor="white", markeredgewidth=0.5,
    )  # fmt: skip


def legend(figure: Figure, handles: list[Line2D], columns: int | None = None) -> None:
    """Put one legend for all panels above them."""
    figure.legend(
        handles=handles, loc="outside upper left", ncols=columns or min(len(handles), 9), frameon=False, fontsize=8.5,
        handlelength=3.0, columnspacing=1.4, handletextpad=0.5, labelcolor=INK,
    )  # fmt: skip


BASELINE_KEY = {"color": BASELINE, "linestyle": (0, (1, 1.5)), "linewidth": 1.2, "label": "memoryless baseline"}


def hide_unused(axes: np.ndarray, used: int) -> None:
    """Take away the panels of a grid that nothing is drawn in."""
    for unused in axes.flat[used:]:
        unused.set_visible(False)


def score_figure(content: StudyContent, runs: pd.DataFrame, table: pd.DataFrame) -> Figure:
    """Draw every seed's test score, the mean and its interval, a panel a task and a row a cell.

    Args:
        content: tasks and cells.
        runs: `tables.confirmed`.
        table: `tables.scores`.
    """
    styles = cell_styles(content.cells)
    rows, columns = grid(len(content.tasks), 3)
    height = 0.9 + 0.3 * len(content.cells)
    figure, axes = panels(rows, columns, height, width=width_for(columns, 3), sharey=True)
    for ax, task in zip(axes.flat, content.tasks, strict=False):
        heading(ax, task.title)
        cell_axis(ax, content.cells)
        own, means = runs[runs["task"] == task.label], table[table["task"] == task.label].set_index("cell")
        widen(ax, "x", [*own["score"].dropna(), *means["mean"].dropna()], task)
        edges = ax.get_xlim()
        score_axis(ax, task, "x")
        ax.set_xlim(*edges)
        mark_baseline(ax, task, "x")
        for row, cell in enumerate(content.cells):
            style, mean = styles[cell], means.loc[cell]
            if float(mean["n"]) > 1:
                ax.plot([mean["low"], mean["high"]], [row, row], color=style.colour, linewidth=5, alpha=0.25,
                        solid_capstyle="butt", zorder=2)  # fmt: skip
            if float(mean["n"]) > 0:
                ax.plot([mean["mean"]] * 2, [row - 0.3, row + 0.3], color=style.colour, linewidth=2, zorder=3)
            seeds = own[own["cell"] == cell]
            for offset, (_, run) in zip(spread(len(seeds)), seeds.iterrows(), strict=True):
                lost = run["state"] == "diverged"
                ax.plot(
                    run["score"], row + offset, linestyle="none", marker="x" if lost else style.marker,
                    color=style.colour, markersize=7 if lost else 6, markeredgewidth=1.6 if lost else 0.6,
                    markeredgecolor=style.colour if lost else "white", zorder=4,
                )  # fmt: skip
    hide_unused(axes, len(content.tasks))
    handles = [
        Line2D([], [], color=MUTED, marker="o", linestyle="none", markersize=6, label="one seed"),
        Line2D([], [], color=MUTED, marker="|", linestyle="none", markersize=10, markeredgewidth=2, label="mean"),
        Line2D([], [], color=MUTED, linewidth=5, alpha=0.3, label="95% interval of the mean"),
        Line2D([], [], **BASELINE_KEY),
    ]
    if bool((runs["state"] == "diverged").any()):
        handles.append(Line2D([], [], color=MUTED, marker="x", linestyle="none", markersize=7, markeredgewidth=1.6,
                              label="diverged, counted as the baseline"))  # fmt: skip
    legend(figure, handles)
    return figure


def spread(count: int) -> list[float]:
    """Return offsets that keep `count` marks on one row apart."""
    return [0.0] if count == 1 else list(np.linspace(-0.17, 0.17, count))


def overview_figure(content: StudyContent, table: pd.DataFrame, labels: dict[tuple[str, str], str]) -> Figure:
    """Draw cells × tasks, coloured by the normalised score and labelled with the score itself.

    Args:
        content: tasks and cells.
        table: `tables.scores`.
        labels: what to write for each (task, cell).
    """
    wide = table.pivot(index="cell", columns="task", values="normalised")
    wide = wide.reindex(index=content.cells, columns=[task.label for task in content.tasks]).astype(float)
    texts = [[labels[task.label, cell] for task in content.tasks] for cell in content.cells]
    figure, axes = panels(1, 1, 0.6 + 0.42 * len(content.cells), width=min(WIDTH, 2.6 + 1.9 * len(content.tasks)))
    ax = axes[0, 0]
    ax.grid(visible=False)
    sns.heatmap(
        wide.clip(lower=0.0), vmin=0, vmax=1, cmap=sns.color_palette("crest", as_cmap=True), annot=np.array(texts),
        fmt="", linewidths=2, linecolor="white", ax=ax, annot_kws={"fontsize": 9},
        cbar_kws={"label": "0 = memoryless baseline, 1 = perfect", "shrink": 0.8},
    )  # fmt: skip
    ax.set(xlabel="", ylabel="")
    ax.xaxis.tick_top()
    ax.set_xticklabels([task.title for task in content.tasks], color=INK, fontsize=9)
    ax.set_yticklabels(content.cells, rotation=0, color=INK, fontsize=9)
    ax.tick_params(length=0)
    return figure


def curve_figure(content: StudyContent, curves: pd.DataFrame) -> Figure:
    """Draw validation scores over steps and over seconds, a row a task; published curves in black.

    Args:
        content: tasks, cells and published curves.
        curves: `tables.learning_curves`.
    """
    styles = cell_styles(content.cells)
    tasks = [task for task in content.tasks if (curves["task"] == task.label).any()]
    figure, axes = panels(len(tasks), 2, 2.75, sharey="row")
    published_names: list[str] = []
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
        for name, curve in published.groupby("name", sort=True):
            names = published_names if str(name) in published_names else [*published_names, str(name)]
            published_names = names
            curve = curve.sort_values("step")
            left.plot(
                curve["step"].astype(float), curve["valid"].astype(float), color="black", linewidth=1.3,
                linestyle=(0, (5, 2)), marker=".", markersize=4, zorder=5,
            )  # fmt: skip
        limit_curves(left, [*own["median"], *pd.to_numeric(published["valid"], errors="coerce")], task)
        edges = left.get_ylim()
        score_axis(left, task, "y")
        left.set_ylim(*edges)
        left.set_ylabel(f"validation {task.metric}")
        if bool((own["seconds"] > 0).any()):
            right.set_xlim(left=0)
    handles = [key(styles[cell], cell) for cell in content.cells] + [Line2D([], [], **BASELINE_KEY)]
    handles += [Line2D([], [], color="black", linestyle=(0, (5, 2)), marker=".", label=name) for name in published_names]
    legend(figure, handles, columns=5)
    return figure


def seconds_label(curves: pd.DataFrame) -> str:
    """Say which seconds a curve is drawn over."""
    if bool((curves["timing"] == "measured").all()):
        return "seconds of training (steps × seconds a step, measured alone)"
    return "seconds of training (clock of the run, machine shared)"


def draw_curve(ax: Axes, curve: pd.DataFrame, x: str, style: CellStyle) -> None:
    """Draw the median over the seeds as a line, their range as a band."""
    curve = curve.dropna(subset=[x, "median"])
    if curve.empty:
        return
    places = curve[x].to_numpy(dtype=float)
    ax.fill_between(places, curve["low"].astype(float), curve["high"].astype(float), color=style.colour, alpha=0.10,
                    linewidth=0, zorder=2)  # fmt: skip
    every = max(1, len(curve) // 6)
    # each cell's markers start elsewhere, so that they do not pile up where curves coincide
    start = sum(map(ord, style.colour)) % every
    ax.plot(
        places, curve["median"].astype(float), color=style.colour, linestyle=style.dash, marker=style.marker,
        markevery=(start, every), markersize=5, markeredgecolor="white", markeredgewidth=0.5, zorder=3,
    )  # fmt: skip


def limit_curves(ax: Axes, values: list[float], task: TaskContent) -> None:
    """Set the score axis so that a run which got lost does not squeeze the others."""
    worst = 3.0 * task.baseline if task.direction == "minimize" and task.baseline > 0 else math.inf
    widen(ax, "y", [min(value, worst) for value in values], task)


def cost_figure(content: StudyContent, costs: pd.DataFrame) -> Figure:
    """Draw time and memory of a training step and the parameters, a column a quantity and a row a task.

    Args:
        content: tasks and cells.
        costs: `tables.step_seconds`.
    """
    styles = cell_styles(content.cells)
    quantities = [("seconds_per_step", "milliseconds per training step", 1e3), ("memory_mib", "MiB kept for backward", 1.0),
                  ("parameters", "parameters", 1.0)]  # fmt: skip
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
                style = styles[cell]
                ax.plot([0, value], [row, row], color=style.colour, linewidth=2.2, solid_capstyle="butt", zorder=2)
                ax.plot(value, row, marker=style.marker, color=style.colour, markersize=6.5, markeredgecolor="white",
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
        widen(ax, "y", own["mean"].astype(float), task)
        edges = ax.get_ylim()
        score_axis(ax, task, "y")
        # a good score is up in every panel
        ax.set_ylim(*(reversed(edges) if task.direction == "minimize" else edges))
        ax.set_ylabel(f"test {task.metric}" + (" (axis reversed: up is better)" if task.direction == "minimize" else ""))
        milliseconds = own["seconds_per_step"].astype(float) * 1e3
        for (_, row), x in zip(own.iterrows(), milliseconds, strict=True):
            style = styles[row["cell"]]
            if not math.isnan(float(row["low"])):
                ax.plot([x, x], [row["low"], row["high"]], color=style.colour, alpha=0.3, linewidth=2.5, zorder=2)
            ax.plot(x, row["mean"], marker=style.marker, color=style.colour, markersize=8, markeredgecolor="white",
                    markeredgewidth=0.7, zorder=3)  # fmt: skip
        ax.set_xlim(0, float(milliseconds.max()) * 1.12)
        ax.set_xlabel("milliseconds per training step, measured alone")
    hide_unused(axes, len(tasks))
    handles = [key(styles[cell], cell, line=False) for cell in content.cells if (known["cell"] == cell).any()]
    legend(figure, [*handles, Line2D([], [], **BASELINE_KEY)])
    return figure


def gradient_figure(content: StudyContent, profiles: pd.DataFrame) -> Figure:
    """Draw ‖∂L/∂h_t‖ over t, a row a task, initialisation on the left and the trained network on the right.

    Args:
        content: tasks and cells.
        profiles: `gradients.gradient_profiles`.
    """
    styles = cell_styles(content.cells)
    tasks = [task for task in content.tasks if (profiles["task"] == task.label).any()]
    moments = [m for m in ("initial", "trained") if (profiles["moment"] == m).any()]
    figure, axes = panels(len(tasks), len(moments), 2.75, sharey="row", width=width_for(len(moments), 2))
    for line, task in zip(axes, tasks, strict=True):
        own = profiles[profiles["task"] == task.label]
        floor, top = gradient_range(own["median"].to_numpy(dtype=float))
        for ax, moment in zip(line, moments, strict=True):
            words = "at initialisation" if moment == "initial" else "after training"
            heading(ax, f"{task.title}: {words}")
            for cell in content.cells:
                curve = own[(own["cell"] == cell) & (own["moment"] == moment)].sort_values("t")
                draw_gradient(ax, curve, styles[cell], floor, top)
            ax.set_yscale("log")
            ax.set_ylim(floor, top)
            plain_logarithms(ax.yaxis)
            ax.set_xlabel("time step t")
        line[0].set_ylabel("‖∂L/∂h_t‖")
    legend(figure, [key(styles[cell], cell) for cell in content.cells if (profiles["cell"] == cell).any()])
    return figure


def gradient_range(norms: np.ndarray) -> tuple[float, float]:
    """Return the ends of the axis: all positive norms, but at most fourteen decades below the largest."""
    known = norms[np.isfinite(norms) & (norms > 0)]
    if not len(known):
        return 1e-3, 1.0
    top = min(float(known.max()), 1e30)
    return max(float(known.min()), top * 1e-14) / 2, top * 3


def draw_gradient(ax: Axes, curve: pd.DataFrame, style: CellStyle, floor: float, top: float) -> None:
    """Draw the median over the batch; what lies below the axis, zero included, runs along its lower edge."""
    if curve.empty:
        return
    t = curve["t"].to_numpy(dtype=float)
    norms = np.clip(np.nan_to_num(curve["median"].to_numpy(dtype=float), nan=np.nan, posinf=top), floor * 1.15, top)
    low, high = (np.clip(curve[name].to_numpy(dtype=float), floor, top) for name in ("low", "high"))
    ax.fill_between(t, low, high, color=style.colour, alpha=0.08, linewidth=0, zorder=2)
    every = max(1, len(t) // 6)
    ax.plot(
        t, norms, color=style.colour, linestyle=style.dash, marker=style.marker, markersize=5,
        markevery=(sum(map(ord, style.colour)) % every, every), markeredgecolor="white", markeredgewidth=0.5, zorder=3,
    )  # fmt: skip


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
            style, mine = styles[cell], own[own["cell"] == cell]
            offsets = np.array([((0.618 * index) % 1 - 0.5) * 0.5 for index in range(len(mine))])
            ax.plot(values[mine.index], row + offsets, linestyle="none", marker=style.marker, color=style.colour,
                    markersize=4.5, alpha=0.6, markeredgewidth=0, zorder=3)  # fmt: skip
            best = mine[mine["chosen"]]
            if len(best):
                place = mine.index.get_loc(best.index[0])
                ax.plot(values[best.index[0]], row + offsets[place], marker="o", markersize=10, markerfacecolor="none",
                        markeredgecolor=INK, markeredgewidth=1.1, linestyle="none", zorder=4)  # fmt: skip
            lost = int((mine["state"] == "diverged").sum())
            if lost:
                ax.annotate(f"× {lost}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(2, 0), ha="left",
                            textcoords="offset points", va="center", fontsize=8, color=style.colour)  # fmt: skip
    hide_unused(axes, len(tasks))
    handles = [
        Line2D([], [], color=MUTED, marker="o", linestyle="none", markersize=4.5, alpha=0.6, label="one trial"),
        Line2D([], [], color=INK, marker="o", linestyle="none", markersize=10, markerfacecolor="none", label="chosen"),
        Line2D([], [], **BASELINE_KEY),
    ]
    if bool((searched["state"] == "diverged").any()):
        handles.append(Line2D([], [], color=MUTED, marker="$×$", linestyle="none", label="n   trials that diverged"))
    legend(figure, handles)
    return figure




def importance_figure(content: StudyContent, shares: pd.DataFrame) -> Figure:
    """Draw the importance of each setting, a panel a cell and a bar a task.

    Args:
        content: tasks and cells.
        shares: `searched.importance`.
    """
    styles = cell_styles(content.cells)
    cells = [cell for cell in content.cells if (shares["cell"] == cell).any()]
    tasks = [task for task in content.tasks if (shares["task"] == task.label).any()]
    most = int(shares.groupby("cell")["setting"].nunique().max())
    rows, columns = grid(len(cells), 4)
    figure, axes = panels(rows, columns, 0.75 + most * (0.16 + 0.13 * len(tasks)), width=width_for(columns, 4))
    colours = {task.label: sns.color_palette("gray", len(tasks) + 2)[i + 1] for i, task in enumerate(tasks)}
    for ax, cell in zip(axes.flat, cells, strict=False):
        own = shares[shares["cell"] == cell]
        order = list(own.groupby("setting")["importance"].mean().sort_values(ascending=False, kind="stable").index)
        sns.barplot(
            own, x="importance", y="setting", hue="task", order=order, hue_order=[task.label for task in tasks],
            palette=colours, ax=ax, errorbar=None, legend=False, saturation=1, gap=0.1,
        )  # fmt: skip
        ax.set_title(cell, color=styles[cell].colour, pad=6)
        ax.set(xlabel="", ylabel="", xlim=(0, 1))
        ax.set_ylim(most - 0.5, -0.5)
        ax.grid(visible=False, axis="y")
        ax.tick_params(axis="y", length=0, labelcolor=INK)
        ax.xaxis.set_major_locator(MaxNLocator(2))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:.0f}%"))
    hide_unused(axes, len(cells))
    handles = [
        Line2D([], [], color=colours[task.label], marker="s", linestyle="none", markersize=7, label=task.title)
        for task in tasks
    ]
    legend(figure, handles)
    return figure


