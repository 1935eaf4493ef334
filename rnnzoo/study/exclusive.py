"""A machine for oneself: what is timed beside other work is timed wrongly, so a time says whether it was alone.

Two things are looked at. All runs of a user hold a shared lock on their machine, and a measurement takes it alone: none
of ours begins while it lasts, and one that is at work is noticed. And the processor time that all others took while the
measurement lasted is read from the system. (The load average would remember our own runs of the minute before.)
"""

import os
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

try:
    import fcntl

    LOCKS = True
except ImportError:  # Windows has no shared locks of this kind
    LOCKS = False

IDLE_CORES = 0.25
"""Cores that others may keep busy on a machine that counts as ours alone."""


def lock_path() -> Path:
    """Return the file that the runs of this user lock on this machine."""
    user = os.getuid() if hasattr(os, "getuid") else ""
    return Path(tempfile.gettempdir()) / f"rnnzoo-{user}.lock"


@contextmanager
def beside_others() -> Iterator[None]:
    """Do a run that may share the machine; it waits while something is measured there."""
    with _locked(shared=True):
        yield


@dataclass
class Conditions:
    """How a measurement was made; complete when `alone` has ended.

    Attributes:
        no_run_of_ours: whether no other run of this user was at work on the machine.
        others_cores: cores that other processes kept busy on average; None where the system does not tell.
    """

    no_run_of_ours: bool
    others_cores: float | None = None

    def as_dict(self) -> dict[str, float]:
        """Return what goes beside the measurement: exclusive (1 or 0), and others_cores where it is known."""
        idle = self.others_cores is None or self.others_cores < IDLE_CORES
        known = {} if self.others_cores is None else {"others_cores": self.others_cores}
        return {"exclusive": float(self.no_run_of_ours and idle)} | known


@contextmanager
def alone() -> Iterator[Conditions]:
    """Keep other runs of this user from the machine while something is measured, and look who else is at work."""
    with _locked(shared=False) as locked:
        conditions = Conditions(no_run_of_ours=locked)
        began, busy, own = time.monotonic(), _busy_seconds(), time.process_time()
        yield conditions
        elapsed, after = time.monotonic() - began, _busy_seconds()
        if busy is not None and after is not None and elapsed > 0:
            others = after - busy - (time.process_time() - own)
            conditions.others_cores = round(max(0.0, others / elapsed), 2)


@contextmanager
def _locked(*, shared: bool) -> Iterator[bool]:
    """Lock the machine's file: wait for a shared lock, and try for one alone; yield whether there is one."""
    if not LOCKS:
        yield True
        return
    try:
        handle = os.open(lock_path(), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError:  # no place for temporary files: nothing is known of other runs
        yield shared
        return
    try:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            yield shared
            return
        try:
            fcntl.flock(handle, fcntl.LOCK_SH if shared else fcntl.LOCK_EX | fcntl.LOCK_NB)
            locked = True
        except OSError:
            locked = False
        yield locked
    finally:
        os.close(handle)


def _busy_seconds() -> float | None:
    """Return the processor time that all processes of the machine took since it started, or None."""
    try:
        fields = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
        user, nice, system, _idle, _waiting, irq, soft_irq = map(int, fields[:7])
    except (OSError, ValueError):
        return None
    return (user + nice + system + irq + soft_irq) / os.sysconf("SC_CLK_TCK")
