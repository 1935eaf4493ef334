"""How a generated source names sizes, buffers, columns and numbers: as the cell does where it has a name for them."""

import re
from collections.abc import Sequence
from typing import TypeAlias

from rnnzoo.engine.native.graph import Node
from rnnzoo.engine.native.plan import Plan
from rnnzoo.engine.native.schedule import Place
from rnnzoo.engine.projection import FEW

Grid: TypeAlias = tuple[tuple[str, ...], ...]
"""A dense matrix made of recurrent matrices, as a grid [row block][column block] of their names."""

LITERALS = (0.0, 0.5, 1.0, 2.0, -1.0)
"""Numbers that stand in the source as they are; every other one, a width to divide by among them, is passed when the
kernel is called."""


class Sizes:
    """Widths as C++ expressions: multiples of the hidden size H, or numbered."""

    def __init__(self, hidden: int) -> None:
        self.values = [hidden]

    def __call__(self, size: int) -> str:
        """Return the expression of a width."""
        hidden = self.values[0]
        if size % hidden == 0:
            multiple = size // hidden
            return "0" if multiple == 0 else "H" if multiple == 1 else f"{multiple}*H"
        if size not in self.values[1:]:
            self.values.append(size)
        return f"n{self.values.index(size, 1)}"


class Naming:
    """The names of one source, and what they stand for.

    Args:
        plan: what the source does.
        state_sizes, hidden: of the cell.
        u_width: features of a row of u.
        projects: whether u is the cell's input, which the step projects.

    Attributes:
        sizes: width → expression.
        constants, vectors: what was named so far and is to be passed, in order.
        matrices: those that were named so far, with what kind of product they are in, their depth and width.
    """

    def __init__(self, plan: Plan, state_sizes: dict[str, int], u_width: int, hidden: int, projects: bool) -> None:
        self.state_sizes = state_sizes
        self.state_width = sum(state_sizes.values())
        self.sizes = Sizes(hidden)
        self.constants: list[float] = []
        self.vectors: list[str] = []
        self.matrices: dict[Grid, tuple[str, int, int]] = {}
        self.factor_columns = plan.factor_columns
        self.few_features = projects and u_width <= FEW
        self.row_widths = dict.fromkeys(("state", "next", "adjoint", "adjoint_next"), self.state_width)
        self.row_widths["saved"] = plan.saved_width

    def buffer(self, buffer: str, scratch: dict[str, int], prefix: str) -> tuple[str, str]:
        """Return the pointer to a buffer's rows of this step, and how far apart its rows are."""
        if buffer in scratch:
            return f"{prefix}{buffer}", self.sizes(scratch[buffer])
        if buffer == "u":
            return "u_t", "u_row"
        width = self.row_width(buffer)
        return (buffer if buffer.startswith("adjoint") and buffer != "adjoint_u" else f"{buffer}_t"), width

    def row_width(self, buffer: str) -> str:
        """Return how many reals a row of a buffer through time takes; their names do not depend on coincidences."""
        named = {"u": "u_width", "adjoint_u": "u_width", "factors": "factors_width"}
        return named[buffer] if buffer in named else self.sizes(self.row_widths[buffer])

    def factor_column(self, column: int) -> str:
        """Return a column of a row of factors: the number of the factor, and a column in it."""
        number = max(k for k, start in enumerate(self.factor_columns) if start <= column)
        rest = self.sizes(column - self.factor_columns[number])
        return f"f{number}" if rest == "0" else f"f{number} + {rest}"

    def offset(self, place: Place) -> str:
        """Return where a place begins in its row."""
        if place.buffer == "factors":
            return self.factor_column(place.column)
        return str(place.column) if self.single(place) else self.sizes(place.column)

    def single(self, place: Place) -> bool:
        """Whether a place is one of few features that the step projects, each of which the source names."""
        return self.few_features and place.buffer in ("u", "adjoint_u")

    def matrix(self, kind: str, grid: Grid, depth: int, width: int) -> str:
        """Return the name of a (depth, width) matrix made of recurrent ones, and note that it is wanted."""
        self.matrices[grid] = (kind, depth, width)
        return "matrix_" + "__".join("_".join(identifier(n) for n in row) for row in grid)

    def label(self, place: Place, node: Node) -> str:
        """Return the name under which a value read from a buffer appears: the cell's own where it has one."""
        if place.buffer in ("state", "next", "adjoint"):
            start = 0
            for part, width in self.state_sizes.items():
                if place.column == start and node.width == width:
                    return {"state": part, "next": f"{part}_new", "adjoint": f"d_{part}"}[place.buffer]
                start += width
        return f"{place.buffer}_{node.op}" if place.buffer == "saved" else f"{place.buffer}_j"

    def vector(self, node: Node) -> str:
        """Return the name of a vector that all sequences share, and note that it is wanted."""
        assert isinstance(node.extra, str)
        if node.extra not in self.vectors:
            self.vectors.append(node.extra)
        return identifier(node.extra)

    def constant(self, value: object) -> str:
        """Return a number as it stands in the source, and note it if it is to be passed."""
        assert isinstance(value, bool | int | float)
        if value in LITERALS:
            return f"real({float(value)!r})"
        if value not in self.constants:
            self.constants.append(float(value))
        return f"c{self.constants.index(value)}"


def identifier(name: str) -> str:
    """Return a name that C++ accepts."""
    return re.sub(r"\W", "_", name)


def factor(expression: str) -> str:
    """Return an expression as it may stand in a product."""
    return f"({expression})" if "*" in expression else expression


def indent(lines: Sequence[str]) -> list[str]:
    """Return lines one level deeper."""
    return [f"    {line}" for line in lines]
