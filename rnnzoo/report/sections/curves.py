"""How the cells learned: validation scores over steps and over seconds, beside published curves."""

from functools import partial

import pandas as pd

from rnnzoo.report import formats, tables
from rnnzoo.report.blocks import Block, Bullets, Section
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.curves import curve_figure
from rnnzoo.report.sections.parts import missing, picture


def curve_section(content: StudyContent, drawn: Drawings) -> Section:
    """Learning curves over steps and seconds."""
    title = "How it learned" if len(content.cells) == 1 else "How they learned"
    curves = tables.learning_curves(content)
    if curves.empty:
        return Section("curves", title, "Learning curves", (missing("No confirming run left a learning curve."),))
    n = int(curves["n"].max())
    caption = "Validation score while training, over steps on the left and over seconds on the right. "
    caption += (
        f"Lines are medians over up to {n} seeds, bands run from the worst to the best. " if n > 1 else "One seed. "
    )
    caption += "A run that stopped early keeps its last score; one that was lost counts as the baseline from there on."
    if bool((curves["timing"] == "clock").any()):
        caption += " Where a step was not timed alone, seconds are the runs' own, on a machine that they shared."
    if len(content.published):
        caption += " Dashed without a band: curves that others published, each one run of theirs."
    ends = curves.sort_values("step", kind="stable").groupby(["task", "cell"], sort=False).tail(1)
    alt = "Validation score over training; at the end: " + " ".join(
        f"{task.title}: " + ", ".join(
            f"{row['cell']} {formats.score(float(row['median']), task)}"
            for _, row in ends[ends["task"] == task.label].iterrows()
        ) + "." for task in content.tasks
    )  # fmt: skip
    blocks: list[Block] = []
    if items := [(f"{task.title}.", said) for task in content.tasks if (said := beside(content, curves, task))]:
        blocks.append(Bullets(tuple(items)))
    shown = numbers(content, curves)
    blocks.append(picture(drawn, "curves", partial(curve_figure, content, curves), caption, alt, shown))
    return Section("curves", title, "Learning curves", tuple(blocks))


def beside(content: StudyContent, curves: pd.DataFrame, task: TaskContent) -> str:
    """Set cells beside the published curves of the same name, at the last step that both have; "" without any."""
    said = []
    on_task = content.published[content.published["task"] == task.label].dropna(subset=["step", "valid"])
    for cell in content.cells:
        own = curves[(curves["task"] == task.label) & (curves["cell"] == cell)].dropna(subset=["median"])
        published = on_task[(on_task["name"] == cell) & on_task["step"].isin(own["step"])]
        last = published.sort_values("step", kind="stable").groupby("source", sort=False).tail(1)
        for step, runs in last.groupby("step", sort=True):
            mine = own[own["step"] == step].iloc[0]
            n, low, high = int(mine["n"]), float(mine["low"]), float(mine["high"])
            over = f"median of {n} seeds, {formats.interval(low, high, task)}" if n > 1 else "one seed"
            theirs = [f"{formats.score(float(row['valid']), task)} ({row['source']})" for _, row in runs.iterrows()]
            said.append(
                f"At step {formats.count(float(mine['step']))} {cell} has a validation {task.metric} of "
                f"{formats.score(float(mine['median']), task)} ({over}); published "
                f"{'runs have' if len(theirs) > 1 else 'is'} {formats.listing(theirs)}."
            )
    return " ".join(said)


def numbers(content: StudyContent, curves: pd.DataFrame) -> pd.DataFrame:
    """Return what the figure draws: the study's own curves, then the published ones, with where each is from."""
    names = {"name": "cell", "valid": "median"}
    published = content.published.rename(columns=names)[["task", "cell", "step", "median", "source"]]
    own = curves.assign(source="this study")
    return pd.concat([own, published], ignore_index=True) if len(published) else own
