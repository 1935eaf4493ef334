"""Work that processes beside this one do, on cores that would be idle.

They do not run the caller's script again, as those of `multiprocessing` do, so that a function of the package may use
them whoever calls it.
"""

import gc
import importlib
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, Self, TypeVar

T = TypeVar("T")

RARELY = 20_000
"""Objects more than there were, at which Python looks for lost ones; at its usual 700 imports take a fifth longer."""

MOST = 4
"""Processes by default, this one among them, where there are cores for more: what they share would hold them up."""

# an interrupt from the keyboard reaches every process of a terminal; the one that asked ends the others
START = """
import signal, sys
signal.signal(signal.SIGINT, signal.SIG_IGN)
sys.path[:] = {path!r}
from rnnzoo.beside import serve
serve({modules!r})
"""


class Lost(Exception):  # noqa: N818 - no mistake of anyone: whoever asked does the work
    """A process ended before it had answered."""


@dataclass(frozen=True)
class Job(Generic[T]):
    """Work that is done once: by a process beside this one, or here if none began it before its result is asked for.

    Attributes:
        work: what is to be done.
        elsewhere: what becomes of it in another process; None if there is none.
    """

    work: Callable[[], T]
    elsewhere: Future[T] | None = None

    def result(self) -> T:
        """Return what the work returns, or raise what it raises; one from another process notes its traceback."""
        if self.elsewhere is None or self.elsewhere.cancel():
            return self.work()
        try:
            return self.elsewhere.result()
        except Lost:
            return self.work()


class Beside:
    """Processes beside this one; a context at whose end they end, whatever they are doing.

    They take seconds to import the package, so begin before there is work.

    Args:
        processes: how many work at a time, this one among them, at least 1; by default one for every core that may be
            used, at most `MOST`.
        modules: what they import before they are asked for anything.
    """

    def __init__(self, processes: int | None = None, modules: Sequence[str] = ()) -> None:
        self._processes: list[subprocess.Popen[bytes]] = []
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        code = START.format(path=sys.path, modules=list(modules))
        # where no more can be started those that there are do the work, if need be this one alone
        with suppress(OSError):
            for _ in range((min(MOST, cores()) if processes is None else processes) - 1):
                started = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
                self._processes.append(started)
                self._idle.put(started)
        self._threads = ThreadPoolExecutor(len(self._processes)) if self._processes else None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for process in self._processes:
            process.kill()
        if self._threads is not None:
            self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    with suppress(OSError):  # what a process that was lost had not read
                        pipe.close()
            process.wait()

    def submit(self, work: Callable[[], T]) -> Job[T]:
        """Offer work: a function of a module, with arguments that can be pickled, and a result that can be."""
        return Job(work, None if self._threads is None else self._threads.submit(partial(self._ask, work)))

    def _ask(self, work: Callable[[], T]) -> T:
        asked = pickle.dumps(work)
        process = self._idle.get()
        try:
            failed, answer = exchange(process, asked)
        finally:
            self._idle.put(process)
        if failed:
            raise answer
        result: T = answer
        return result


def exchange(process: subprocess.Popen[bytes], asked: bytes) -> tuple[bool, Any]:
    """Have a process do pickled work; return whether it failed, and its result or the exception.

    Raises:
        Lost: the process has ended.
    """
    if process.stdin is None or process.stdout is None:
        raise Lost
    try:
        pickle.dump(asked, process.stdin)
        process.stdin.flush()
        told = pickle.load(process.stdout)
    except (OSError, EOFError, pickle.UnpicklingError) as error:
        raise Lost from error
    failed, answer = pickle.loads(told)
    return failed, answer


def serve(modules: Sequence[str]) -> None:
    """Do the work that comes on standard input until it ends; what is printed meanwhile goes to standard error."""
    gc.set_threshold(RARELY)
    with suppress(BrokenPipeError), os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)
        for module in modules:
            importlib.import_module(module)
        while True:
            try:
                asked = pickle.load(sys.stdin.buffer)
            except EOFError:
                return
            pickle.dump(answered(asked), answers)
            answers.flush()


def answered(asked: bytes) -> bytes:
    """Do pickled work and return, pickled, whether it failed, and its result or the exception with its traceback."""
    try:
        return pickle.dumps((False, pickle.loads(asked)()))
    except Exception as error:
        told = f"In another process:\n{traceback.format_exc()}"
        error.add_note(told)
        try:
            pickled = pickle.dumps((True, error))
            pickle.loads(pickled)  # not every exception can be made again from its arguments
        except Exception:
            return pickle.dumps((True, RuntimeError(told)))
        return pickled


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
