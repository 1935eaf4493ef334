"""What all figures share: the style, panels, axes of scores and of cells, and the legend.

Figures are made with matplotlib's objects, without pyplot and without changing rcParams for others.
"""

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import seaborn as sns
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.colors import Colormap
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from rnnzoo.report.colours import BASELINE, INK, CellStyle
from rnnzoo.report.content import TaskContent

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
    with style.context(["default", STYLE]):
        yield


def panels(
    rows: int, columns: int, height: float, *, width: float = WIDTH, **options: Any
) -> tuple[Figure, np.ndarray]:
    """Return a figure of rows × columns axes, each row `height` inches high, with room for a legend on top."""
    layout = ConstrainedLayoutEngine(w_pad=0.06, h_pad=0.06, wspace=0.03, hspace=0.05)
    figure = Figure(figsize=(width, height * rows + 0.5), layout=layout)
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


def key(look: CellStyle, label: str, *, line: bool = True) -> Line2D:
    """Return a legend entry for a cell."""
    return Line2D(
        [], [], color=look.colour, marker=look.marker, linestyle=look.dash if line else "none", label=label,
        markersize=5.5, markeredgecolor="white", markeredgewidth=0.5,
    )  # fmt: skip


def legend(figure: Figure, handles: list[Line2D], columns: int | None = None) -> None:
    """Put one legend for all panels above them."""
    # a figure cuts off what does not fit beside each other
    most = 9 if figure.get_figwidth() > 0.8 * WIDTH else 3
    widths = [(41 + 4.9 * len(str(handle.get_label()))) / 72 for handle in handles]  # inches, of a key and its label
    if sum(widths) > figure.get_figwidth():
        most = max(1, min(most, int(figure.get_figwidth() / max(widths))))
    figure.legend(
        handles=handles, loc="outside upper left", ncols=min(columns or most, most, len(handles)), frameon=False,
        fontsize=8.5,
        handlelength=3.0, columnspacing=1.4, handletextpad=0.5, labelcolor=INK,
    )  # fmt: skip


def ramp() -> Colormap:
    """Return the colours of the overview: nearly white for the baseline, deep blue for a perfect answer."""
    return sns.light_palette("#17506e", as_cmap=True)


BASELINE_KEY: dict[str, Any] = {
    "color": BASELINE,
    "linestyle": (0, (1, 1.5)),
    "linewidth": 1.2,
    "label": "memoryless baseline",
}


def hide_unused(axes: np.ndarray, used: int) -> None:
    """Take away the panels of a grid that nothing is drawn in."""
    for unused in axes.flat[used:]:
        unused.set_visible(False)
