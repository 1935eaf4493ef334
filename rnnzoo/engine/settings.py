"""What a cell is set to: the plain attributes that its methods may depend on, and how to tell that they changed."""

import weakref
from operator import is_
from typing import NamedTuple

import torch

from rnnzoo.cells.base import Cell
from rnnzoo.cells.claims import Claims

PLAIN = (int, float, str, bool, type(None), torch.dtype, Claims)
"""Types whose values are compared as they are; of all others their representation is."""


class Settings(NamedTuple):
    """The plain attributes of a cell.

    Attributes:
        values: name, type and value of each; comparable and hashable.
        whole: whether they tell all: numbers, words and the like, and lists of them, do. Of anything else only the
            representation is known, and of two cells with the same one nothing must be taken from one to the other.
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
    named = [(name, value) for name, value in attributes.items() if not name.startswith("_") and name != "training"]
    values = tuple((name, type(value), value if isinstance(value, PLAIN) else repr(value)) for name, value in named)
    found = Settings(values, all(_plain(value) for _, value in named))
    if all(isinstance(value, PLAIN) for _, value in named):  # such a value is another object when it changes
        _known[cell] = names, objects, found
    return found


def _plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_plain(part) for part in value)
    return isinstance(value, PLAIN)
