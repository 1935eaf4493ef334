"""The scripts that reckon what a large study needs."""

import queue
import runpy
import threading
from pathlib import Path

import pandas as pd
import pytest

from rnnzoo.study.storage import JOURNAL
from tests import storage_rate

SCRIPT = Path(__file__).parents[2] / "studies" / "capacity.py"


@pytest.fixture
def capacity(tmp_path):
    """The script on speeds that we know: two cells of 10 and 30 ms a step on two threads, at one shape of several."""
    script = runpy.run_path(str(SCRIPT))
    shape = {"part": "comparison", "engine": "native", "steps": 500, "batch": 32, "hidden": 128}
    rows = [shape | {"cell": "slow", "seconds": 0.03}, shape | {"cell": "fast", "seconds": 0.01}]
    rows += [row | {"hidden": 64, "seconds": 9.0} for row in rows] + [rows[0] | {"engine": "floor", "seconds": 9.0}]
    pd.DataFrame(rows).to_csv(tmp_path / "rows.csv")
    (tmp_path / "measured.json").write_text('{"environment": {"threads": "2"}}')
    script["section"].__globals__.update(SPEED=tmp_path, RATES=tmp_path / "rates.csv")
    return script


def test_hours_are_steps_times_measured_times(capacity):
    text = capacity["section"](capacity["Study"]()).replace("\n", " ")
    assert "takes 40 core milliseconds in the mean of 2 cells (fast 20, slow 60;" in text
    # 20,000 × 2,000 × 0.04 s and 100 × 2,000 × 0.06 s; 2,000 × 10,000 × 0.04 s and 2 × 10,000 × 0.06 s
    assert "| search | 20,000 | 200 | 440 | 3.3 |" in text
    assert "| confirm | 2,000 | 2,000 | 220 | 0.33 |" in text
    assert "200 searches of trials of 80 s end 2.5 trials a second. What each storage takes is measured by" in text


@pytest.mark.parametrize(
    ("journal", "sqlite", "expected"),
    [
        (2.0, 3.0, "the journal file: fewer trials a second"),
        (3.0, 2.0, "SQLite: fewer trials a second"),
        (2.0, 2.0, "the journal file and SQLite: fewer"),
        (5.0, 3.0, "The order of the searches: 200 of 1,000 cores have work. No storage is at its limit; the slowest, "
         "SQLite, takes 1.2 times"),
    ],
)  # fmt: skip
def test_what_saturates_first_is_named(capacity, tmp_path, journal, sqlite, expected):
    rows = [
        {"storage": "journal", "sampler": "tpe", "writers": 1, "trials_per_second": journal},
        {"storage": "journal", "sampler": "random", "writers": 4, "trials_per_second": 0.1},  # it has one conductor
        {"storage": "sqlite", "sampler": "tpe", "writers": 1, "trials_per_second": 0.1},
        {"storage": "sqlite", "sampler": "random", "writers": 4, "trials_per_second": sqlite},
    ]
    pd.DataFrame(rows).to_csv(tmp_path / "rates.csv")
    text = capacity["section"](capacity["Study"]()).replace("\n", " ")
    assert expected in text
    # at 80 s a trial and 200 searches
    assert f"| the journal file | {journal:g} | {80 * journal:g} | {float(f'{200 / journal:.2g}'):g} s |" in text


def test_the_rate_of_a_storage_counts_trials(tmp_path):
    done = queue.Queue()
    storage_rate.write_trials(tmp_path, None, "random", 0, 1, 0.5, threading.Barrier(1), done)
    told = (tmp_path / "runs" / JOURNAL).read_text()
    assert done.get() == told.count('"runs"') > 0
