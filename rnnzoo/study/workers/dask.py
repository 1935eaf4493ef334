"""Runs on the workers of a Dask cluster, one run a worker at a time.

Dask places the runs and places those of a lost worker anew; they go on from their checkpoint, since all workers see one
folder of runs. What a run has done is read from its heartbeat there. A worker has one thread, and a run on a GPU is
placed where the resource GPU is.
"""

import logging
import time
import uuid
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import distributed
from distributed import Client, Future, KilledWorker
from distributed.client import FuturesCancelledError

from rnnzoo.configuration import RunConfig
from rnnzoo.records import PARTIAL, RunRecord
from rnnzoo.study.heartbeat import read_beat
from rnnzoo.study.run import Interrupted
from rnnzoo.study.workers import on_dask
from rnnzoo.study.workers.base import Stepped, WorkersError
from rnnzoo.study.workers.vanished import TRIES, Tries, give_up

POLL_SECONDS = 0.2
LOOK_SECONDS = 1.0
"""Time between two looks at the workers, and at the heartbeats."""

CONNECT_SECONDS = 20.0
PATIENCE_SECONDS = 60.0
"""Time without any worker after which it is said, and that stopped runs get for their checkpoints."""

IDLE_SECONDS = 30.0
"""Time that a measurement waits for a machine on which no run is at work."""


class DaskWorkers:
    """Does runs on a Dask cluster.

    Args:
        root: folder of the run folders, on a file system that all workers share.
        scheduler: address of the scheduler, path of its scheduler file, or a cluster of our own.
        count: runs at a time at the most, or None for as many as there are workers.

    Raises:
        WorkersError: no scheduler answers.
    """

    def __init__(self, root: Path, scheduler: Any, count: int | None = None) -> None:
        self.root = root.resolve()
        self.count = count
        self.cluster = None if isinstance(scheduler, str) else scheduler
        self.place = scheduler if isinstance(scheduler, str) else scheduler.scheduler_address
        self.name = uuid.uuid4().hex
        self.client = _connect(scheduler)
        self.under_way: dict[Future, Tries] = {}
        self.workers: dict[str, dict[str, Any]] = {}
        self.looked = self.had_workers = time.monotonic()
        self.read = 0.0
        self.told = self.stopping = self.stopped = False
        self.measuring_on = ""
        on_dask.mark(self.root, self.name).touch()
        self._look()

    @property
    def slots(self) -> int:
        """Return the number of workers there are now, at least 1: a run may wait for the first one."""
        if time.monotonic() - self.looked > LOOK_SECONDS:
            self._look()
        asked = self.count if self.cluster is not None and self.count is not None else len(self.workers)
        return max(1, min(asked, self.count or asked))

    def _look(self) -> None:
        """See which workers there are; a cluster of our own is asked to replace those that are gone."""
        self.looked = time.monotonic()
        with suppress(OSError):  # a scheduler that is gone is found out in `wait`
            self.workers = dict(self.client.scheduler_info()["workers"])
        if self.workers:
            self.had_workers, self.told = self.looked, False
        elif self.looked - self.had_workers > PATIENCE_SECONDS and not self.told:
            self.told = True
            remedy = "see squeue" if self.cluster is not None else f"start some: dask worker {self.place} --nthreads 1"
            warnings.warn(f"{self.place} has no Dask worker; runs wait for one ({remedy})", stacklevel=2)
        if self.cluster is not None and self.count is not None and len(self.workers) < self.count:
            self.cluster.scale(self.count)

    def submit(self, config: RunConfig) -> None:
        """Hand a run to the scheduler."""
        self._hand(Tries(config))

    def _hand(self, run: Tries) -> None:
        if self.stopping:
            raise Interrupted
        self.under_way[self._send(on_dask.do, run.config)] = run

    def _send(self, function: Any, config: RunConfig, **placing: Any) -> Future:
        """Hand a function of a configuration to the scheduler."""
        gpu = {"resources": {"GPU": 1}} if config.device.startswith("cuda") else {}
        arguments = (config.model_dump_json(), str(self.root), self.name, on_dask.versions())
        key = f"{function.__name__}-{config.cell}-{config.task}-{config.run_id()}-{uuid.uuid4().hex[:8]}"
        return self.client.submit(function, *arguments, key=key, pure=False, **gpu, **placing)

    def wait(self, stepped: Stepped) -> list[RunRecord]:
        """Return the records of runs that ended since."""
        if self.stopping and not self.stopped:
            self.stopped = True
            self.client.run(on_dask.stop, self.name)
        if time.monotonic() - self.looked > LOOK_SECONDS:
            self._look()
        if time.monotonic() - self.read > LOOK_SECONDS:
            self._read(stepped)
        with suppress(TimeoutError, FuturesCancelledError):
            distributed.wait(list(self.under_way), timeout=POLL_SECONDS, return_when="FIRST_COMPLETED")
        ended = [future for future in self.under_way if future.done()]
        return [record for future in ended for record in self._end(future, self.under_way.pop(future))]

    def _read(self, stepped: Stepped) -> None:
        """Read the heartbeats of the runs under way."""
        self.read = time.monotonic()
        for run in self.under_way.values():
            name = run.config.run_id()
            if (beat := read_beat(self.root / f"{name}{PARTIAL}")) is not None:
                run.stepped(beat.first)
                stepped(name, beat.step)

    def _end(self, future: Future, run: Tries) -> list[RunRecord]:
        """Return the record of a run that ended; a run whose workers vanished again and again is not lost at once."""
        if future.status == "finished":
            return [RunRecord.model_validate_json(future.result())]
        if future.status != "error":
            raise WorkersError(
                f"the Dask scheduler {self.place} is gone; finished runs are kept: start it and run the study again"
            )
        error = future.exception()
        if not isinstance(error, KilledWorker):
            raise error
        if run.again(TRIES):
            self._hand(run)
            return []
        return [give_up(run.config, self.root)]

    def measure(self, config: RunConfig) -> None:
        """Measure on one worker while no run is at work on its machine; on the same one for the whole study."""
        while True:
            address = self._idle_worker(config)
            future = self._send(on_dask.measure, config, workers=[address], allow_other_workers=False)
            while not future.done():
                with suppress(TimeoutError, FuturesCancelledError):
                    distributed.wait([future], timeout=LOOK_SECONDS)
                self._look()
                if address not in self.workers:
                    break
            if future.status == "finished":
                return
            if future.status == "error" and not isinstance(error := future.exception(), KilledWorker):
                raise error
            if self.client.status != "running":
                raise WorkersError(f"the Dask scheduler {self.place} is gone; run the study again to measure the speed")
            future.cancel()

    def _idle_worker(self, config: RunConfig) -> str:
        """Return the worker to measure on, after a while also one whose machine has other work."""
        until = time.monotonic() + IDLE_SECONDS
        while True:
            self._look()
            able = [a for a, w in self.workers.items() if not config.device.startswith("cuda") or w["resources"]]
            busy = {
                self.workers[a]["host"] for a, keys in self.client.processing().items() if keys and a in self.workers
            }
            idle = [address for address in able if self.workers[address]["host"] not in busy]
            if self.measuring_on in idle:
                return self.measuring_on
            if idle or (able and time.monotonic() > until):
                self.measuring_on = (idle or able)[0]
                return self.measuring_on
            if self.client.status != "running":
                raise WorkersError(f"the Dask scheduler {self.place} is gone; run the study again to measure the speed")
            time.sleep(POLL_SECONDS)

    def stop(self) -> None:
        """Tell the workers to stop before their next step; they hear of it in `wait` or `close`."""
        self.stopping = True

    def close(self) -> None:
        """Stop what is under way, wait until its checkpoints are written, and leave the cluster."""
        self.stopping = True
        with suppress(OSError, TimeoutError, FuturesCancelledError):
            if self.under_way and not self.stopped and self.client.status == "running":
                self.client.run(on_dask.stop, self.name)
            begun = {key for keys in self.client.processing().values() for key in keys}
            distributed.wait([f for f in self.under_way if f.key in begun], timeout=PATIENCE_SECONDS)
        on_dask.mark(self.root, self.name).unlink(missing_ok=True)
        with suppress(OSError, TimeoutError):
            self.client.close()
        if self.cluster is not None:
            self.cluster.close()


def _connect(scheduler: Any) -> Client:
    # what Dask logs of lost connections is said by this program in its own words
    for name in [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]:
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        if isinstance(scheduler, str) and Path(scheduler).is_file():
            return Client(scheduler_file=scheduler, timeout=CONNECT_SECONDS)
        return Client(scheduler, timeout=CONNECT_SECONDS)
    except (OSError, TimeoutError, ValueError) as error:
        raise WorkersError(
            f"no Dask scheduler answers at {scheduler} ({error}): start one with `dask scheduler` and give its "
            "address, as in --dask tcp://host:8786, or the path of its --scheduler-file"
        ) from None
