"""How cells become a stack: made from a class, or taken as they are, and checked to fit on each other.

A stack is a flat list, layer by layer and, inside a layer, forward before backward.
"""

import inspect
from typing import Any

import torch
from torch import nn

from rnnzoo.cells import CELLS, Cell
from rnnzoo.checks import one_of, positive_integer


def cell_class(cell: str | type[object]) -> type[Cell]:
    """Return the cell class of a name, or the class itself.

    Raises:
        ValueError: there is no cell of that name.
        TypeError: the class is not that of a concrete cell.
    """
    if isinstance(cell, str):
        return CELLS[one_of("Recurrent", "cell", cell, CELLS)]
    if not issubclass(cell, Cell) or inspect.isabstract(cell):
        raise TypeError(
            f"Recurrent: cell must be a cell, a list of cells, a concrete cell class or one of the names "
            f"{', '.join(CELLS)}, got the class {cell.__name__}"
        )
    return cell


def build_stack(
    kind: type[Cell],
    input_size: int | None,
    hidden_size: int | None,
    *,
    num_layers: int,
    directions: int,
    device: torch.device | str | None,
    dtype: torch.dtype | None,
    hyperparameters: dict[str, Any],
) -> list[Cell]:
    """Return a stack of new cells of one class; a list among `hyperparameters` holds a value a layer.

    Raises:
        TypeError: a size is missing or not an integer, or the class has no such hyperparameter.
        ValueError: a size is below 1, or a list has another length than `num_layers`.
    """
    below = positive_integer("Recurrent", "input_size", input_size)
    hidden = positive_integer("Recurrent", "hidden_size", hidden_size)
    known = kind.hyperparameter_names()
    for name, value in hyperparameters.items():
        if name not in known:
            raise TypeError(
                f"Recurrent: {kind.__name__} has no hyperparameter {name!r} (given {value!r}); "
                f"it has {', '.join(known) or 'none'}"
            )
        if isinstance(value, list) and len(value) != num_layers:
            raise ValueError(
                f"Recurrent: {name} must be one value or a list of num_layers = {num_layers} values, got {value!r}"
            )
    # a user's own cell need not take device and dtype unless it is asked for them
    factory = {name: value for name, value in (("device", device), ("dtype", dtype)) if value is not None}
    cells: list[Cell] = []
    for layer in range(num_layers):
        own = {name: value[layer] if isinstance(value, list) else value for name, value in hyperparameters.items()}
        made = [kind(below, hidden, **factory, **own) for _ in range(directions)]
        below = sum(cell.output_size for cell in made)
        cells += made
    return cells


def adopt_stack(given: object, *, num_layers: int, directions: int) -> list[Cell]:
    """Return the stack in a cell, a list of cells or, for two directions, a list of pairs (forward, backward).

    Raises:
        TypeError: `given` is none of these, or an entry is not what the number of directions asks for.
        ValueError: `num_layers` is neither 1, the default, nor the length of the list.
    """
    layers = [given] if isinstance(given, Cell) else given
    if not isinstance(layers, list | tuple | nn.ModuleList) or len(layers) == 0:
        raise TypeError(
            f"Recurrent: cell must be a cell, a non-empty list of cells, a cell class or one of the names "
            f"{', '.join(CELLS)}, got {given!r}"
        )
    if num_layers not in (1, len(layers)):
        raise ValueError(
            f"Recurrent: num_layers is {num_layers}, but cell holds {len(layers)}; "
            "leave num_layers out, or pass a cell class to have layers made"
        )
    wanted = "a cell" if directions == 1 else "a pair (forward, backward) of cells"
    cells: list[Cell] = []
    for layer, entry in enumerate(layers):
        group = list(entry) if isinstance(entry, list | tuple) else [entry]
        if len(group) != directions or not all(isinstance(cell, Cell) for cell in group):
            raise TypeError(
                f"Recurrent: with bidirectional={directions == 2} each layer must be {wanted}, "
                f"got {entry!r} for layer {layer}"
            )
        cells += group
    return cells


def check_stack(cells: list[Cell], *, directions: int, residual: bool) -> None:
    """Raise a ValueError unless all cells are of one dtype and device and fit on each other.

    With `residual`, every layer above the first must put out as many features as it takes, and so must a single one.
    """
    kinds = {f"{p.dtype} on {p.device}" for cell in cells for p in cell.parameters()}
    if len(kinds) > 1:
        raise ValueError(f"Recurrent: cells must share dtype and device, got {', '.join(sorted(kinds))}; use .to(…)")
    below = cells[0].input_size
    for index, cell in enumerate(cells):
        if cell.input_size != below:
            source = "the forward cell takes" if index < directions else "the layer below puts out"
            raise ValueError(
                f"Recurrent: {type(cell).__name__} in layer {index // directions} has input_size {cell.input_size}, "
                f"but {source} {below}; make it with input_size={below}"
            )
        if index % directions == directions - 1:
            layer = index // directions
            above = sum(c.output_size for c in cells[layer * directions : index + 1])
            if residual and above != below and (layer > 0 or len(cells) == directions):
                raise ValueError(
                    f"Recurrent: residual is True, but layer {layer} takes {below} features and puts out {above}; "
                    "make the two equal, or leave residual out"
                )
            below = above
