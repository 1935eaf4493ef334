"""How much tuning a cell needs: the expected best score over the number of trials."""

from functools import partial

import pandas as pd

from rnnzoo.report import formats, tuning
from rnnzoo.report.blocks import Block, Bullets, Paragraph, Section, Table
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.tuning import tuning_figure
from rnnzoo.report.sections.parts import missing, picture


def tuning_section(content: StudyContent, drawn: Drawings) -> Section:
    """Who is ahead after 5 trials, 20, 100."""
    title, curves = "How much tuning does it take?", tuning.tuning_curves(content)
    if curves.empty:
        text = "This study has no search phase, so what tuning would bring is not known."
        return Section("tuning", title, "Tuning", (missing(text),))
    alone, found = len(content.cells) == 1, tuning.leaders(content)
    blocks: list[Block] = [] if alone else [Bullets(answers(content, found))]
    counts = sorted({int(n) for n in curves["n"]})
    amount = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    caption = (
        "Validation score to expect of the best of so many trials: the mean over every set of that many of the cell's "
        f"n = {amount} trials, drawn without replacement; the band is the bootstrap's 95% interval, which cannot know "
        "better scores than those seen and is too narrow where the trials come near their number. A trial that "
        "was lost (it diverged, or ran out of memory or time), or ended worse than the baseline, counts as the "
        "baseline."
    )
    alt = "Expected best validation score. " + " ".join(
        f"{task.title}: " + ", ".join(
            f"{row['cell']} {formats.score(float(row['expected']), task)}"
            for _, row in ends(curves[curves["task"] == task.label]).iterrows()
        ) + " at the end of the search." for task in content.tasks if (curves["task"] == task.label).any()
    )  # fmt: skip
    blocks.append(picture(drawn, "tuning", partial(tuning_figure, content, curves), caption, alt, curves))
    blocks.append(Paragraph(exchangeable(content)))
    if not alone:
        blocks.append(leader_table(content, found))
    return Section("tuning", title, "Tuning", tuple(blocks))


def ends(curves: pd.DataFrame) -> pd.DataFrame:
    """Return each cell's last row."""
    return curves.groupby("cell", sort=False).tail(1)


def answers(content: StudyContent, found: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Say for every task who is expected to be ahead after how many trials."""
    said = []
    for task in content.tasks:
        own = found[found["task"] == task.label]
        if own.empty:
            continue
        parts = [leader_words(row, task) for _, row in own.iterrows()]
        winners = list(dict.fromkeys(own["winner"].dropna()))
        if len(own) > 1 and len(winners) > 1:
            parts.append("The order depends on how much is tuned.")
        said.append((f"{task.title}.", " ".join(parts)))
    return tuple(said)


def leader_words(row: pd.Series, task: TaskContent) -> str:
    """Say who is ahead after a number of trials."""
    after = f"After {formats.plural(int(row['trials']), 'trial')}"
    if not isinstance(row["winner"], str):
        return f"{after} no cell is expected to beat the baseline."
    text = f"{after} {row['winner']} is ahead with an expected {formats.score(float(row['expected']), task)}"
    if isinstance(row["runner_up"], str):
        runner_up = formats.score(float(row["runner_up_expected"]), task)
        share = formats.percent(float(row["share"]))
        text += f", before {row['runner_up']} with {runner_up} (first in {share} of resamples)"
    return f"{text}."


def exchangeable(content: StudyContent) -> str:
    """Say whether the trials were independent, which the expectation takes for granted."""
    names = sorted({str(name) for name in content.budget["sampler"].dropna() if name}) if len(content.budget) else []
    if names == ["random"]:
        return "The trials were drawn at random, independently of each other, as the expectation takes for granted."
    learning = [name for name in names if name != "random"]
    several = len(learning) > 1
    which = f"The sampler{'s' * several} {formats.listing(learning)}" if learning else "The sampler"
    return (
        f"{which} propose{'' if several else 's'} a trial from the scores of those before it, so that its trials are "
        "not exchangeable and later ones tend to be better: the curve describes these trials in random "
        "order and is no forecast for a search that is broken off early. The column so_far of the numbers gives the "
        "best score as the search went; "
        'with sampler = "random" the expectation is exact.'
    )


def leader_table(content: StudyContent, found: pd.DataFrame) -> Table:
    """Return who is ahead at which budget."""
    rows = []
    for task in content.tasks:
        for _, row in found[found["task"] == task.label].iterrows():
            won = isinstance(row["winner"], str)
            rows.append(
                (
                    task.label, f"{row['trials']}", str(row["winner"]) if won else "no cell beats the baseline",
                    formats.score(float(row["expected"]), task) if won else formats.MISSING,
                    formats.interval(float(row["low"]), float(row["high"]), task) if won else formats.MISSING,
                    str(row["runner_up"]) if isinstance(row["runner_up"], str) else formats.MISSING,
                    formats.score(float(row["runner_up_expected"]), task),
                    formats.percent(float(row["share"])),
                )
            )  # fmt: skip
    columns = ("task", "trials", "ahead", "expected", "95% interval", "runner-up", "its score", "first in resamples")
    caption = "Who is expected to be ahead after so many trials, and in what share of resampled searches it is first."
    return Table(caption, columns, tuple(rows), frozenset({"trials", *columns[3:5], *columns[6:]}), folded=True)
