"""`rnnzoo run` and `rnnzoo report` of a speed study."""

from pathlib import Path

from rich.markup import escape

from rnnzoo.cli.console import BAD_INPUT, INTERRUPTED, err, fail
from rnnzoo.files import explained


def run_speed(study: Path, reports: Path) -> None:
    """Time everything that the study asks for, and write its report."""
    from rnnzoo.report.index import write_index
    from rnnzoo.report.speed.targets import busy
    from rnnzoo.report.speed.writing import write_speed_report
    from rnnzoo.speed.measure import measure
    from rnnzoo.speed.reading import read_speed_plan
    from rnnzoo.study.file import StudyFileError

    try:
        plan = read_speed_plan(study)
    except StudyFileError as error:
        fail(BAD_INPUT, error)
    try:
        found = measure(plan, lambda line: err.print(line, markup=False, highlight=False))
    except KeyboardInterrupt:
        fail(INTERRUPTED, "Stopped; nothing was written. A speed study starts anew, its times belong to one process.")
    try:
        page = write_speed_report(plan, found, reports / plan.name)
        write_index(reports)
    except OSError as error:
        fail(BAD_INPUT, explained(error))
    if busy(found):
        err.print(
            f"warning: the machine was busy when this began (load {found.environment['load before']}): "
            "run it again when nothing else runs",
            markup=False,
        )
    err.print(f"report: {escape(str(page))}")


def report_speed(study: Path, reports: Path) -> None:
    """Write the report of a speed study anew from what it measured last."""
    from rnnzoo.records import RecordError
    from rnnzoo.report.index import write_index
    from rnnzoo.report.speed.writing import read_measured, write_speed_report
    from rnnzoo.speed.reading import read_speed_plan
    from rnnzoo.study.file import StudyFileError

    try:
        plan = read_speed_plan(study)
        found = read_measured(reports / plan.name)
        page = write_speed_report(plan, found, reports / plan.name)
        write_index(reports)
    except FileNotFoundError:
        fail(BAD_INPUT, f"{reports} holds no times of {study}; take them with: rnnzoo run {study}")
    except OSError as error:
        fail(BAD_INPUT, explained(error))
    except (StudyFileError, RecordError) as error:
        fail(BAD_INPUT, error)
    err.print(f"report: {escape(str(page))}")
