"""Records the operators that a function calls, on tensors that have a shape and no data.

PyTorch's `make_fx` does that too, and much that kernels have no use for: it takes three times as long, which the
first step of every cell in every process waits for.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from operator import getitem
from typing import Any

import torch
from torch import Tensor, fx
from torch._decomp import core_aten_decompositions
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_map

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
        table = _decompositions()
        with self:
            result = table[func](*args, **given) if func in table else NotImplemented
            if result is NotImplemented:
                result = func.decompose(*args, **given)  # an operator that is written in terms of others anyway
        if result is not NotImplemented:
            return result
        if torch.Tag.data_dependent_output in func.tags:
            raise Unsupported(f"it must do the same for all numbers, and asks for some ({func})")
        read_args, read_kwargs = tree_map(self._read, (args, given))
        node = self.graph.create_node("call_function", func, read_args, read_kwargs, name=func.overloadpacket.__name__)
        if any(argument.name == "device" for argument in func._schema.arguments):
            given["device"] = META
        result = node.meta["val"] = func(*args, **given)
        if isinstance(result, Tensor):
            self._note(result, node)
        elif isinstance(result, list | tuple):
            for index, part in enumerate(result):
                self._note(part, self.graph.call_function(getitem, (node, index)))
        return result

    def _read(self, argument: Any) -> Any:
        """Return what stands for an argument of an operator in the graph."""
        if isinstance(argument, Tensor):
            return self._node(argument)
        return torch.device("cpu") if argument == META else argument

    def _node(self, tensor: Tensor) -> fx.Node:
        node = self._nodes.get(id(tensor))
        if node is None:
            raise Unsupported("it must read tensors from its arguments alone, and reads one of its own")
        return node

    def _note(self, tensor: Tensor, node: fx.Node) -> None:
        node.meta["val"] = tensor  # which so stays alive, and no other tensor gets its identity
        self._nodes[id(tensor)] = node


@cache
def _decompositions() -> Mapping[Any, Callable[..., Any]]:
    return core_aten_decompositions()
