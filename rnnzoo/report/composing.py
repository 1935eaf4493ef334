"""What the report says in which order: from a study's content to sections, with the figures begun on the way.

Nothing that is absent breaks a section: it says what is missing instead.
"""

import math

from rnnzoo.beside import Beside
from rnnzoo.report import formats, sentences
from rnnzoo.report.blocks import Report
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.laboratory.composing import laboratory_sections, on_measured_length
from rnnzoo.report.laboratory.glance import headline
from rnnzoo.report.once import remembering
from rnnzoo.report.sections.across import across_section
from rnnzoo.report.sections.answer import answer_section
from rnnzoo.report.sections.budget import budget_section
from rnnzoo.report.sections.cost import cost_section
from rnnzoo.report.sections.curves import curve_section
from rnnzoo.report.sections.front import front_section
from rnnzoo.report.sections.learning import learning_section
from rnnzoo.report.sections.published import published_section
from rnnzoo.report.sections.reproduction import reproduction_section
from rnnzoo.report.sections.scores import score_section
from rnnzoo.report.sections.search import search_section
from rnnzoo.report.sections.tuning import tuning_section


@remembering()
def compose(content: StudyContent, beside: Beside | None = None) -> tuple[Report, Drawings]:
    """Return the report of a study and its figures by the stems of their files, which others beside may draw."""
    drawn = Drawings(beside)
    sections = [
        budget_section(content),
        answer_section(content, drawn),
        score_section(content, drawn),
        across_section(content, drawn),
        curve_section(content, drawn),
        cost_section(content, drawn),
        front_section(content, drawn),
        tuning_section(content, drawn),
        search_section(content, drawn),
        reproduction_section(content),
    ]
    if (published := published_section(content)) is not None:
        sections.insert(3, published)
    if (learned := learning_section(content, drawn)) is not None:
        sections.insert(2, learned)
    laboratory = laboratory_sections(content, drawn)
    place = 0 if content.focus == "gradients" else [section.anchor for section in sections].index("cost") + 1
    sections[place:place] = laboratory
    found = sentences.verdicts(content)
    answer = sentences.headline(found, alone=len(content.cells) == 1)
    return Report(
        content.name,
        content.question,
        (headline(on_measured_length(content)) or answer) if content.focus == "gradients" else answer,
        summary(content),
        tuple(sections),
    ), drawn


def summary(content: StudyContent) -> tuple[str, ...]:
    """Return the small print under the headline."""
    phases = content.rows["phase"].value_counts().to_dict()
    trials = len(content.rows.loc[content.rows["phase"] == "search", ["task", "cell", "trial"]].drop_duplicates())
    parts = [
        f"{formats.plural(len(content.cells), 'cell')} on {formats.plural(len(content.tasks), 'task')}",
        f"{formats.plural(trials, 'search trial')} and "
        f"{formats.plural(int(phases.get('confirm', 0)), 'confirming run')}",
    ]
    if math.isfinite(content.training_seconds):
        parts.append(f"{formats.duration(content.training_seconds)} of training")
    if "date" in content.environment:
        parts.append(content.environment["date"])
    return tuple(parts)
