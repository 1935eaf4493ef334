"""Sums of columns that the epilogue does no more with than to add them up: the loop adds what they are sums of.

Autograd takes the gradient of a vector from each of its uses; a loop that keeps one sum for all of them loads and
stores less.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from torch import fx

from rnnzoo.engine.native.graph import Builder
from rnnzoo.engine.native.outers import group_sums
from rnnzoo.engine.native.reader import RESHAPES, Sum, operator_name


def added_first(
    sums: Mapping[str, Sum], epilogue: Sequence[fx.Node], results: Iterable[str], make: Builder
) -> tuple[list[fx.Node], dict[str, Sum]]:
    """Return what is left of the epilogue, and the sums, with added ones for those that it added.

    Args:
        sums: what the epilogue starts from.
        epilogue: its operations in order.
        results: names of its values that are wanted.
        make: makes nodes.
    """
    sums, rest = dict(sums), list(epilogue)
    # those that are rows of a matrix product's result cost nothing
    _, columns = group_sums(sums, make)
    uses = Counter([*results, *(name for n in epilogue for name in _read(n))])
    seen_as: dict[str, tuple[str, tuple[fx.Node, ...]]] = {
        name: (name, ()) for name in columns if math.prod(sums[name].shape) == columns[name].width
    }
    for n in epilogue:
        read = _read(n)
        if not all(name in seen_as and uses[name] == 1 for name in read):
            continue
        if operator_name(n) in RESHAPES:
            name, views = seen_as[read[0]]
            seen_as[n.name] = name, (*views, n)
        elif operator_name(n) == "add" and len(read) == 2 and not n.kwargs:
            (left, views), (right, more) = (seen_as[name] for name in read)
            added = (sums[left].right, sums[right].right)
            shape = tuple(n.meta["val"].shape)
            if added[0].width == added[1].width == math.prod(shape):
                sums[n.name] = Sum(None, make.make("add", added, width=added[0].width), shape)
                seen_as[n.name] = n.name, ()
                del sums[left], sums[right]
                rest = [other for other in rest if other not in (*views, *more, n)]
    return rest, sums


def _read(n: fx.Node) -> list[str]:
    """Return the names of the values that an operation reads, as often as it reads them."""
    read: list[str] = []
    fx.map_arg((n.args, n.kwargs), lambda value: read.append(value.name))
    return read
