"""What a Dask worker does for a study: a run, or a measurement, after a look at whether it can do it rightly."""

import threading
import time
from pathlib import Path
from typing import Any

from distributed import get_worker

from rnnzoo.configuration import RunConfig
from rnnzoo.study.run import execute, measure_cost
from rnnzoo.study.workers.base import WorkersError

SEEN_SECONDS = 15.0
"""A file made on one machine may be seen so much later on another one."""

_one_at_a_time = threading.Lock()
_stopped: set[str] = set()


def mark(root: Path, conductor: str) -> Path:
    """Return the file by which a worker knows that it sees the conductor's folder of runs."""
    return root / f".conductor-{conductor}"


def versions() -> dict[str, str]:
    """Return the versions that a worker must share with the conductor, for the same numbers."""
    import torch

    import rnnzoo

    return {"rnnzoo": rnnzoo.__version__, "torch": str(torch.__version__).split("+")[0]}


def do(config: str, root: str, conductor: str, wanted: dict[str, str]) -> str:
    """Do a run and return its record as JSON."""
    task = _begin(root, conductor, wanted)
    with _one_at_a_time:  # the random state is the process's
        return execute(
            RunConfig.model_validate_json(config), Path(root), stop=lambda: conductor in _stopped or task.released()
        ).model_dump_json()


def measure(config: str, root: str, conductor: str, wanted: dict[str, str]) -> None:
    """Measure what a training step of a finished run costs."""
    _begin(root, conductor, wanted)
    with _one_at_a_time:
        measure_cost(RunConfig.model_validate_json(config), Path(root))


def stop(conductor: str) -> None:
    """End the runs of a conductor on this worker at their next step, and let none begin."""
    _stopped.add(conductor)


class _Task:
    """The Dask task that this thread is at."""

    def __init__(self) -> None:
        self.worker: Any = get_worker()
        self.key = self.worker.get_current_task()

    def released(self) -> bool:
        """Whether nobody waits for the task any more: the conductor is gone."""
        task = self.worker.state.tasks.get(self.key)
        return task is None or task.state == "cancelled"


def _begin(root: str, conductor: str, wanted: dict[str, str]) -> _Task:
    """Return this thread's task.

    Raises:
        WorkersError: this worker would not give the numbers that the conductor asks for, or not where it looks.
    """
    task = _Task()
    name = f"the Dask worker {task.worker.address}"
    if task.worker.state.nthreads != 1:
        raise WorkersError(
            f"{name} has {task.worker.state.nthreads} threads, and a run needs a process of its own: start it with "
            "--nthreads 1 (and --nworkers for more of them)"
        )
    if (here := versions()) != wanted:
        raise WorkersError(f"{name} has {_named(here)}, the conductor {_named(wanted)}: install the same on both")
    until = time.monotonic() + SEEN_SECONDS
    while not mark(Path(root), conductor).exists():
        if time.monotonic() > until:
            raise WorkersError(
                f"{name} does not see the folder of runs {root} as it is on the conductor's machine: choose one on a "
                "file system that all machines share, with --runs"
            )
        time.sleep(0.5)
        if Path(root).is_dir():
            list(Path(root).iterdir())  # makes a network file system look anew
    return task


def _named(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())
