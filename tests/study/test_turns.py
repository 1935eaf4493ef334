"""What a conductor begins next: equally far with all competitors, and of equals what takes longest."""

from itertools import groupby

import pytest

from rnnzoo.configuration import RunConfig
from rnnzoo.records import RunRecord
from rnnzoo.study.conduct import conduct
from rnnzoo.study.progress import Quiet
from rnnzoo.study.reading import read_plan
from rnnzoo.study.turns import NOW, Job, Turn, Turns
from tests.study.files import write_study


@pytest.fixture
def plan(tmp_path):
    return read_plan(write_study(tmp_path))


def config(competitor, **training):
    given = {**competitor.base["training"], "lr": 0.01, **training}
    return RunConfig.model_validate({**competitor.base, "training": given})


def record(competitor, seconds, steps=6):
    done = {"state": "finished", "parameters": 1, "engine": "native", "valid": 0.0, "environment": {}}
    return RunRecord(config=config(competitor), steps=steps, seconds=seconds, **done)


def taken(turns):
    found = []
    while turns:
        found.append(turns.take().item)
    return found


def test_what_is_not_known_comes_in_the_order_of_the_file(plan):
    assert [id(item) for item in taken(Turns(plan.competitors))] == [id(c) for c in plan.competitors]


def test_turns_come_in_order_and_in_a_turn_the_slowest_first(plan):
    turns = Turns(plan.competitors)
    taken(turns)
    for competitor, seconds in zip(plan.competitors, (1.0, 4.0, 2.0, 3.0), strict=True):
        turns.learn(competitor, record(competitor, seconds))
        turns.add(Turn(1, competitor))
    early, last = Job(plan.competitors[0], "search", config(plan.competitors[0])), plan.competitors[1]
    turns.add(Turn(2, last))
    turns.add(Turn(NOW, early))
    order = [early, *(plan.competitors[k] for k in (1, 3, 2, 0)), last]
    assert [id(item) for item in taken(turns)] == [id(item) for item in order]


def test_a_run_counts_with_its_steps(plan):
    first, second = plan.competitors[:2]
    turns = Turns([])
    turns.learn(first, record(first, 2.0))
    turns.learn(second, record(second, 3.0))
    turns.learn(second, record(second, 9.0, steps=0))  # a run that broke off before its first step says nothing
    long, short = Job(first, "confirm", config(first, steps=60)), Job(second, "confirm", config(second))
    for job in (short, long):
        turns.add(Turn(0, job))
    assert taken(turns) == [long, short]


class Order(Quiet):
    """Notes which runs began, in order."""

    def __init__(self):
        self.began_with = []

    def began(self, job):
        self.began_with.append((job.phase, job.competitor, job.attempt.slot if job.attempt else job.config.seed))


def test_a_study_goes_through_its_cells_trial_by_trial_and_seed_by_seed(plan, tmp_path):
    order = Order()
    conduct(plan, tmp_path / "runs", 1, order)
    turns = [(phase, number) for phase, _, number in order.began_with]
    wanted = [("search", 0), ("search", 1), ("search", 2), ("confirm", 1), ("confirm", 2)]
    assert [turn for turn, _ in groupby(turns)] == wanted
    for turn in wanted:
        mine = [id(c) for phase, c, number in order.began_with if (phase, number) == turn]
        assert sorted(mine) == sorted(id(c) for c in plan.competitors)
