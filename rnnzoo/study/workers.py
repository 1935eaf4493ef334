"""Where runs are done: in this process, or in several that each do one run at a time.

A worker knows nothing of studies: it turns a configuration into a record. It ends with its parent, however that ends.
"""

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from rnnzoo.configuration import RunConfig
from rnnzoo.records import RunRecord
from rnnzoo.study.run import Interrupted, execute

POLL_SECONDS = 0.1
REPORT_SECONDS = 0.2

Stepped = Callable[[str, int], None]
"""Called with a run's hash and the steps it has done."""


class WorkerDied(RuntimeError):  # noqa: N818 - says what happened
    """A worker process ended without a record, as when the system ran out of memory."""


class Workers(Protocol):
    """Does runs, `slots` of them at a time."""

    slots: int

    def submit(self, config: RunConfig) -> None:
        """Start a run; no more than `slots` may be under way."""

    def wait(self, stepped: Stepped) -> list[RunRecord]:
        """Return the records of runs that ended, or nothing after a short while; raise Interrupted after `stop`."""

    def stop(self) -> None:
        """Ask every run under way to write its checkpoint and end."""

    def close(self) -> None:
        """End the workers."""


def make_workers(root: Path, count: int) -> Workers:
    """Return `count` workers that keep their run folders under `root`."""
    return ThisProcess(root) if count == 1 else Processes(root, count)


class ThisProcess:
    """Does one run at a time in this very process."""

    slots = 1

    def __init__(self, root: Path) -> None:
        self.root = root
        self.waiting: list[RunConfig] = []
        self.stopped = False

    def submit(self, config: RunConfig) -> None:
        """Note a run; it is done in `wait`."""
        self.waiting.append(config)

    def wait(self, stepped: Stepped) -> list[RunRecord]:
        """Do the run."""
        config = self.waiting.pop()
        run = config.run_id()
        return [execute(config, self.root, lambda step: stepped(run, step), lambda: self.stopped)]

    def stop(self) -> None:
        """Stop before the next step."""
        self.stopped = True

    def close(self) -> None:
        """Do nothing: there is no other process."""


class Processes:
    """Does runs in worker processes."""

    def __init__(self, root: Path, count: int) -> None:
        self.slots = count
        self.root = root
        context = multiprocessing.get_context("spawn")
        self.steps: Any = context.Queue()
        self.stopping = context.Event()
        self.pool = ProcessPoolExecutor(
            count, context, initializer=_begin, initargs=(self.steps, self.stopping, os.getpid())
        )
        self.futures: set[Future[RunRecord]] = set()

    def submit(self, config: RunConfig) -> None:
        """Hand a run to a worker."""
        with _ctrl_c_blocked():
            self.futures.add(self.pool.submit(_do, config, self.root))

    def wait(self, stepped: Stepped) -> list[RunRecord]:
        """Return the records of runs that ended since."""
        done, self.futures = wait(self.futures, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
        while not self.steps.empty():
            stepped(*self.steps.get())
        try:
            return [future.result() for future in done]
        except BrokenProcessPool:
            raise WorkerDied(
                "a worker process died without a word, as it does when memory runs out; finished runs are kept: "
                "run the study again, with fewer workers if it was memory"
            ) from None

    def stop(self) -> None:
        """Tell the workers to stop before their next step."""
        self.stopping.set()

    def close(self) -> None:
        """End the workers; those still at work stop before their next step."""
        self.stopping.set()
        self.pool.shutdown(wait=True, cancel_futures=True)
        self.steps.close()
        self.steps.cancel_join_thread()


@contextmanager
def _ctrl_c_blocked() -> Iterator[None]:
    """Keep Ctrl-C back while a worker may be started: it inherits the block, and so is not torn out of its imports."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)


_steps: Any = None
_stopping: Any = None


def _begin(steps: Any, stopping: Any, parent: int) -> None:
    """Prepare a worker process: Ctrl-C is the parent's to handle, and the parent's end is the worker's."""
    global _steps, _stopping
    _steps, _stopping = steps, stopping
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _do(config: RunConfig, root: Path) -> RunRecord:
    run, reported = config.run_id(), 0.0

    def progress(step: int) -> None:
        nonlocal reported
        if time.monotonic() - reported > REPORT_SECONDS:
            reported = time.monotonic()
            _steps.put((run, step))

    return execute(config, root, progress, _stopping.is_set)


__all__ = ["Interrupted", "Processes", "ThisProcess", "WorkerDied", "Workers", "make_workers"]
