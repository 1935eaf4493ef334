"""What happens to the gradient on its way back through time."""

from functools import partial

from rnnzoo.report import formats, gradients, sentences
from rnnzoo.report.blocks import Block, Bullets, Heading, Paragraph, Section
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.gradients import gradient_figure
from rnnzoo.report.laboratory.promises import early_entries, promise_entries
from rnnzoo.report.sections.parts import missing, picture


def gradient_section(content: StudyContent, drawn: Drawings) -> Section:
    """What happens to the gradient on its way back through time."""
    title, profiles = "Does the gradient reach the beginning?", gradients.gradient_profiles(content)
    if profiles.empty:
        return Section("gradients", title, "Gradients", (missing("Gradient norms were not measured in this study."),))
    fates = gradients.gradient_fates(content)
    items = [
        (f"{task.title}.", " ".join(said))
        for task in content.tasks
        if (said := sentences.gradient_sentences(fates, task))
    ]
    caption = (
        "Norm of the loss's gradient with respect to the whole state after step t, median over the batch "
        "and the seeds, with "
        "the band from the 10% to the 90% quantile. It travels from the end of the sequence, right, to its beginning, "
        "left: a falling line to the left is a vanishing gradient. A line along the lower edge is below "
        "it, or exactly zero."
    )
    alt = "Gradient norm over time steps. " + " ".join(f"{name} {text}" for name, text in items)
    blocks: tuple[Block, ...] = (
        Bullets(tuple(items)),
        Paragraph(sentences.GRADIENT_RULE),
        picture(drawn, "gradients", partial(gradient_figure, content, profiles), caption, alt, profiles),
    )
    if early := early_entries(content):
        blocks = (*blocks, Heading("How much reaches the first tenth of the sequence"), Bullets(early))
    if kept := promise_entries(content):
        blocks = (*blocks, Heading("Beside what the papers say of it"), Bullets(kept))
    absent = [cell for cell in content.cells if not (profiles["cell"] == cell).any()]
    if absent:
        blocks = (*blocks, missing(f"Not measured for {formats.listing(absent)}."))
    return Section("gradients", title, "Gradients", blocks)
