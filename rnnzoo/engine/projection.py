"""u = V x + b, not computed yet: a kernel computes it step by step, so that u and its gradient never fill memory.

Nearly every cell's `project` is one `torch.nn.functional.linear`. Whether this cell's is, and with which V and b, is
found by letting `project` run with that function watched; a cell needs to say nothing.
"""

import weakref
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention
from torch.overrides import TorchFunctionMode

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine.leaves import Gradient
from rnnzoo.engine.settings import Settings, settings_of

V, B = "input_V", "input_b"
"""Names of V and b among the recurrent weights of a step that projects; of few features each has a column of V."""

Step: TypeAlias = Callable[[Tensor, State, Weights], State]
"""(u_t, state, w) → the state after it, or, backwards, before it."""

FEW = 2
"""Features up to which u is a sum of columns of V, each times a feature: cheaper in a loop than a matrix product."""


@dataclass(frozen=True)
class Projection:
    """What `project` would compute.

    Attributes:
        x: input (time, batch, input_size).
        V: (width, input_size).
        b: (width,), or None.
    """

    x: Tensor
    V: Tensor
    b: Tensor | None

    def project(self) -> Tensor:
        """Return u."""
        return F.linear(self.x, self.V, self.b)

    def weights(self) -> Weights:
        """Return V and b under the names that `projecting` reads."""
        columns = self._columns() if self.V.shape[1] <= FEW else None
        weights = {V: self.V} if columns is None else {f"{V}{k}": column for k, column in enumerate(columns)}
        return weights if self.b is None else {**weights, B: self.b}

    def asks(self, name: str) -> bool:
        """Whether a gradient is asked of the one of `weights` that has this name."""
        part = self.b if name == B else self.V
        return part is not None and part.requires_grad

    def gradients(self, of_weights: Mapping[str, Tensor]) -> list[Gradient]:
        """Return V and b, each with its gradient, from those of `weights`; None where there is none."""
        of_V = of_weights.get(V)
        if self.V.shape[1] <= FEW and f"{V}0" in of_weights:
            of_V = torch.stack([of_weights[f"{V}{k}"] for k in range(self.V.shape[1])], 1)
        return [(self.V, of_V), (self.b, of_weights.get(B))]

    def _columns(self) -> tuple[Tensor, ...]:
        # a single column is all of V, and its gradient all of V's, with nothing to copy
        return (self.V.squeeze(1),) if self.V.shape[1] == 1 else self.V.unbind(1)


def projected(cell: Cell, x: Tensor) -> Projection | Tensor:
    """Return V and b of a cell whose `project` is x ↦ V x + b and nothing else, or else u = `cell.project(x)`.

    Args:
        cell: the cell.
        x: (time, batch, input_size).
    """
    # a hook may look at what is not there
    if _hooked(cell) or torch.is_autocast_enabled("cpu"):
        return cell.project(x)
    known = _known.get(cell)
    again = None if known is None else known.projection(cell, x)
    if again is not None:
        return again
    watch = _Watch(x)
    try:
        with watch:
            u = cell.project(x)
    except Exception:
        if watch.found is None:
            raise
        return cell.project(x)  # the stand-in for u fits nothing else
    if watch.found is None:
        return u
    if u is not watch.stand_in or watch.used:
        return cell.project(x)
    if watch.calls == 1:
        _note(cell, watch.found)
    return watch.found


def _hooked(module: nn.Module) -> bool:
    if module._forward_hooks or module._forward_pre_hooks:
        return True
    return bool(module._modules) and any(map(_hooked, module.children()))


@dataclass(frozen=True)
class _Known:
    """What was seen of a `project` that does one thing whatever it is given: V x + b with parameters of its cell.

    Attributes:
        project: the method.
        settings: the cell's, which it may depend on.
        training: whether the cell was in training.
        V, b: their names among the cell's own parameters; None in the place of b if there is none.
    """

    project: object
    settings: Settings
    training: bool
    V: str
    b: str | None

    def projection(self, cell: Cell, x: Tensor) -> Projection | None:
        """Return the projection of this input, or None if the cell is not what it was."""
        if type(cell).project is not self.project or cell.training is not self.training:
            return None
        V, b = (None if name is None else cell._parameters.get(name) for name in (self.V, self.b))
        if V is None or (b is None) is not (self.b is None) or settings_of(cell) != self.settings:
            return None
        return Projection(x, V, b)


_known: weakref.WeakKeyDictionary[Cell, _Known] = weakref.WeakKeyDictionary()


def _note(cell: Cell, found: Projection) -> None:
    """Remember what `project` was seen to do, if it is sure to do so again: to see it anew takes 0.05 ms."""
    names = {id(parameter): name for name, parameter in cell._parameters.items() if parameter is not None}
    V, b, settings = names.get(id(found.V)), names.get(id(found.b)), settings_of(cell)
    if V is not None and (b is None) is (found.b is None) and settings.whole:
        _known[cell] = _Known(type(cell).project, settings, cell.training, V, b)


def projects(names: Iterable[str]) -> bool:
    """Whether recurrent weights of these names make a step project its input."""
    return any(name.startswith(V) for name in names)


def projecting(step: Step, names: Iterable[str]) -> Step:
    """Return a step, or, if the weights of a projection are among `names`, the step that takes x and projects it first.

    Args:
        step: a cell's `step` or `inverse_step`.
        names: the names of w.
    """
    added = [name for name in names if name == B or name.startswith(V)]

    def projected(u: Tensor, state: State, w: Weights) -> State:
        own = {name: value for name, value in w.items() if name not in added}
        return step(_project(u, w) if added else u, state, own)

    return projected


def _project(x: Tensor, w: Mapping[str, Tensor]) -> Tensor:
    b = w.get(B)
    if V in w:
        return x @ w[V].t() if b is None else torch.addmm(b, x, w[V].t())
    u = x[:, :1] * w[f"{V}0"]
    for k in range(1, x.shape[1]):
        u = u + x[:, k : k + 1] * w[f"{V}{k}"]
    return u if b is None else u + b


class _Watch(TorchFunctionMode):
    """Answers the linear map of x with a stand-in, and notes whether anything else touches it."""

    def __init__(self, x: Tensor) -> None:
        super().__init__()
        self.x = x
        self.stand_in = x.new_empty(0)
        self.found: Projection | None = None
        self.used = False
        self.calls = 0  # of any function: one that looks at x may do something else with another

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        del types
        named = dict(kwargs or {})
        self.calls += 1
        if func is F.linear and args and args[0] is self.x and self.found is None:
            V, b = (*args[1:], None, None)[:2]
            V, b = named.get("weight", V), named.get("bias", b)
            self.found = Projection(self.x, V, b)
            return self.stand_in
        self.used |= any(value is self.stand_in for value in torch.utils._pytree.tree_leaves((args, named)))
        return func(*args, **named)
