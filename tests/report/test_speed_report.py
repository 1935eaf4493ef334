"""The report of a speed study: verdicts, self-contained page, and whole whatever is missing."""

# ruff: noqa: RUF001 - the tables have multiplication signs

from pathlib import Path

import pytest

from rnnzoo.records import RecordError
from rnnzoo.report.speed.writing import STEMS, read_measured, write_speed_report
from rnnzoo.speed.measure import Measured
from rnnzoo.speed.reading import read_speed_plan
from tests.report.test_report_page import Page
from tests.speed.files import TINY, write_speed_study
from tests.speed.made_up import measured

STUDY = Path(__file__).parents[2] / "studies" / "speed.toml"


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    folder = tmp_path_factory.mktemp("report")
    plan = read_speed_plan(STUDY)
    write_speed_report(plan, measured(plan, peers="missing", load="3.20"), folder)
    return folder


def test_the_page_is_self_contained_and_has_every_figure(written):
    page = Page((written / "report.html").read_text())
    for reference in page.references:
        assert reference.startswith(("data:", "#", "figures/", "rows.csv"))
    for stem in STEMS:
        for ending in ("svg", "png", "csv"):
            assert (written / "figures" / f"{stem}.{ending}").stat().st_size > 0
    assert len(page.alts) == len(STEMS)


def test_the_first_table_says_target_measured_and_met(written):
    text = (written / "report.md").read_text().replace("\\", "")
    for row in (
        "| cornn | 784 × 120 × 256 | floor | 85% | 87% | 87% | ✓ yes |",
        "| unicornn | 4,000 × 16 × 64 | reference | 20.0 × | 76.1 × | 76.1 × | ✓ yes |",
        "| cornn | 500 × 32 × 64 | reference | 10.0 × | 5.08 × | 5.08 × | ✗ no |",
        "| memory for states | unicornn | reversible | 4 × 64 | 100 to 100,000 | 0% | 0% | ✓ yes |",
    ):
        assert row in text
    assert "16 of 21 targets are met, 5 missed." in text


def test_a_busy_machine_and_what_is_not_installed_are_told(written):
    text = (written / "report.md").read_text()
    assert "not idle when this began (load 3.20)" in text
    assert "rnnzoo\\[peers\\]" in text


def test_an_idle_machine_is_not_called_busy(tmp_path):
    plan = read_speed_plan(write_speed_study(tmp_path, TINY))
    write_speed_report(plan, measured(plan), tmp_path / "report")
    assert "not idle" not in (tmp_path / "report" / "report.md").read_text()


@pytest.mark.parametrize("part", ["comparison", "length", "memory"])
def test_whatever_was_not_measured_is_said_to_be_missing(tmp_path, part):
    plan = read_speed_plan(write_speed_study(tmp_path, TINY))
    found = measured(plan)
    left = found.rows[found.rows["part"] != part]
    write_speed_report(plan, Measured(left, found.environment, found.seconds), tmp_path / "report")
    assert "not measured" in (tmp_path / "report" / "report.md").read_text()


@pytest.mark.usefixtures("without_figures")
def test_times_are_read_back_as_they_were(written, tmp_path):
    plan = read_speed_plan(STUDY)
    found = read_measured(written)
    assert found.environment["load before"] == "3.20"
    write_speed_report(plan, found, tmp_path)
    assert (tmp_path / "rows.csv").read_bytes() == (written / "rows.csv").read_bytes()
    assert (tmp_path / "report.md").read_bytes() == (written / "report.md").read_bytes()


def test_damaged_times_are_refused(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_measured(tmp_path)
    (tmp_path / "rows.csv").write_text("part\ncomparison\n")
    (tmp_path / "measured.json").write_text('{"environment": {}, "seconds": 1.0}')
    with pytest.raises(RecordError, match="lacks the columns cell"):
        read_measured(tmp_path)
    (tmp_path / "measured.json").write_text("{")
    with pytest.raises(RecordError, match="measure again"):
        read_measured(tmp_path)
