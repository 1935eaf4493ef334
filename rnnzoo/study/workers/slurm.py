"""A Dask cluster of our own whose workers are Slurm jobs.

What a job is given (memory, queue, account, walltime, directives, lines before the command) stands where dask-jobqueue
looks for it: under `jobqueue.slurm` in a file of ~/.config/dask/, or in variables as DASK_JOBQUEUE__SLURM__QUEUE.
Here only that is added which a study decides: a process a run, with as many processors as the run has threads.
"""

from typing import Any

import dask
from dask_jobqueue import SLURMCluster

from rnnzoo.study.workers.base import WorkersError

MEMORY = "4GB"
"""Of a job, where Dask's configuration does not say."""


def slurm_cluster(count: int, threads: int) -> Any:
    """Return a cluster that asks Slurm for `count` workers with `threads` processors each.

    Raises:
        WorkersError: Dask's configuration does not fit, or there is no Slurm.
    """
    configured = {key: dask.config.get(f"jobqueue.slurm.{key}", None) for key in ("cores", "processes", "memory")}
    cores, processes = configured["cores"] or 1, configured["processes"] or configured["cores"] or 1
    if cores != processes:
        raise WorkersError(
            f"jobqueue.slurm.cores = {cores} and processes = {processes} in Dask's configuration: a run needs a "
            "process of its own, so the two must be equal (processors for threads are asked for by the study)"
        )
    settings: dict[str, Any] = {"cores": cores, "processes": processes, "memory": configured["memory"] or MEMORY}
    if dask.config.get("jobqueue.slurm.job-cpu", None) is None:
        settings["job_cpu"] = cores * threads
    try:
        cluster = SLURMCluster(**settings)
        cluster.scale(count)
    except (OSError, RuntimeError, ValueError) as error:
        raise WorkersError(
            f"no workers from Slurm ({error}): see that sbatch works and ~/.config/dask/jobqueue.yaml"
        ) from error
    return cluster
