"""The search: proposals that depend on the study alone, trials that count once, a budget that is kept."""

import itertools
import math

import pytest

from rnnzoo.records import RunRecord
from rnnzoo.study.reading import read_plan
from rnnzoo.study.search import HELD, CellSearch
from rnnzoo.study.storage import open_journal
from tests.study.files import TINY, write_study


def record(config, valid, state="finished"):
    return RunRecord(
        config=config, state=state, valid=valid, parameters=1, engine="", steps=1, seconds=0, environment={}
    )


def begin(tmp_path, text=TINY, place="runs"):
    plan = read_plan(write_study(tmp_path, text))
    return CellSearch(plan, plan.competitors[1], open_journal(tmp_path / place))


def score(config):
    return abs(math.log(config.training.lr) + 5)


def run_out(search, interrupt_at=None):
    """Do all trials that are left; leave one under way at a slot, as a kill would."""
    while (attempt := search.next()) is not None:
        assert attempt is not HELD
        if attempt.slot == interrupt_at:
            return
        search.tell(attempt, record(attempt.runs[0], score(attempt.runs[0])))


@pytest.mark.parametrize(
    ("sampler", "interrupt_at"), [*itertools.product(["tpe", "random", "nsga2"], [0, 1, 4, 7]), ("gp", 7)]
)
def test_an_interrupted_search_proposes_what_an_undisturbed_one_does(tmp_path, sampler, interrupt_at):
    text = TINY.replace("trials = 3", f'trials = 9\nsampler = "{sampler}"')
    whole = begin(tmp_path, text, "whole")
    run_out(whole)
    run_out(begin(tmp_path, text, "cut"), interrupt_at)
    resumed = begin(tmp_path, text, "cut")
    run_out(resumed)
    assert resumed.trials() == whole.trials()
    assert [trial.slot for trial in resumed.trials()] == list(range(9))
    assert resumed.best_values() == whole.best_values()


def test_every_trial_of_a_search_is_another_one(tmp_path):
    search = begin(tmp_path, TINY.replace("trials = 3", "trials = 9"))
    run_out(search)
    assert len({trial.runs[0].run_id() for trial in search.trials()}) == 9


def test_the_best_trial_is_chosen_by_validation(tmp_path):
    search = begin(tmp_path)
    values = iter([0.3, 0.1, 0.2])
    while (attempt := search.next()) is not None:
        search.tell(attempt, record(attempt.runs[0], next(values)))
    assert search.best_values() == search.ended()[1].params


def test_a_diverged_trial_counts_and_is_never_chosen(tmp_path):
    search = begin(tmp_path)
    states = iter([("diverged", None), ("finished", 0.5), ("diverged", None)])
    while (attempt := search.next()) is not None:
        state, valid = next(states)
        search.tell(attempt, record(attempt.runs[0], valid, state))
    assert len(search.ended()) == 3
    assert search.best_values() == search.ended()[1].params


def test_nothing_to_choose_when_every_trial_diverged(tmp_path):
    search = begin(tmp_path)
    while (attempt := search.next()) is not None:
        search.tell(attempt, record(attempt.runs[0], None, "diverged"))
    assert search.best_values() is None


def test_another_budget_of_steps_is_another_search(tmp_path):
    run_out(begin(tmp_path))
    again = begin(tmp_path, TINY.replace("steps = 6", "steps = 7"))
    assert again.ended() == []
