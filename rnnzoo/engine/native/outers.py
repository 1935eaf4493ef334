"""Gradients of matrices: sums over batch and time of leftᵀ right, as few matrix products over many rows at once.

Every step leaves its rows of both factors side by side in a buffer; after some steps a thread adds what they give to
its own part of the gradients, while the rows are still in its cache.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from rnnzoo.engine.native.graph import Builder, Node
from rnnzoo.engine.native.reader import Sum

ALIGNED = 16
"""Columns to whose multiples rows and sides are filled up: 64 bytes of float32, so that stores cross no cache line."""


class Block(NamedTuple):
    """Where a sum of the epilogue stands in the result of an outer product, and whether transposed."""

    name: str
    row: int
    rows: int
    column: int
    columns: int
    transposed: bool


@dataclass(frozen=True)
class Outer:
    """Σ leftᵀ right over all steps and sequences.

    Attributes:
        left, right: columns of the buffer of factors at which the factors begin.
        depth, width: their columns; the result is (depth, width).
        blocks: the sums that the result holds.
    """

    left: int
    depth: int
    right: int
    width: int
    blocks: tuple[Block, ...]

    @property
    def end(self) -> int:
        """The first column after both factors."""
        return max(self.left + self.depth, self.right + self.width)

    @property
    def row(self) -> int:
        """How many reals the rows of the result are apart."""
        return aligned(self.width)

    @property
    def size(self) -> int:
        """How many reals the result takes."""
        return self.depth * self.row

    def turned(self) -> "Outer":
        """Return what makes the transpose of the result."""
        blocks = (Block(b.name, b.column, b.columns, b.row, b.rows, not b.transposed) for b in self.blocks)
        return Outer(self.right, self.width, self.left, self.depth, tuple(blocks))


class Group(NamedTuple):
    """Factors that share one product.

    Attributes:
        lefts, rights: what the result's rows and its columns belong to.
        narrow: those of `lefts` that have one column whatever the cell's sizes.
        names: (index in lefts, index in rights) → the sums that this part of the result is, and whether transposed.
    """

    lefts: tuple[Node, ...]
    rights: tuple[Node, ...]
    narrow: frozenset[Node]
    names: dict[tuple[int, int], list[tuple[str, bool]]]


def group_sums(sums: Mapping[str, Sum], make: Builder) -> tuple[list[Group], dict[str, Node]]:
    """Return the sums that matrix products make, grouped, and the columns that are to be summed up otherwise.

    The gradient of a bias is Σ 1ᵀ right, and that of a weight of a single feature Σ featureᵀ right: where there is a
    product with this right factor anyway, they are further rows of its result.
    """
    beside: dict[Node, list[tuple[str, Node, bool]]] = {}
    for name, pair in sums.items():
        if pair.left is None:
            continue
        turned = pair.left.backward and not pair.right.backward
        left, right = (pair.right, pair.left) if turned else (pair.left, pair.right)
        beside.setdefault(right, []).append((name, left, turned))
    rest: dict[str, Node] = {}
    narrow: set[Node] = set()
    for name, pair in sums.items():
        if pair.left is not None:
            continue
        found = next((f for right in beside if (f := _narrow_factor(pair.right, right, make)) is not None), None)
        if found is None:
            rest[name] = pair.right
        else:
            left, right = found
            beside[right].append((name, left, False))
            narrow.add(left)
    groups: dict[tuple[Node, ...], Group] = {}
    for right, entries in beside.items():
        lefts = tuple(dict.fromkeys(left for _, left, _ in entries))
        group = groups.setdefault(lefts, Group(lefts, (), frozenset(narrow.intersection(lefts)), {}))
        column = len(group.rights)
        for name, left, turned in entries:
            group.names.setdefault((lefts.index(left), column), []).append((name, turned))
        groups[lefts] = group._replace(rights=(*group.rights, right))
    return list(groups.values()), rest


def lay_out(group: Group, column: int) -> tuple[Outer, list[int]]:
    """Return the product of a group whose factors stand from `column` on, and where each factor begins.

    Factors of a side lie side by side; the right side begins where a vector register would. Most of the result's
    entries stand as they are wanted, for to transpose them costs a cache line each.
    """
    lefts, rights = _starts(group.lefts), _starts(group.rights)
    right = aligned(column + lefts[-1])
    blocks = [
        Block(name, lefts[row], group.lefts[row].width, rights[place], group.rights[place].width, turned)
        for (row, place), names in group.names.items()
        for name, turned in names
    ]
    columns = [*(column + start for start in lefts[:-1]), *(right + start for start in rights[:-1])]
    outer = Outer(column, lefts[-1], right, rights[-1], tuple(blocks))
    # counted, not weighed: the source must not depend on sizes
    wide = [names for (row, _), names in group.names.items() if group.lefts[row] not in group.narrow]
    turned = sum(1 if turned else -1 for names in wide for _, turned in names) > 0
    return outer.turned() if turned else outer, columns


def aligned(column: int) -> int:
    """Return the first column from this one on at which the vectors of a row are aligned."""
    return -(-column // ALIGNED) * ALIGNED


def _starts(nodes: tuple[Node, ...]) -> list[int]:
    """Return where each node begins and where the last one ends."""
    return [0, *accumulate(node.width for node in nodes)]


def _narrow_factor(summed: Node, right: Node, make: Builder) -> tuple[Node, Node] | None:
    """Return f of width 1 with Σ summed = Σ fᵀ right, and right, if there is such an f."""
    if summed is right:
        return make.constant(1), right
    parts = summed.args if summed.op == "cat" else (summed,)
    wanted = right.args if right.op == "cat" else (right,)
    if len(parts) != len(wanted) or any(part.op != "mul" for part in parts):
        return None
    others = {
        next((b for a, b in (part.args, part.args[::-1]) if a is whole), None)
        for part, whole in zip(parts, wanted, strict=True)
    }
    factor = others.pop()
    return None if others or factor is None or factor.width != 1 or factor.backward else (factor, right)
