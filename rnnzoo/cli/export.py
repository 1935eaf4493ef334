"""`rnnzoo export`: a study's rows, curves and winner, for other programs."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from rnnzoo.cli.console import BAD_INPUT, err, fail
from rnnzoo.cli.studies import Runs, Storage, StudyFile
from rnnzoo.files import explained
from rnnzoo.terminal import printable


class Format(StrEnum):
    """Formats of the rows."""

    csv = "csv"
    parquet = "parquet"
    json = "json"


def export(
    study: StudyFile,
    runs: Runs = Path("runs"),
    form: Annotated[
        list[Format] | None, typer.Option("--format", help="Format of the rows; repeat for more. [default: csv]")
    ] = None,
    winner: Annotated[
        list[str] | None,
        typer.Option(metavar="TASK[/CELL]", help="A trained model: of this cell, or of the best one; repeat for more."),
    ] = None,
    onnx: Annotated[bool, typer.Option("--onnx", help="Write each --winner also as an ONNX graph.")] = False,
    tensorboard: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write the learning curves for TensorBoard.")
    ] = None,
    to: Annotated[Path, typer.Option("--to", help="Folder in which the study's files get their own folder.")] = Path(
        "exports"
    ),
    storage: Storage = None,
) -> None:
    """Write a study's rows, one a run; the winning model as weights and as ONNX; its curves for TensorBoard.

    What was asked for is written, and the rows as CSV where nothing was.
    """
    from rnnzoo.export.extras import ExtraMissing
    from rnnzoo.export.onnx import NotExportable
    from rnnzoo.export.winner import NoWinner
    from rnnzoo.records import RecordError
    from rnnzoo.study.file import StudyFileError
    from rnnzoo.study.storage import StorageError

    if onnx and not winner:
        fail(BAD_INPUT, "--onnx needs a model: name one, e.g. --winner adding/cornn")
    forms = list(dict.fromkeys(form or ([] if winner or tensorboard else [Format.csv])))
    try:
        written = write(study, runs, forms, winner or [], onnx, tensorboard, to, storage)
    except (StudyFileError, RecordError, NoWinner, NotExportable, ExtraMissing, StorageError) as error:
        fail(BAD_INPUT, error)
    except OSError as error:
        fail(BAD_INPUT, explained(error))
    for line in written:
        err.print(printable(line), markup=False, highlight=False, soft_wrap=True)


def write(
    study: Path,
    runs: Path,
    forms: list[Format],
    winners: list[str],
    onnx: bool,
    tensorboard: Path | None,
    to: Path,
    storage: str | None,
) -> list[str]:
    """Write what was asked for and return a line for each."""
    from rnnzoo.export.model import save_model
    from rnnzoo.export.onnx import write_onnx
    from rnnzoo.export.rows import write_rows
    from rnnzoo.export.tensorboard import write_tensorboard
    from rnnzoo.export.winner import winner
    from rnnzoo.study.reading import read_plan
    from rnnzoo.study.results import collect

    plan = read_plan(study)
    place = to / plan.name
    written = []
    if forms or tensorboard:
        content = collect(plan, runs, storage)
        if content.rows.empty:
            fail(BAD_INPUT, f"{runs} holds no run of {study}; do them with: rnnzoo run {study}")
        written += [f"rows: {write_rows(content.rows, place, form.value)}" for form in forms]
        if tensorboard is not None:
            count = write_tensorboard(content, tensorboard)
            written.append(f"curves of {count} runs: tensorboard --logdir {tensorboard}")
    for wanted in winners:
        found = winner(plan, runs, wanted, storage)
        folder = save_model(found.model, found.saved, place / found.task / found.cell)
        what = f"{found.cell} on {found.task}, seed {found.saved.config.seed}"
        written.append(f"model: {folder} ({what}): rnnzoo.load_model({str(folder)!r})")
        if onnx:
            written.append(f"graph: {write_onnx(found.model, folder / 'model.onnx')}")
    return written
