"""`rnnzoo data`: where real data sets come from and whether they are here."""

from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from rnnzoo.cli.console import BAD_INPUT, fail, out

data_app = typer.Typer(help="Real data sets: where they come from and whether they are here.", no_args_is_help=True)


@data_app.command("list")
def data_list() -> None:
    """List the real data sets and where their files are."""
    show_data(check=False)


@data_app.command("fetch")
def data_fetch(name: Annotated[str, typer.Argument(help="A data set, e.g. mnist.")] = "mnist") -> None:
    """Download a data set's files, each checked by its hash."""
    from rnnzoo.data import DataError, fetch
    from rnnzoo.data.brought import BROUGHT, fetch_archive

    try:
        if name in BROUGHT:
            fetch_archive(name)
        else:
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
    from rnnzoo.data.brought import BROUGHT
    from rnnzoo.data.store import cache_folder, own_folder

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
    for name, known in BROUGHT.items():
        folders = [folder for folder in (own_folder(name), cache_folder(name)) if folder is not None]
        found = next((folder for folder in folders if folder.is_dir()), None)
        state = "here" if found is not None else "yours to bring"
        table.add_row(name, escape(known.expects), state, escape(str(found or known.page)))
    out.print(table)
    return sound
