"""A Dask cluster of real processes on this machine, for tests."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

STARTED_SECONDS = 120


@contextmanager
def scheduler(folder):
    """Start a scheduler; yield the path of its scheduler file."""
    file = folder / "scheduler.json"
    with _started(folder, "scheduler", "--no-dashboard", "--port", 0, "--host", "127.0.0.1", "--scheduler-file", file):
        _until(file.exists, "a scheduler")
        yield file


@contextmanager
def workers(folder, file, count, *options):
    """Start workers; yield their processes."""
    arguments = ["--no-dashboard", "--nthreads", 1, "--no-nanny", "--scheduler-file", file, "--local-directory", folder]
    with _several([_started(folder, "worker", *arguments, "--name", n, *options) for n in range(count)]) as started:
        yield started


@contextmanager
def _several(managers):
    processes = [manager.__enter__() for manager in managers]
    try:
        yield processes
    finally:
        for manager in managers:
            manager.__exit__(None, None, None)


@contextmanager
def _started(folder, kind, *arguments):
    command = [sys.executable, "-m", "distributed.cli.dask_" + kind, *map(str, arguments)]
    with (folder / f"dask-{kind}.log").open("a") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"OMP_NUM_THREADS": "1"})
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _until(condition, what):
    until = time.monotonic() + STARTED_SECONDS
    while not condition():
        if time.monotonic() > until:
            raise TimeoutError(f"no {what} after {STARTED_SECONDS} s")
        time.sleep(0.05)


def worker_of(root, seconds=STARTED_SECONDS):
    """Wait until a run is at work; return the process that does it."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        for beat in root.glob("*.partial/progress.json"):
            try:
                content = json.loads(beat.read_text())
            except (OSError, ValueError):
                continue
            time.sleep(0.2)  # into its first steps
            return content["process"]
        time.sleep(0.02)
    raise TimeoutError("no run began")


def kill(process):
    os.kill(process, signal.SIGKILL)
