"""Frames to figures. Every figure takes a frame from `tables`, `gradients` or `searched` and draws just that."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from rnnzoo.report.canvas import (
    BASELINE_KEY,
    MUTED,
    WIDTH,
    cell_axis,
    grid,
    heading,
    hide_unused,
    key,
    legend,
    mark_baseline,
    panels,
    plain_logarithms,
    ramp,
    score_axis,
    widen,
    width_for,
)
from rnnzoo.report.colours import INK, CellStyle, cell_styles
from rnnzoo.report.content import StudyContent, TaskContent


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
        own, means = runs[runs["task"] == task.label], table[table["task"] == task.label]
        widen(ax, "x", [*own["score"].dropna(), *interval_ends(means, own["score"].dropna(), task)], task)
        edges = ax.get_xlim()
        score_axis(ax, task, "x")
        ax.set_xlim(*edges)
        mark_baseline(ax, task, "x")
        for row, cell in enumerate(content.cells):
            look, mean = styles[cell], means[means["cell"] == cell].iloc[0]
            low, middle, high, n = (float(mean[name]) for name in ("low", "mean", "high", "n"))
            if n > 1:
                ax.plot([low, high], [row, row], color=look.colour, linewidth=5, alpha=0.25,
                        solid_capstyle="butt", zorder=2)  # fmt: skip
            if n > 0:
                ax.plot([middle, middle], [row - 0.3, row + 0.3], color=look.colour, linewidth=2, zorder=3)
            seeds = own[own["cell"] == cell]
            for offset, (_, run) in zip(spread(len(seeds)), seeds.iterrows(), strict=True):
                lost = run["state"] == "diverged"
                ax.plot(
                    run["score"], row + offset, linestyle="none", marker="x" if lost else look.marker,
                    color=look.colour, markersize=7 if lost else 6, markeredgewidth=1.6 if lost else 0.6,
                    markeredgecolor=look.colour if lost else "white", zorder=4,
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


def interval_ends(means: pd.DataFrame, values: pd.Series, task: TaskContent) -> list[float]:
    """Return the ends of the intervals, as far as they may widen an axis that shows these values."""
    if values.empty:
        return []
    low, high = float(values.min()), float(values.max())
    reach = (low / 3, high * 3) if task.log else (low - (high - low) / 2, high + (high - low) / 2)
    ends = [float(end) for name in ("low", "high") for end in means[name].dropna()]
    return [min(max(end, reach[0]), reach[1]) for end in ends]


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
    width = min(WIDTH, 3.2 + 1.9 * len(content.tasks))
    figure, axes = panels(1, 1, 0.6 + 0.42 * len(content.cells), width=width)
    ax = axes[0, 0]
    ax.grid(visible=False)
    sns.heatmap(
        wide.clip(lower=0.0), vmin=0, vmax=1, cmap=ramp(), annot=np.array(texts),
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
    handles += [
        Line2D([], [], color="black", linestyle=(0, (5, 2)), marker=".", label=name) for name in published_names
    ]
    legend(figure, handles, columns=5)
    return figure


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
        widen(ax, "y", [*own["mean"].astype(float), *interval_ends(own, own["mean"].astype(float), task)], task)
        edges = ax.get_ylim()
        score_axis(ax, task, "y")
        # a good score is up in every panel
        ax.set_ylim(*(reversed(edges) if task.direction == "minimize" else edges))
        ax.set_ylabel(f"test {task.metric}")
        ax.text(0.02, 0.97, "↑ better", transform=ax.transAxes, va="top", fontsize=7.5, color=MUTED)
        ax.text(0.98, 0.03, "slower →", transform=ax.transAxes, ha="right", fontsize=7.5, color=MUTED)
        milliseconds = own["seconds_per_step"].astype(float) * 1e3
        for (_, row), x in zip(own.iterrows(), milliseconds, strict=True):
            look = styles[row["cell"]]
            if not math.isnan(float(row["low"])):
                ax.plot([x, x], [row["low"], row["high"]], color=look.colour, alpha=0.3, linewidth=2.5, zorder=2)
            ax.plot(x, row["mean"], marker=look.marker, color=look.colour, markersize=8, markeredgecolor="white",
                    markeredgewidth=0.7, zorder=3)  # fmt: skip
        ax.set_xlim(0, float(milliseconds.max()) * 1.12)
        ax.xaxis.set_major_locator(MaxNLocator(6))
        ax.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:,.6g}"))
        ax.set_xlabel("milliseconds per training step")
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
        line[0].set_ylabel("‖∂L/∂hₜ‖")
    legend(figure, [key(styles[cell], cell) for cell in content.cells if (profiles["cell"] == cell).any()])
    return figure


def gradient_range(norms: np.ndarray) -> tuple[float, float]:
    """Return the ends of the axis: all positive norms, but at most fourteen decades below the largest."""
    known = norms[np.isfinite(norms) & (norms > 0)]
    if not len(known):
        return 1e-3, 1.0
    top = min(float(known.max()), 1e30)
    return max(float(known.min()), top * 1e-14) / 2, top * 3


def draw_gradient(ax: Axes, curve: pd.DataFrame, look: CellStyle, floor: float, top: float) -> None:
    """Draw the median over the batch; what lies below the axis, zero included, runs along its lower edge."""
    if curve.empty:
        return
    t = curve["t"].to_numpy(dtype=float)
    norms = np.clip(np.nan_to_num(curve["median"].to_numpy(dtype=float), nan=np.nan, posinf=top), floor * 1.15, top)
    low, high = (np.clip(curve[name].to_numpy(dtype=float), floor, top) for name in ("low", "high"))
    ax.fill_between(t, low, high, color=look.colour, alpha=0.08, linewidth=0, zorder=2)
    every = max(1, len(t) // 6)
    ax.plot(
        t, norms, color=look.colour, linestyle=look.dash, marker=look.marker, markersize=5,
        markevery=(sum(map(ord, look.colour)) % every, every), markeredgecolor="white", markeredgewidth=0.5, zorder=3,
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
            look, mine = styles[cell], own[own["cell"] == cell]
            offsets = np.array([((0.618 * index) % 1 - 0.5) * 0.5 for index in range(len(mine))])
            ax.plot(values[mine.index], row + offsets, linestyle="none", marker=look.marker, color=look.colour,
                    markersize=4.5, alpha=0.6, markeredgewidth=0, zorder=3)  # fmt: skip
            best = mine[mine["chosen"]]
            if len(best):
                place = mine.index.get_loc(best.index[0])
                ax.plot(values[best.index[0]], row + offsets[place], marker="o", markersize=10, markerfacecolor="none",
                        markeredgecolor=INK, markeredgewidth=1.1, linestyle="none", zorder=4)  # fmt: skip
            lost = int((mine["state"] == "diverged").sum())
            if lost:
                ax.annotate(f"× {lost}", (1.0, row), xycoords=("axes fraction", "data"), xytext=(2, 0), ha="left",
                            textcoords="offset points", va="center", fontsize=8, color=look.colour)  # fmt: skip
    hide_unused(axes, len(tasks))
    handles = [
        Line2D([], [], color=MUTED, marker="o", linestyle="none", markersize=4.5, alpha=0.6, label="one trial"),
        Line2D([], [], color=INK, marker="o", linestyle="none", markersize=10, markerfacecolor="none", label="chosen"),
        Line2D([], [], **BASELINE_KEY),
    ]
    if bool((searched["state"] == "diverged").any()):
        handles.append(Line2D([], [], linestyle="none", label="× n: trials that diverged"))
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
