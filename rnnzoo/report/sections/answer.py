"""Which cell won where, by how much, and whether the difference is real."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math
from functools import partial

import pandas as pd

from rnnzoo.report import canvas, formats, sentences, tables
from rnnzoo.report.blocks import Block, Bullets, Matrix, Section, Shade, Table, Verdicts
from rnnzoo.report.colours import cell_styles
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Draw, Drawings
from rnnzoo.report.figures.overview import overview_figure
from rnnzoo.run_state import LOST_STATES


def answer_section(content: StudyContent, drawn: Drawings) -> Section:
    """Which cell won where, by how much, and is the difference real."""
    table, compared = tables.scores(content), tables.comparisons(content)
    colours = {cell: style.colour for cell, style in cell_styles(content.cells).items()}
    blocks: list[Block] = [Verdicts(tuple(sentences.verdicts(content)), colours)]
    if (table["n"] > 0).any():
        draw, matrix = overview(content, table, colours)
        drawn.add("overview", draw)
        blocks.append(matrix)
        blocks.append(Bullets(notes(content)))
    if len(compared):
        blocks.append(comparison_table(content, compared))
    title = "Did it learn?" if len(content.cells) == 1 else "Which cell won, by how much, and is it real?"
    return Section("answer", title, "The answer", tuple(blocks))


def overview(content: StudyContent, table: pd.DataFrame, colours: dict[str, str]) -> tuple[Draw, Matrix]:
    """Return the matrix cells × tasks as what draws it and as a table."""
    ramp, alone = canvas.ramp(), len(content.cells) == 1
    rows: list[tuple[str, tuple[Shade, ...]]] = []
    labels: dict[tuple[str, str], str] = {}
    for cell in content.cells:
        shades = []
        for task in content.tasks:
            found = table[(table["task"] == task.label) & (table["cell"] == cell)].iloc[0]
            share = float(found["normalised"])
            if math.isnan(share):
                labels[task.label, cell] = formats.MISSING
                shades.append(Shade(formats.MISSING, "no score"))
                continue
            text = formats.score(float(found["mean"]), task)
            labels[task.label, cell] = f"{text}\n({normalised(share)})"
            red, green, blue, _ = ramp(min(1.0, max(0.0, share)))
            dark = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 < 0.25
            background = (
                "#f3d3bf"
                if share < -0.02
                else f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
            )
            ink = "#ffffff" if dark and share >= -0.02 else "#14181d"
            shades.append(
                Shade(
                    text,
                    normalised(share),
                    background,
                    ink,
                    float(found["place"]) == 1.0 and share > sentences.NEGLIGIBLE and not alone,
                )
            )
        rows.append((cell, tuple(shades)))
    means = {task.mean_name for task in content.tasks}
    caption = (
        "Test score of every cell on every task, and below it the same on a scale from 0, the memoryless baseline, "
        f"to 1, a perfect answer; darker is better{'' if alone else ', ★ marks the best'}. The score is the "
        f"{' or '.join(sorted(means))} over the seeds."
    )
    columns = tuple(task.title for task in content.tasks)
    return partial(overview_figure, content, table, labels), Matrix(caption, columns, tuple(rows), colours)


def normalised(share: float) -> str:
    """Write a normalised score; two digits, more where it is nearly perfect, so that 0.998 is not 1.00."""
    text = f"{share:.3f}" if 0.985 <= share < 1 else f"{share:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def notes(content: StudyContent) -> tuple[tuple[str, str], ...]:
    """Say how the scores were made and compared, and what they cannot tell."""
    alone = len(content.cells) == 1
    searched_first = bool((content.rows["phase"] == "search").any())
    chosen = "Settings were chosen on validation data alone" if searched_first else "Settings were fixed beforehand"
    inference = "Intervals" if alone else "Intervals and tests"
    found = [
        ("Selection.", f"{chosen}; the test set was read once for each confirmed run."),
        (
            "Seeds.",
            f"A seed decides initialisation and training batches. {inference} are over seeds of one setting"
            f"{'' if alone else ' a cell'}: how lucky the choice of that setting was is not in them.",
        ),
    ]
    if not alone:
        found.append(
            (
                "Test.",
                "Welch's t-test of the winner against each other cell, two-sided, p-values corrected by Holm's method "
                "within a task; the interval of a difference is for that comparison alone. The winner was picked by "
                "the same scores, which makes its lead look a little larger than it is.",
            )
        )
    if any(task.factors for task in content.tasks):
        named = formats.listing([task.label for task in content.tasks if task.factors])
        found.append(
            (
                "Errors.",
                f"On {named} scores are compared as factors: geometric means, and {inference.lower()} of logarithms, "
                "because one seed's error is a factor off another's.",
            )
        )
    if bool(((content.rows["phase"] == "confirm") & content.rows["state"].isin(LOST_STATES)).any()):
        what = f"means and {inference.lower()}" if alone else "means, intervals and tests"
        text = f"A seed that diverged, or ran out of memory or time, counts with the baseline's score in {what}."
        found.append(("Lost runs.", text))
    return tuple(found)


def comparison_table(content: StudyContent, compared: pd.DataFrame) -> Table:
    """Return every comparison behind the sentences."""
    rows = []
    for task in content.tasks:
        for _, row in compared[compared["task"] == task.label].iterrows():
            factor = row["kind"] == "factor"
            lead = f"{formats.number(float(row['advantage']))} times" if factor else (
                formats.difference(float(row["advantage"]), task)
            )  # fmt: skip
            low, high = float(row["low"]), float(row["high"])
            rows.append(
                (
                    task.label, str(row["winner"]), str(row["cell"]), lead,
                    formats.interval(low, high, task, points=True, factor=factor),
                    bare_probability(float(row["p"])), bare_probability(float(row["p_holm"])),
                    "no test" if math.isnan(float(row["p_holm"])) else "yes" if row["apart"] else "no",
                )
            )  # fmt: skip
    columns = ("task", "winner", "against", "lead", "95% interval", "p", "p, Holm", "told apart")
    right = frozenset(columns[3:])
    return Table("Every comparison of a winner with another cell.", columns, tuple(rows), right, folded=True)


def bare_probability(value: float) -> str:
    """Write a p-value for a column that says that it is one."""
    return formats.probability(value).removeprefix(f"p{formats.GLUE}").removeprefix(f"={formats.GLUE}")
