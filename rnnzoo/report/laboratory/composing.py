"""Which sections the gradient laboratory adds to a report, in order; what was not measured has none."""

from dataclasses import replace

from rnnzoo.report.blocks import Section
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.laboratory.bounds import bound_section
from rnnzoo.report.laboratory.costs import cost_section
from rnnzoo.report.laboratory.glance import glance_section
from rnnzoo.report.laboratory.memory import memory_section
from rnnzoo.report.laboratory.spectrum import spectrum_section
from rnnzoo.report.laboratory.structure import structure_section
from rnnzoo.report.laboratory.time import time_section
from rnnzoo.report.sections.gradients import gradient_section

STEMS = (
    "bounds", "history", "early", "clipping", "jacobians", "condition", "lyapunov", "memory", "lags", "constraints",
    "inversion", "precision_state", "precision_gradient",
)  # fmt: skip
"""Names of the figures that these sections can have, beside that of the gradient's norm."""


def on_measured_length(content: StudyContent) -> StudyContent:
    """Return the content with tasks whose titles tell on how many steps was measured, where that is another length."""
    if content.measured_length is None:
        return content
    tasks = [replace(task, title=f"{task.title}, measured on {content.measured_length:,}") for task in content.tasks]
    return replace(content, tasks=tasks)


def laboratory_sections(content: StudyContent, drawn: Drawings) -> list[Section]:
    """Return the sections in the order in which a reader asks: the gradient first, where it was measured."""
    if not content.measured:
        return [gradient_section(content, drawn)]
    own, content = content, on_measured_length(content)
    sections = [
        glance_section(content),
        bound_section(content, drawn),
        gradient_section(content, drawn),
        time_section(content, own, drawn),
        spectrum_section(content, drawn),
        memory_section(content, drawn),
        structure_section(content, own, drawn),
        cost_section(content),
    ]
    measures = set(content.measured) - {"costs"}
    if not measures:  # the gradient alone needs no table beside its section
        sections = [gradient_section(content, drawn), cost_section(content)]
    return [section for section in sections if section is not None]
