"""The sums over batch and time that a kernel leaves, in the shapes in which their gradients are wanted."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from torch import Tensor, fx

from rnnzoo.engine.native.plan import Plan
from rnnzoo.engine.native.reader import RESHAPES, Sum, operator_name


@dataclass(frozen=True)
class Result:
    """A sum, as `Total` of kernel_calls.h.

    Attributes:
        name: in the epilogue.
        shape: in which the epilogue takes it.
        rows, columns: of the sum.
        start, row, column: where its entries lie in what a thread has summed.
        of_columns: whether that is sums of columns rather than matrix products.
    """

    name: str
    shape: tuple[int, ...]
    rows: int
    columns: int
    start: int
    row: int
    column: int
    of_columns: bool

    def layout(self) -> tuple[int, ...]:
        """Return the numbers of a `Total` that follow its address."""
        return self.rows, self.columns, self.start, self.row, self.column

    @cached_property
    def held(self) -> tuple[int, ...]:
        """The shape of the tensor that holds the sum."""
        whole = self.rows * self.columns == math.prod(self.shape)
        return self.shape if whole else (self.rows, self.columns)

    def taken(self, tensor: Tensor) -> Tensor:
        """Return the filled tensor in the shape of the result: a number is all of the sum, summed up."""
        return tensor if self.held == self.shape else tensor.sum().reshape(self.shape)


def results_of(plan: Plan, sums: dict[str, Sum], epilogue: Sequence[fx.Node]) -> tuple[list[Result], list[fx.Node]]:
    """Return the results of a plan, those of matrix products first, and what is left of the epilogue.

    An epilogue that begins by viewing a sum in another shape is given it in that shape.
    """
    results, rest = [*_of_products(plan, sums), *_of_columns(plan, sums)], list(epilogue)
    for k, result in enumerate(results):
        users = [n for n in rest if any(a.name == result.name for a in n.all_input_nodes)]
        if len(users) == 1 and operator_name(users[0]) in RESHAPES:
            shape = tuple(users[0].meta["val"].shape)
            if math.prod(shape) == math.prod(result.shape):
                results[k] = replace(result, name=users[0].name, shape=shape)
                rest.remove(users[0])
    return results, rest


def _of_products(plan: Plan, sums: dict[str, Sum]) -> Iterable[Result]:
    start = 0
    for outer in plan.outers:
        for block in outer.blocks:
            first, strides = start + block.row * outer.row + block.column, (outer.row, 1)
            sizes = (block.rows, block.columns)
            if block.transposed:
                sizes, strides = sizes[::-1], strides[::-1]
            yield Result(block.name, sums[block.name].shape, *sizes, first, *strides, of_columns=False)
        start += outer.size


def _of_columns(plan: Plan, sums: dict[str, Sum]) -> Iterable[Result]:
    for name, (column, width) in plan.column_sums.items():
        yield Result(name, sums[name].shape, 1, width, column, 0, 1, of_columns=True)
