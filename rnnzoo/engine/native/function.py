"""A compiled function of a kernel as Python calls it: the C++ is given addresses, strides and sizes alone."""

import ctypes
import math
from array import array
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from itertools import accumulate
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnzoo.engine.native.blas import Blas
from rnnzoo.engine.native.memory import ALIGNMENT, Pool
from rnnzoo.engine.native.plan import Plan
from rnnzoo.engine.native.results import Result
from rnnzoo.engine.native.source import MEMORY, Source

FEWEST_ROWS = 96
"""Rows of an outer product below which reading and writing its result takes longer than computing it."""

SUMMED_ROWS = 64
"""Rows whose columns are summed in the kernel's own precision before they are added up in double precision."""

CACHED_BYTES = 16384
"""Bytes of the rows that a thread carries through all steps at a time, where it need not carry all: half of the fastest
cache of nearly every processor."""

RESULT_BYTES = 8192
"""Bytes of the result for each of which an outer product wants a row more: a large one leaves the cache."""

CALL_WORDS, PIECE_WORDS, PART_WORDS, TOTAL_WORDS = 13, 5, 3, 6
"""What the structures of these names in kernel_calls.h take, in words of eight bytes."""

NONE = (0,) * PART_WORDS
"""A `Part` that is zero, or not wanted."""

LAYOUTS = 64
"""Shapes of input for which the layout of a call is remembered."""


class Layout(NamedTuple):
    """What a call is given that depends on the shape of its input alone.

    Attributes:
        head: what a call begins with: a `Call` of kernel_calls.h.
        sizes: the sizes that the function unpacks, to which the head points.
        starts, end: where each part of `MEMORY` begins, and the bytes that all of it takes.
        errors: a zero for each thread.
    """

    head: list[int]
    sizes: "array[int]"
    starts: tuple[int, ...]
    end: int
    errors: list[int]


class Function:
    """One of `infer`, `forward` and `backward`.

    Args:
        name: which one.
        library: where it is.
        source, plan: what it was compiled from, and what that does.
        results: the sums over batch and time that it leaves: of parts of matrix products, then of columns.
        transposed: matrix → the weight whose transpose it is.
        runtime: address of the functions that it calls.
        blas: whose products it uses where they are large.
        dtype: of all that it computes.
        rebuilds: whether it rebuilds the states.
    """

    def __init__(
        self,
        name: str,
        library: ctypes.CDLL,
        *,
        source: Source,
        plan: Plan,
        results: Sequence[Result],
        transposed: Mapping[str, str],
        runtime: int,
        blas: Blas,
        dtype: torch.dtype,
        rebuilds: bool,
    ) -> None:
        self._rebuilds = rebuilds
        self._run = getattr(library, name)
        self._run.restype = None
        self._run.argtypes = [ctypes.c_void_p]
        reads = source.reads[name]
        self._runtime, self._blas, self._plan, self._itemsize = runtime, blas, plan, dtype.itemsize
        self._vectors, self._packed = reads.vectors, reads.packed
        self._matrices = [
            (transposed.get(n, n), n in transposed) for grid in reads.matrices for row in grid for n in row
        ]
        self._strides: list[tuple[int, ...]] | None = None
        self._constants = array("d", source.constants)
        self._sizes, self._scratch = source.sizes, source.scratch[name]
        self._outers_size = sum(outer.size for outer in plan.outers)
        self._backward = name == "backward"
        self._touched = source.cut.get(name)
        columns = sum(result.of_columns for result in results)
        self._counts = (len(results) - columns, columns)
        self._results = [result.layout() for result in results]
        lists = {
            "buffers": source.buffers[name],
            "vectors": len(self._vectors),
            "pieces": PIECE_WORDS * len(self._matrices),
            "parts": PART_WORDS * source.parts,
            "results": TOTAL_WORDS * len(results),
            "memory": len(MEMORY),
        }
        self._lists = list(accumulate(lists.values(), initial=CALL_WORDS))
        self._layout = lru_cache(LAYOUTS)(self._lay_out)

    def __call__(
        self,
        pool: Pool,
        values: Mapping[str, Any],
        buffers: Iterable[int],
        parts: Iterable[Tensor | None],
        *,
        u: Tensor,
        slots: int,
        results: Sequence[Tensor] = (),
    ) -> float | None:
        """Run the function.

        Args:
            pool: where the memory comes from that it needs while it runs.
            values: what the prologue made of the recurrent weights, and these, by name.
            buffers: the addresses of the buffers in the order in which the function unpacks them, dense; 0 where there
                is none.
            parts: (batch, width) each: the parts of what the loop begins with, laid out in any way or None for zero,
                then those of what it ends with, dense or None where not wanted.
            u: (time, batch, width), dense along its last dimension.
            slots: how many states the trajectory holds.
            results: a dense tensor for each result.

        Returns:
            The largest difference between a state at the start and the rebuilt one; None where none is rebuilt.
        """
        steps, batch, width = u.shape
        layout = self._layout(steps, batch, width, slots, u.stride(0), u.stride(1), torch.get_num_threads())
        block = pool.take(layout.end)
        # All that is made here is kept until the call has returned.
        vectors = [values[name].contiguous() for name in self._vectors]
        words = layout.head[:]
        words += buffers
        words += [vector.data_ptr() for vector in vectors]
        if self._strides is None:  # of all calls, as the weights of all are laid out alike, and so what is made of them
            self._strides = [_strides(values[name], turned) for name, turned in self._matrices]
        for (name, _), strides in zip(self._matrices, self._strides, strict=True):
            words += (values[name].data_ptr(), *strides)
        for part in parts:
            words += NONE if part is None else (part.data_ptr(), *part.stride())
        for tensor, numbers in zip(results, self._results, strict=True):
            words += (tensor.data_ptr(), *numbers)
        words += [block.address + start for start in layout.starts]
        words += layout.errors
        call = array("q", words)
        self._run(call.buffer_info()[0])
        pool.give(block)
        if not self._rebuilds:
            return None
        errors = memoryview(call).cast("B").cast("d")[-len(layout.errors) :].tolist()
        return max(errors, key=lambda error: math.inf if math.isnan(error) else error)

    def _lay_out(self, steps: int, batch: int, width: int, slots: int, u_step: int, u_row: int, allowed: int) -> Layout:
        """Return the layout of a call with the threads that PyTorch may use."""
        # Alone, a thread is no parallel region, and a BLAS that cannot be told so would start threads of its own for
        # every little product.
        fewest = 1 if self._blas.set_threads else 2
        threads = min(allowed, max(batch, fewest))
        # Steps after which a thread adds what its rows give to its part of the gradients of the matrices: as often as
        # these rows are enough, but without a rest of a few.
        wanted = max(FEWEST_ROWS, self._outers_size * self._itemsize // RESULT_BYTES)
        enough = -(-wanted // max(1, batch // threads))
        block = -(-steps // max(1, steps // enough))
        plan, size = self._plan, self._itemsize
        rows = -(-batch // threads)
        at_once = rows if self._touched is None else max(1, min(rows, CACHED_BYTES // (self._touched * size)))
        per_thread = self._scratch * at_once + plan.column_sums_width
        per_thread = (per_thread // 16 + 5) * 16  # the slices of two threads share no cache line
        bytes_of = {"scratch": threads * per_thread * size, "packed": self._packed * size}
        if self._backward:
            bytes_of["factors"] = block * batch * plan.factors_width * size
            bytes_of["matrix_gradients"] = threads * self._outers_size * size
            bytes_of["sums_of_columns"] = threads * plan.column_sums_width * 8
        rounded = (-(-bytes_of.get(name, 0) // ALIGNMENT) * ALIGNMENT for name in MEMORY)
        *starts, end = accumulate(rounded, initial=0)
        strides, sums = (u_step, u_row, width), (at_once, max(1, SUMMED_ROWS // at_once))
        fixed = (steps, batch, slots, *strides, per_thread, *sums, block, plan.factors_width, *self._counts)
        sizes = array("q", [*fixed, *self._sizes])
        arrays = (array_.buffer_info()[0] for array_ in (sizes, self._constants))
        head = [self._runtime, self._blas.gemm, self._blas.set_threads or 0, threads, *arrays, *self._lists]
        return Layout(head, sizes, tuple(starts), end, [0] * threads)


def _strides(matrix: Tensor, turned: bool) -> tuple[int, ...]:
    """Return strides and shape of a matrix, or of its transpose."""
    (row, column), (rows, columns) = matrix.stride(), matrix.shape
    return (column, row, columns, rows) if turned else (row, column, rows, columns)
