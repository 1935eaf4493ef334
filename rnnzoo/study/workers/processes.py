"""Runs in processes of this machine, one run a process at a time, and then measurements in one of them.

Every process has a pipe of its own to the conductor and shares no lock with the others, so that one that is killed, at
whatever moment, takes nothing with it but its run. A process ends when its pipe does: with the conductor, however that
ends.
"""

import os
import pickle
import queue
import signal
import threading
import time
import traceback
import warnings
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

from rnnzoo.configuration import RunConfig
from rnnzoo.records import RunRecord
from rnnzoo.study import forkserver
from rnnzoo.study.run import Interrupted, execute, measure_cost
from rnnzoo.study.workers.base import Stepped
from rnnzoo.study.workers.vanished import Tries, give_up

POLL_SECONDS = 0.1
REPORT_SECONDS = 0.2


@dataclass(frozen=True)
class Measurement:
    """What a worker is sent that is to measure what a step of a finished run costs; it comes back when that is done."""

    config: RunConfig


@dataclass
class Worker:
    """A worker process.

    Attributes:
        process: the process.
        pipe: this end of its pipe.
        run: what it is at work on, or None.
    """

    process: BaseProcess
    pipe: "Connection[Any, Any]"
    run: Tries | None = None


class Processes:
    """Does runs in worker processes.

    Args:
        root: folder of the run folders.
        count: processes.
    """

    def __init__(self, root: Path, count: int) -> None:
        self.slots = count
        self.root = root
        self.workers: list[Worker] = []
        self.context: Any = forkserver.context()  # typeshed knows no processes of a context in general
        self.stopping = False

    def submit(self, config: RunConfig) -> None:
        """Hand a run to a worker."""
        self._hand(Tries(config))

    def _hand(self, run: Tries) -> None:
        if self.stopping:
            raise Interrupted
        worker = next((w for w in self.workers if w.run is None), None) or self._start()
        worker.run = run
        with suppress(OSError):  # a worker that vanished while it had nothing to do is found out in `wait`
            worker.pipe.send(run.config)

    def _start(self) -> Worker:
        here, there = self.context.Pipe()
        with forkserver.ctrl_c_blocked():
            process = self.context.Process(target=_serve, args=(there, self.root, dict(os.environ)))
            process.start()
        there.close()
        worker = Worker(process, here)
        self.workers.append(worker)
        return worker

    def wait(self, stepped: Stepped) -> list[RunRecord]:
        """Return the records of runs that ended since."""
        records = []
        ready = wait([worker.pipe for worker in self.workers], timeout=POLL_SECONDS)
        for worker in [worker for worker in self.workers if worker.pipe in ready]:
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                records += self._vanished(worker)
                continue
            match message:
                case int() as step if worker.run is not None:
                    worker.run.stepped(step)
                    stepped(worker.run.config.run_id(), step)
                case RunRecord() as record:
                    worker.run = None
                    records.append(record)
                case Warning() as warning:
                    warnings.warn(warning, stacklevel=2)
                case BaseException() as error:
                    worker.run = None
                    raise error
        return records

    def _vanished(self, worker: Worker) -> list[RunRecord]:
        """Begin the run of a worker that vanished again, or return its record where that is of no use."""
        self._end(worker)
        run = worker.run
        if self.stopping:
            raise Interrupted
        if run is None:
            return []
        if not run.again():
            return [give_up(run.config, self.root)]
        warnings.warn(
            f"a worker vanished (killed, or out of memory) in the run {run.config.run_id()}, "
            f"{run.config.cell} on {run.config.task}; the run is begun again",
            stacklevel=3,
        )
        self._hand(run)
        return []

    def measure(self, config: RunConfig) -> None:
        """Measure in the last worker, after the others have ended, or in this process if there is none.

        A worker has traced the cells of its runs already.
        """
        while len(self.workers) > 1:
            with suppress(OSError):
                self.workers[-1].pipe.send("stop")
            self._end(self.workers[-1])
        if not self.workers or not self._measured_by(self.workers[0], Measurement(config)):
            measure_cost(config, self.root)

    def _measured_by(self, worker: Worker, measurement: Measurement) -> bool:
        """Whether a worker measured this; one that vanished instead is forgotten."""
        with suppress(OSError):
            worker.pipe.send(measurement)
        while True:
            try:
                message = worker.pipe.recv()
            except (EOFError, OSError):
                self._end(worker)
                return False
            match message:
                case Measurement():
                    return True
                case Warning() as warning:
                    warnings.warn(warning, stacklevel=3)
                case BaseException() as error:
                    raise error

    def stop(self) -> None:
        """Tell the workers to stop before their next step."""
        self.stopping = True
        for worker in self.workers:
            with suppress(OSError):
                worker.pipe.send("stop")

    def close(self) -> None:
        """End the workers; those still at work stop before their next step."""
        self.stop()
        while self.workers:
            self._end(self.workers[0])

    def _end(self, worker: Worker) -> None:
        """Wait for the end of a worker that was told to stop or has vanished, and forget it."""
        self.workers.remove(worker)
        _drain(worker)
        worker.process.join()


def _drain(worker: Worker) -> None:
    """Read what a worker still has to say, so that it does not wait for a reader, until its pipe ends."""
    with suppress(EOFError, OSError):
        while True:
            worker.pipe.recv()
    worker.pipe.close()


def _serve(pipe: "Connection[Any, Any]", root: Path, environment: dict[str, str]) -> None:
    """Do the runs that come through the pipe until it ends or says stop. The body of a worker process.

    Ctrl-C is the conductor's to handle; SIGTERM ends a worker at once. The environment is the conductor's: that of the
    process that a worker is forked from may be older.
    """
    os.environ.clear()
    os.environ.update(environment)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    stopping = threading.Event()
    orders: queue.SimpleQueue[RunConfig | Measurement | None] = queue.SimpleQueue()

    def listen() -> None:
        while True:
            try:
                message = pipe.recv()
            except (EOFError, OSError):
                os._exit(1)  # the conductor is gone
            if message == "stop":
                stopping.set()
                orders.put(None)
            else:
                orders.put(message)

    threading.Thread(target=listen, daemon=True).start()
    warnings.showwarning = lambda message, *_, **__: pipe.send(_as_warning(message))
    while (order := orders.get()) is not None and not stopping.is_set():
        try:
            if isinstance(order, Measurement):
                measure_cost(order.config, root)
                pipe.send(order)
            else:
                pipe.send(_do(order, root, pipe, stopping))
        except Exception as error:
            pipe.send(_portable(error))


def _portable(error: Exception) -> Exception:
    """Return an exception that survives the way to the conductor, with its traceback as a note."""
    try:
        copy: Exception = pickle.loads(pickle.dumps(error))
        assert isinstance(copy, type(error))
    except Exception:
        copy = RuntimeError(f"{type(error).__name__}: {error}")
    copy.add_note("".join(traceback.format_exception(error)))
    return copy


def _as_warning(message: Warning | str) -> Warning:
    return message if isinstance(message, Warning) else UserWarning(message)


def _do(config: RunConfig, root: Path, pipe: "Connection[Any, Any]", stopping: threading.Event) -> RunRecord:
    reported = 0.0

    def progress(step: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            pipe.send(step)

    return execute(config, root, progress, stopping.is_set)
