"""`rnnzoo run` and `rnnzoo report`: a study file, of training or of speed, to a report."""

import gc
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from rnnzoo.beside import RARELY, Beside, cores
from rnnzoo.cli.console import BAD_INPUT, FAILED, INTERRUPTED, err, fail
from rnnzoo.cli.speed import report_speed, run_speed
from rnnzoo.files import explained
from rnnzoo.report.figures import MODULES
from rnnzoo.study import forkserver
from rnnzoo.study.file import StudyFileError, is_speed_study
from rnnzoo.study.secret import VARIABLE, without_variable

if TYPE_CHECKING:
    from rnnzoo.study.plan import Plan

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="A study file, e.g. studies/quick.toml.")]
Runs = Annotated[Path, typer.Option("--runs", envvar="RNNZOO_RUNS", help="Folder of the run records.")]
Reports = Annotated[Path, typer.Option("--reports", help="Folder in which the study's report gets its own folder.")]


def in_confidence(context: typer.Context, url: str | None) -> str | None:
    """Pass a storage URL on, and warn where it is an argument that holds a password."""
    source = context.get_parameter_source("storage")
    if url is not None and source is not None and source.name == "COMMANDLINE":
        from rnnzoo.study.storage import holds_secret

        if holds_secret(url):
            err.print(
                "warning: other users of this machine see the password in --storage among the running commands; "
                f"give it in {VARIABLE}, or in the file that PGPASSFILE names",
                soft_wrap=True,
            )
    return url


Storage = Annotated[
    str | None,
    typer.Option(
        "--storage",
        envvar=VARIABLE,
        callback=in_confidence,
        metavar="URL",
        help="Database for the trials, e.g. postgresql+psycopg://user@host/name; by default a journal file in --runs. "
        "With a database, the same study may be run on several machines at once. "
        "Give a password in the environment variable or in PGPASSFILE: arguments are seen by all users.",
    ),
]


def run(
    study: StudyFile,
    runs: Runs = Path("runs"),
    reports: Reports = Path("reports"),
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time; by default one for every core it may use, at most 8.")
    ] = None,
    storage: Storage = None,
    dask: Annotated[
        str | None,
        typer.Option(
            metavar="SCHEDULER",
            help="Do the runs on a Dask cluster: its scheduler's address (tcp://host:8786) or scheduler file, or slurm "
            "for --workers jobs of Slurm. All machines must see --runs.",
        ),
    ] = None,
) -> None:
    """Run a study, or what is left of it, and write its report.

    A study of kind "speed" is timed as a whole in this process; it keeps no records and knows no workers.
    """
    if times_speed(study):
        run_speed(study, reports)
        return
    without_variable()
    if dask is None and (workers or default_workers(threads=1)) > 1:
        forkserver.begin()  # it imports what workers need while this process imports the rest, and reads the study
    from rnnzoo.data import DataError
    from rnnzoo.records import RecordError
    from rnnzoo.report.budget import FEWEST_SEEDS
    from rnnzoo.report.formats import plural
    from rnnzoo.study.checkpoint import checkpoint_seconds
    from rnnzoo.study.conduct import StudyLocked, conduct
    from rnnzoo.study.progress import watching
    from rnnzoo.study.reading import read_plan
    from rnnzoo.study.storage import StorageError
    from rnnzoo.study.workers import Interrupted, WorkersError

    try:
        plan = read_plan(study)
        checkpoint_seconds()
    except ValueError as error:
        fail(BAD_INPUT, error)
    count = default_workers(plan.budget.threads) if workers is None and dask is None else workers
    at_a_time = f"{count} at a time" if dask is None else f"on {dask}" + (f", {count} at a time" if count else "")
    err.print(f"{escape(plan.name)}: {plan.runs} runs, {escape(at_a_time)}; records in {escape(str(runs))}")
    if len(plan.confirm.seeds) < FEWEST_SEEDS:
        seeds = plural(len(plan.confirm.seeds), "confirming seed")
        err.print(f"warning: {seeds}; with fewer than {FEWEST_SEEDS} the report's intervals and tests are hints")
    try:
        with watching(plan, err) as watcher:
            outcome = conduct(plan, runs, count, watcher, storage, dask)
    except (Interrupted, KeyboardInterrupt):
        fail(INTERRUPTED, f"Stopped. Finished runs are kept; go on with: rnnzoo run {study}")
    except (StudyLocked, StorageError, WorkersError) as error:
        fail(BAD_INPUT, error)
    except OSError as error:
        fail(BAD_INPUT, explained(error), f"go on with: rnnzoo run {study}")
    except (DataError, RecordError) as error:
        fail(BAD_INPUT, error)
    for competitor in outcome.unconfirmed:
        place = f"{competitor.cell} on {competitor.label}"
        err.print(f"{escape(place)}: no trial finished, so that there was nothing to confirm")
    with beside_reports() as beside:
        report_study(plan, study, runs, reports, storage, beside)
    if outcome.failed:
        reasons = [f"  {r.config.cell} on {r.config.task}, seed {r.config.seed}: {r.reason}" for r in outcome.failed]
        fail(FAILED, f"{len(outcome.failed)} runs failed; run the study again to retry them:", *reasons)


def report(
    study: StudyFile, runs: Runs = Path("runs"), reports: Reports = Path("reports"), storage: Storage = None
) -> None:
    """Write the report of a study from the runs that are done; of a folder of studies, one report on all of them."""
    if not study.is_dir() and times_speed(study):
        report_speed(study, reports)
        return
    with beside_reports() as beside:
        if study.is_dir():
            report_papers(study, runs, reports, beside)
            return
        from rnnzoo.study.reading import read_plan

        try:
            plan = read_plan(study)
        except OSError as error:
            fail(BAD_INPUT, explained(error))
        except StudyFileError as error:
            fail(BAD_INPUT, error)
        report_study(plan, study, runs, reports, storage, beside)


def beside_reports() -> Beside:
    """Return processes that import what draws figures, while this one imports what reads a study, and reads it."""
    gc.set_threshold(RARELY)  # not before a run, which may measure in this process what a step costs
    return Beside(modules=MODULES)


def report_study(plan: "Plan", study: Path, runs: Path, reports: Path, storage: str | None, beside: Beside) -> None:
    """Write the report of a study of training; processes beside this one draw figures too."""
    from rnnzoo.records import RecordError
    from rnnzoo.report.index import write_index
    from rnnzoo.report.writing import write_report
    from rnnzoo.study.results import collect
    from rnnzoo.study.storage import StorageError

    try:
        content = collect(plan, runs, storage)
    except OSError as error:
        fail(BAD_INPUT, explained(error))
    except (RecordError, StorageError) as error:
        fail(BAD_INPUT, error)
    if content.rows.empty:
        fail(BAD_INPUT, f"{runs} holds no run of {study}; do them with: rnnzoo run {study}")
    try:
        page = write_report(content, reports / plan.name, beside)
        write_index(reports)
    except OSError as error:
        fail(BAD_INPUT, explained(error), f"write the report anew with: rnnzoo report {study}")
    err.print(f"report: {escape(str(page))}")


def report_papers(folder: Path, runs: Path, reports: Path, beside: Beside) -> None:
    """Write one report on every study in a folder, published results beside ours, also from runs under way."""
    from rnnzoo.records import RecordError
    from rnnzoo.report.index import write_index
    from rnnzoo.report.papers.writing import write_papers
    from rnnzoo.study.papers import read_papers

    try:
        papers = read_papers(folder, runs)
        if not papers:
            fail(BAD_INPUT, f"{runs} holds no run of a study in {folder}; do them with: rnnzoo run {folder}/NAME.toml")
        given = ["--runs", runs.as_posix()] if runs != Path("runs") and not runs.is_absolute() else []
        command = shlex.join(["rnnzoo", "report", folder.as_posix(), *given])
        page = write_papers(folder.name, papers, reports / folder.name, command, beside)
        write_index(reports)
    except OSError as error:
        fail(BAD_INPUT, explained(error))
    except (StudyFileError, RecordError) as error:
        fail(BAD_INPUT, error)
    err.print(f"report: {escape(str(page))}")


def times_speed(study: Path) -> bool:
    """Whether a study file is of kind "speed"; leave with a message if it cannot be read."""
    try:
        return is_speed_study(study)
    except StudyFileError as error:
        fail(BAD_INPUT, error)


def default_workers(threads: int) -> int:
    """Return how many runs of so many threads fit the cores that this process may use, at most 8."""
    return max(1, min(8, cores() // threads))
