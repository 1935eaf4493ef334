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


def known(study: Path, runs: Path, folder: Path, workers: int) -> tuple[pd.DataFrame, float]:
    """Return the rows of a study that was run before, and about how long it takes."""
    subprocess.run(command("report", study, runs, folder / "reports"), check=True)
    found = rows(study, folder / "reports")
    return found, float(found["seconds"].sum()) / workers


def kill(study: Path, folder: Path, kills: int, pause: float, moments: random.Random, workers: list[int]) -> int:
    """Run a study and kill it so many times, then let it end.

    Args:
        study: its file.
        folder: of its runs and reports.
        kills: how many.
        pause: mean time from a start to the kill after it, in seconds.
        moments: where the moments come from.
        workers: for each start in turn.

    Returns:
        how many kills hit a study that had not ended yet; a kill finds nothing where it had.
    """
    hit = 0
    environment = os.environ | {VARIABLE: CHECKPOINT_SECONDS}
    for number in range(kills):
        options = ("--workers", workers[number % len(workers)])
        arguments = command("run", study, folder / "runs", folder / "reports", *options)
        process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL, start_new_session=True, env=environment)
        wait = moments.uniform(0.0, 2.0 * pause)
        try:
            if process.wait(wait) != 0:
                raise RuntimeError(f"start {number + 1} of {study} ended by itself with code {process.returncode}")
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            hit += 1
        finished = len([p for p in (folder / "runs").glob("*/record.json") if p.parent.suffix != ".partial"])
        print(f"kill {number + 1} after {wait:.1f} s: {finished} runs are done", file=sys.stderr, flush=True)
    arguments = command("run", study, folder / "runs", folder / "reports", "--workers", max(workers))
    subprocess.run(arguments, check=True, env=environment)
    return hit


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
            expected, duration = undisturbed(asked.study, whole, asked.workers)
            start = 5.0
        else:
            expected, duration = known(asked.study, asked.reference, whole, asked.workers)
            start = time.monotonic() - began
        pause = start + duration / max(asked.kills, 1)
        hit = kill(asked.study, cut, asked.kills, pause, random.Random(asked.seed), [asked.workers])
        found = difference(rows(asked.study, cut / "reports"), expected)
    print(f"{len(expected)} rows after {hit} kills in {time.monotonic() - began:.0f} s: {found or 'all equal'}")
    return 1 if found or hit < asked.kills else 0


if __name__ == "__main__":
    sys.exit(main())
