"""Where runs are done: in this process, in several, or on the machines of a Dask cluster.

A worker knows nothing of studies: it turns a configuration into a record, in a folder that all workers share. One
process conducts: it alone talks to Optuna and decides what runs next. Workers that ask Optuna for trials themselves
(`study.optimize(n_trials=1)` on each) would need the storage's address and password on every machine, would overshoot
the budget of trials when several ask at once, and would make the proposals depend on who was fastest.
"""

from pathlib import Path

from rnnzoo.study.run import Interrupted
from rnnzoo.study.workers.base import Workers, WorkersError
from rnnzoo.study.workers.here import ThisProcess
from rnnzoo.study.workers.processes import Processes


def make_workers(root: Path, count: int) -> Workers:
    """Return `count` workers that keep their run folders under `root`."""
    return ThisProcess(root) if count == 1 else Processes(root, count)


__all__ = ["Interrupted", "Processes", "ThisProcess", "Workers", "WorkersError", "make_workers"]
