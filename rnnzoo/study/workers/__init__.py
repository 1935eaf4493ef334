"""Where runs are done: in this process, in several, or on the machines of a Dask cluster.

A worker knows nothing of studies: it turns a configuration into a record, in a folder that all workers share. One
process conducts: it alone talks to Optuna and decides what runs next. Workers that ask Optuna for trials themselves
(`study.optimize(n_trials=1)` on each) would need the storage's address and password on every machine, would overshoot
the budget of trials when several ask at once, and would make the proposals depend on who was fastest.
"""

import shutil
from pathlib import Path

from rnnzoo.study.run import Interrupted
from rnnzoo.study.workers.base import Workers, WorkersError
from rnnzoo.study.workers.here import ThisProcess
from rnnzoo.study.workers.processes import Processes

SLURM = "slurm"


def make_workers(root: Path, count: int | None, dask: str | None = None, threads: int = 1) -> Workers:
    """Return workers that keep their run folders under `root`.

    Args:
        root: folder of the run folders.
        count: workers; on a Dask cluster, runs at a time at the most, or None for as many as it has workers.
        dask: address or file of a Dask scheduler, or "slurm" for a cluster of `count` workers from Slurm; None for
            this machine.
        threads: of a run; what a worker from Slurm gets.

    Raises:
        WorkersError: there is no such cluster.
    """
    if dask is None:
        return ThisProcess(root) if count == 1 else Processes(root, count or 1)
    if dask == SLURM and shutil.which("sbatch") is None:
        raise WorkersError("--dask slurm: this machine has no sbatch; run it where Slurm jobs are submitted")
    if dask == SLURM and count is None:
        raise WorkersError("--dask slurm needs --workers: how many workers Slurm is asked for")
    try:
        from rnnzoo.study.workers.dask import DaskWorkers
        from rnnzoo.study.workers.slurm import slurm_cluster
    except ImportError as error:
        raise WorkersError(f"--dask needs {error.name}: pip install 'rnnzoo[cluster]'") from None
    return DaskWorkers(root, slurm_cluster(count or 1, threads) if dask == SLURM else dask, count)


__all__ = ["Interrupted", "Processes", "ThisProcess", "Workers", "WorkersError", "make_workers"]
