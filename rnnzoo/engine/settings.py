"""What a cell is set to: the attributes that its methods may depend on, and how to tell that they changed."""

import weakref
from operator import is_
from typing import NamedTuple

import torch
from torch import nn

from rnnzoo.cells import CELLS, Cell
from rnnzoo.cells.claims import Claims

PLAIN = (int, float, str, bool, type(None), torch.dtype, Claims)
"""Types whose values are compared as they are; of all others their representation is."""

MODULES_OWN = frozenset(vars(nn.Module()))
"""Attributes that every module has: parameters, hooks, whether it is in training."""


class Settings(NamedTuple):
    """The attributes of a cell.

    Attributes:
        values: name, type and value of each; comparable and hashable.
        whole: whether they tell all that its methods depend on: for a cell of the zoo whose settings are numbers, words
            and the like, or lists of them, they do. The methods of a user's cell may read a global, or a module within
            it, and of other objects only the representation is known: what was found of such a cell holds for no other.
    """

    values: tuple[tuple[str, type, object], ...]
    whole: bool


_known: weakref.WeakKeyDictionary[Cell, tuple[tuple[str, ...], tuple[object, ...], Settings]] = (
    weakref.WeakKeyDictionary()
)


def settings_of(cell: Cell) -> Settings:
    """Return the settings of a cell; whether it is in training is none of them."""
    attributes = vars(cell)
    names, objects = tuple(attributes), tuple(attributes.values())
    known = _known.get(cell)
    if known is not None and known[0] == names and all(map(is_, known[1], objects)):
        return known[2]
    # no step that reads a tensor of its cell can be traced; one that is kept for other ends may change at every call
    named = [(n, v) for n, v in attributes.items() if n not in MODULES_OWN and not isinstance(v, torch.Tensor)]
    values = tuple((name, type(value), value if isinstance(value, PLAIN) else repr(value)) for name, value in named)
    found = Settings(values, type(cell) in CELLS.values() and all(_plain(value) for _, value in named))
    if all(isinstance(value, PLAIN) for _, value in named):  # such a value is another object when it changes
        _known[cell] = names, objects, found
    return found


def _plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_plain(part) for part in value)
    return isinstance(value, PLAIN)
