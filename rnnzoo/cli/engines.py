"""`rnnzoo verify` and `rnnzoo bench`: whether the engines agree on a cell, and how fast each is."""

import math
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from rnnzoo.cli.console import BAD_INPUT, FAILED, err, fail, out

CellName = Annotated[str, typer.Argument(metavar="CELL", help="A cell of the zoo, or your own as FILE.py:CLASS.")]
Settings = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A hyperparameter of the cell; repeat for more.")
]
CsvFile = Annotated[Path | None, typer.Option("--csv", metavar="FILE", help="Write all rows to this file too.")]


def verify(
    cell: CellName,
    engine: Annotated[
        list[str] | None, typer.Option(help="An engine to hold against the reference; by default each that may serve.")
    ] = None,
    hidden: Annotated[list[int] | None, typer.Option(min=1, help="A hidden size; by default 1, 7 and 65.")] = None,
    steps: Annotated[list[int] | None, typer.Option(min=1, help="A length; by default 1, 2 and 63.")] = None,
    batch: Annotated[list[int] | None, typer.Option(min=1, help="A batch size; by default 1 and 3.")] = None,
    settings: Settings = None,
    csv: CsvFile = None,
) -> None:
    """Hold the engines against each other: outputs, states and every gradient of a cell, as Markdown for a bug report.

    Exit code 0 if all agree, 1 if a difference is too large or an engine cannot run, 2 for bad input.
    """
    from rnnzoo.cells.loading import CellLoadError, load_cell
    from rnnzoo.engine import ENGINE_CHOICES, ENGINES
    from rnnzoo.engine.agreement import facts, pipe_table, worst
    from rnnzoo.engine.verify import BATCH_SIZES, HIDDEN_SIZES, STEPS
    from rnnzoo.engine.verify import verify as compare

    check_choices("--engine", engine or [], ENGINE_CHOICES)
    try:
        name, cell_class = load_cell(cell)
    except CellLoadError as error:
        fail(BAD_INPUT, error)
    given = parsed(settings or [])
    engines = engine or [*ENGINES, *(["reversible"] if cell_class.claims.invertible else [])]
    try:
        table = compare(
            cell_class,
            engines=engines,
            hidden_sizes=hidden or HIDDEN_SIZES,
            steps=steps or STEPS,
            batch_sizes=batch or BATCH_SIZES,
            **given,
        )
    except Exception as error:
        # a cell of the user's own may raise anything
        fail(BAD_INPUT, f"{cell} cannot be compared: {type(error).__name__}: {error}")
    write_csv(table, csv)
    found = worst(table)
    passed = bool((found["verdict"] == "pass").all())
    columns = ["engine", "dtype", "quantity", "worst difference", "T x batch x hidden", "tolerance", "verdict"]
    rows = [
        [
            str(row["engine"]), str(row["dtype"]), str(row["quantity"]) or "-", scientific(float(row["difference"])),
            str(row["at"]), scientific(float(row["tolerance"])), str(row["verdict"]),
        ]
        for _, row in found.iterrows()
    ]  # fmt: skip
    verdict = "all engines agree" if passed else f"{(found['verdict'] != 'pass').sum()} of {len(found)} do NOT agree"
    show(f"## rnnzoo verify {name}: {verdict}", "")
    if given:
        show(", ".join(f"{key} = {value!r}" for key, value in given.items()), "")
    show(pipe_table(columns, rows) if rows else "No engine but the reference was named: nothing to compare.", "")
    for reason in dict.fromkeys(str(text) for text in found["reason"] if text):
        show(reason, "")
    show("A difference is max |a - b| / max |b| against the reference engine, at the size where it is largest.", "")
    show(pipe_table(["what", "value"], [[key, value] for key, value in facts().items()]))
    if not passed:
        raise typer.Exit(FAILED)


def bench(
    cell: Annotated[
        str | None, typer.Argument(metavar="[CELL]", help="A cell of the zoo, or your own as FILE.py:CLASS; else all.")
    ] = None,
    engine: Annotated[
        list[str] | None, typer.Option(help="An engine to time; by default reference and native.")
    ] = None,
    shape: Annotated[
        list[str] | None, typer.Option(metavar="TxBxH", help="Steps x batch x hidden, e.g. 500x32x64; repeat for more.")
    ] = None,
    repetitions: Annotated[int, typer.Option(min=1, help="Rounds; in each, everything has its turn.")] = 7,
    settings: Settings = None,
    csv: CsvFile = None,
) -> None:
    """Time training passes against torch.nn.LSTM and GRU, and against the floor: the bare matrix products.

    Times mean something only where nothing else runs.
    """
    import torch

    from rnnzoo.cells import CELLS
    from rnnzoo.cells.loading import CellLoadError, load_cell
    from rnnzoo.engine import ENGINE_CHOICES, ENGINES
    from rnnzoo.engine.agreement import pipe_table
    from rnnzoo.engine.bench import SHAPES
    from rnnzoo.engine.bench import bench as time_all
    from rnnzoo.engine.conditions import conditions

    check_choices("--engine", engine or [], ENGINE_CHOICES)
    shapes = [parse_shape(text) for text in shape or []] or SHAPES
    try:
        cells = CELLS if cell is None else dict([load_cell(cell)])
    except CellLoadError as error:
        fail(BAD_INPUT, error)
    try:
        with conditions():
            table = time_all(
                cells,
                engines=engine or list(ENGINES),
                shapes=shapes,
                repetitions=repetitions,
                report=lambda line: err.print(line, highlight=False, markup=False),
                **parsed(settings or []),
            )
    except Exception as error:
        fail(BAD_INPUT, f"{cell or 'the zoo'} cannot be timed: {type(error).__name__}: {error}")
    write_csv(table, csv)
    rows, reasons = [], []
    for _, group in table.groupby(["cell", "steps", "batch", "hidden"], sort=False):
        times = group.set_index("engine")["seconds"].astype(float)
        known = group.iloc[0]
        size = f"{known['steps']} x {known['batch']} x {known['hidden']}"
        for _, row in group.iterrows():
            if row["reason"]:
                reasons.append(f"{row['cell']}, {row['engine']}: {row['reason']}")
                continue
            seconds = float(row["seconds"])
            rows.append(
                [
                    str(row["cell"]), size, str(row["engine"]), f"{1e3 * seconds:.3g}",
                    f"{float(row['memory_mib']):.3g}",
                    times_faster(times, "reference", seconds), times_faster(times, "torch.nn.LSTM", seconds),
                    share_of_floor(times, seconds),
                ]
            )  # fmt: skip
    columns = ["cell", "T x batch x hidden", "what", "ms", "MiB kept", "x reference", "x nn.LSTM", "of the floor"]
    show(pipe_table(columns, rows), "")
    for reason in dict.fromkeys(reasons):
        show(reason, "")
    show(
        f"Forward and backward of a loss on the last output, float32, {torch.get_num_threads()} threads; medians of "
        f"{repetitions} interleaved repetitions; denormal numbers are zero for everyone."
    )


def times_faster(times: Any, against: str, seconds: float) -> str:
    """Write how many times faster than `against` something is."""
    return f"{times[against] / seconds:.2f}" if against in times and not math.isnan(times[against]) else "-"


def share_of_floor(times: Any, seconds: float) -> str:
    """Write which share of the floor's speed something reaches."""
    return f"{100 * times['floor'] / seconds:.0f}%" if "floor" in times else "-"


def scientific(value: float) -> str:
    """Write a difference or a tolerance."""
    return "-" if math.isnan(value) else "0" if value == 0 else f"{value:.1e}"


def show(*lines: str) -> None:
    """Print as it stands, without colours or wrapping."""
    for line in lines:
        out.print(line, markup=False, highlight=False, soft_wrap=True)


def check_choices(option: str, values: list[str], known: Any) -> None:
    """Leave with a message if an option has a value that is not known."""
    for value in values:
        if value not in known:
            fail(BAD_INPUT, f"{option} {value} is unknown; choose one of {', '.join(known)}")


def parse_shape(text: str) -> tuple[int, int, int]:
    """Return (steps, batch, hidden) of "500x32x64"."""
    if not re.fullmatch(r"[1-9]\d*([x×][1-9]\d*){2}", text):  # noqa: RUF001 - people copy the sign from tables
        fail(BAD_INPUT, f"--shape {text} must be steps x batch x hidden, each at least 1, e.g. --shape 500x32x64")
    steps, batch, hidden = map(int, re.split("[x×]", text))  # noqa: RUF001
    return steps, batch, hidden


def parsed(settings: list[str]) -> dict[str, Any]:
    """Return the hyperparameters of --set options; a value is TOML, or else text."""
    found: dict[str, Any] = {}
    for setting in settings:
        name, separator, text = setting.partition("=")
        if not separator or not name.isidentifier():
            fail(BAD_INPUT, f"--set {setting} must be NAME=VALUE, e.g. --set dt=0.01")
        try:
            found[name] = tomllib.loads(f"value = {text}")["value"]
        except tomllib.TOMLDecodeError:
            found[name] = text
    return found


def write_csv(table: Any, path: Path | None) -> None:
    """Write a frame where the user asked for it."""
    from rnnzoo.records import write_frame

    if path is None:
        return
    try:
        write_frame(path, table)
    except OSError as error:
        fail(BAD_INPUT, f"--csv {error}")
