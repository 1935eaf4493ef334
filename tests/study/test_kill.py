"""A study killed with SIGKILL and started again ends in the rows of one that was left alone.

`tests/kill_study.py` does the same with any study and any number of kills.
"""

import random

from tests.kill_study import difference, kill, rows, undisturbed
from tests.study.files import TINY, write_study

KILLS = 3


def test_rows_after_kills_equal_the_undisturbed_ones(tmp_path):
    study = write_study(tmp_path, TINY.replace("steps = 8", "steps = 300").replace('[[cell]]\nname = "rnn"\n', ""))
    expected, duration = undisturbed(study, tmp_path / "whole", 1)
    kill(study, tmp_path / "cut", KILLS, 0.2 * duration, 0.5 * duration, random.Random(5), [1, 2])
    found = rows(study, tmp_path / "cut" / "reports")
    assert difference(found, expected) == ""
    assert "valid" in difference(found.assign(valid=found["valid"] + 1e-12), expected)
