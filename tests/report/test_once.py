"""Frames that many sections ask for are computed once in a report, and never kept beyond it."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pandas as pd
import pytest

from rnnzoo.report import tables
from rnnzoo.report.composing import compose
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.once import once, remembering

Make = Callable[..., StudyContent]
Counted = tuple[Callable[[StudyContent], pd.DataFrame], list[StudyContent]]


@pytest.fixture
def counted() -> Counted:
    asked: list[StudyContent] = []

    @once
    def seeds(content: StudyContent) -> pd.DataFrame:
        asked.append(content)
        return pd.DataFrame({"seed": content.seeds})

    return seeds, asked


def test_a_frame_is_computed_once_a_content_and_nobody_gets_another_s(study: StudyContent, counted: Counted) -> None:
    seeds, asked = counted
    other = replace(study, seeds=[8, 9])
    with remembering():
        mine = seeds(study)
        mine["seed"] = 0
        assert seeds(study)["seed"].tolist() == study.seeds
        assert seeds(other)["seed"].tolist() == [8, 9]
        assert seeds(study)["seed"].tolist() == study.seeds
    assert [id(content) for content in asked] == [id(study), id(other)]


def test_nothing_is_remembered_beyond_the_context(study: StudyContent, counted: Counted) -> None:
    seeds, asked = counted
    for _ in range(2):
        seeds(study)
        with remembering():
            seeds(study)
    assert len(asked) == 4


def test_a_report_computes_its_scores_once(make_study: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    true_interval = tables.score_interval

    def interval(values: Sequence[float], task: TaskContent) -> tables.Interval:
        asked.append(task.label)
        return true_interval(values, task)

    monkeypatch.setattr(tables, "score_interval", interval)
    compose(make_study(["rnn", "cornn"], 1, seeds=2, trial_count=10))
    assert asked == ["adding", "adding"]
