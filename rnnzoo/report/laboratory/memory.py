"""How far back a state remembers."""

from functools import partial

from rnnzoo.report import formats
from rnnzoo.report.blocks import Bullets, Section
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.laboratory import frames
from rnnzoo.report.laboratory.figures import line_figure
from rnnzoo.report.sections.parts import picture


def memory_section(content: StudyContent, drawn: Drawings) -> Section | None:
    """Recall of the input against its lag; None if it was not measured."""
    found = frames.recall(content)
    if found.empty:
        return None
    reach = frames.reaches(content)
    entries = []
    for task in content.tasks:
        for moment in frames.moments_of(reach):
            own = reach[(reach["task"] == task.label) & (reach["moment"] == moment)]
            ranked = own.sort_values("reach", ascending=False, kind="stable")
            words = [
                f"{row['cell']} {int(row['reach'])}" if int(row["reach"]) >= 0 else f"{row['cell']} none"
                for _, row in ranked.iterrows()
            ]
            if words:
                text = f"half of the input's variance can be read back over so many steps: {formats.listing(words)}."
                entries.append((f"{task.title}, {frames.MOMENT_WORDS[moment]}:", text))
    draw = partial(
        line_figure, content, found.assign(shown=found["lag"] + 1), "shown", "capacity",
        ("lag + 1: the input just read is at 1", "share of variance recalled"), log_x=True, limits=(-0.03, 1.03),
    )  # fmt: skip
    caption = (
        "Share of the variance of an input that a linear readout of the state recalls so many steps later, on "
        "sequences that the readout was not fitted on. The input is independent noise in the first feature, not the "
        "task's."
    )
    alt = "Linear recall over the lag. " + " ".join(text for _, text in entries)
    return Section(
        "memory", "How far back the state remembers", "Memory",
        (Bullets(tuple(entries)), picture(drawn, "memory", draw, caption, alt, found)),
    )  # fmt: skip
