"""Progress bars: on a terminal they count runs, trials and steps; in a pipe nothing is drawn."""

import io

from rich.console import Console

from rnnzoo.study.conduct import conduct
from rnnzoo.study.progress import plan_work, watching
from rnnzoo.study.reading import read_plan
from tests.study.files import write_study


def carry_out(tmp_path, *, terminal):
    plan = read_plan(write_study(tmp_path))
    console = Console(file=io.StringIO(), force_terminal=terminal, width=120)
    with watching(plan, console) as watcher:
        conduct(plan, tmp_path / "runs", 1, watcher)
    return console.file.getvalue()


def test_a_pipe_stays_quiet(tmp_path):
    assert carry_out(tmp_path, terminal=False) == ""


def test_a_terminal_shows_all_that_was_done(tmp_path):
    shown = carry_out(tmp_path, terminal=True)
    for part in ("20 of 20", "12 of 12", "4 of 4", "adding · cornn · search", "of 8 steps", "100%"):
        assert part in shown


def test_work_is_steps_times_length(tmp_path):
    lengths = {"adding": 6, "copy": 22}
    expected = sum(2 * (3 * 6 + 2 * 8) * length for length in lengths.values())
    assert plan_work(read_plan(write_study(tmp_path))) == expected
