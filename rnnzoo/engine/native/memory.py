"""Buffers that are kept between calls: fresh memory costs a page fault for every 4 KiB, as much as the arithmetic."""

import math
import weakref
from collections import deque
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

ALIGNMENT = 64
KEPT = 8
"""Free blocks that a pool keeps at most; the oldest goes first."""


Array = npt.NDArray[Any]


class Block(NamedTuple):
    """Memory, aligned to `ALIGNMENT` bytes, and its address."""

    memory: npt.NDArray[np.uint8]
    address: int


class Pool:
    """Memory of one cell's calls.

    A block is lent as a tensor and comes back when nothing refers to that tensor's memory any more, be it a user's
    variable, a view or a saved tensor of autograd.
    """

    def __init__(self) -> None:
        self._free: deque[Block] = deque(maxlen=KEPT)
        self._lent: dict[int, tuple[weakref.ref[Array], Block]] = {}

    def lend(self, *shape: int, dtype: torch.dtype) -> Tensor:
        """Return an uninitialised tensor."""
        size = math.prod(shape) * dtype.itemsize
        block = self.take(size)
        array = block.memory[:size].view(np.float64 if dtype == torch.float64 else np.float32).reshape(shape)
        # weakref.finalize would do the same in several times the time
        reference = weakref.ref(array, self._returned)
        self._lent[id(reference)] = reference, block
        return torch.from_numpy(array)

    def take(self, size: int) -> Block:
        """Return uninitialised memory of so many bytes or more, to `give` back when nothing uses it any more."""
        wanted = max(ALIGNMENT, 1 << max(0, (size - 1).bit_length() - 3))
        rounded = -(-size // wanted) * wanted  # up to an eighth more, so that similar sizes share blocks
        block = self._take(rounded)
        if _fills_fresh_memory():
            block.memory.fill(0xFF)  # the bits of a NaN, in every dtype
        return block

    def give(self, block: Block) -> None:
        """Keep a block for a later call."""
        self._free.append(block)

    def _returned(self, reference: "weakref.ref[Array]") -> None:
        self._free.append(self._lent.pop(id(reference))[1])

    def _take(self, size: int) -> Block:
        for _ in range(len(self._free)):
            try:
                block = self._free.popleft()
            except IndexError:  # another thread took the last one
                break
            if block.memory.nbytes == size:
                return block
            self._free.append(block)
        fresh = np.empty(size + ALIGNMENT, dtype=np.uint8)
        start = -fresh.ctypes.data % ALIGNMENT
        memory = fresh[start : start + size]
        return Block(memory, memory.ctypes.data)


def _fills_fresh_memory() -> bool:
    """Whether PyTorch was told to fill new tensors with NaN, which finds reads of what was never written."""
    module: Any = torch.utils.deterministic
    return torch.are_deterministic_algorithms_enabled() and bool(module.fill_uninitialized_memory)
