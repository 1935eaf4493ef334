"""Training batches that are kept for a process's next run: in a study every cell learns from the same ones.

To make a batch takes a tenth of a small network's training step, and more.
"""

import json
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import TypeAlias

from rnnzoo.tasks.base import Batch, Task

LIMIT = 2**27
"""Bytes of batches that a process keeps."""

Batches: TypeAlias = Callable[[int], Batch]
"""Training step → the batch that it learns from."""


class Kept:
    """The batches of the runs that a process has done; those that no run has asked for longest make way.

    Args:
        limit: bytes of all batches that are kept at a time.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self.limit = limit
        self.bytes = 0
        self._kept: OrderedDict[Hashable, dict[int, tuple[Batch, list[int]]]] = OrderedDict()

    def batches(self, task: Task, seed: int, batch_size: int, steps: int) -> Batches:
        """Return the batches of a run of so many steps, made or kept; none is kept of a run that is too long for it."""
        key = type(task), json.dumps(task.options(), sort_keys=True), seed, batch_size
        mine = self._kept.setdefault(key, {})
        self._kept.move_to_end(key)

        def batch(step: int) -> Batch:
            there, versions = mine.get(step, (None, []))
            if there is not None and versions == _versions(there):
                return there
            made = task.train_batch(seed, step, batch_size)
            size = _bytes(made)
            if there is not None:  # a user's cell has written to it: the next one must not learn from that
                mine[step] = made, _versions(made)
            elif size * steps <= self.limit and self._kept.get(key) is mine:
                mine[step] = made, _versions(made)
                self.bytes += size
                self._make_way()
            return made

        return batch

    def _make_way(self) -> None:
        while self.bytes > self.limit:
            _, oldest = self._kept.popitem(last=False)
            self.bytes -= sum(_bytes(batch) for batch, _ in oldest.values())


def _versions(batch: Batch) -> list[int]:
    """Return how often each tensor has been written to."""
    return [part._version for part in batch if part is not None]


def _bytes(batch: Batch) -> int:
    return sum(part.untyped_storage().nbytes() for part in batch if part is not None)
