"""Records the operators that a function calls, on tensors that have a shape and no data.

PyTorch's `make_fx` does that too, and much that kernels have no use for: it takes several times as long, which the
first step of every cell in every process waits for.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx
from torch._decomp import core_aten_decompositions
from torch.utils._python_dispatch import TorchDispatchMode

from rnnzoo.engine.native.graph import Unsupported

META = torch.device("meta")
RENAMED = frozenset({torch.ops.aten.alias.default, torch.ops.aten.detach.default})
"""Operators that return what they are given: the same numbers in the same places."""


class Recorder(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """While entered, notes every operator as a node of a graph, in terms of core operators where it can be decomposed.

    The tensors are on PyTorch's device "meta", but those that the function makes are noted as made on the CPU.

    Attributes:
        graph: what was recorded; a node's `meta["val"]` is the tensor, or tensors, that it stands for.
    """

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.graph = fx.Graph()
        self._nodes: dict[int, fx.Node] = {}
        self._renamed: list[Tensor] = []
        self._known: dict[Any, Any] = {}

    def placeholder(self, name: str, tensor: Tensor) -> None:
        """Give an argument of the function a node."""
        self._note(tensor, self.graph.placeholder(name))

    def output(self, results: Iterable[Tensor | None]) -> None:
        """Say what the function returns."""
        self.graph.output(tuple(None if result is None else self._node(result) for result in results))

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Note an operator.

        Raises:
            Unsupported: it reads a tensor that is none of the function's arguments and not made from them, or asks for
                the numbers in one.
        """
        del types
        given = dict(kwargs or {})
        if func in RENAMED:
            renamed = func(*args, **given)
            self._nodes[id(renamed)] = self._node(args[0])
            self._renamed.append(renamed)
            return renamed
        for in_terms_of_others in _decompositions(func):
            with self:
                result = in_terms_of_others(*args, **given)
            if result is not NotImplemented:
                return result
        if torch.Tag.data_dependent_output in func.tags:
            raise Unsupported(f"it must do the same for all numbers, and asks for some ({func})")
        read_args, read_kwargs = self._read(args), {name: self._read(value) for name, value in given.items()}
        node = self.graph.create_node("call_function", func, read_args, read_kwargs, name=func.overloadpacket.__name__)
        if any(argument.name == "device" for argument in func._schema.arguments):
            given["device"] = META
        result = node.meta["val"] = self._result(func, args, given)
        if isinstance(result, Tensor):
            self._note(result, node)
        elif isinstance(result, list | tuple):
            for index, part in enumerate(result):
                self._note(part, self.graph.call_function(getitem, (node, index)))
        return result

    def _result(self, func: Any, args: tuple[Any, ...], given: Mapping[str, Any]) -> Any:
        """Return what an operator gives."""
        if torch.Tag.pointwise not in func.tags or func._schema.is_mutable:
            return func(*args, **given)
        # found out once for like arguments: PyTorch does so in Python, and takes a tenth of a millisecond
        key = func, *map(_kind, args), *((name, _kind(value)) for name, value in given.items())
        if key in self._known:
            shape, strides, dtype = self._known[key]
            return torch.empty_strided(shape, strides, dtype=dtype, device=META)
        result = func(*args, **given)
        if isinstance(result, Tensor):
            self._known[key] = _kind(result)
        return result

    def _read(self, argument: Any) -> Any:
        """Return what stands for an argument of an operator in the graph."""
        if isinstance(argument, Tensor):
            return self._node(argument)
        if isinstance(argument, list | tuple):
            return type(argument)(map(self._read, argument))
        return torch.device("cpu") if argument == META else argument

    def _node(self, tensor: Tensor) -> fx.Node:
        node = self._nodes.get(id(tensor))
        if node is None:
            raise Unsupported("it must read tensors from its arguments alone, and reads one of its own")
        return node

    def _note(self, tensor: Tensor, node: fx.Node) -> None:
        node.meta["val"] = tensor  # which so stays alive, and no other tensor gets its identity
        self._nodes[id(tensor)] = node


def _kind(argument: Any) -> Any:
    """Return all that shape, strides and dtype of a result can depend on; numbers of several types may be equal."""
    return (argument.shape, argument.stride(), argument.dtype) if isinstance(argument, Tensor) else repr(argument)


@cache
def _decompositions(func: Any) -> Sequence[Callable[..., Any]]:
    """Return what does as an operator does with others, more basic ones, or may answer that it does not."""
    table = _table()
    found = table[func] if func in table else None  # noqa: SIM401 - `get` finds only what was looked up before
    # an operator that is written in terms of others anyway
    composite = torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")
    return [decomposition for decomposition in (found, func.decompose if composite else None) if decomposition]


@cache
def _table() -> Mapping[Any, Callable[..., Any]]:
    return core_aten_decompositions()
