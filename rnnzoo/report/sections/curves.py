"""How the cells learned: validation scores over steps and over seconds."""

from rnnzoo.report import formats, tables
from rnnzoo.report.blocks import Section
from rnnzoo.report.content import StudyContent
from rnnzoo.report.figures.curves import curve_figure
from rnnzoo.report.sections.parts import Drawn, missing, picture


def curve_section(content: StudyContent, drawn: Drawn) -> Section:
    """Learning curves over steps and seconds."""
    title, curves = "How they learned", tables.learning_curves(content)
    if curves.empty:
        return Section("curves", title, "Learning curves", (missing("No confirming run left a learning curve."),))
    n = int(curves["n"].max())
    caption = "Validation score while training, over steps on the left and over seconds on the right. "
    caption += (
        f"Lines are medians over up to {n} seeds, bands run from the worst to the best. " if n > 1 else "One seed. "
    )
    caption += "A run that stopped early keeps its last score; one that diverged counts as the baseline from there on."
    if bool((curves["timing"] == "clock").any()):
        caption += " Where a step was not timed alone, seconds are the runs' own, on a machine that they shared."
    sources = content.published.drop_duplicates(["task", "name", "source"])
    for _, row in sources.iterrows():
        caption += f" Dashed black: {row['name']} ({row['source']})."
    ends = curves.sort_values("step", kind="stable").groupby(["task", "cell"], sort=False).tail(1)
    alt = "Validation score over training; at the end: " + " ".join(
        f"{task.title}: " + ", ".join(
            f"{row['cell']} {formats.score(float(row['median']), task)}"
            for _, row in ends[ends["task"] == task.label].iterrows()
        ) + "." for task in content.tasks
    )  # fmt: skip
    found = picture(drawn, "curves", curve_figure(content, curves), caption, alt, curves)
    return Section("curves", title, "Learning curves", (found,))
