"""Every seed's test score, as a figure and as a table."""

from functools import partial

from rnnzoo.report import formats, tables
from rnnzoo.report.blocks import Block, Section, Table
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.scores import score_figure
from rnnzoo.report.sections.parts import missing, picture


def score_section(content: StudyContent, drawn: Drawings) -> Section:
    """Score per cell and task with every seed."""
    title, runs, table = "Every seed's score", tables.confirmed(content), tables.scores(content)
    if runs.empty or not (table["n"] > 0).any():
        return Section("scores", title, "Scores", (missing("No confirming run has a test score."),))
    counts = sorted({int(n) for n in table.loc[table["n"] > 0, "n"]})
    seeds = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    caption = (
        f"Test score of every confirmed run, {seeds} seeds a cell. Marks are seeds, the upright line their "
        "mean, the band its "
        "95% interval by Student's t. The dotted line is the memoryless baseline. An interval that leaves "
        "the panel is wider than it shows."
    )
    if counts == [1]:
        caption += " With one seed there is no interval."
    if int(table["lost"].sum()):
        caption += (
            " Crosses are seeds that were lost: they diverged, or ran out of memory or time. They stand at the "
            "baseline "
            "and count with its score."
        )
    alt = "Test scores by cell. " + " ".join(
        f"{task.title}: " + ", ".join(
            f"{row['cell']} {formats.score(float(row['mean']), task)}"
            for _, row in table[(table["task"] == task.label) & (table["n"] > 0)].iterrows()
        ) + "." for task in content.tasks
    )  # fmt: skip
    blocks: list[Block] = [picture(drawn, "scores", partial(score_figure, content, runs, table), caption, alt, runs)]
    rows = []
    for task in content.tasks:
        for _, row in table[table["task"] == task.label].iterrows():
            rows.append(
                (
                    task.label, str(row["cell"]), formats.score(float(row["mean"]), task),
                    formats.interval(float(row["low"]), float(row["high"]), task),
                    formats.score(float(row["best"]), task), formats.score(float(row["worst"]), task),
                    f"{row['n']}", f"{row['lost']}", f"{row['failed']}",
                )
            )  # fmt: skip
    columns = ("task", "cell", "mean", "95% interval", "best seed", "worst seed", "seeds", "lost", "failed")
    note = "The numbers in the figure. The mean is geometric where the axis is logarithmic."
    blocks.append(Table(note, columns, tuple(rows), frozenset(columns[2:]), folded=True))
    return Section("scores", title, "Scores", tuple(blocks))
