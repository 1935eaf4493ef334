"""`rnnzoo generate`: draw a network, write it as a small file and as a picture."""

from pathlib import Path
from typing import Annotated

import typer

from rnnzoo.cli.console import BAD_INPUT, err, fail
from rnnzoo.cli.engines import parsed


def generate(
    out: Annotated[
        Path, typer.Option("--out", help="File for the architecture; a picture .png goes beside it.")
    ] = Path("network.json"),
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of the draw.")] = 0,
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A hyperparameter of the generator, e.g. --set top_nodes=6.")
    ] = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Folder of a finished run of a generated cell, instead of a draw.")
    ] = None,
) -> None:
    """Draw a network from the generator, or fetch that of a run, and write it as a file and as a picture.

    The file is read back by `options = { architecture = "network.json" }` of a cell `generated` in a study.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    from rnnzoo.cells.generated import Generated
    from rnnzoo.files import write_text
    from rnnzoo.generator.draw import draw
    from rnnzoo.generator.hyperparameters import Hyperparameters
    from rnnzoo.generator.picture import picture
    from rnnzoo.records import RecordError, read_record

    try:
        values = parsed(settings or [])
        if run is not None:
            if values:
                fail(BAD_INPUT, "give --run or --set, not both: a run has its own hyperparameters")
            record = read_record(run)
            if record is None or record.config.cell != "generated":
                fail(
                    BAD_INPUT, f"{run} is no finished run of a generated cell; name a folder of runs/ whose cell it is"
                )
            # the cell knows its network, whether it was drawn or read from a file
            cell = Generated(1, record.config.hidden_size, **record.config.cell_options)  # type: ignore[arg-type]
            architecture = cell.drawn
        else:
            if unknown := sorted(set(values) - set(Hyperparameters.names())):
                known = ", ".join(Hyperparameters.names())
                fail(BAD_INPUT, f"the generator has no hyperparameter {', '.join(unknown)}; it has {known}")
            architecture = draw(Hyperparameters(**values), seed)
        write_text(out, architecture.to_text())
        figure = picture(architecture, ", ".join(f"{count} {kind}" for kind, count in architecture.counts().items()))
        FigureCanvasAgg(figure)
        figure.savefig(out.with_suffix(".png"), dpi=150)
    except (TypeError, ValueError, RecordError) as error:
        fail(BAD_INPUT, error)
    except OSError as error:
        fail(BAD_INPUT, f"--out {out} cannot be written: {error.strerror or error}; name a file in an existing folder")
    err.print(f"architecture: {out}, picture: {out.with_suffix('.png')}", markup=False, highlight=False)
