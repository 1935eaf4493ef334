import math

import pandas as pd
import pytest

from rnnzoo.speed import judging
from rnnzoo.speed.measure import COLUMNS
from rnnzoo.speed.reading import read_speed_plan
from tests.speed.files import TINY, write_speed_study


@pytest.fixture
def plan(tmp_path):
    return read_speed_plan(write_speed_study(tmp_path, TINY.replace("1e-6", "4.0").replace("1e9", "0.5")))


def frame(*rows):
    names = ("part", "cell", "engine", "steps", "batch", "hidden", "seconds", "fastest", "memory_mib", "reason")
    return pd.DataFrame([dict(zip(names, row, strict=True)) for row in rows]).reindex(columns=list(COLUMNS))


def comparison(cell, engine, seconds, fastest=None, steps=6, reason=""):
    return ("comparison", cell, engine, steps, 2, 3, seconds, fastest or seconds, 1.0, reason)


def test_a_target_is_met_from_the_ratio_of_the_medians_on(plan):
    rows = frame(
        comparison("rnn", "reference", 4.0, 1.0), comparison("rnn", "native", 1.0), comparison("rnn", "floor", 0.49),
        comparison("unicornn", "reference", 3.99, 9.0), comparison("unicornn", "native", 1.0),
    )  # fmt: skip
    table = judging.targets(plan, rows).set_index(["cell", "against"])
    assert table.loc[("rnn", "reference"), "met"] == "yes"
    assert table.loc[("rnn", "reference"), "fastest"] == 1.0
    assert table.loc[("unicornn", "reference"), "met"] == "no"
    assert table.loc[("unicornn", "reference"), "measured"] == pytest.approx(3.99)
    assert table.loc[("rnn", "floor"), "met"] == "no"
    assert table.loc[("rnn", "floor"), "measured"] == pytest.approx(0.49)


def test_what_was_not_measured_is_not_met_and_says_why(plan):
    rows = frame(
        comparison("rnn", "reference", 4.0), comparison("rnn", "native", math.nan, reason="no compiler"),
        comparison("unicornn", "native", 1.0, steps=4), comparison("unicornn", "reference", 9.0, steps=4),
    )  # fmt: skip
    table = judging.targets(plan, rows)
    assert set(table["met"]) == {"not measured"}
    assert set(table.loc[table["cell"] == "rnn", "reason"]) == {"no compiler"}


def lengths_and_memories(times, kept):
    rows = [("length", "rnn", "native", s, 2, 3, t, t, math.nan, "") for s, t in times.items()]
    rows += [("memory", "unicornn", e, s, 2, 3, math.nan, math.nan, m, "") for (e, s), m in kept.items()]
    return frame(*rows)


@pytest.mark.parametrize(("longest", "met"), [(8.8, "yes"), (10.0, "no")])
def test_a_step_must_take_the_same_time_at_every_length(plan, longest, met):
    rows = lengths_and_memories({2: 2.0, 8: longest}, {("reversible", 4): 1.0, ("reversible", 64): 1.0})
    table = judging.promises(plan, rows).set_index("what")
    middle = (1.0 + longest / 8) / 2
    assert table.loc["time of a step", "measured"] == pytest.approx(1 - 1 / middle)
    assert table.loc["time of a step", "met"] == met
    assert (table.loc["time of a step", "shortest"], table.loc["time of a step", "longest"]) == (2, 8)


@pytest.mark.parametrize(("late", "met"), [(1.0, "yes"), (1.01, "no")])
def test_memory_that_must_be_constant_may_not_grow_at_all(plan, late, met):
    kept = {("reversible", 4): 1.0, ("reversible", 64): late, ("native", 4): 1.0, ("native", 64): 16.0}
    table = judging.promises(plan, lengths_and_memories({2: 2.0, 8: 8.0}, kept))
    table = table[table["what"] == "memory for states"]
    assert list(table["engine"]) == ["reversible"]
    assert list(table["met"]) == [met]


def test_without_rows_every_promise_is_open(plan):
    assert set(judging.promises(plan, frame(comparison("rnn", "native", 1.0)))["met"]) == {"not measured"}


def test_the_share_of_the_floor_is_the_floors_time_over_the_engines():
    rows = frame(
        comparison("rnn", "native", 2.0), comparison("rnn", "floor", 1.5),
        comparison("gru", "native", 2.0), comparison("gru", "floor", math.nan),
    )  # fmt: skip
    table = judging.shares(rows)
    assert list(table["cell"]) == ["rnn"]
    assert list(table["share"]) == [0.75]


def test_a_sweep_holds_its_own_shapes_and_cells_alone(plan):
    rows = frame(
        *(comparison("rnn", "native", 1.0, steps=steps) for steps in (4, 5, 6)), comparison("gru", "native", 1.0)
    )
    assert list(judging.swept(plan.sweeps[0], rows)["place"]) == [4, 6]


def test_one_size_lines_up_engines_peers_and_the_usual_layers():
    rows = frame(
        comparison("lstm", "native", 1.0), comparison("lstm", "torch.nn.LSTM", 3.0), comparison("cornn", "native", 2.0),
        comparison("cornn", "torchrecurrent.coRNN", math.nan, reason="not installed"),
    )  # fmt: skip
    table = judging.one_size(rows, ["lstm", "cornn", "gru"], (6, 2, 3)).set_index("cell")
    assert list(table.index) == ["lstm", "cornn"]
    assert table.loc["lstm", "peer_seconds"] == 3.0
    assert table.loc["cornn", "peer"] == ""
    assert table.loc["cornn", "torch.nn.LSTM"] == 3.0
