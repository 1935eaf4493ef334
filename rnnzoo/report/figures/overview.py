"""All cells on all tasks at a glance."""

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from rnnzoo.report.canvas import WIDTH, panels, ramp
from rnnzoo.report.colours import INK
from rnnzoo.report.content import StudyContent


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
