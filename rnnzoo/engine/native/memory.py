"""Buffers that are kept between calls: fresh memory costs a page fault for every 4 KiB, as much as the arithmetic."""

import math
import weakref
from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

ALIGNMENT = 64
KEPT = 8
"""Free blocks that a pool keeps at most; the oldest goes first."""

Block = npt.NDArray[np.uint8]


class Pool:
    """Memory of one cell's calls.

    A block is lent as a tensor and comes back when nothing refers to that tensor's memory any more, be it a user's
    variable, a view or a saved tensor of autograd.
    """

    def __init__(self) -> None:
        self._free: deque[Block] = deque(maxlen=KEPT)

    def lend(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Return an uninitialised tensor."""
        size = math.prod(shape) * dtype.itemsize
        wanted = max(ALIGNMENT, 1 << max(0, (size - 1).bit_length() - 3))
        rounded = -(-size // wanted) * wanted + ALIGNMENT  # up to an eighth more, so that similar sizes share blocks
        block = self._take(rounded)
        start = -block.ctypes.data % ALIGNMENT
        array = block[start : start + size].view(np.float64 if dtype == torch.float64 else np.float32)
        if _fills_fresh_memory():
            array.fill(math.nan)
        weakref.finalize(array, self._free.append, block).atexit = False
        return torch.from_numpy(array).view(shape)

    def _take(self, size: int) -> Block:
        for _ in range(len(self._free)):
            try:
                block = self._free.popleft()
            except IndexError:  # another thread took the last one
                break
            if block.nbytes == size:
                return block
            self._free.append(block)
        return np.empty(size, dtype=np.uint8)


def _fills_fresh_memory() -> bool:
    """Whether PyTorch was told to fill new tensors with NaN, which finds reads of what was never written."""
    module: Any = torch.utils.deterministic
    return torch.are_deterministic_algorithms_enabled() and bool(module.fill_uninitialized_memory)
