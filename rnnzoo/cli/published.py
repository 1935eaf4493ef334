"""`rnnzoo published`: what others reached on a task, with its source."""

from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table

from rnnzoo.cli.console import BAD_INPUT, fail, out


def published(
    task: Annotated[str, typer.Argument(help="A task, e.g. psmnist; without one, the tasks are listed.")] = "",
    csv: Annotated[Path | None, typer.Option("--csv", help="Write the table to this file instead.")] = None,
) -> None:
    """Show the results that others published on a task, each with its source and conditions."""
    from rnnzoo.data.published_results import published_results, tasks_with_results
    from rnnzoo.records import write_frame

    if not task:
        for name in tasks_with_results():
            results = published_results(name)
            out.print(f"[bold]{name}[/bold]  {len(results)} results of {results['model'].nunique()} models")
        return
    try:
        results = published_results(task)
    except ValueError as error:
        fail(BAD_INPUT, error)
    if csv is not None:
        try:
            write_frame(csv, results)
        except OSError as error:
            fail(BAD_INPUT, f"--csv {csv} cannot be written: {error.strerror}; name a file in an existing folder")
        return
    table = Table("model", "length", "units", "parameters", "metric", "value", "conditions", "source", box=None)
    for row in results.to_dict("records"):
        conditions = [
            f"permutation {row['permutation']}" if row["permutation"] else "",
            f"selection: {row['selection']}" if row["selection"] else "",
            str(row["remark"]),
        ]
        table.add_row(
            escape(str(row["model"])),
            number(row["length"]),
            escape(str(row["hidden_size"])),
            number(row["parameters"]),
            escape(str(row["metric"])),
            number(row["value"]),
            escape("; ".join(filter(None, conditions))),
            escape(str(row["source"])),
        )
    out.print(table)


def number(value: float) -> str:
    """Write a number without needless digits; nothing where there is none."""
    return "" if value != value else f"{value:,.10g}"
