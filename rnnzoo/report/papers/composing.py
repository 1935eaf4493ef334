"""What the report on published recipes says in which order."""

import math
from collections.abc import Sequence
from functools import partial

import pandas as pd

from rnnzoo.beside import Beside
from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Bullets, Code, Heading, Paragraph, Report, Section, Table
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.curves import curve_figure
from rnnzoo.report.papers.figures import comparison_figure
from rnnzoo.report.papers.tables import comparisons, passes
from rnnzoo.report.published import OWN
from rnnzoo.report.sections.curves import beside, numbers
from rnnzoo.report.sections.parts import picture
from rnnzoo.report.sections.published import published_section
from rnnzoo.report.sections.reproduction import environment
from rnnzoo.report.tables import learning_curves
from rnnzoo.study.papers import Paper

QUESTION = "Do the cells reach here what their papers report, with the recipes of their authors?"
NOT_YET = "not yet"


def compose(
    name: str, papers: Sequence[Paper], command: str, beside: Beside | None = None
) -> tuple[Report, Drawings, pd.DataFrame]:
    """Return the report, its figures and the rows of its first table.

    Args:
        name: of the report.
        papers: at least one.
        command: that writes the report anew.
        beside: who draws figures too.
    """
    drawn = Drawings(beside)
    rows = comparisons(papers)
    sections = [
        comparison_section(papers, rows, drawn, command),
        *(paper_section(paper, rows, drawn) for paper in papers),
    ]
    sections.append(reproduction_section(papers, command))
    seconds = float(rows["seconds"].sum())
    summary = (
        formats.plural(len(rows), "recipe"),
        formats.plural(int(rows["seeds"].sum()), "run"),
        f"{formats.duration(seconds)} of training",
    )
    return Report(name, QUESTION, headline(rows), summary, tuple(sections), row="recipe"), drawn, rows


def headline(rows: pd.DataFrame) -> str:
    """Say how far the recipes were followed and where they stand."""
    full = rows[rows["steps"] >= rows["published_steps"]]
    known = rows.dropna(subset=["published_low", "test"])
    reached = [row for row in known.to_dict("records") if reaches(row)]
    started = int(rows["published_steps"].notna().sum())
    parts = [
        f"{len(full)} of {formats.plural(started, 'recipe')} with a published length of training "
        f"{'was' if started == 1 else 'were'} trained to {'its' if started == 1 else 'their'} end"
        if started
        else "",
        f"{len(reached)} of {len(known)} with a published score reach it" if len(known) else "",
        f"{formats.plural(int(rows['under_way'].sum()), 'run')} still under way" if rows["under_way"].any() else "",
    ]
    return "; ".join(part for part in parts if part).capitalize() + "."


def reaches(row: dict[object, object]) -> bool:
    """Whether the mean test score is at least as good as the least of the published ones."""
    test, low, high = (float(str(row[name])) for name in ("test", "published_low", "published_high"))
    return test >= low if row["direction"] == "maximize" else test <= high


def comparison_section(papers: Sequence[Paper], rows: pd.DataFrame, drawn: Drawings, command: str) -> Section:
    """Published against reproduced: a figure and a table."""
    tasks = {(paper.content.name, task.label): task for paper in papers for task in paper.content.tasks}
    columns = (
        "task", "cell", "trained", "seeds", "best validation", "test", "published", "training", "cost",
    )  # fmt: skip
    lines = []
    for row in rows.to_dict("records"):
        task = tasks[row["study"], row["task"]]
        lines.append(
            (
                task.title, str(row["cell"]), trained(row), seeds(row), spread(row, "valid", task),
                spread(row, "test", task), span(row, task), share(row), formats.duration(float(row["seconds"])),
            )
        )  # fmt: skip
    caption = (
        "Published and reproduced scores. A published score was reached after the authors' whole training, ours after "
        "what the table says. Ours are means over the seeds with the lowest and the highest."
    )
    told = (f"{line[1]} on {line[0]} {line[5]}, published {line[6]}" for line in lines)
    alt = f"Scores here and in print: {'; '.join(told)}"
    figure = picture(drawn, "comparison", partial(comparison_figure, rows), caption, alt + ".", rows)
    blocks: list[Block] = [figure, Code(command)]
    note = (
        "Training is the part of the authors' own that was done. Cost is time in training steps over all seeds, on a "
        "machine that the runs shared. Scores are of the seeds that ended, or of those under way where none has."
    )
    if rows["on_target"].any():
        note += " A run on target ended at the first evaluation that solved the task, as its study asks."
    blocks.append(Table(note, columns, tuple(lines), frozenset(columns[2:])))
    when = passes(papers)
    if len(when):
        blocks.append(pass_table(when, tasks))
    return Section("comparison", "Published against reproduced", "Comparison", tuple(blocks))


def pass_table(when: pd.DataFrame, tasks: dict[tuple[str, str], TaskContent]) -> Table:
    """Return when every curve first passed a threshold; the cells of which no run did share a row."""
    lines = []
    for key, part in when.groupby(["study", "task", "threshold"], sort=False):
        study, label, threshold = key
        task = tasks[str(study), str(label)]
        score = formats.score(float(str(threshold)), task)
        never: list[str] = []
        for (cell, source), curves in part.groupby(["cell", "source"], sort=False):
            if source == OWN and curves["step"].isna().all():
                never.append(str(cell))
                continue
            shown = ", ".join(moment(row) for row in curves.to_dict("records"))
            lines.append((task.title, str(cell), score, shown, str(source)))
        if never:
            lines.append((task.title, ", ".join(never), score, NOT_YET, OWN))
    columns = ("task", "cell", "validation score", "first passed, a value a seed", "source")
    caption = "When each curve first passed a validation score; a published curve is one run."
    return Table(caption, columns, tuple(lines), frozenset((columns[2],)))


def moment(row: dict[object, object]) -> str:
    """Write an epoch, or a step where there are no epochs."""
    step, epoch = float(str(row["step"])), float(str(row["epoch"]))
    if math.isnan(step):
        return NOT_YET if row["source"] == OWN else "not in the log"
    return f"step {formats.count(step)}" if math.isnan(epoch) else f"epoch {epoch:.3g}"


def trained(row: dict[object, object]) -> str:
    """Write how long the run that is furthest behind was trained, and how long it is to be where no run has ended.

    Runs that solved the task, and so ended when they had, are told from the first to the last.
    """
    epochs, steps, planned = (float(str(row[name])) for name in ("epochs", "steps", "planned_steps"))
    ended = int(str(row["seeds"])) - int(str(row["under_way"]))
    if math.isnan(epochs):
        done = formats.count(steps)
        if ended and row["on_target"] == ended:
            most = formats.count(float(str(row["most_steps"])))
            return f"{done} steps, on target" if done == most else f"{done} to {most} steps, on target"
        return f"{done} steps" if ended else f"{done} of {formats.count(planned)} steps"
    return f"{epochs:.3g} epochs" if ended else f"{epochs:.3g} of {planned * epochs / steps:.3g} epochs"


def seeds(row: dict[object, object]) -> str:
    """Write how many seeds there are, and how many did not finish."""
    said = [str(row["seeds"])]
    if row["under_way"]:
        said.append(f"{row['under_way']} under way")
    if row["diverged"]:
        said.append(f"{row['diverged']} diverged")
    return ", ".join(said)


def spread(row: dict[object, object], which: str, task: TaskContent) -> str:
    """Write a mean with its lowest and highest seed."""
    value, low, high = (float(str(row[f"{which}{end}"])) for end in ("", "_low", "_high"))
    if math.isnan(value):
        return formats.MISSING
    shown = formats.score(value, task)
    return shown if low == high else f"{shown} ({formats.interval(low, high, task)})"


def span(row: dict[object, object], task: TaskContent) -> str:
    """Write the published scores of the cell."""
    low, high = float(str(row["published_low"])), float(str(row["published_high"]))
    if math.isnan(low):
        return formats.MISSING
    return formats.score(low, task) if low == high else formats.interval(low, high, task)


def share(row: dict[object, object]) -> str:
    """Write which part of the authors' training was done."""
    published = float(str(row["published_steps"]))
    return formats.MISSING if math.isnan(published) else formats.percent(float(str(row["steps"])) / published)


def paper_section(paper: Paper, rows: pd.DataFrame, drawn: Drawings) -> Section:
    """One study: its curves beside the published ones, and the command that gives them."""
    content = paper.content
    curves = learning_curves(content)
    stem = f"curves-{content.name}"
    caption = (
        "Validation score over training steps and over seconds. Lines are medians over the seeds, bands run from the "
        "lowest to the highest. Runs under way are shown as far as they are."
    )
    if len(content.published):
        caption += " Dashed: curves that others published, each one run of theirs."
    said = [(f"{task.title}.", text) for task in content.tasks if (text := sentence(paper, task, curves, rows))]
    blocks: list[Block] = [Paragraph(content.question)]
    if said:
        blocks.append(Bullets(tuple(said)))
    if len(curves):
        alt = " ".join(text for _, text in said) or content.question
        blocks.append(
            picture(drawn, stem, partial(curve_figure, content, curves), caption, alt, numbers(content, curves))
        )
    blocks.append(Code(content.command))
    if (published := published_section(content)) is not None:
        blocks += [block for block in published.blocks if isinstance(block, Table) and not block.folded]
    return Section(content.name, content.name, content.name, tuple(blocks))


def sentence(paper: Paper, task: TaskContent, curves: pd.DataFrame, rows: pd.DataFrame) -> str:
    """Say what was reached on a task, and where the curves stand to the published ones."""
    own = rows[(rows["study"] == paper.content.name) & (rows["task"] == task.label)]
    parts = []
    for row in own.to_dict("records"):
        test = "" if math.isnan(float(row["test"])) else f", {formats.score(float(row['test']), task)} on the test set"
        valid = formats.score(float(row["valid"]), task)
        parts.append(f"{row['cell']} reaches {valid} in validation{test} after {trained(row)}")
    text = f"{formats.listing(parts)}." if parts else ""
    return " ".join(filter(None, (text, beside(paper.content, curves, task))))


def reproduction_section(papers: Sequence[Paper], command: str) -> Section:
    """How to get the same numbers again."""
    contents: list[StudyContent] = [paper.content for paper in papers]
    newest = max(contents, key=lambda content: content.environment.get("date", ""))
    blocks: list[Block] = [
        Paragraph("Each study goes on where it was when its command is given again; this page is written anew by:"),
        Code(command),
        Heading("Versions and machine"),
        Table("Of the newest run.", ("what", "value"), tuple(environment(newest).items())),
    ]
    return Section("reproduce", "How to get the same numbers again", "Reproduce", tuple(blocks))
