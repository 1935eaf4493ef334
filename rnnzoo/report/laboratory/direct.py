"""A report on models that were measured directly, without a study."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from rnnzoo.cells.base import Cell
from rnnzoo.diagnostics.specimens import Specimen
from rnnzoo.records import environment
from rnnzoo.report import formats, gradients
from rnnzoo.report.blocks import Report
from rnnzoo.report.content import GRADIENT_COLUMNS, ROW_COLUMNS, StudyContent, TaskContent, empty
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.laboratory.composing import STEMS, laboratory_sections
from rnnzoo.report.laboratory.glance import headline, violations
from rnnzoo.report.sections.reproduction import reproduction_section
from rnnzoo.report.writing import write_files


def direct_content(
    name: str, command: str, specimens: Sequence[Specimen], found: Mapping[str, pd.DataFrame]
) -> StudyContent:
    """Return what the report is made of.

    Args:
        name: of the report's folder.
        command: the shell command that reproduces it.
        specimens: what was measured.
        found: `measure_all`.
    """
    tasks = {specimen.task_name: specimen.task for specimen in specimens}
    cells = list(dict.fromkeys(specimen.label for specimen in specimens))
    return StudyContent(
        name=name,
        question=f"What {'does' if len(cells) == 1 else 'do'} {formats.listing(cells)} do to a gradient?",
        command=command,
        training_seconds=float("nan"),
        environment=environment(),
        seeds=sorted({specimen.seed for specimen in specimens}),
        cells=cells,
        tasks=[
            TaskContent(
                label=label,
                name=label,
                title=f"{label}, {task.length:,} steps",
                metric=task.metric.name,
                direction=task.metric.direction,
                best=task.metric.best,
                log=task.metric.log,
                baseline=task.baseline,
                facts={"task": task.summary, **task.facts()},
            )
            for label, task in tasks.items()
        ],
        rows=empty(ROW_COLUMNS),
        gradients=found.get("gradients", empty(GRADIENT_COLUMNS)),
        measured={name: frame for name, frame in found.items() if name != "gradients"},
        focus="gradients",
        promises=promises(specimens),
    )


def promises(specimens: Sequence[Specimen]) -> dict[str, str]:
    """Return what the papers say of the gradients of these models, by label; those that promise nothing lack."""
    cells = {specimen.label: specimen.model.recurrent.cells[0] for specimen in specimens}
    return {
        label: cell.claims.gradient for label, cell in cells.items() if isinstance(cell, Cell) and cell.claims.gradient
    }


def write_direct_report(content: StudyContent, folder: Path) -> tuple[Path, bool]:
    """Write the report of models that were measured directly.

    Returns:
        the path of report.html, and whether every statement that applies holds.
    """
    drawn = Drawings()
    sections = [*laboratory_sections(content, drawn), reproduction_section(content)]
    moments = formats.plural(len(content.cells), "cell")
    summary = (moments, content.environment["processor"], content.environment["date"])
    report = Report(
        content.name, content.question, headline(content), summary, tuple(sections),
        origin="measurements of these models", row="check of a statement",
    )  # fmt: skip
    frames = {picture.stem: picture.frame for picture in report.pictures}
    rows = content.measured.get("bounds", gradients.gradient_fates(content))
    labels = {"cells": content.cells, "tasks": [task.label for task in content.tasks]}
    page = write_files(report, drawn, frames, rows, folder, stems=("gradients", *STEMS), labels=labels)
    return page, not violations(content)
