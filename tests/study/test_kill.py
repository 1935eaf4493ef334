"""A study killed with SIGKILL and started again ends in the rows of one that was left alone."""

import random
import subprocess
import sys
import time

import pandas as pd

from rnnzoo.study.results import TIMED_COLUMNS
from tests.study.files import TINY, write_study

KILLS = 4


def command(study, folder, workers):
    script = "from rnnzoo.cli import main; main()"
    runs, reports = folder / "runs", folder / "reports"
    options = ["--runs", runs, "--reports", reports, "--workers", workers]
    return [sys.executable, "-c", script, "run", *map(str, [study, *options])]


def rows(folder):
    return pd.read_csv(folder / "reports" / "tiny" / "rows.csv").drop(columns=list(TIMED_COLUMNS))


def test_rows_after_kills_equal_the_undisturbed_ones(tmp_path):
    study = write_study(tmp_path, TINY.replace("steps = 8", "steps = 300"))
    began = time.monotonic()
    subprocess.run(command(study, tmp_path / "whole", 1), check=True, timeout=300)
    duration = time.monotonic() - began
    moments = random.Random(5)
    killed = 0
    for workers in [1, 2] * (KILLS // 2):
        process = subprocess.Popen(command(study, tmp_path / "cut", workers), stderr=subprocess.DEVNULL)
        try:
            process.wait(moments.uniform(0.3, 0.8) * duration)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            killed += 1
    assert killed > 0
    subprocess.run(command(study, tmp_path / "cut", 2), check=True, timeout=300)
    pd.testing.assert_frame_equal(rows(tmp_path / "cut"), rows(tmp_path / "whole"), check_exact=True)
