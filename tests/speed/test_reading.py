import tomllib
from pathlib import Path

import pytest

from rnnzoo.speed.reading import read_speed_plan
from rnnzoo.study.file import StudyFileError, is_speed_study
from tests.speed.files import TINY, write_speed_study

STUDIES = Path(__file__).parents[2] / "studies"


def mistakes(tmp_path, text):
    with pytest.raises(StudyFileError) as caught:
        read_speed_plan(write_speed_study(tmp_path, text))
    return caught.value.mistakes


def test_the_studys_own_file_is_sound_and_asks_for_each_comparison_once():
    plan = read_speed_plan(STUDIES / "speed.toml")
    comparisons = plan.comparisons()
    assert len({(c.cell, c.shape) for c in comparisons}) == len(comparisons)
    assert plan.usual_shape() == (500, 32, 64)
    assert len(plan.cells) == 8
    for target in plan.targets:
        for cell in target.cells:
            found = next(c for c in comparisons if (c.cell, c.shape) == (cell, target.shape))
            assert {target.engine, target.against} <= {*found.engines, *found.against}


def test_only_a_file_of_that_kind_is_a_speed_study(tmp_path):
    assert is_speed_study(STUDIES / "speed.toml")
    assert not is_speed_study(STUDIES / "smoke.toml")
    with pytest.raises(StudyFileError, match="not TOML"):
        is_speed_study(write_speed_study(tmp_path, "name = "))


def test_a_comparison_holds_all_that_targets_and_sweeps_want_at_its_shape(tmp_path):
    found = {(c.cell, c.shape): c for c in read_speed_plan(write_speed_study(tmp_path)).comparisons()}
    assert set(found) == {(cell, (steps, 2, 3)) for cell in ("rnn", "unicornn") for steps in (4, 6)}
    assert set(found["rnn", (6, 2, 3)].engines) == {"native", "reference"}
    assert set(found["rnn", (6, 2, 3)].against) == {"floor", "torch.nn.RNN"}
    assert set(found["unicornn", (4, 2, 3)].against) == {"floor", "torchrecurrent.UnICORNN"}


def test_a_length_is_repeated_until_the_total_is_done(tmp_path):
    (length,) = read_speed_plan(write_speed_study(tmp_path)).lengths
    assert [length.passes(steps) * steps for steps in length.steps] == [8, 8]


def test_all_mistakes_are_told_at_once(tmp_path):
    wrong = (
        TINY.replace('"rnn", "unicornn"', '"rnnn"', 1)
        .replace('against = "floor"', 'against = "ceiling"')
        .replace("at_least = 1e9", "at_least = -1")
        .replace("values = [4, 6]", "values = [6, 4]")
        .replace("repetitions = 2", "repetitions = 0")
        .replace('[[length]]\ncell = "rnn"', '[[length]]\ncell = "rnn"\nwidth = 3')
        .replace('[[memory]]\ncell = "unicornn"', '[[memory]]\ncell = "unicornn"\nconstant = ["compiled"]')
        + "\n[bogus]\n"
    )
    told = "\n".join(mistakes(tmp_path, wrong))
    for part in (
        "target 1.cells = 'rnnn'", "target 2.at_least = -1", "sweep 1.values", "repetitions = 0", "length 1.width = 3",
        "memory 1.constant = 'compiled'", "bogus",
    ):  # fmt: skip
        assert part in told


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('against = "floor"', 'against = "ceiling"', "target 2.against = 'ceiling'"),
        ('against = "floor"', 'against = "native"', "is the engine itself"),
        ('kind = "speed"', 'kind = "training"', "kind = 'training'"),
        ("shape = [6, 2, 3]", "shape = [6, 2]", "target 1.shape"),
    ],
)
def test_a_mistake_is_told_with_key_and_value(tmp_path, old, new, told):
    assert any(told in mistake for mistake in mistakes(tmp_path, TINY.replace(old, new)))


def test_a_study_that_times_nothing_is_a_mistake(tmp_path):
    text = "\n".join(f"{key} = {value!r}" for key, value in tomllib.loads(TINY).items() if isinstance(value, str))
    assert any("nothing to time" in mistake for mistake in mistakes(tmp_path, text))
