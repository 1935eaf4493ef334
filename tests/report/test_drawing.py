"""A report drawn by several processes is, byte for byte, the one that a single process writes."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import wait
from functools import partial
from pathlib import Path

import matplotlib as mpl
import pytest
from matplotlib.figure import Figure

from rnnzoo.beside import Beside
from rnnzoo.report.composing import compose
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.writing import write_report

Make = Callable[..., StudyContent]


@pytest.fixture(scope="module")
def small(make_study: Make) -> StudyContent:
    return make_study(["rnn", "cornn"], 1, seeds=2, trial_count=10)


@pytest.fixture(scope="module")
def pair() -> Iterator[Beside]:
    """One process beside this one: it takes seconds to start, so that the tests share it."""
    with Beside(processes=2) as beside:
        yield beside


def done_elsewhere(drawn: Drawings) -> None:
    """Leave all of the work to others."""
    wait([job.elsewhere for job in drawn.jobs.values() if job.elsewhere is not None])


def test_others_draw_the_same_bytes(small: StudyContent, pair: Beside) -> None:
    report, here = compose(small)
    # neither here nor there do the settings of whoever asks count
    with mpl.rc_context({"font.size": 3.0, "svg.fonttype": "none"}):
        _, there = compose(small, pair)
        done_elsewhere(there)
        theirs = there.plates()
    assert list(theirs) == list(here)
    assert {picture.stem for picture in report.pictures} <= set(theirs)
    assert theirs == here.plates()


def test_the_files_are_the_same_whoever_draws(small: StudyContent, pair: Beside, tmp_path: Path) -> None:
    write_report(small, tmp_path / "without")
    with Beside(processes=1) as nobody:
        write_report(small, tmp_path / "alone", nobody)
    write_report(small, tmp_path / "pair", pair)
    without, alone, both = (
        {path.relative_to(tmp_path / name): path.read_bytes() for path in (tmp_path / name).rglob("*.*")}
        for name in ("without", "alone", "pair")
    )
    assert len(without) > 20
    assert alone == without
    assert both == without


def broken(what: str) -> Figure:
    raise ZeroDivisionError(f"{what} in process {os.getpid()}.")


def test_an_error_in_another_process_is_raised(pair: Beside) -> None:
    drawn = Drawings(pair)
    drawn.add("broken", partial(broken, "a mistake"))
    done_elsewhere(drawn)
    with pytest.raises(ZeroDivisionError, match="a mistake in process") as raised:
        drawn.plates()
    assert f"process {os.getpid()}." not in str(raised.value)
    assert "in broken" in "".join(raised.value.__notes__)


def test_a_figure_that_replaces_another_keeps_its_place(small: StudyContent) -> None:
    _, drawn = compose(small)
    first = next(iter(drawn))
    drawn.add(first, partial(broken, "the new one"))
    assert next(iter(drawn)) == first
    with pytest.raises(ZeroDivisionError, match="the new one"):
        drawn.figure(first)
