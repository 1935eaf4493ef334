"""The conditions under which times are taken: the threads, and what becomes of the smallest numbers."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def conditions(*, threads: int | None = None, flush_denormals: bool = True) -> Iterator[None]:
    """Compute under these conditions, and under those from before afterwards.

    A gradient that fades through hundreds of steps ends in denormal numbers, on which processors are many times
    slower. Kernels flush them to zero; PyTorch does so only when asked. Where everyone flushes, times compare
    engines and not luck with the last digits. PyTorch's worker threads take the setting over when they start: enter
    this before the process has computed anything in parallel.

    Args:
        threads: of PyTorch and of kernels, or None to leave them.
        flush_denormals: whether PyTorch takes denormal numbers for zero.
    """
    before, flushed = torch.get_num_threads(), flushes_denormals()
    try:
        torch.set_flush_denormal(flush_denormals)
        if threads is not None:
            torch.set_num_threads(threads)
        yield
    finally:
        torch.set_flush_denormal(flushed)
        torch.set_num_threads(before)


def flushes_denormals() -> bool:
    """Whether PyTorch takes denormal numbers for zero in this thread."""
    return float(torch.tensor([1e-310], dtype=torch.float64) * 0.5) == 0.0
