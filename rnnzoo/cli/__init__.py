"""The command line, a module a topic: studies, engines, data."""

import sys
import warnings

import typer
from rich.markup import escape
from rich.table import Table

from rnnzoo.cli.console import INTERRUPTED, err, first_line, out
from rnnzoo.cli.data import data_app
from rnnzoo.cli.engines import bench, verify
from rnnzoo.cli.export import export
from rnnzoo.cli.generate import generate
from rnnzoo.cli.gradients import gradients
from rnnzoo.cli.published import published
from rnnzoo.cli.reproduce import reproduce
from rnnzoo.cli.status import status
from rnnzoo.cli.studies import report, run
from rnnzoo.terminal import printable

app = typer.Typer(
    name="rnnzoo",
    help="Which recurrent network, and why? Fair comparisons of recurrent cells on long-dependency tasks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


@app.command("list")
def list_() -> None:
    """List cells, tasks and engines with a line each."""
    from rnnzoo.cells import CELLS
    from rnnzoo.engine import ENGINES, SPECIAL_ENGINES
    from rnnzoo.tasks import TASKS

    kinds = {
        "cells": {name: first_line(cell.__doc__) for name, cell in CELLS.items()},
        "tasks": {name: task.summary for name, task in TASKS.items()},
        # what follows a semicolon is for who writes an engine
        "engines": {
            name: first_line(engine.__doc__).split(";")[0] for name, engine in (ENGINES | SPECIAL_ENGINES).items()
        },
    }
    for kind, members in kinds.items():
        table = Table(title=kind, title_justify="left", box=None, show_header=False, padding=(0, 2))
        for name, line in members.items():
            table.add_row(f"[bold]{name}[/bold]", escape(line))
        out.print(table)


app.command()(run)
app.command()(report)
app.command()(status)
app.command()(export)
app.command()(verify)
app.command()(bench)
app.command()(gradients)
app.command()(published)
app.command()(generate)
app.command()(reproduce)
app.add_typer(data_app, name="data")


def main() -> None:
    """Run the command line; a warning is a line on standard error."""

    def shown(message: Warning | str, *_: object, **__: object) -> None:
        err.print(printable(f"warning: {message}"), markup=False, highlight=False, soft_wrap=True)

    warnings.showwarning = shown
    try:
        app()
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
