"""A speed study's times to a folder of files, and back."""

import json
from pathlib import Path

from rnnzoo.files import write_text
from rnnzoo.records import RecordError, read_table
from rnnzoo.report.speed.composing import STEMS, compose
from rnnzoo.report.writing import write_files
from rnnzoo.speed.measure import COLUMNS, Measured
from rnnzoo.speed.plan import SpeedPlan

MEASURED = "measured.json"


def write_speed_report(plan: SpeedPlan, found: Measured, folder: Path) -> Path:
    """Write the report of a speed study: the files of every report, and measured.json with versions and machine.

    Args:
        plan: what was asked.
        found: what was measured.
        folder: made if it is not there.

    Returns:
        the path of report.html.
    """
    report, drawn = compose(plan, found)
    frames = {picture.stem: picture.frame for picture in report.pictures}
    folder.mkdir(parents=True, exist_ok=True)
    known = {"environment": found.environment, "seconds": found.seconds}
    write_text(folder / MEASURED, json.dumps(known, ensure_ascii=False, indent=1) + "\n")
    return write_files(report, drawn, frames, found.rows, folder, stems=STEMS, labels={"cells": plan.cells})


def read_measured(folder: Path) -> Measured:
    """Return what a speed study measured last.

    Raises:
        FileNotFoundError: there is nothing.
        RecordError: a file cannot be read.
    """
    try:
        rows = read_table(folder / "rows.csv")
        known = json.loads((folder / MEASURED).read_bytes())
        environment, seconds = {str(k): str(v) for k, v in known["environment"].items()}, float(known["seconds"])
    except FileNotFoundError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise RecordError(f"{folder}: {type(error).__name__}: {error}; measure again with rnnzoo run") from None
    if lost := [name for name in COLUMNS if name not in rows.columns]:
        raise RecordError(f"{folder}/rows.csv lacks the columns {', '.join(lost)}; measure again with rnnzoo run")
    return Measured(rows.assign(reason=rows["reason"].astype("object").fillna("")), environment, seconds)
