"""`rnnzoo gradients`: what cells, also one's own and trained ones, do to a gradient, as a report at once."""

import shlex
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape

from rnnzoo.cli.console import BAD_INPUT, FAILED, err, fail
from rnnzoo.cli.engines import Settings, check_choices, parsed

Cells = Annotated[
    list[str] | None,
    typer.Argument(metavar="[CELL]...", help="Cells of the zoo, or your own as FILE.py:CLASS; at initialisation."),
]


def gradients(
    cells: Cells = None,
    trained: Annotated[
        list[Path] | None,
        typer.Option(metavar="RUN", help="Folder of a finished run: before and after its training; repeat for more."),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(
            "--length", "--T", "-T", min=2, help="Steps to measure on. [default: 1000; for a run those of its task]"
        ),
    ] = None,
    hidden: Annotated[int, typer.Option(min=1, help="Hidden size of the cells.")] = 64,
    task: Annotated[str, typer.Option(help="Task whose loss and sequences are taken for the cells.")] = "adding",
    measure: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="What to measure; repeat for more. [default: everything]")
    ] = None,
    settings: Settings = None,
    seed: Annotated[int, typer.Option(min=0, help="Of the cells' initial parameters.")] = 0,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Where the report goes. [default: reports/gradients-CELLS]")
    ] = None,
) -> None:
    """Measure gradients, Jacobians, exponents, memory and rounding, hold every bound against them, and write a report.

    Exit code 0 if every statement that applies holds, 1 if one is violated, 2 for bad input.
    """
    from rnnzoo.cells.loading import CellLoadError, load_cell
    from rnnzoo.diagnostics.measuring import MEASURES, measured_on
    from rnnzoo.diagnostics.specimens import SpecimenError, fresh, from_run, measure_all
    from rnnzoo.files import explained
    from rnnzoo.report.laboratory.direct import direct_content, write_direct_report
    from rnnzoo.report.laboratory.glance import violations
    from rnnzoo.tasks import TASKS

    if not cells and not trained:
        fail(BAD_INPUT, "name a cell, e.g. rnnzoo gradients cornn lstm, or a trained one with --trained runs/HASH")
    check_choices("--task", [task], TASKS)
    check_choices("--measure", measure or [], MEASURES)
    names = [name for name in MEASURES if measure is None or name in measure]
    given = parsed(settings or [])
    specimens = []
    try:
        loaded = [load_cell(text) for text in dict.fromkeys(cells or [])]
        if unknown := [name for name in given if not any(name in cell.hyperparameter_names() for _, cell in loaded)]:
            fail(BAD_INPUT, f"--set {unknown[0]}: none of the cells has this hyperparameter; leave it out")
        if loaded:
            chosen = TASKS[task]()
            if "length" in chosen.options():
                chosen = measured_on(chosen, TASKS[task], length or 1000)
            elif length is not None:
                fail(BAD_INPUT, f"--length {length}: {task} has {chosen.length} steps, always; leave it out")
            specimens += [fresh(name, cell, hidden, task, chosen, seed, given) for name, cell in loaded]
        for folder in dict.fromkeys(trained or []):
            specimens += from_run(folder, length)
    except (CellLoadError, SpecimenError) as error:
        fail(BAD_INPUT, error)
    except ValueError as error:
        fail(BAD_INPUT, f"--length {length}: {error}")
    found = measure_all(specimens, names, lambda line: err.print(line, markup=False, highlight=False))
    labels = list(dict.fromkeys(specimen.label for specimen in specimens))
    folder = out or Path("reports") / f"gradients-{'-'.join(labels).lower()[:60]}"
    options = [*(["--length", str(length)] if length else []), *(["--hidden", str(hidden)] if cells else [])]
    options += ["--task", task] if cells and task != "adding" else []
    options += [part for path in trained or [] for part in ("--trained", path.as_posix())]
    options += [part for text in settings or [] for part in ("--set", text)]
    options += [part for text in measure or [] for part in ("--measure", text)]
    options += ["--seed", str(seed)] if seed else []
    command = shlex.join(["rnnzoo", "gradients", *(cells or []), *options])
    content = direct_content(folder.name, command, specimens, found)
    for _, row in found["costs"].iterrows():
        if row["reason"]:
            err.print(f"{row['cell']}, {row['diagnostic']}: not measured: {row['reason']}", markup=False)
    if all(len(frame) == 0 for name, frame in found.items() if name != "costs"):
        fail(FAILED, "nothing could be measured")
    try:
        page, sound = write_direct_report(content, folder)
    except OSError as error:
        fail(BAD_INPUT, f"--out {folder} cannot be written: {explained(error)}")
    err.print(f"report: {escape(str(page))}")
    if not sound:
        fail(FAILED, violations(content))
