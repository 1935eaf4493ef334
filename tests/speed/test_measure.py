import importlib.util

import pytest
import torch

from rnnzoo.engine import peers
from rnnzoo.engine.bench import BURST, FEWEST, bench, interleaved, turn
from rnnzoo.engine.conditions import conditions, flushes_denormals
from rnnzoo.engine.native import compiler_is_missing
from rnnzoo.speed.measure import COLUMNS, OFTEN, measure, states_mib
from rnnzoo.speed.reading import read_speed_plan
from tests.speed.files import TINY, write_speed_study

needs_compiler = pytest.mark.skipif(compiler_is_missing(), reason="no C++ compiler")


@needs_compiler
def test_everything_that_is_asked_for_is_measured(tmp_path):
    plan = read_speed_plan(write_speed_study(tmp_path, TINY.replace("threads = 1", "threads = 2")))
    lines = []
    threads = torch.get_num_threads()
    found = measure(plan, lines.append)
    assert (torch.get_num_threads(), found.environment["threads"]) == (threads, "2")
    assert list(found.rows.columns) == list(COLUMNS)
    timed = found.rows[found.rows["part"] != "memory"]
    optional = timed["engine"].str.startswith("torchrecurrent")
    assert (timed.loc[~optional, "seconds"] > 0).all()
    assert (timed["seconds"].notna() == (timed["reason"] == "")).all()
    assert (found.rows.loc[found.rows["part"] == "memory", "memory_mib"] > 0).all()
    assert len(lines) == len(plan.comparisons()) + 2
    lengths = found.rows[found.rows["part"] == "length"].set_index("steps")["repetitions"]
    assert lengths[min(lengths.index)] == OFTEN * lengths[max(lengths.index)] >= OFTEN
    assert {"threads", "torch", "compiler"} <= set(found.environment)


@needs_compiler
def test_memory_for_states_grows_with_time_unless_they_are_rebuilt():
    native, rebuilt = (
        [states_mib("unicornn", e, steps, 2, 3) for steps in (10, 1000)] for e in ("native", "reversible")
    )
    assert native[1] > 50 * native[0]
    assert rebuilt[1] == rebuilt[0]


def test_rounds_stop_when_the_time_is_spent_but_not_before_the_fewest():
    ran = []
    turns = {name: lambda name=name: ran.append(name) or float(len(ran)) for name in "ab"}
    times = interleaved(turns, 10, at_most=0.0)
    assert ran == ["a", "b"] * FEWEST
    assert times == {"a": [1.0, 3.0, 5.0], "b": [2.0, 4.0, 6.0]}
    assert FEWEST == 3
    assert len(interleaved({"a": lambda: 1.0}, 10)["a"]) == 10


def test_a_turn_begins_with_a_pass_that_is_not_timed_and_times_several_short_ones(monkeypatch):
    clock = [0.0]
    monkeypatch.setattr("rnnzoo.engine.bench.time.perf_counter", lambda: clock[0])
    taken = []

    def run(seconds):
        taken.append(seconds)
        clock[0] += seconds

    lengths = iter([9.0, 0.5 * BURST, 0.25 * BURST, 0.75 * BURST, 7.0])
    assert turn(lambda: run(next(lengths)))() == pytest.approx(0.5 * BURST)
    assert taken[-1] == 0.75 * BURST
    lengths = iter([1.0, 2.0 * BURST, 7.0])
    assert turn(lambda: run(next(lengths)))() == pytest.approx(2.0 * BURST)


def test_a_peer_that_is_not_installed_has_a_row_that_says_how_to_get_it(monkeypatch):
    from rnnzoo.cells import CoRNN

    monkeypatch.setitem(peers.PEERS, "nowhere.coRNN", "cornn")
    table = bench(
        {"cornn": CoRNN}, engines=["reference"], shapes=[(2, 1, 3)], against=["nowhere.coRNN", "floor"], repetitions=1
    ).set_index("engine")
    assert "pip install 'rnnzoo[peers]'" in table.loc["nowhere.coRNN", "reason"]
    assert table.loc["floor", "seconds"] > 0


@pytest.mark.parametrize("name", peers.PEERS)
def test_a_peer_takes_time_first_and_returns_every_output(name):
    if importlib.util.find_spec(name.partition(".")[0]) is None:
        pytest.skip(f"{name} needs {peers.EXTRA}, which is not installed")
    assert peers.make_peer(name, 1, 3)(torch.randn(5, 2, 1))[0].shape == (5, 2, 3)


def test_conditions_hold_inside_and_are_undone_outside_even_after_an_error():
    threads, flushed = torch.get_num_threads(), flushes_denormals()
    inside = []

    def fail():
        inside.append((torch.get_num_threads(), flushes_denormals()))
        raise KeyError

    with pytest.raises(KeyError), conditions(threads=threads + 1, flush_denormals=not flushed):
        fail()
    assert inside == [(threads + 1, not flushed)]
    assert (torch.get_num_threads(), flushes_denormals()) == (threads, flushed)
