"""A study's content to a folder of files: page, Markdown, rows, figures and their numbers."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from rnnzoo.beside import Beside
from rnnzoo.files import write_bytes, write_text
from rnnzoo.report import markdown, page
from rnnzoo.report.blocks import Report
from rnnzoo.report.composing import compose
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.index import SUMMARY
from rnnzoo.report.laboratory.composing import STEMS as LABORATORY_STEMS
from rnnzoo.report.tables import scores

STEMS = (
    "overview", "scores", "aggregate", "profiles", "improvement", "places", "curves", "cost", "tradeoff", "gradients",
    "learning", "alignment", "alignment_parameters", "front", "trial_front", "tuning", "trials", "importance",
    *LABORATORY_STEMS,
)  # fmt: skip
"""Names of all figures that a report can have or once had; those that no longer hold are removed."""


def write_report(content: StudyContent, folder: Path, beside: Beside | None = None) -> Path:
    """Write the report of a study: the same content gives the same bytes.

    Writes report.html (self-contained), report.md, rows.csv, summary.json for the index, and in `figures/` each figure
    as SVG and PNG with its numbers as CSV. Files appear whole; report.html comes last.

    Args:
        content: what the report shows.
        folder: made if it is not there.
        beside: processes that draw figures too; the files are the same with and without.

    Returns:
        the path of report.html.
    """
    report, drawn = compose(content, beside)
    labels = {"cells": content.cells, "tasks": [task.label for task in content.tasks]}
    return write_files(report, drawn, numbers(content, report), content.rows, folder, stems=STEMS, labels=labels)


def write_files(
    report: Report,
    drawn: Drawings,
    frames: Mapping[str, pd.DataFrame],
    rows: pd.DataFrame,
    folder: Path,
    *,
    stems: Sequence[str],
    labels: Mapping[str, Sequence[str]],
) -> Path:
    """Write the files of a report of any kind; see `write_report`.

    Args:
        report: what it says.
        drawn: its figures.
        frames: stem → the numbers in the figure.
        rows: what becomes rows.csv.
        folder: made if it is not there.
        stems: of all figures that such a report can have; files of those that it no longer has are removed.
        labels: what else the summary holds.

    Returns:
        the path of report.html.
    """
    place = folder / "figures"
    place.mkdir(parents=True, exist_ok=True)
    plates = drawn.plates()
    for stem, plate in plates.items():
        write_bytes(place / f"{stem}.svg", plate.svg)
        write_bytes(place / f"{stem}.png", plate.png)
    for stem, frame in frames.items():
        write_text(place / f"{stem}.csv", csv(frame))
    for stem in stems:
        if stem not in drawn:
            for ending in ("svg", "png", "csv"):
                (place / f"{stem}.{ending}").unlink(missing_ok=True)
    write_text(folder / "rows.csv", csv(rows))
    write_text(folder / "report.md", markdown.render(report))
    shown = {
        "name": report.name,
        "question": report.question,
        "headline": report.headline,
        "summary": list(report.summary),
        **{name: list(values) for name, values in labels.items()},
    }
    write_text(folder / SUMMARY, json.dumps(shown, ensure_ascii=False, indent=2) + "\n")
    return write_text(folder / "report.html", page.render(report, plates))


def numbers(content: StudyContent, report: Report) -> dict[str, pd.DataFrame]:
    """Return stem of a figure → the numbers in it."""
    found = {picture.stem: picture.frame for picture in report.pictures}
    table = scores(content)
    return {**found, "overview": table} if (table["n"] > 0).any() else found


def csv(frame: pd.DataFrame) -> str:
    """Return a frame as CSV; numbers keep all the digits that a float has."""
    return frame.to_csv(index=False, lineterminator="\n")
