"""rnnzoo: which recurrent network, and why? Cells behind one interface, fair studies, generated reports.

What stands here is imported when it is first used: PyTorch takes two seconds, in which the command line has already
begun to start its workers, or to say what is wrong with its arguments.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rnnzoo.cells import CELLS, Cell
    from rnnzoo.engine import ENGINES, unroll
    from rnnzoo.export.model import load_model
    from rnnzoo.recurrent import Recurrent
    from rnnzoo.tasks import TASKS

__version__ = "0.1.0"

__all__ = ["CELLS", "ENGINES", "TASKS", "Cell", "Recurrent", "__version__", "load_model", "unroll"]

_MODULES = {
    "CELLS": "rnnzoo.cells",
    "Cell": "rnnzoo.cells",
    "ENGINES": "rnnzoo.engine",
    "unroll": "rnnzoo.engine",
    "load_model": "rnnzoo.export.model",
    "Recurrent": "rnnzoo.recurrent",
    "TASKS": "rnnzoo.tasks",
}
"""Where each public name is found."""

SUBPACKAGES = ("cells", "engine", "recurrent", "tasks")
"""What `rnnzoo.NAME` is after `import rnnzoo` alone, beside these names."""


def __getattr__(name: str) -> object:
    if name in SUBPACKAGES:
        return import_module(f"rnnzoo.{name}")
    if name not in _MODULES:
        raise AttributeError(f"module 'rnnzoo' has no attribute {name!r}")
    found: object = getattr(import_module(_MODULES[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__, *SUBPACKAGES})
