"""PyTorch operations that are computed once a sequence, before and after a kernel's loop."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import torch
from torch import Tensor, fx
from torch.fx.node import map_arg

aten = torch.ops.aten
DIRECT: dict[object, Callable[..., Any]] = {
    aten.add.Tensor: torch.add,
    aten.cat.default: torch.cat,
    aten.cos.default: torch.cos,
    aten.expand.default: Tensor.expand,
    aten.mm.default: torch.mm,
    aten.mul.Scalar: torch.mul,
    aten.mul.Tensor: torch.mul,
    aten.neg.default: torch.neg,
    aten.permute.default: torch.permute,
    aten.pow.Tensor_Scalar: torch.pow,
    aten.rsqrt.default: torch.rsqrt,
    aten.sin.default: torch.sin,
    aten.split_with_sizes.default: torch.split_with_sizes,
    aten.sub.Tensor: torch.sub,
    aten.sum.dim_IntList: torch.sum,
    aten.view.default: Tensor.view,
}
"""Operators and what does the same in a third of the time: a call of an operator itself goes a long way."""

Reader = Callable[[Mapping[str, Any]], Any]
Call = tuple[str, Callable[..., Any], list[Reader], dict[str, Reader]]


class Programme:
    """Operations in order, each reading values by name and writing its own under its name.

    Args:
        nodes: the operations; what depends on nothing is computed now, and what stands twice once.
    """

    def __init__(self, nodes: Sequence[fx.Node]) -> None:
        self._fixed: dict[str, Any] = {}
        self._calls: list[Call] = []
        self._same: dict[str, str] = {}
        first: dict[str, str] = {}
        for n in nodes:
            assert callable(n.target)
            target = DIRECT.get(n.target, n.target)
            called = f"{target} {map_arg((n.args, n.kwargs), self._name)!r}"
            if not _writes(n) and first.setdefault(called, n.name) != n.name:
                self._same[n.name] = first[called]
                continue
            args, kwargs = [self._reader(a) for a in n.args], {key: self._reader(a) for key, a in n.kwargs.items()}
            call = (n.name, target, args, kwargs)
            if all(self._name(a) in self._fixed for a in n.all_input_nodes):
                _run([call], self._fixed)
            else:
                self._calls.append(call)

    def run(self, values: dict[str, Any]) -> None:
        """Add the values of all operations to `values`."""
        values.update(self._fixed)
        _run(self._calls, values)
        for name, same in self._same.items():
            values[name] = values[same]

    def _name(self, n: fx.Node) -> str:
        """Return the name under which the value of an operation is found."""
        return self._same.get(n.name, n.name)

    def _reader(self, argument: Any) -> Reader:
        """Return what finds an argument's value: walking it anew at every call takes longer than most operations."""
        if isinstance(argument, fx.Node):
            return itemgetter(self._name(argument))
        if isinstance(argument, list | tuple):
            parts = [self._reader(part) for part in argument]
            return lambda values: [part(values) for part in parts]
        return lambda _: argument


def _run(calls: Sequence[Call], values: dict[str, Any]) -> None:
    for name, target, args, kwargs in calls:
        read = [arg(values) for arg in args]
        values[name] = target(*read, **{key: arg(values) for key, arg in kwargs.items()}) if kwargs else target(*read)


def _writes(n: fx.Node) -> bool:
    """Whether an operation writes to what it is given, or may: then its value is its own."""
    schema = getattr(n.target, "_schema", None)
    return schema is None or schema.is_mutable
