"""A cell by name, or one of the user's own from a Python file: `cornn`, `my_cell.py:GatedOscillator`."""

import hashlib
import importlib.util
import sys
import traceback
from pathlib import Path

from rnnzoo.cells import CELLS, Cell


class CellLoadError(ValueError):
    """There is no such cell; the message says why and what to do."""


def load_cell(text: str) -> tuple[str, type[Cell]]:
    """Return name and class of the cell that `text` names.

    Args:
        text: a name in `CELLS`, or "FILE.py:CLASS"; the file is run as a module, with its folder on the import path.

    Raises:
        CellLoadError: there is no such name, file or class, the file fails, or the class is no finished `Cell`.
    """
    if text in CELLS:
        return text, CELLS[text]
    place, separator, name = text.rpartition(":")
    if not separator or not place.endswith(".py"):
        raise CellLoadError(
            f"cell {text!r} is unknown; choose one of {', '.join(CELLS)}, or name your own as FILE.py:CLASS"
        )
    found = getattr(_module(Path(place)), name, None)
    if found is None:
        raise CellLoadError(f"{place} has no class {name!r}; it has {', '.join(_cells_of(Path(place))) or 'no cell'}")
    if not (isinstance(found, type) and issubclass(found, Cell)):
        raise CellLoadError(f"{text}: {name} is no subclass of rnnzoo.cells.Cell; derive it from Cell")
    if found.__abstractmethods__:
        raise CellLoadError(f"{text}: {name} does not implement {', '.join(sorted(found.__abstractmethods__))}")
    return name, found


def _module(path: Path) -> object:
    """Return the file as a module; the same file is run once a process."""
    if not path.is_file():
        raise CellLoadError(f"{path} is no file; name an existing Python file as FILE.py:CLASS")
    name = _module_name(path)
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # before it runs: dataclasses and pickle look their module up
    sys.modules[name] = module
    sys.path.insert(0, str(path.resolve().parent))
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[name]
        raise CellLoadError(f"{path} cannot be imported: {_where(error, path)}") from error
    finally:
        sys.path.remove(str(path.resolve().parent))
    return module


def _module_name(path: Path) -> str:
    return f"{path.stem}_{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:8]}"


def _where(error: Exception, path: Path) -> str:
    """Return the error with the last line of the user's file that led to it."""
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == str(path)]
    place = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{place}"


def _cells_of(path: Path) -> list[str]:
    """Return the names of the finished cells that a loaded file defines."""
    members = vars(sys.modules[_module_name(path)]).items()
    return [
        name
        for name, value in members
        if isinstance(value, type) and issubclass(value, Cell) and not value.__abstractmethods__
    ]
