"""PyTorch operations that are computed once a sequence, before and after a kernel's loop."""

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

from torch import fx

Reader = Callable[[Mapping[str, Any]], Any]
Call = tuple[str, Callable[..., Any], list[Reader], dict[str, Reader]]


class Programme:
    """Operations in order, each reading values by name and writing its own under its name.

    Args:
        nodes: the operations; what depends on nothing is computed now.
    """

    def __init__(self, nodes: Sequence[fx.Node]) -> None:
        self._fixed: dict[str, Any] = {}
        self._calls: list[Call] = []
        for n in nodes:
            assert callable(n.target)
            call = (n.name, n.target, [_reader(a) for a in n.args], {key: _reader(a) for key, a in n.kwargs.items()})
            if all(a.name in self._fixed for a in n.all_input_nodes):
                _run([call], self._fixed)
            else:
                self._calls.append(call)

    def run(self, values: dict[str, Any]) -> None:
        """Add the values of all operations to `values`."""
        values.update(self._fixed)
        _run(self._calls, values)


def _run(
    calls: Sequence[tuple[str, Callable[..., Any], list[Reader], dict[str, Reader]]], values: dict[str, Any]
) -> None:
    for name, target, args, kwargs in calls:
        read = [arg(values) for arg in args]
        values[name] = target(*read, **{key: arg(values) for key, arg in kwargs.items()})


def _reader(argument: Any) -> Reader:
    """Return what finds the value of an argument: walking it anew at every call takes longer than most operations."""
    if isinstance(argument, fx.Node):
        return itemgetter(argument.name)
    if isinstance(argument, list | tuple):
        parts = [_reader(part) for part in argument]
        return lambda values: [part(values) for part in parts]
    return lambda _: argument
