"""Where the command line writes, and how it leaves: 0 done, 1 a run failed, 2 bad input, 130 interrupted."""

from typing import NoReturn

import typer
from rich.console import Console

from rnnzoo.terminal import printable

FAILED = 1
BAD_INPUT = 2
INTERRUPTED = 130

out = Console()
err = Console(stderr=True)


def fail(code: int, *lines: object) -> NoReturn:
    """Say what is wrong and leave with a code."""
    for line in lines:
        err.print(printable(str(line)), markup=False, highlight=False, soft_wrap=True)
    raise typer.Exit(code)


def first_line(docstring: str | None) -> str:
    """Return the first line of a docstring."""
    return (docstring or "").strip().split("\n", 1)[0]
