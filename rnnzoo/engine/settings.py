"""What a cell is set to: the plain attributes that its methods may depend on, and how to tell that they changed."""

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


def settings_of(cell: Cell) -> Settings:
    """Return the settings of a cell; whether it is in training is none of them."""
    named = [(name, value) for name, value in vars(cell).items() if not name.startswith("_") and name != "training"]
    values = tuple((name, type(value), value if isinstance(value, PLAIN) else repr(value)) for name, value in named)
    return Settings(values, all(_plain(value) for _, value in named))


def _plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return all(_plain(part) for part in value)
    return isinstance(value, PLAIN)
