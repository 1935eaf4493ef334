"""Reads recorded graphs of PyTorch operators into nodes, prologue and epilogue."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from torch import Tensor, fx
from torch.utils._pytree import tree_leaves

from rnnzoo.engine.native.graph import Builder, Node, Unsupported
from rnnzoo.engine.native.operators import CONDITIONS, SAME_NAME

TRANSPOSES = frozenset({"permute", "t", "transpose"})
RESHAPES = frozenset({"view", "_unsafe_view", "reshape", "squeeze", "unsqueeze", "view_copy", "squeeze_copy"})
VIEWS = RESHAPES | TRANSPOSES | {"slice", "select", "split", "split_with_sizes", "expand"}


@dataclass(frozen=True)
class Sum:
    """A sum over batch and time that the loop or a matrix product after it makes.

    Attributes:
        left, right: Σ left[b, :]ᵀ right[b, :], a (left.width, right.width) matrix; without `left`, Σ right[b, :].
        shape: what the epilogue takes it for; () sums over the width too.
    """

    left: Node | None
    right: Node
    shape: tuple[int, ...]


def operator_name(n: fx.Node) -> str:
    """Return an operator's name without its namespace and overload."""
    return str(n.target).removeprefix("aten.").split(".")[0]


@dataclass(frozen=True)
class _Transposed:
    """A node seen as (width, batch)."""

    node: Node


@dataclass(frozen=True)
class _Plain:
    """A value without a batch dimension: its name, and whether it comes after the loop."""

    name: str
    after: bool


_Value: TypeAlias = "Node | _Transposed | _Plain | list[Node] | None"


class Reader:
    """Reads recorded graphs into nodes, prologue and epilogue.

    Args:
        batch: the size that is the batch's.
        structures: name of a matrix → its structure, of those that have one.
    """

    def __init__(self, batch: int, structures: Mapping[str, str]) -> None:
        self.batch = batch
        self.structures = dict(structures)
        self.make = Builder()
        self.sums: dict[str, Sum] = {}
        self.prologue: list[fx.Node] = []
        self.epilogue: list[fx.Node] = []
        self.results: list[_Value] = []
        self._values: dict[fx.Node, _Value] = {}
        self._graphs = 0

    def source(self, kind: str, index: int, example: Tensor) -> Node:
        """Return the node of an input."""
        return self.make.make(kind, width=example.shape[1], extra=index)

    def read(self, graph: fx.Graph, inputs: Sequence[Node | str]) -> None:
        """Read a graph whose placeholders stand for `inputs`, nodes or names of recurrent weights."""
        placeholders = [n for n in graph.nodes if n.op == "placeholder"]
        given = dict(zip(placeholders, inputs, strict=True))
        for n in graph.nodes:
            # Two graphs may use the same names: a weight is called after itself, all the rest after its graph.
            value = given.get(n)
            n.name = value if isinstance(value, str) else f"g{self._graphs}_{n.name}"
            if n.op == "placeholder":
                self._values[n] = _Plain(value, after=False) if isinstance(value, str) else value
            elif n.op == "output":
                self.results = [self._values[v] if isinstance(v, fx.Node) else None for v in tree_leaves(n.args)]
            else:
                self._values[n] = self._call(n)
        self._graphs += 1

    def node(self, value: _Value) -> Node:
        """Return `value` as a node; a tensor without a batch dimension is read as a row that all sequences share."""
        if isinstance(value, Node):
            return value
        raise Unsupported(f"a (batch, width) tensor was expected, got {value}")

    def reduced(self, value: _Value) -> str:
        """Return the name of a value without a batch dimension."""
        if isinstance(value, _Plain):
            return value.name
        raise Unsupported("the gradient of a recurrent weight has a batch dimension")

    def _call(self, n: fx.Node) -> _Value:
        values = [self._values[a] for a in n.all_input_nodes]
        if n.target is operator.getitem:
            parts, index = self._values[n.args[0]], n.args[1]  # type: ignore[index]
            if isinstance(parts, list) and isinstance(index, int):
                return parts[index]
        plain = [v for v in values if isinstance(v, _Plain)]
        if len(plain) == len(values) and not self._has_batch(n):
            if (same := self._once(n)) is not None:
                return same
            after = any(v.after for v in plain)
            (self.epilogue if after else self.prologue).append(n)
            if operator_name(n) in TRANSPOSES and plain[0].name in self.structures:
                self.structures[n.name] = self.structures[plain[0].name]
            return _Plain(n.name, after)
        if any(v.after for v in plain):
            raise Unsupported(f"{n.target} mixes a sum over the batch with a (batch, width) tensor")
        if isinstance(n.target, str) or not hasattr(n.target, "_schema"):
            raise Unsupported(f"operator {n.target}")
        return self._operator(n, n.target._schema.name.removeprefix("aten::"))

    def _once(self, n: fx.Node) -> _Value:
        """Put what is multiplied by 1, as derivatives of scaled sums are, in the product's place, and return it."""
        if operator_name(n) != "mul" or not isinstance(n.args[0], fx.Node):
            return None
        same = n.args[0].meta["val"].dtype == n.meta["val"].dtype
        if not same or type(n.args[1]) is not int or n.args[1] != 1:
            return None
        n.replace_all_uses_with(n.args[0])
        return self._values[n.args[0]]

    def _operator(self, n: fx.Node, name: str) -> _Value:
        args, first = n.args, self._values.get(n.args[0]) if n.args and isinstance(n.args[0], fx.Node) else None
        if name in TRANSPOSES and len(self._shape(n)) == 2:
            if isinstance(first, _Transposed):
                return first.node
            if isinstance(first, Node):
                return _Transposed(first)
        if name in ("mm", "addmm"):
            return self._matrix_product(n, name)
        if isinstance(first, Node):
            if name == "sum":
                return self._sum(n, first)
            if name == "mean" and self._dims(n) == [1]:
                total = self.make.make("row_sum", (first,), width=1)
                return self.make.make("mul", (total, self.make.constant(1.0 / first.width)), width=1)
            if name in RESHAPES and self._width(n) == first.width:
                return first
            if name == "expand":
                width = self._width(n)
                return self.make.expand(first, width)
            if name in ("split_with_sizes", "split") and self._dim(n, 2) == 1:
                return self._split(first, [v.shape[1] for v in n.meta["val"]])
            if name == "slice" and self._dim(n, 1) == 1 and (len(args) < 5 or args[4] == 1):
                start = args[2] if len(args) > 2 and isinstance(args[2], int) else 0
                start = start + first.width if start < 0 else start
                return self.make.slice(first, min(start, first.width), self._width(n))
            if name == "select" and args[1] in (1, -1):
                column = args[2]
                assert isinstance(column, int)
                return self.make.slice(first, column % first.width, 1)
            if name == "slice_scatter" and self._dim(n, 2) == 1 and (len(args) < 6 or args[5] == 1):
                return self._slice_scatter(n, first)
            if name == "select_scatter" and args[2] in (1, -1):
                column = args[3]
                assert isinstance(column, int)
                piece = self.node(self._values[args[1]])  # type: ignore[index]
                return self._replace(first, piece, column % first.width)
        if name == "copy_" and isinstance(n.args[0], fx.Node):
            return self._overwrite(n.args[0], self._operand(n.args[1], n), self._width(n))
        if name == "cat" and self._dim(n, 1) == 1 and isinstance(args[0], Sequence):
            return self.make.cat([self._operand(a, n) for a in args[0]])
        if name in ("full", "scalar_tensor", "zeros", "ones", "full_like", "zeros_like", "ones_like"):
            value = {"zeros": 0, "zeros_like": 0, "ones": 1, "ones_like": 1}.get(name)
            value = value if value is not None else args[0] if name == "scalar_tensor" else args[1]  # type: ignore[assignment]
            if isinstance(value, bool | int | float):
                return self.make.constant(value, self._width(n))
        if name in ("_to_copy", "convert_element_type", "to"):
            operand = self._operand(args[0], n)
            return self.make.make("cast", (operand,), width=operand.width) if operand.op in CONDITIONS else operand
        if name.endswith("_") and isinstance(n.args[0], fx.Node):
            return self._overwrite(n.args[0], self._arithmetic(n, name[:-1]), self._width(n))
        return self._arithmetic(n, name)

    def _overwrite(self, target: fx.Node, value: Node, width: int) -> Node:
        """Return what `target` holds from now on; derivatives of maxima are written so."""
        related = [target, *target.users]
        if target.op == "placeholder" or any(operator_name(r) in VIEWS for r in related):
            raise Unsupported("a tensor is overwritten through a view")
        new = self.make.expand(value, width)
        self._values[target] = new
        return new

    def _arithmetic(self, n: fx.Node, name: str) -> Node:
        """Return an elementwise operator, written with those that `operators.EXPRESSIONS` holds."""
        width = self._width(n)
        operands = [self._operand(a, n) for a in n.args if a is not None]
        alpha = n.kwargs.get("alpha", 1)
        if name in ("add", "sub", "rsub") and (alpha != 1 or len(n.args) > 2):
            factor = n.args[2] if len(n.args) > 2 else alpha
            scaled = self.make.constant(factor)  # type: ignore[arg-type]
            scaled_index = 0 if name == "rsub" else 1
            del operands[2:]
            operands[scaled_index] = self.make.make("mul", (operands[scaled_index], scaled), width=width)
        if name == "rsub":
            name, operands = "sub", [operands[1], operands[0]]
        if name == "clamp":
            low, high = (*n.args[1:], None, None)[:2]
            value = operands[0]
            for bound, op in ((low, "clamp_min"), (high, "clamp_max")):
                if bound is not None:
                    value = self.make.make(op, (value, self._operand(bound, n)), width=width)
            return value
        if name == "hardtanh":
            low = n.args[1] if len(n.args) > 1 else -1.0
            high = n.args[2] if len(n.args) > 2 else 1.0
            value = self.make.make("clamp_min", (operands[0], self._operand(low, n)), width=width)
            return self.make.make("clamp_max", (value, self._operand(high, n)), width=width)
        if name == "leaky_relu":
            slope = self.make.constant(n.args[1] if len(n.args) > 1 else 0.01)  # type: ignore[arg-type]
            above = self.make.make("gt", (operands[0], self.make.constant(0)), width=width)
            leak = self.make.make("mul", (operands[0], slope), width=width)
            return self.make.make("where", (above, operands[0], leak), width=width)
        if name == "elu":
            given: list[object] = [1, 1, 1]
            given[: len(n.args) - 1] = n.args[1:]
            outside, scale, inner = given
            x = operands[0]
            inside = self.make.make("mul", (x, self._operand(inner, n)), width=width)
            below = self.make.make("expm1", (inside,), width=width)
            below = self.make.make("mul", (below, self._operand(outside, n)), width=width)
            above = self.make.make("gt", (x, self.make.constant(0)), width=width)
            value = self.make.make("where", (above, x, below), width=width)
            return self.make.make("mul", (value, self._operand(scale, n)), width=width)
        if name == "pow":
            whole_powers = {0.5: ("sqrt",), 1: (), 2: ("square",), -1: ("reciprocal",), -0.5: ("rsqrt",)}
            exponent = n.args[1]
            if isinstance(exponent, int | float) and exponent in whole_powers:
                value = operands[0]
                for op in whole_powers[exponent]:
                    value = self.make.make(op, (value,), width=width)
                return value
        if name == "mul":  # a factor of exactly 1 comes from decompositions
            for one, other in (operands, operands[::-1]):
                if one.op == "constant" and isinstance(one.extra, int) and one.extra == 1 and other.width == width:
                    return other
        if n.kwargs.get("rounding_mode"):
            raise Unsupported(f"operator {n.target} with rounding_mode")
        if name not in SAME_NAME:
            raise Unsupported(f"operator {n.target}")
        return self.make.make(name, operands, width=width)

    def _operand(self, value: object, user: fx.Node) -> Node:
        """Return what an elementwise operator reads: a node, a number, or a row that all sequences share."""
        if isinstance(value, bool | int | float):
            return self.make.constant(value)
        if not isinstance(value, fx.Node):
            raise Unsupported(f"operator {user.target} with the argument {value!r}")
        read = self._values[value]
        if isinstance(read, Node):
            return read
        if isinstance(read, _Plain) and not read.after:
            shape = self._shape(value)
            if len(shape) > 2 or (len(shape) == 2 and shape[0] != 1):
                raise Unsupported(f"operator {user.target} between a batch and a tensor of shape {shape}")
            return self.make.make("vector", width=shape[-1] if shape else 1, extra=read.name)
        raise Unsupported(f"operator {user.target} on a transposed batch")

    def _matrix_product(self, n: fx.Node, name: str) -> _Value:
        scale = [n.kwargs.get(key, 1) for key in ("alpha", "beta")]
        left, right = (self._values[a] for a in n.args[-2:])  # type: ignore[index]
        if isinstance(left, Node) and isinstance(right, _Plain) and not right.after:
            kind = self.structures.get(right.name, "product")
            product = self.make.make(kind, (left,), width=self._width(n), extra=(right.name,))
            if name == "mm":
                return product
            alpha, beta = scale
            added = self._operand(n.args[0], n)
            if beta != 1:
                added = self.make.make("mul", (added, self.make.constant(beta)), width=added.width)  # type: ignore[arg-type]
            if alpha != 1:
                product = self.make.make("mul", (product, self.make.constant(alpha)), width=product.width)  # type: ignore[arg-type]
            return self.make.make("add", (added, product), width=product.width)
        if name == "mm" and isinstance(left, _Transposed) and isinstance(right, Node):
            return self._add_sum(n, left.node, right)
        raise Unsupported(f"operator {n.target} other than rows times a matrix, such as {name}(state, w)")

    def _sum(self, n: fx.Node, value: Node) -> _Value:
        dims = self._dims(n)
        if dims == [1]:
            return self.make.make("row_sum", (value,), width=1)
        return self._add_sum(n, None, value)

    def _add_sum(self, n: fx.Node, left: Node | None, right: Node) -> _Plain:
        if not right.backward and not (left and left.backward):
            raise Unsupported(f"{n.target} over the batch: sequences must not depend on each other")
        self.sums[n.name] = Sum(left, right, self._shape(n))
        return _Plain(n.name, after=True)

    def _split(self, node: Node, widths: Sequence[int]) -> list[Node]:
        starts = [sum(widths[:k]) for k in range(len(widths))]
        return [self.make.slice(node, start, width) for start, width in zip(starts, widths, strict=True)]

    def _slice_scatter(self, n: fx.Node, base: Node) -> Node:
        start = n.args[3] if len(n.args) > 3 and isinstance(n.args[3], int) else 0
        piece = self.node(self._values[n.args[1]])  # type: ignore[index]
        return self._replace(base, piece, start + base.width if start < 0 else start)

    def _replace(self, base: Node, piece: Node, start: int) -> Node:
        end = start + piece.width
        if base.op == "constant":
            parts = [self.make.constant(base.extra, start), piece, self.make.constant(base.extra, base.width - end)]  # type: ignore[arg-type]
        else:
            parts = [self.make.slice(base, 0, start), piece, self.make.slice(base, end, base.width - end)]
        return self.make.cat(parts)

    def _shape(self, n: fx.Node) -> tuple[int, ...]:
        value = n.meta["val"]
        if not isinstance(value, Tensor):
            raise Unsupported(f"operator {n.target}")
        return tuple(value.shape)

    def _has_batch(self, n: fx.Node) -> bool:
        values = n.meta["val"] if isinstance(n.meta["val"], list | tuple) else [n.meta["val"]]
        return any(self.batch in getattr(v, "shape", ()) for v in values)

    def _width(self, n: fx.Node) -> int:
        """Return the width of a (batch, width), (batch,) or shared value; refuse any other shape."""
        shape = self._shape(n)
        if len(shape) == 2 and shape[0] == self.batch:
            return shape[1]
        if shape in ((self.batch,), ()):
            return 1
        shown = tuple("batch" if size == self.batch else size for size in shape)
        raise Unsupported(f"operator {n.target} gives a tensor of shape {shown}; only (batch, width) is supported")

    def _dims(self, n: fx.Node) -> list[int]:
        rank = len(self._shape(n.args[0]))  # type: ignore[arg-type]
        given: Any = n.args[1] if len(n.args) > 1 and n.args[1] else range(rank)
        return sorted(d % rank for d in given)

    def _dim(self, n: fx.Node, position: int) -> int:
        dim = n.args[position] if len(n.args) > position else n.kwargs.get("dim", 0)
        assert isinstance(dim, int)
        rank = len(n.meta["val"][0].shape) if isinstance(n.meta["val"], list | tuple) else len(self._shape(n))
        return dim % rank
