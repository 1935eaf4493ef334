"""The command line: list, run, report, data. Exit codes: 0 done, 1 a run failed, 2 bad input, 130 interrupted."""

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130

app = typer.Typer(
    name="rnnzoo",
    help="Which recurrent network, and why? Fair comparisons of recurrent cells on long-dependency tasks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
data_app = typer.Typer(help="Real data sets: where they come from and whether they are here.", no_args_is_help=True)
app.add_typer(data_app, name="data")

out = Console()
err = Console(stderr=True)

StudyFile = Annotated[Path, typer.Argument(metavar="STUDY", help="A study file, e.g. studies/quick.toml.")]
Runs = Annotated[Path, typer.Option("--runs", envvar="RNNZOO_RUNS", help="Folder of the run records.")]
Reports = Annotated[Path, typer.Option("--reports", help="Folder in which the study's report gets its own folder.")]


def fail(code: int, *lines: object) -> NoReturn:
    """Say what is wrong and leave with a code."""
    for line in lines:
        err.print(str(line), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


@app.command("list")
def list_() -> None:
    """List cells, tasks and engines with a line each."""
    from rnnzoo.cells import CELLS
    from rnnzoo.engine import ENGINES, SPECIAL_ENGINES
    from rnnzoo.tasks import TASKS

    kinds = {
        "cells": {name: first_line(cell.__doc__) for name, cell in CELLS.items()},
        "tasks": {name: task.summary for name, task in TASKS.items()},
        "engines": {name: first_line(engine.__doc__) for name, engine in (ENGINES | SPECIAL_ENGINES).items()},
    }
    for kind, members in kinds.items():
        table = Table(title=kind, title_justify="left", box=None, show_header=False, padding=(0, 2))
        for name, line in members.items():
            table.add_row(f"[bold]{name}[/bold]", escape(line))
        out.print(table)


@app.command()
def run(
    study: StudyFile,
    runs: Runs = Path("runs"),
    reports: Reports = Path("reports"),
    workers: Annotated[
        int | None, typer.Option(min=1, help="Runs at a time; by default one for every core it may use, at most 8.")
    ] = None,
) -> None:
    """Run a study, or what is left of it, and write its report."""
    from rnnzoo.records import RecordError
    from rnnzoo.study.conduct import StudyLocked, conduct
    from rnnzoo.study.mistakes import StudyFileError
    from rnnzoo.study.progress import watching
    from rnnzoo.study.reading import read_plan
    from rnnzoo.study.workers import Interrupted, WorkerDied

    try:
        plan = read_plan(study)
    except StudyFileError as error:
        fail(BAD_INPUT, error)
    count = workers if workers is not None else default_workers(plan.budget.threads)
    err.print(f"{escape(plan.name)}: {plan.runs} runs, {count} at a time; records in {escape(str(runs))}")
    try:
        with watching(plan, err) as watcher:
            outcome = conduct(plan, runs, count, watcher)
    except (Interrupted, KeyboardInterrupt):
        fail(INTERRUPTED, f"Stopped. Finished runs are kept; go on with: rnnzoo run {study}")
    except StudyLocked as error:
        fail(BAD_INPUT, error)
    except WorkerDied as error:
        fail(FAILED, error)
    except (RecordError, OSError) as error:
        fail(BAD_INPUT, error)
    for competitor in outcome.unconfirmed:
        place = f"{competitor.cell} on {competitor.label}"
        err.print(f"{escape(place)}: no trial finished, so that there was nothing to confirm")
    report(study, runs, reports)
    if outcome.failed:
        reasons = [f"  {r.config.cell} on {r.config.task}, seed {r.config.seed}: {r.reason}" for r in outcome.failed]
        fail(FAILED, f"{len(outcome.failed)} runs failed; run the study again to retry them:", *reasons)


@app.command()
def report(study: StudyFile, runs: Runs = Path("runs"), reports: Reports = Path("reports")) -> None:
    """Write the report of a study from the runs that are done."""
    from rnnzoo.records import RecordError
    from rnnzoo.report import write_index, write_report
    from rnnzoo.study.mistakes import StudyFileError
    from rnnzoo.study.reading import read_plan
    from rnnzoo.study.results import collect

    try:
        plan = read_plan(study)
        content = collect(plan, runs)
    except (StudyFileError, RecordError, OSError) as error:
        fail(BAD_INPUT, error)
    if content.rows.empty:
        fail(BAD_INPUT, f"{runs} holds no run of {study}; do them with: rnnzoo run {study}")
    page = write_report(content, reports / plan.name)
    write_index(reports)
    err.print(f"report: {escape(str(page))}")


@data_app.command("list")
def data_list() -> None:
    """List the real data sets and where their files are."""
    show_data(check=False)


@data_app.command("fetch")
def data_fetch(name: Annotated[str, typer.Argument(help="A data set, e.g. mnist.")] = "mnist") -> None:
    """Download a data set's files, each checked by its hash."""
    from rnnzoo.data import DataError, fetch

    try:
        fetch(name)
    except (DataError, ValueError) as error:
        fail(BAD_INPUT, error)
    show_data(check=True)


@data_app.command("check")
def data_check() -> None:
    """Read every file and say which are missing or damaged; exit code 2 if any is."""
    if not show_data(check=True):
        raise typer.Exit(BAD_INPUT)


def show_data(*, check: bool) -> bool:
    """Print a table of the data sets' files, each read if `check`; return whether all are there and sound."""
    from rnnzoo import data

    table = Table("data set", "file", "state", "where", box=None, title_justify="left")
    sound = True
    for name in data.SOURCES:
        if check:
            for status in data.check(name):
                sound = sound and status.state == "ok"
                table.add_row(name, status.file, status.state, escape(status.message))
        else:
            for file, path in data.locate(name).items():
                state = "here" if path is not None else "missing"
                table.add_row(name, file, state, escape(str(path or "rnnzoo data fetch, or set RNNZOO_DATA")))
    out.print(table)
    return sound


def first_line(docstring: str | None) -> str:
    """Return the first line of a docstring."""
    return (docstring or "").strip().split("\n", 1)[0]


def default_workers(threads: int) -> int:
    """Return how many runs of so many threads fit the cores that this process may use, at most 8."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(8, cores // threads))


def main() -> None:
    """Run the command line; a warning is a line on standard error."""

    def shown(message: Warning | str, *_: object, **__: object) -> None:
        err.print(f"warning: {message}", markup=False, highlight=False, soft_wrap=True)

    warnings.showwarning = shown
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
