"""A kernel: the compiled step of one kind of cell, with what PyTorch does before and after its loop."""

import ctypes
import math
import weakref
from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor, fx

from rnnzoo.cells.base import Cell
from rnnzoo.engine.native.blas import blas
from rnnzoo.engine.native.build import build
from rnnzoo.engine.native.emit import Source, emit
from rnnzoo.engine.native.graph import Unsupported
from rnnzoo.engine.native.memory import ALIGNMENT, Pool
from rnnzoo.engine.native.outers import shaped
from rnnzoo.engine.native.plan import Plan, plan
from rnnzoo.engine.native.programme import Programme
from rnnzoo.engine.native.trace import Trace, trace
from rnnzoo.engine.projection import projects

DTYPES = (torch.float32, torch.float64)

PLAIN = (int, float, str, bool, type(None))
"""Types whose values are compared as they are; of all others their representation is."""

FEWEST_ROWS = 32
"""Rows of an outer product below which reading and writing its result takes longer than computing it."""

RESULT_BYTES = 8192
"""Bytes of the result for each of which an outer product wants a row more: a large one leaves the cache."""


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


@dataclass(frozen=True)
class Walk:
    """How the threads of a call share its work.

    Attributes:
        threads: each takes a slice of the batch through all steps.
        block: steps after which a thread adds what its rows give to its part of the gradients of the matrices.
    """

    threads: int
    block: int


class Result(NamedTuple):
    """A sum over batch and time that `backward` is to leave in a tensor: see `Total` of kernel_ends.h.

    Attributes:
        name: in the epilogue.
        shape: in which the epilogue takes it.
        rows, columns: of the sum.
        start, row, column: where its entries lie in what a thread has summed.
    """

    name: str
    shape: tuple[int, ...]
    rows: int
    columns: int
    start: int
    row: int
    column: int


class Kernel:
    """A compiled step; one serves every length, batch size and, compiled again only if its trace differs, width.

    Raises:
        Unsupported: the step cannot be traced or planned, or the source cannot be built.
    """

    def __init__(self, cell: Cell, u: Tensor, w: Mapping[str, Tensor], wanted: Wanted) -> None:
        self.dtype = u.dtype
        self.wanted = wanted
        self.state_sizes = cell.state_sizes
        self.u_width = u.shape[-1]
        self.trace, make = trace(cell, u, w, inverse=wanted.rebuild)
        epilogue, names = _needed(self.trace, wanted)
        self.weight_names = frozenset(self.trace.weights.values())
        self._prologue, self._epilogue = Programme(self.trace.prologue), Programme(epilogue)
        self.plan: Plan = plan(self.trace, make, wanted_u=wanted.u, sums=names, rebuild=wanted.rebuild)
        self.source: Source = emit(
            self.plan,
            name=type(cell).__name__,
            state_sizes=self.state_sizes,
            u_width=self.u_width,
            hidden=cell.hidden_size,
            projects=projects(w),
            dtype=u.dtype,
        )
        library = build(self.source.text, type(cell).__name__)
        self._functions = {name: getattr(library, name) for name in ("infer", "forward", "backward")}
        for function in self._functions.values():
            function.restype, function.argtypes = None, [ctypes.c_void_p] * 2 + [ctypes.c_int] + [ctypes.c_void_p] * 9
        self._blas = blas(u.dtype)
        self._constants = array("d", self.source.constants)
        self._products = list(_parts_of_products(self.plan, self.trace))
        self._columns = [
            Result(name, self.trace.sums[name].shape, 1, width, column, 0, 1)
            for name, (column, width) in self.plan.column_sums.items()
        ]

    def prepare(self, w: Sequence[Tensor]) -> dict[str, Any]:
        """Return all that the loop and the epilogue read of the recurrent weights, by name."""
        values: dict[str, Any] = dict(zip(self.trace.weights.values(), w, strict=True))
        self._prologue.run(values)
        return values

    def call(
        self,
        function: str,
        pool: Pool,
        values: Mapping[str, Any],
        buffers: Sequence[Tensor | None],
        parts: Sequence[Tensor | None],
        *,
        walk: Walk,
        u: Tensor,
        slots: int,
        results: Sequence[Tensor] = (),
    ) -> float:
        """Run `infer`, `forward` or `backward`.

        Args:
            function: which one.
            pool: where scratch memory comes from.
            values: what `prepare` returned.
            buffers: the buffers in the order in which the function unpacks them, dense.
            parts: (batch, width) each: the parts of what the loop begins with, laid out in any way or None for zero,
                then those of what it ends with, dense or None where not wanted.
            walk: how the batch and the gradients are shared between threads.
            u: (time, batch, width), dense along its last dimension.
            slots: how many states the trajectory holds.
            results: what `backward` writes, for each of `results`.

        Returns:
            The largest difference between a state at the start and the rebuilt one; 0 where none is rebuilt.
        """
        steps, batch = u.shape[:2]
        size, backward = self.dtype.itemsize, function == "backward"
        reads = self.source.reads[function]
        per_thread = self.source.scratch[function] * -(-batch // walk.threads) + self.plan.column_sums_width
        per_thread = (per_thread // 16 + 5) * 16  # the slices of two threads share no cache line
        needed = [walk.threads * per_thread * size, reads.packed * size, 0, 0, 0]  # in the order of `MEMORY`
        if backward:
            needed[2:] = [
                walk.block * batch * self.plan.factors_width * size,
                walk.threads * self.outers_size * size,
                walk.threads * self.plan.column_sums_width * 8,
            ]
        *starts, end = accumulate((-(-n // ALIGNMENT) * ALIGNMENT for n in needed), initial=0)
        block = pool.take(end)
        sizes = (
            *(steps, batch, slots, u.stride(0), u.stride(1), u.shape[2], per_thread, walk.block),
            *(self.plan.factors_width, len(self._products), len(self._columns), *self.source.sizes),
        )
        # The C++ sees addresses alone: what is made for it here is kept until the call has returned.
        vectors = [values[name].contiguous() for name in reads.vectors]
        errors = array("d", bytes(8 * walk.threads))
        arrays: list[array[Any]] = [
            array("q", sizes),
            self._constants,
            _addresses(buffers),
            _addresses(vectors),
            array("q", _pieces(values[name] for grid in reads.matrices for row in grid for name in row)),
            array("q", _parts(parts)),
            array("q", self._totals(results)),
            array("q", [block.address + start for start in starts]),
            errors,
        ]
        self._functions[function](
            self._blas.gemm, self._blas.set_threads, walk.threads, *(values.buffer_info()[0] for values in arrays)
        )
        pool.give(block)
        return max(errors, key=lambda error: math.inf if math.isnan(error) else error)

    def results(self) -> list[Tensor]:
        """Return a tensor for each sum over batch and time that `backward` is to leave, not filled yet."""
        return [torch.empty(r.rows, r.columns, dtype=self.dtype) for r in (*self._products, *self._columns)]

    def _totals(self, results: Sequence[Tensor]) -> Iterable[int]:
        for tensor, result in zip(results, (*self._products, *self._columns), strict=False):
            yield from (tensor.data_ptr(), *result[2:])

    def walk(self, batch: int) -> Walk:
        """Return how a batch is walked with the threads that PyTorch may use now."""
        # Alone, a thread is no parallel region, and a BLAS that cannot be told so would start threads of its own for
        # every little product.
        fewest = 1 if self._blas.set_threads else 2
        threads = min(torch.get_num_threads(), max(batch, fewest))
        wanted = max(FEWEST_ROWS, self.outers_size * self.dtype.itemsize // RESULT_BYTES)
        return Walk(threads, -(-wanted // max(1, batch // threads)))

    @property
    def outers_size(self) -> int:
        """How many reals the gradients of the recurrent matrices take."""
        return sum(outer.depth * outer.width for outer in self.plan.outers)

    def weight_gradients(self, values: Mapping[str, Any], results: Sequence[Tensor]) -> dict[str, Tensor]:
        """Return the gradients of the wanted recurrent weights.

        Args:
            values: what `prepare` returned.
            results: the sums over batch and time that `backward` left.
        """
        values = dict(values)
        for tensor, result in zip(results, (*self._products, *self._columns), strict=True):
            values[result.name] = shaped(tensor, result.shape)
        self._epilogue.run(values)
        adjoint = self.trace.adjoint_weights
        return {name: values[key] for name, key in adjoint.items() if key is not None and name in self.wanted.w}


def _parts_of_products(plan: Plan, traced: Trace) -> Iterable[Result]:
    """Yield where the sums of the epilogue lie in the matrix products over batch and time."""
    start = 0
    for outer in plan.outers:
        for block in outer.blocks:
            first, strides = start + block.row * outer.width + block.column, (outer.width, 1)
            sizes = (block.rows, block.columns)
            if block.transposed:
                sizes, strides = sizes[::-1], strides[::-1]
            yield Result(block.name, traced.sums[block.name].shape, *sizes, first, *strides)
        start += outer.depth * outer.width


def _addresses(tensors: Iterable[Tensor | None]) -> "array[int]":
    return array("q", [0 if t is None else t.data_ptr() for t in tensors])


def _pieces(matrices: Iterable[Tensor]) -> Iterable[int]:
    """Yield what `Piece` of kernel_products.h holds of each matrix."""
    for matrix in matrices:
        yield from (matrix.data_ptr(), *matrix.stride(), *matrix.shape)


def _parts(tensors: Iterable[Tensor | None]) -> Iterable[int]:
    """Yield what `Part` of kernel_ends.h holds of each tensor."""
    for tensor in tensors:
        yield from (0, 0, 0) if tensor is None else (tensor.data_ptr(), *tensor.stride())


def _needed(traced: Trace, wanted: Wanted) -> tuple[list[fx.Node], list[str]]:
    """Return the operations of the epilogue that the wanted gradients take, and the sums that these start from."""
    needed = {key for name, key in traced.adjoint_weights.items() if key is not None and name in wanted.w}
    kept = []
    for n in reversed(traced.epilogue):
        if n.name in needed:
            kept.append(n)
            needed.update(a.name for a in n.all_input_nodes)
    return kept[::-1], [name for name in traced.sums if name in needed]


@dataclass
class Owned:
    """What the engine keeps for a cell as long as the cell lives."""

    pool: Pool
    kernels: dict[tuple[object, ...], Kernel]
    failures: dict[tuple[object, ...], str]


_owned: weakref.WeakKeyDictionary[Cell, Owned] = weakref.WeakKeyDictionary()


def owned(cell: Cell) -> Owned:
    """Return the engine's memory and kernels for `cell`."""
    if cell not in _owned:
        _owned[cell] = Owned(Pool(), {}, {})
    return _owned[cell]


def release(cell: Cell) -> None:
    """Free the buffers and kernels that the engine keeps for `cell`; they are freed anyway when the cell is."""
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
    made_for = (_settings(cell), u.shape[-1], u.dtype, tuple((n, t.shape, t.stride()) for n, t in w.items()))
    if wanted is None:
        there = next((kernel for key, kernel in mine.kernels.items() if key[:-1] == made_for), None)
        if there is not None:
            return there
        # what a step projects is a task's input, of which no gradient is asked
        wanted = Wanted(u=not projects(w), w=frozenset(w))
    key = (*made_for, wanted)
    if key in mine.failures:
        raise Unsupported(mine.failures[key])
    if key not in mine.kernels:
        if u.device.type != "cpu" or u.dtype not in DTYPES:  # no reason to keep: the cell may be moved
            raise Unsupported(f"kernels run on the CPU in float32 or float64, got {u.dtype} on {u.device}")
        try:
            mine.kernels[key] = Kernel(cell, u, w, wanted)
        except Unsupported as reason:
            mine.failures[key] = str(reason)
            raise
        except (AssertionError, AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
            # A graph of a form that was not foreseen must cost a user's cell its kernel only, not its life.
            mine.failures[key] = f"its step was not understood ({type(error).__name__}: {error})"
            raise Unsupported(mine.failures[key]) from error
    return mine.kernels[key]


def _settings(cell: Cell) -> tuple[object, ...]:
    """Return the plain attributes of a cell: `step` may depend on any of them."""
    return tuple(
        (name, type(value), value if isinstance(value, PLAIN) else repr(value))
        for name, value in vars(cell).items()
        if not name.startswith("_") and name != "training"
    )
