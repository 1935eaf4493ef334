"""Optuna's journal of trials, made to survive a write that was cut off.

Optuna appends a line and takes a last line without its end for one that is still being written. After a kill or on a
full disk it stays there, and the next line would be joined to it: from then on the whole journal could not be read.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, final

from optuna.distributions import BaseDistribution
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file
from optuna.trial import FrozenTrial


@final
class Journal(JournalFileBackend):
    """A journal file whose last line is whole before another one follows, and that a failed write leaves as it was."""

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append entries, or none of them."""
        path = Path(self._file_path)
        with get_lock_file(self._lock):
            drop_torn_line(path)
            before = path.stat().st_size
        try:
            super().append_logs(logs)
        except OSError:
            # nobody else has appended since: a full disk is full for all
            with get_lock_file(self._lock):
                drop_torn_line(path, at_least=before)
            raise


def drop_torn_line(path: Path, at_least: int = 0) -> None:
    """Cut what follows the last line feed of a file, if anything does; the first `at_least` bytes stay."""
    with path.open("rb+") as file:
        size = end = file.seek(0, os.SEEK_END)
        while end > at_least:
            start = max(at_least, end - 4096)
            file.seek(start)
            found = file.read(end - start).rfind(b"\n")
            if found >= 0:
                end = start + found + 1
                break
            end = start
        if end < size:
            file.truncate(end)


def misfit(trial: FrozenTrial, space: Mapping[str, BaseDistribution], slot: object, objectives: int) -> str:
    """Return why an ended trial cannot be one of this search, "" if it can: a stranger's may hold anything.

    Args:
        trial: as the storage has it.
        space: what is searched.
        slot: the place that the trial says it has.
        objectives: how many scores a trial has.
    """
    if isinstance(slot, bool) or not isinstance(slot, int) or slot < 0:
        return f"its place is {slot!r}, which is no number"
    if trial.params.keys() != space.keys():
        return f"it sets {', '.join(trial.params)}, not {', '.join(space)}"
    for name, distribution in space.items():
        try:
            inside = distribution._contains(distribution.to_internal_repr(trial.params[name]))
        except (ValueError, TypeError):
            inside = False
        if not inside:
            return f"{name} = {trial.params[name]!r} lies outside what is searched"
    values = trial.values or []
    if any(isinstance(v, bool) or not isinstance(v, int | float) for v in values) or len(values) not in (0, objectives):
        return f"its scores are {values!r}"
    return ""
