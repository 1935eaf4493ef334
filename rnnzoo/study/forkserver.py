"""The process that workers are forked from, on Linux: all that they need is imported once, beside the conductor's own
start, and kept in memory once.

This module imports nothing of weight, so that a command can begin the process before it imports anything else. Nothing
runs in that process but imports: no thread of PyTorch's or of a BLAS is at work when a worker is forked. On other
systems every worker is a fresh interpreter: a fork is not safe on macOS once its frameworks are loaded, and Windows has
none. Nor is one forked where there is a GPU: it could not use it if any import had as much as asked for it.
"""

import multiprocessing
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing import resource_tracker
from multiprocessing.context import BaseContext

IMPORTED = ("rnnzoo.cli", "rnnzoo.study.workers.processes", "torch._dynamo")
"""What is imported there. A worker's own start executes the script that the conductor is, which is the command line;
optimisers import PyTorch's compiler."""

GPUS = ("/dev/nvidiactl", "/dev/kfd", "/dev/dxg")
"""What Linux has where there is a GPU that PyTorch may use: NVIDIA's, AMD's, and that of a Windows around it."""

FORKS = sys.platform == "linux" and not any(map(os.path.exists, GPUS))


def context() -> BaseContext:
    """Return the context in which workers are started."""
    if not FORKS:
        return multiprocessing.get_context("spawn")
    found = multiprocessing.get_context("forkserver")
    found.set_forkserver_preload(list(IMPORTED))
    return found


def begin() -> None:
    """Begin the process, unless it runs already; it ends with this one."""
    if FORKS:
        from multiprocessing import forkserver

        context()
        with ctrl_c_blocked():
            forkserver.ensure_running()


@contextmanager
def ctrl_c_blocked() -> Iterator[None]:
    """Keep Ctrl-C back while a process is started: it inherits the block, and so is not torn out of its imports."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    # the first process started would start it too, and that ends with Ctrl-C let through
    resource_tracker.ensure_running()
    previous = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, previous)
