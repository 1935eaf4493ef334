"""The intermediate form between a traced `step` and C++: nodes of shape (batch, width), made once each.

A node is one of
- a source: `u`, a part of the state before the step (`state`), after it (`next`), or an adjoint (`adjoint`);
- `vector`: a tensor without a batch dimension, made by PyTorch before the loop; `constant`: a number;
- `slice`, `cat`, `expand`: views along the width, resolved by index where they are read;
- `product`: the sum of its arguments times matrices, Σ args[k] @ matrices[k];
- `fourier`, `permutation`: its argument times a matrix of this structure, see `structures`;
- `row_sum`: the sum over the width;
- anything else: an elementwise operator of `rnnzoo.engine.native.operators`.
"""

from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

SOURCES = ("u", "state", "next", "adjoint")
PRODUCTS = ("product", "fourier", "permutation")


class Unsupported(Exception):  # noqa: N818 - a reason, turned into an error or a warning by the engine
    """The native engine cannot run a cell; the message says why."""


@dataclass(frozen=True, eq=False, repr=False)
class Node:
    """A (batch, width) value of one time step.

    Attributes:
        op: what makes it, see the module's docstring.
        args: the nodes that it is made of.
        width: its number of columns.
        extra: what else defines it: index of a source, value of a constant, first column of a slice, name of a
            vector, or names of a product's matrices.
        backward: whether it depends on an adjoint.
    """

    op: str
    args: tuple["Node", ...]
    width: int
    extra: Hashable
    backward: bool

    def __repr__(self) -> str:
        shown = "" if self.extra is None else f" {self.extra}"
        return f"<{self.op}{shown} of {len(self.args)}, width {self.width}>"

    @property
    def elementwise(self) -> bool:
        """Whether column j of the value depends on column j of its arguments alone, through arithmetic."""
        return self.op not in (*SOURCES, "vector", "constant", "slice", "cat", "expand", *PRODUCTS, "row_sum")


class Builder:
    """Makes nodes; equal requests give the same node, so common subexpressions are computed once."""

    def __init__(self) -> None:
        self._made: dict[Hashable, Node] = {}

    def make(self, op: str, args: Iterable[Node] = (), *, width: int, extra: Hashable = None) -> Node:
        """Return the node for this operator, arguments, width and extra.

        An elementwise operator on parts side by side becomes such operators side by side, and the sum over them the sum
        of their sums, so that a loop never has to ask in which part its column lies. Two sums added are one.
        """
        arguments = tuple(args)
        if op == "row_sum" and arguments[0].op == "cat":
            total, *rest = (self.make(op, (part,), width=1) for part in arguments[0].args)
            for part in rest:
                total = self.make("add", (total, part), width=1)
            return total
        if op == "add" and all(a.op == "row_sum" for a in arguments):
            summed = [a.args[0] for a in arguments]
            if summed[0].width == summed[1].width:
                return self.make("row_sum", (self.make("add", summed, width=summed[0].width),), width=1)
        key = (op, arguments, width, type(extra), extra)
        if key not in self._made:
            backward = op == "adjoint" or any(a.backward for a in arguments)
            node = Node(op, arguments, width, extra, backward)
            self._made[key] = self._spread(node) if node.elementwise else node
        return self._made[key]

    def _spread(self, node: Node) -> Node:
        """Return an elementwise node with `cat` outside, and without a zero that is added."""
        starts = {0, node.width}
        for cat in (a for a in node.args if a.op == "cat"):
            starts.update(sum(part.width for part in cat.args[:k]) for k in range(len(cat.args)))
        edges = sorted(starts)
        if len(edges) > 2:
            pieces = [
                self.make(node.op, [self._piece(a, lo, hi - lo, node.width) for a in node.args], width=hi - lo)
                for lo, hi in pairwise(edges)
            ]
            return self.cat(pieces)
        if node.op == "add":  # zeros come from the gradients of slices
            for zero, other in (node.args, node.args[::-1]):
                if zero.op == "constant" and zero.extra == 0 and isinstance(zero.extra, int):
                    return other if other.width == node.width else self.expand(other, node.width)
        return node

    def _piece(self, operand: Node, start: int, width: int, whole: int) -> Node:
        return self.slice(operand, start, width) if operand.width == whole else operand

    def expand(self, node: Node, width: int) -> Node:
        """Return a node of width 1, or a constant, at every column."""
        if node.width == width:
            return node
        return self.constant(node.extra, width) if node.op == "constant" else self.make("expand", (node,), width=width)  # type: ignore[arg-type]

    def constant(self, value: float, width: int = 1) -> Node:
        """Return a number; integers are literals in the source, floats are passed when the kernel is called."""
        return self.make("constant", width=width, extra=value)

    def slice(self, node: Node, start: int, width: int) -> Node:
        """Return columns start … start + width − 1 of `node`."""
        if start == 0 and width == node.width:
            return node
        if node.op == "slice":
            assert isinstance(node.extra, int)
            return self.slice(node.args[0], node.extra + start, width)
        if node.op == "constant":
            return self.constant(node.extra, width)  # type: ignore[arg-type]
        if node.op == "expand":
            return self.expand(node.args[0], width)
        if node.op == "cat":
            parts, first = [], 0
            for part in node.args:
                low, high = max(start, first), min(start + width, first + part.width)
                if low < high:
                    parts.append(self.slice(part, low - first, high - low))
                first += part.width
            return self.cat(parts)
        if node.elementwise:
            pieces = [self._piece(a, start, width, node.width) for a in node.args]
            return self.make(node.op, pieces, width=width, extra=node.extra)
        return self.make("slice", (node,), width=width, extra=start)

    def cat(self, parts: Iterable[Node]) -> Node:
        """Return the parts side by side; neighbouring slices of one node become one slice, parts of parts parts."""
        joined: list[Node] = []
        for part in (piece for whole in parts for piece in (whole.args if whole.op == "cat" else (whole,))):
            if part.width == 0:
                continue
            if joined and part.op == "slice" and joined[-1].op == "slice" and part.args == joined[-1].args:
                before = joined[-1]
                assert isinstance(before.extra, int)
                if part.extra == before.extra + before.width:
                    joined[-1] = self.slice(part.args[0], before.extra, before.width + part.width)
                    continue
            joined.append(part)
        return joined[0] if len(joined) == 1 else self.make("cat", joined, width=sum(p.width for p in joined))


def walk(roots: Iterable[Node]) -> Iterator[Node]:
    """Yield every node under `roots` once, arguments before the nodes that use them."""
    seen: set[Node] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            stack.extend((a, False) for a in reversed(node.args) if a not in seen)
