"""The search: proposals that depend on the study alone, trials that count once, a budget that is kept."""

import math

import pytest

from rnnzoo.records import RunRecord
from rnnzoo.study.reading import read_plan
from rnnzoo.study.search import CellSearch, open_journal
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
    while (following := search.next()) is not None:
        trial, config = following
        if len(search.ended()) == interrupt_at:
            return
        search.tell(trial, record(config, score(config)))


@pytest.mark.parametrize("sampler", ["tpe", "random"])
@pytest.mark.parametrize("interrupt_at", [0, 1, 4, 7])
def test_an_interrupted_search_proposes_what_an_undisturbed_one_does(tmp_path, sampler, interrupt_at):
    text = TINY.replace("trials = 3", f'trials = 9\nsampler = "{sampler}"')
    whole = begin(tmp_path, text, "whole")
    run_out(whole)
    run_out(begin(tmp_path, text, "cut"), interrupt_at)
    resumed = begin(tmp_path, text, "cut")
    run_out(resumed)
    assert resumed.trials() == whole.trials()
    assert [slot for slot, _ in resumed.trials()] == list(range(9))
    assert resumed.best_values() == whole.best_values()


def test_every_trial_of_a_search_is_another_one(tmp_path):
    search = begin(tmp_path, TINY.replace("trials = 3", "trials = 9"))
    run_out(search)
    assert len({config.run_id() for _, config in search.trials()}) == 9


def test_the_best_trial_is_chosen_by_validation(tmp_path):
    search = begin(tmp_path)
    values = iter([0.3, 0.1, 0.2])
    while (following := search.next()) is not None:
        trial, config = following
        search.tell(trial, record(config, next(values)))
    assert search.best_values() == search.ended()[1].params


def test_a_diverged_trial_counts_and_is_never_chosen(tmp_path):
    search = begin(tmp_path)
    states = iter([("diverged", None), ("finished", 0.5), ("diverged", None)])
    while (following := search.next()) is not None:
        trial, config = following
        state, valid = next(states)
        search.tell(trial, record(config, valid, state))
    assert len(search.ended()) == 3
    assert search.best_values() == search.ended()[1].params


def test_nothing_to_choose_when_every_trial_diverged(tmp_path):
    search = begin(tmp_path)
    while (following := search.next()) is not None:
        search.tell(following[0], record(following[1], None, "diverged"))
    assert search.best_values() is None


def test_another_budget_of_steps_is_another_search(tmp_path):
    run_out(begin(tmp_path))
    again = begin(tmp_path, TINY.replace("steps = 6", "steps = 7"))
    assert again.ended() == []
