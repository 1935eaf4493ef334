"""A kernel: the compiled step of one kind of cell, with what PyTorch does before and after its loop."""

import weakref
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx

from rnnzoo.cells.base import Cell
from rnnzoo.engine.native.blas import blas
from rnnzoo.engine.native.build import build
from rnnzoo.engine.native.column_sums import added_first
from rnnzoo.engine.native.emit import emit
from rnnzoo.engine.native.function import Function
from rnnzoo.engine.native.graph import Builder, Unsupported
from rnnzoo.engine.native.memory import Pool
from rnnzoo.engine.native.plan import Plan, plan
from rnnzoo.engine.native.programme import Programme
from rnnzoo.engine.native.reader import TRANSPOSES, Sum, operator_name
from rnnzoo.engine.native.results import results_of
from rnnzoo.engine.native.runtime import runtime
from rnnzoo.engine.native.source import Source
from rnnzoo.engine.native.trace import Trace, trace
from rnnzoo.engine.projection import projects
from rnnzoo.engine.settings import settings_of

DTYPES = (torch.float32, torch.float64)


@dataclass(frozen=True)
class Wanted:
    """What a kernel is made for.

    Attributes:
        u: whether the gradient with respect to u is wanted.
        w: names of the recurrent weights whose gradients are.
        rebuild: whether the backward pass rebuilds the states.
    """

    u: bool
    w: frozenset[str]
    rebuild: bool = False


class Kernel:
    """A compiled step; one serves every length, batch size and, compiled again only if its trace differs, width.

    `functions` are `infer`, `forward` and `backward`, to be given the values that `prepare` returned.

    Raises:
        Unsupported: the step cannot be traced or planned, or the source cannot be built.
    """

    def __init__(self, cell: Cell, u: Tensor, w: Mapping[str, Tensor], wanted: Wanted) -> None:
        self.dtype = u.dtype
        self.wanted = wanted
        self.state_sizes = cell.state_sizes
        self.widths = list(self.state_sizes.values())
        self.width = sum(self.widths)
        self.u_width = u.shape[-1]
        self.trace, make = trace(cell, u, w, inverse=wanted.rebuild)
        epilogue, sums = _needed(self.trace, wanted, make)
        self.weight_names = frozenset(self.trace.weights.values())
        self.plan: Plan = plan(self.trace, make, wanted_u=wanted.u, sums=sums, rebuild=wanted.rebuild)
        self.source: Source = emit(
            self.plan,
            name=type(cell).__name__,
            state_sizes=self.state_sizes,
            u_width=self.u_width,
            hidden=cell.hidden_size,
            projects=projects(w),
            dtype=u.dtype,
        )
        self._results, epilogue = results_of(self.plan, sums, epilogue)
        transposed = _transposed(self.trace, self.source, epilogue)
        self._prologue = Programme([n for n in self.trace.prologue if n.name not in transposed])
        self._epilogue = Programme(epilogue)
        called = runtime(u.dtype)
        library = build(self.source.text, type(cell).__name__)
        self.functions = {
            name: Function(
                name,
                library,
                source=self.source,
                plan=self.plan,
                results=self._results if name == "backward" else (),
                transposed=transposed,
                runtime=called,
                blas=blas(u.dtype),
                dtype=u.dtype,
                rebuilds=wanted.rebuild and name == "backward",
            )
            for name in ("infer", "forward", "backward")
        }
        self._gradients = {
            name: key for name, key in self.trace.adjoint_weights.items() if key is not None and name in wanted.w
        }

    def prepare(self, w: Sequence[Tensor]) -> dict[str, Any]:
        """Return all that the loop and the epilogue read of the recurrent weights, by name."""
        values: dict[str, Any] = dict(zip(self.trace.weights.values(), w, strict=True))
        self._prologue.run(values)
        return values

    def results(self) -> list[Tensor]:
        """Return a tensor for each sum over batch and time that `backward` is to leave, not filled yet."""
        return [torch.empty(result.held, dtype=self.dtype) for result in self._results]

    def weight_gradients(self, values: dict[str, Any], results: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the gradients of the wanted recurrent weights.

        Args:
            values: what `prepare` returned; what is computed here is added.
            results: the sums over batch and time that `backward` left.
        """
        for result, tensor in zip(self._results, results, strict=True):
            values[result.name] = result.taken(tensor)
        self._epilogue.run(values)
        return {name: values[key] for name, key in self._gradients.items()}


def _transposed(traced: Trace, source: Source, epilogue: Sequence[fx.Node]) -> dict[str, str]:
    """Return the matrices that are transposes of weights and that products alone read → these weights."""
    matrices = {n for reads in source.reads.values() for grid in reads.matrices for row in grid for n in row}
    vectors = {n for reads in source.reads.values() for n in reads.vectors}
    read = vectors | {a.name for n in (*traced.prologue, *epilogue) for a in n.all_input_nodes}
    weights = set(traced.weights.values())
    return {
        n.name: n.all_input_nodes[0].name
        for n in traced.prologue
        if operator_name(n) in TRANSPOSES
        and n.name in matrices - read
        and n.all_input_nodes[0].name in weights
        and n.meta["val"].stride() == n.all_input_nodes[0].meta["val"].stride()[::-1]
    }


def _needed(traced: Trace, wanted: Wanted, make: Builder) -> tuple[list[fx.Node], dict[str, Sum]]:
    """Return the operations of the epilogue that the wanted gradients take, and the sums that these start from."""
    results = [key for name, key in traced.adjoint_weights.items() if key is not None and name in wanted.w]
    needed, kept = set(results), []
    for n in reversed(traced.epilogue):
        if n.name in needed:
            kept.append(n)
            needed.update(a.name for a in n.all_input_nodes)
    sums = {name: pair for name, pair in traced.sums.items() if name in needed}
    return added_first(sums, kept[::-1], results, make)


@dataclass
class Owned:
    """What the engine keeps for a cell as long as the cell lives."""

    pool: Pool = field(default_factory=Pool)
    kernels: dict[tuple[object, ...], Kernel] = field(default_factory=dict)
    failures: dict[tuple[object, ...], str] = field(default_factory=dict)
    reconstruction_error: float | None = None


SHARED = 64
"""Kernels that are kept for cells to come: a study makes a cell anew for every run, and tracing it takes 0.1 s."""

_owned: weakref.WeakKeyDictionary[Cell, Owned] = weakref.WeakKeyDictionary()
_shared: OrderedDict[tuple[object, ...], Kernel] = OrderedDict()


def owned(cell: Cell) -> Owned:
    """Return the engine's memory and kernels for `cell`."""
    mine = _owned.get(cell)
    if mine is None:
        mine = _owned[cell] = Owned()
    return mine


def release(cell: Cell) -> None:
    """Free what the engine keeps for `cell`, the buffers above all; it is freed anyway when the cell is."""
    _owned.pop(cell, None)


def kernel_for(cell: Cell, u: Tensor, w: Mapping[str, Tensor], wanted: Wanted | None) -> Kernel:
    """Return the kernel of a cell, made at the first call and again when its hyperparameters or shapes change.

    Args:
        cell: the cell.
        u, w: what it is to be called with.
        wanted: the gradients; None for any kernel there is, or else one that is likely to serve training too.

    Raises:
        Unsupported: there can be none; the same reason is given at every later call without trying again.
    """
    mine = owned(cell)
    if torch._C._are_functorch_transforms_active():
        raise Unsupported("kernels know nothing of torch.func's transforms")
    settings = settings_of(cell)
    made_for = (settings.values, u.shape[-1], u.dtype, tuple((n, t.shape, t.stride()) for n, t in w.items()))
    if wanted is None:
        there = next((kernel for key, kernel in mine.kernels.items() if key[:-1] == made_for), None)
        if there is not None:
            return there
        # what a step projects is a task's input, of which no gradient is asked; what has a structure is not trained
        wanted = Wanted(u=not projects(w), w=frozenset(w).difference(cell.structured_weights))
    key = (*made_for, wanted)
    kernel = mine.kernels.get(key)
    if kernel is not None:
        return kernel
    if key in mine.failures:
        raise Unsupported(mine.failures[key])
    if u.device.type != "cpu" or u.dtype not in DTYPES:  # no reason to keep: the cell may be moved
        raise Unsupported(f"kernels run on the CPU in float32 or float64, got {u.dtype} on {u.device}")
    try:
        kernel = _made(cell, u, w, wanted, key if settings.whole else None)
    except Unsupported as reason:
        mine.failures[key] = str(reason)
        raise
    except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # A graph of a form that was not foreseen must cost a user's cell its kernel only, not its life.
        mine.failures[key] = f"its step was not understood ({type(error).__name__}: {error})"
        raise Unsupported(mine.failures[key]) from error
    mine.kernels[key] = kernel
    return kernel


def _made(cell: Cell, u: Tensor, w: Mapping[str, Tensor], wanted: Wanted, key: tuple[object, ...] | None) -> Kernel:
    """Make a kernel, or take the one that another cell of the same class has under the same key, if there is a key."""
    if key is None:
        return Kernel(cell, u, w, wanted)
    # a class whose step was put in the place of another is another cell
    full = (type(cell), type(cell).step, getattr(type(cell), "inverse_step", None), *key)
    kernel = _shared.pop(full, None)
    if kernel is None:
        kernel = Kernel(cell, u, w, wanted)
    _shared[full] = kernel
    while len(_shared) > SHARED:
        _shared.popitem(last=False)
    return kernel
