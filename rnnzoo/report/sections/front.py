"""Which cells are worth choosing when more than the score counts."""

import math
from functools import partial

import pandas as pd

from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Bullets, Heading, Paragraph, Section, Table
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.front import front_figure, trial_front_figure
from rnnzoo.report.front import fronts, measured, searched_objectives, trial_fronts
from rnnzoo.report.sections.parts import missing, picture

NAMES = {"score": "test score", "time": "time of a training step", "gradient": "gradient"}

MEANT = {
    "score": "validation score",
    "parameters": "parameters",
    "seconds_per_step": "time of a training step",
    "memory": "memory of a training step",
    "gradient_health": "gradient health",
}
"""Objectives of a search, see `rnnzoo.study.objectives`, in words."""


def front_section(content: StudyContent, drawn: Drawings) -> Section:
    """The Pareto front of score, time and gradient, over cells and, where they were searched for, over trials."""
    blocks = [*cell_blocks(content, drawn), *trial_blocks(content, drawn)]
    return Section("front", "What is given up for what", "Trade-offs", tuple(blocks))


def cell_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return the front of the cells."""
    table = fronts(content)
    counted = measured(table)
    if len(content.cells) == 1:
        return [missing("One cell alone has nothing to trade.")]
    if len(counted) < 2:
        return [missing("Of test score, time of a step and gradient fewer than two were measured: nothing to trade.")]
    blocks: list[Block] = [Paragraph(rule(counted))]
    said = tuple((f"{task.title}.", front_words(table[table["task"] == task.label])) for task in content.tasks
                 if (table["task"] == task.label).any())  # fmt: skip
    blocks.append(Bullets(said))
    caption = (
        "What the score costs: test score against the time of a training step, measured alone, and against the "
        "change of "
        "the trained model's gradient over the sequence. Better is further up (axes of errors are reversed) and "
        "further "
        "left. Filled marks are on the front of all measures together, hollow ones are beaten by another cell; the "
        "broken line is the front of the two measures of the panel. The upright bar is the score's 95% interval; the "
        "front is that of the means, n as in the table of scores."
    )
    alt = "Trade-offs. " + " ".join(f"{name} {text}" for name, text in said)
    blocks.append(picture(drawn, "front", partial(front_figure, content, table), caption, alt, table))
    return [*blocks, front_table(content, table)]


def trial_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return the front of the trials of searches for several objectives; nothing where there was one objective."""
    table = trial_fronts(content)
    names = searched_objectives(content)
    if table.empty or "score" not in names:
        return []
    counts = table.groupby("task", sort=False)["front"].agg(["sum", "size"])
    said = formats.listing([f"{row['sum']} of {row['size']} trials on {task}" for task, row in counts.iterrows()])
    meant = [MEANT[name] for name in names]
    text = (
        f"The search optimised {formats.listing(meant)} together. On the front of all trials of a task, of whatever "
        f"cell, are {said}. What was confirmed is, for each cell, its trial with the best score."
    )
    caption = (
        "Trials of the search: validation score against the other objectives; filled ones are on the front of all "
        "objectives together, and the broken line is the front of the two of its panel. "
        + ("Times were taken while other runs may have shared the machine. " if "seconds_per_step" in names else "")
        + "Trials far worse than the baseline stand at the edge."
    )
    draw = partial(trial_front_figure, content, table)
    rows = []
    for task in content.tasks:
        for _, row in table[(table["task"] == task.label) & table["front"].astype(bool)].iterrows():
            values = (written(str(name), float(row[name]), task) for name in names)
            rows.append((task.label, str(row["cell"]), f"{row['trial']:.0f}", *values))
    columns = ("task", "cell", "trial", *meant)
    blocks: list[Block] = [
        Heading("Trials of the search"),
        Paragraph(text),
        picture(drawn, "trial_front", draw, caption, f"Trials of the search. On the front: {said}.", table),
    ]
    if rows:
        blocks.append(Table("The trials on the front.", columns, tuple(rows), frozenset(columns[2:]), folded=True))
    return blocks


def written(name: str, value: float, task: TaskContent) -> str:
    """Write an objective's value."""
    match name:
        case "score":
            return formats.score(value, task)
        case "parameters":
            return f"{value:,.0f}"
        case "seconds_per_step":
            return formats.duration(value)
        case "memory":
            return f"{value:,.2f} MiB"
        case _:
            return formats.number(value)


def rule(counted: list[str]) -> str:
    """Say what the front is and what is measured."""
    text = (
        "A cell is on the Pareto front where no other cell is at least as good in "
        f"{formats.listing([NAMES[n] for n in counted])} "
        "and better in one of them: only these are worth choosing, and which of them is a matter of what counts. A "
        "cell "
        "that does not beat the memoryless baseline is none of them."
    )
    if "gradient" in counted:
        text += (
            " The gradient is judged by how many powers of ten its median norm changes from the last tenth of the "
            "sequence "
            "to the first, after training, up or down; 0 is a gradient that keeps its size."
        )
    return text


def front_words(own: pd.DataFrame) -> str:
    """Name the cells on the front of a task, by score, and those that could not be judged."""
    ordered = [str(cell) for cell in own.loc[own["front"].astype(bool), "cell"]]
    columns = {"score": "mean", "time": "seconds_per_step", "gradient": "decades"}
    lacking = own[[columns[name] for name in measured(own)]].isna().any(axis=1)
    unknown = own.loc[lacking, "cell"]
    if ordered:
        text = f"On the front {'is' if len(ordered) == 1 else 'are'} {formats.listing(ordered)}."
    else:
        text = "No cell has all measures." if lacking.all() else "No cell beats the baseline, so there is no front."
    if len(unknown):
        text += f" Not judged, for a measure is missing: {formats.listing([str(cell) for cell in unknown])}."
    return text


def front_table(content: StudyContent, table: pd.DataFrame) -> Table:
    """Return the measures, a row a (task, cell)."""
    rows = []
    for task in content.tasks:
        for _, row in table[table["task"] == task.label].iterrows():
            rows.append(
                (
                    task.label, str(row["cell"]), formats.score(float(row["mean"]), task),
                    formats.duration(float(row["seconds_per_step"])), change(float(row["decades"])),
                    "yes" if row["front"] else "no",
                )
            )  # fmt: skip
    columns = ("task", "cell", "score", "time of a step", "gradient, decades", "on the front")
    return Table("The measures and the front.", columns, tuple(rows), frozenset(columns[2:]), folded=True)


def change(decades: float) -> str:
    """Write the change of a gradient."""
    return "beyond all numbers" if math.isinf(decades) else formats.MISSING if math.isnan(decades) else f"{decades:.1f}"
