"""`rnnzoo reproduce`: a cell on a task as its authors trained it."""

from pathlib import Path
from typing import Annotated

import typer

from rnnzoo.cli.console import BAD_INPUT, err, fail, out
from rnnzoo.cli.studies import Reports, Runs, run

STUDY = "study.toml"


def reproduce(
    cell: Annotated[str, typer.Argument(help="A cell with recipes; without one, all recipes are listed.")] = "",
    task: Annotated[str, typer.Argument(help="A task that the cell has a recipe for.")] = "",
    epochs: Annotated[int | None, typer.Option(min=1, help="Instead of the authors' number of epochs.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Instead of the authors' number of steps.")] = None,
    seed: Annotated[list[int] | None, typer.Option("--seed", min=0, help="May be given several times.")] = None,
    runs: Runs = Path("runs"),
    reports: Reports = Path("reports"),
    workers: Annotated[int | None, typer.Option(min=1, help="Runs at a time.")] = None,
) -> None:
    """Train a cell as its authors did, resumable, and set its curve beside the published one.

    The set-up is written as a study file beside the report, so that it can be read, changed and run again.
    """
    from rnnzoo.files import write_text
    from rnnzoo.study.reproducing import recipes, reproduction

    if not cell:
        for name, known in recipes().items():
            for on, recipe in known.items():
                out.print(f"{name} {on}  {recipe.source}", markup=False, highlight=False)
        return
    if not task:
        fail(BAD_INPUT, f"which task? {cell} has recipes for {', '.join(recipes().get(cell, {})) or 'none'}")
    try:
        text = reproduction(cell, task, seeds=seed or [1], epochs=epochs, steps=steps)
        study = reports / f"reproduce-{cell}-{task}" / STUDY
        study.parent.mkdir(parents=True, exist_ok=True)
        write_text(study, text)
    except (TypeError, ValueError, OSError) as error:
        fail(BAD_INPUT, error)
    err.print(f"study file: {study}", markup=False, highlight=False)
    run(study, runs, reports, workers)
