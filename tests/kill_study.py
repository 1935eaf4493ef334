"""Kill a study at random moments, start it again each time, and hold its rows against those of an undisturbed one.

    python tests/kill_study.py studies/quick.toml --kills 20

The whole process group is killed with SIGKILL, so that no worker is told. All rows must be equal in every column but
those measured with a clock. `--reference RUNS` names the run records of an undisturbed study of this very machine,
which are then not made anew; `--seed` repeats the moments. It leaves 0 where all rows are equal, 1 where they are not.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pandas as pd

from rnnzoo.study.checkpoint import VARIABLE
from rnnzoo.study.reading import read_plan
from rnnzoo.study.results import TIMED_COLUMNS

CHECKPOINT_SECONDS = "1"
START = 5.0
"""Seconds from a start to the first step: imports, kernels from the cache."""


def command(verb: str, study: Path, runs: Path, reports: Path, *options: object) -> list[str]:
    """Return a command of rnnzoo as this interpreter runs it."""
    script = "from rnnzoo.cli import main; main()"
    return [sys.executable, "-c", script, verb, *map(str, [study, "--runs", runs, "--reports", reports, *options])]


def rows(study: Path, reports: Path) -> pd.DataFrame:
    """Return the rows of a finished study."""
    return pd.read_csv(reports / read_plan(study).name / "rows.csv")


def undisturbed(study: Path, folder: Path, workers: int) -> tuple[pd.DataFrame, float]:
    """Run a study as it is; return its rows and how long it took."""
    began = time.monotonic()
    subprocess.run(command("run", study, folder / "runs", folder / "reports", "--workers", workers), check=True)
    return rows(study, folder / "reports"), time.monotonic() - began


def known(study: Path, runs: Path, folder: Path) -> pd.DataFrame:
    """Return the rows of a study that was run before."""
    subprocess.run(command("report", study, runs, folder / "reports"), check=True)
    return rows(study, folder / "reports")


def kill(
    study: Path, folder: Path, kills: int, start: float, duration: float, moments: random.Random, workers: list[int]
) -> None:
    """Run a study and kill it so many times, spread over its runs, then let it end.

    A start that ends before its moment comes is no kill, and the next moment comes sooner; so the last kills may hit
    a study that has only its report left to write.

    Args:
        study: its file.
        folder: of its runs and reports.
        kills: how many.
        start: about how long a process takes until it works, in seconds.
        duration: about how long its training takes undisturbed.
        moments: where the moments come from.
        workers: for each start in turn.
    """
    environment = os.environ | {VARIABLE: CHECKPOINT_SECONDS}
    done, hits, starts = 0, 0, 0
    while hits < kills:
        pause = start + duration * (1 - done / read_plan(study).runs) / (kills - hits)
        options = ("--workers", workers[starts % len(workers)])
        arguments = command("run", study, folder / "runs", folder / "reports", *options)
        process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, start_new_session=True, env=environment)
        starts += 1
        wait = moments.uniform(0.0, 2.0 * pause)
        try:
            if process.wait(wait) != 0:
                raise RuntimeError(f"start {starts} of {study} ended by itself with code {process.returncode}")
            start, what = 0.5 * start, "ended by itself"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            hits, what = hits + 1, f"kill {hits + 1} after {wait:.1f} s"
        done = len([p for p in (folder / "runs").glob("*/record.json") if p.parent.suffix != ".partial"])
        print(f"start {starts}: {what}; {done} runs are done", file=sys.stderr, flush=True)
    arguments = command("run", study, folder / "runs", folder / "reports", "--workers", max(workers))
    subprocess.run(arguments, check=True, env=environment)


def difference(found: pd.DataFrame, expected: pd.DataFrame) -> str:
    """Return in which column and row two studies first differ, or "" where nothing but the clock does."""
    timed = list(TIMED_COLUMNS)
    try:
        pd.testing.assert_frame_equal(found.drop(columns=timed), expected.drop(columns=timed), check_exact=True)
    except AssertionError as error:
        return str(error)
    return ""


def main() -> int:
    """Read the command line and do it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("study", type=Path)
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--reference", type=Path, help="run records of an undisturbed study")
    parser.add_argument("--seed", type=int, default=0, help="of the moments")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        whole, cut = Path(place) / "whole", Path(place) / "cut"
        began = time.monotonic()
        if asked.reference is None:
            expected, _ = undisturbed(asked.study, whole, asked.workers)
        else:
            expected = known(asked.study, asked.reference, whole)
        training = float(expected["seconds"].sum()) / asked.workers
        kill(asked.study, cut, asked.kills, START, training, random.Random(asked.seed), [asked.workers])
        found = difference(rows(asked.study, cut / "reports"), expected)
    took = time.monotonic() - began
    print(f"{len(expected)} rows after {asked.kills} kills in {took:.0f} s: {found or 'all equal'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
