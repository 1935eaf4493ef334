"""The report on published recipes as a folder of files, with every curve in curves.csv."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from rnnzoo.beside import Beside
from rnnzoo.files import write_text
from rnnzoo.report.papers.composing import compose
from rnnzoo.report.writing import csv, write_files
from rnnzoo.study.papers import Paper


def write_papers(name: str, papers: Sequence[Paper], folder: Path, command: str, beside: Beside | None = None) -> Path:
    """Write the report on several studies of published recipes: the files of every report, and curves.csv.

    Args:
        name: of the report.
        papers: at least one.
        folder: made if it is not there.
        command: that writes the report anew.
        beside: processes that draw figures too.

    Returns:
        the path of report.html.
    """
    report, drawn, rows = compose(name, papers, command, beside)
    frames = {picture.stem: picture.frame for picture in report.pictures}
    folder.mkdir(parents=True, exist_ok=True)
    write_text(folder / "curves.csv", csv(pd.concat([paper.curves for paper in papers], ignore_index=True)))
    labels = {
        "cells": list(dict.fromkeys(cell for paper in papers for cell in paper.content.cells)),
        "tasks": list(dict.fromkeys(task.label for paper in papers for task in paper.content.tasks)),
    }
    return write_files(report, drawn, frames, rows, folder, stems=tuple(frames), labels=labels)
