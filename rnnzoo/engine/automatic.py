"""The automatic choice: a native kernel where there can be one, the reference elsewhere, said once."""

import warnings

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine.base import Unrolled
from rnnzoo.engine.native import NativeEngineError, native, reason_against
from rnnzoo.engine.projection import Projection, projected
from rnnzoo.engine.reference import reference

_warned: set[tuple[type[Cell], str]] = set()


class SlowEngineWarning(UserWarning):
    """A cell runs on the reference engine because it can have no native kernel; the message says why."""


def automatic(cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
    """Carry `cell` through `u` with the fastest engine that can; see `rnnzoo.engine.base.Engine`.

    Warns:
        SlowEngineWarning: once for each cell class and reason, when a cell on the CPU can have no kernel.
    """
    if kernels_apply(u):
        try:
            return native(cell, u, state, w, outputs=outputs, states=states)
        except NativeEngineError as error:
            _warn(cell, str(error.__cause__ or error))
    return reference(cell, u, state, w, outputs=outputs, states=states)


def fastest(cell: Cell) -> str:
    """Return the name of the engine that `automatic` takes for a cell where it is now."""
    with torch.no_grad():
        x = next(cell.parameters()).new_zeros(1, 1, cell.input_size)
        if not kernels_apply(x):
            return "reference"
        w = cell.kernel_weights()
        entry = projected(cell, x)
        if isinstance(entry, Projection):  # first the kernel that will be used, so that no other is built
            if reason_against(cell, x, w | entry.weights()) is None:
                return "native"
            entry = entry.project()
        return "native" if reason_against(cell, entry, w) is None else "reference"


def kernels_apply(u: Tensor) -> bool:
    """Whether this is ordinary computing on the CPU: kernels read memory, and tracers have none to read."""
    return (
        u.is_cpu
        and type(u) is Tensor
        and not torch.compiler.is_compiling()
        and not torch._C._are_functorch_transforms_active()
    )


def _warn(cell: Cell, reason: str) -> None:
    key = (type(cell), reason)
    if key not in _warned:
        _warned.add(key)
        warnings.warn(
            f"{type(cell).__name__} runs on the slow reference engine, it can have no native kernel: {reason}",
            SlowEngineWarning,
            stacklevel=4,
        )
