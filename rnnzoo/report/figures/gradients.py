"""The gradient's norm over the time steps."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter

from rnnzoo.report.canvas import heading, key, legend, panels, plain_logarithms, power, width_for
from rnnzoo.report.colours import CellStyle, cell_styles
from rnnzoo.report.content import StudyContent

LONG = 500
"""Steps of a sequence beyond which the axis is logarithmic: a gradient that is gone after 50 would be but an edge."""


def gradient_figure(content: StudyContent, profiles: pd.DataFrame) -> Figure:
    """Draw ‖∂L/∂h_t‖ over t, a row a task, initialisation on the left and the trained network on the right.

    For a sequence of more than `LONG` steps the axis is that of the steps back from the end, on a logarithmic scale.

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
        last = float(own["t"].max())
        floor, top = gradient_range(own["median"].to_numpy(dtype=float))
        for ax, moment in zip(line, moments, strict=True):
            words = "at initialisation" if moment == "initial" else "after training"
            heading(ax, f"{task.title}: {words}")
            for cell in content.cells:
                curve = own[(own["cell"] == cell) & (own["moment"] == moment)].sort_values("t")
                if last > LONG:
                    curve = curve.assign(t=last + 1 - curve["t"])
                draw_gradient(ax, curve, styles[cell], floor, top)
            ax.set_yscale("log")
            ax.set_ylim(floor, top)
            plain_logarithms(ax.yaxis)
            ax.set_xlabel("time step t")
            if last > LONG:
                ax.set_xscale("log")
                ax.invert_xaxis()
                ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: power(value)))
                ax.set_xlabel("steps back from the end, the end at 1")
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
