"""The written report: self-contained, escaped, the same every time, and whole whatever is missing."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

from rnnzoo.records import read_table
from rnnzoo.report import drawing, markdown
from rnnzoo.report.blocks import Bullets
from rnnzoo.report.composing import compose
from rnnzoo.report.content import BUDGET_COLUMNS, CURVE_COLUMNS, GRADIENT_COLUMNS, ROW_COLUMNS, StudyContent, empty
from rnnzoo.report.index import write_index
from rnnzoo.report.sections.reproduction import environment
from rnnzoo.report.writing import write_report

Make = Callable[..., StudyContent]
HOSTILE = "<script>alert(1)</script> | `x` [a](http://evil.example) \"'\n# head & <img src=x onerror=y>"


class Page(HTMLParser):
    """Collects what a page refers to, and checks that its tags close in order."""

    VOID = frozenset({"meta", "img", "br", "wbr", "link", "input"})

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.references: list[str] = []
        self.ids: list[str] = []
        self.alts: list[str] = []
        self.text = ""
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in self.VOID:
            self.open.append(tag)
        for name, value in attrs:
            assert not name.startswith("on")
            if name in {"src", "href", "srcset", "data", "poster", "action"}:
                self.references.append(str(value))
            if name == "id":
                self.ids.append(str(value))
            if name == "alt":
                self.alts.append(str(value))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def vectors_only(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out the PNG files, which are the same drawings a second time."""
    monkeypatch.setattr(drawing, "png", lambda figure: b"not drawn")


@pytest.fixture(scope="module")
def small(make_study: Make) -> StudyContent:
    return make_study(["rnn", "cornn"], 1, seeds=2, trial_count=10)


@pytest.fixture(scope="module")
def written(small: StudyContent, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_report(small, tmp_path_factory.mktemp("reports") / "small").parent


def test_page_needs_nothing_but_itself(written: Path) -> None:
    text = (written / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    images = [reference for reference in page.references if reference.startswith("data:")]
    assert len(images) == page.tags.count("img") == 8
    assert all(image.startswith("data:image/svg+xml;base64,") for image in images)
    for reference in set(page.references) - set(images):
        if reference.startswith("#"):
            assert reference[1:] in page.ids
        else:
            assert (written / reference).is_file()
    assert "link" not in page.tags
    assert "script" not in page.tags
    assert not re.search(r"@import|url\(|@font-face", text)
    assert len(page.alts) == page.tags.count("img")
    assert all(len(alt) > 20 for alt in page.alts)
    for svg in (written / "figures").glob("*.svg"):
        assert not re.search(r"(?:href|src)=\"(?!#|data:)", svg.read_text(encoding="utf-8"))


def test_every_figure_has_its_files_and_numbers(written: Path, small: StudyContent) -> None:
    stems = {path.stem for path in (written / "figures").iterdir()}
    assert stems == {"overview", "scores", "curves", "cost", "front", "gradients", "tuning", "trials", "importance"}
    for stem in stems:
        for ending in ("png", "svg", "csv"):
            assert (written / "figures" / f"{stem}.{ending}").stat().st_size > 100
    rows = read_table(written / "rows.csv")
    assert len(rows) == len(small.rows)
    assert set(ROW_COLUMNS) <= set(rows.columns)
    # 17 digits carry a float through text unchanged
    np.testing.assert_array_equal(rows["valid"].to_numpy(), small.rows["valid"].to_numpy(dtype=float))
    text = (written / "report.md").read_text(encoding="utf-8")
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (written / link).is_file()
    assert not list(written.rglob(".*"))
    first_table = text.index("\n| ")
    assert text.index("What was equal, and what was not") < first_table < text.index("Which cell won")


def test_two_writes_are_the_same_bytes_and_leave_matplotlib_alone(
    written: Path, small: StudyContent, tmp_path: Path
) -> None:
    with mpl.rc_context({"font.size": 23.0, "axes.grid": True}):
        before = dict(mpl.rcParams)
        again = write_report(small, tmp_path / "again").parent
        assert dict(mpl.rcParams) == before
    first = {path.relative_to(written): path.read_bytes() for path in written.rglob("*") if path.is_file()}
    second = {path.relative_to(again): path.read_bytes() for path in again.rglob("*") if path.is_file()}
    assert first.keys() == second.keys()
    assert [str(path) for path in first if first[path] != second[path]] == []


@pytest.mark.usefixtures("vectors_only")
def test_hostile_text_is_only_text(small: StudyContent, tmp_path: Path) -> None:
    task = replace(small.tasks[0], title=f"title {HOSTILE}", metric=f"m {HOSTILE}", facts={f"f {HOSTILE}": HOSTILE})
    rows = small.rows.assign(
        reason=[HOSTILE if state == "diverged" else "" for state in small.rows["state"]], engine=HOSTILE
    )
    rows.loc[rows.index[0], ["state", "reason", "valid"]] = ["diverged", HOSTILE, math.nan]
    published = pd.DataFrame(
        {"task": "adding", "name": HOSTILE, "source": HOSTILE, "step": [0, 9], "valid": [0.1, 0.05]}
    )
    content = replace(
        small, name=HOSTILE, question=HOSTILE, command=f"rnnzoo run ```\n{HOSTILE}", tasks=[task], rows=rows,
        environment={HOSTILE: HOSTILE}, published=published,
    )  # fmt: skip
    path = write_report(content, tmp_path / "hostile")
    page = Page(path.read_text(encoding="utf-8"))
    assert "script" not in page.tags
    assert not [reference for reference in page.references if reference.startswith("http")]
    assert "<script>alert(1)</script>" in page.text
    text = (path.parent / "report.md").read_text(encoding="utf-8")
    prose = re.sub(r"````sh\n.*?\n````", "", text, flags=re.DOTALL)
    assert "<script" not in prose
    assert "<img" not in prose
    assert not re.search(r"(?<!\\)\]\(http", prose)
    assert not re.search(r"^# head", prose, flags=re.MULTILINE)
    tables = [line for line in prose.splitlines() if line.startswith("| ")]
    assert all(line.endswith(" |") for line in tables)
    index = write_index(tmp_path)
    assert "script" not in Page(index.read_text(encoding="utf-8")).tags
    assert "<script" not in (tmp_path / "index.md").read_text(encoding="utf-8")


def test_markdown_escape() -> None:
    assert markdown.escape("a | b\nc") == "a \\| b c"
    assert markdown.escape("1. a") == "1\\. a"
    assert markdown.escape("# a") == "\\# a"
    assert markdown.escape("- a") == "\\- a"
    assert markdown.escape("<b>&`*_") == "&lt;b&gt;&amp;\\`\\*\\_"
    assert markdown.code("a ``` b").startswith("````sh")


def without(content: StudyContent, what: str) -> StudyContent:
    """Take something away from a study, or make it go wrong."""
    rows = content.rows
    match what:
        case "search":
            return replace(content, rows=rows[rows["phase"] == "confirm"])
        case "confirm":
            return replace(content, rows=rows[rows["phase"] == "search"], curves=empty(CURVE_COLUMNS))
        case "measurements":
            return replace(
                content, rows=rows.assign(seconds_per_step=math.nan, memory_mib=math.nan), curves=empty(CURVE_COLUMNS),
                gradients=empty(GRADIENT_COLUMNS), budget=empty(BUDGET_COLUMNS),
            )  # fmt: skip
        case "convergence":
            lost = rows.assign(state="diverged", valid=math.nan, test=math.nan, reason="loss is NaN", stopped_at=3)
            curves = content.curves.assign(valid=math.nan)
            gradients = content.gradients.assign(median=0.0, low=0.0, high=math.nan)
            return replace(content, rows=lost, curves=curves, gradients=gradients)
        case "sense":
            wild = rows.assign(valid=1e30, test=1e30)
            return replace(content, rows=wild, gradients=content.gradients.assign(median=math.inf, high=math.inf))
        case "everything":
            return StudyContent("e", "q?", "c", math.nan, {}, [], [], [], empty(ROW_COLUMNS))
    raise AssertionError(what)


@pytest.mark.parametrize(
    ("what", "said"),
    [
        ("search", "no search phase"),
        ("confirm", "No confirming run"),
        ("measurements", "Gradient norms were not measured"),
        ("convergence", "Every run diverged or ran out of memory or time"),
        ("sense", "explodes in rnn (overflow)"),
        ("everything", "No cell won anywhere"),
    ],
)
@pytest.mark.usefixtures("vectors_only")
def test_absent_data_is_named_and_breaks_nothing(small: StudyContent, tmp_path: Path, what: str, said: str) -> None:
    path = write_report(without(small, what), tmp_path / "study")
    assert said in Page(path.read_text(encoding="utf-8")).text
    assert said in (path.parent / "report.md").read_text(encoding="utf-8").replace("\\", "")


@pytest.mark.usefixtures("vectors_only")
def test_figures_that_no_longer_hold_are_removed(small: StudyContent, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    (folder / "figures").mkdir(parents=True)
    (folder / "figures" / "importance.png").write_bytes(b"old")
    (folder / "figures" / "mine.png").write_bytes(b"kept")
    write_report(without(small, "everything"), folder)
    assert not (folder / "figures" / "importance.png").exists()
    assert (folder / "figures" / "mine.png").exists()


@pytest.mark.usefixtures("vectors_only")
def test_one_cell_with_one_seed(make_study: Make, tmp_path: Path) -> None:
    path = write_report(make_study(["my own cell"], 1, seeds=1, trial_count=2), tmp_path / "one")
    text = Page(path.read_text(encoding="utf-8")).text
    assert "the only cell, beats the baseline" in text
    assert "my own cell reaches a test" in text
    assert not re.search(r"runner-up|comes first|Which cell won|Welch|not tested|No other cell|★", text)
    assert "front" not in {file.stem for file in (path.parent / "figures").iterdir()}
    assert "Too few finished trials" in text


def test_published_curves_of_one_name_are_told_apart_by_source(make_study: Make) -> None:
    study = make_study(["cornn"], 1, seeds=2, search=False)
    published = pd.DataFrame(
        {
            "task": "adding",
            "name": "cornn",
            "source": ["authors' log", "authors' log", "their script run again", "their script run again"],
            "step": [500, 1000, 500, 1100],
            "valid": [0.16, 0.012, 0.15, 0.034],
        }
    )
    report, drawn = compose(replace(study, published=published))
    left, right = drawn.figure("curves").axes
    black_and_grey = [line for line in left.lines if list(line.get_xdata()) in ([500, 1000], [500, 1100])]
    assert len({(line.get_color(), str(line.get_linestyle()), line.get_marker()) for line in black_and_grey}) == 2
    assert all(line.is_dashed() for line in black_and_grey)
    assert len(right.lines) == len(left.lines) - 2
    named = [text.get_text() for legend in drawn.figure("curves").legends for text in legend.get_texts()]
    assert named[-2:] == ["published: cornn (authors' log)", "published: cornn (their script run again)"]
    (section,) = [section for section in report.sections if section.anchor == "curves"]
    (said,) = [block.entries[0][1] for block in section.blocks if isinstance(block, Bullets)]
    assert re.search(r"At step 1,000 cornn has a validation .* published is 0\.0120 \(authors' log\)\.", said)
    assert re.search(r"At step 1,100 cornn has a validation .* published is 0\.0340 \(their script run again\)\.", said)
    (numbers,) = [picture.frame for picture in report.pictures if picture.stem == "curves"]
    theirs = numbers[numbers["source"] != "this study"]
    assert list(theirs["median"]) == list(published["valid"])


def test_versions_stand_in_the_order_of_the_question(small: StudyContent) -> None:
    wanted = ["rnnzoo", "date", "python", "torch", "engine", "platform", "processor", "cores", "confirming seeds"]
    mixed = dict(sorted({**small.environment, "a fact of its own": "1"}.items()))
    found = list(environment(replace(small, environment=mixed)))
    assert [name for name in found if name in wanted] == wanted
    assert found[-1] == "a fact of its own"


def test_index_lists_the_studies(written: Path) -> None:
    reports = written.parent
    (reports / "broken").mkdir(exist_ok=True)
    (reports / "broken" / "report.html").write_text("x", encoding="utf-8")
    (reports / "broken" / "summary.json").write_text("{", encoding="utf-8")
    (reports / "notes").mkdir(exist_ok=True)
    page = Page(write_index(reports).read_text(encoding="utf-8"))
    assert page.references == ["broken/report.html", "small/report.html"]
    headline = json.loads((written / "summary.json").read_text(encoding="utf-8"))["headline"]
    assert headline in page.text
    assert headline in (reports / "index.md").read_text(encoding="utf-8")
    with pytest.raises(FileNotFoundError, match="is not a folder"):
        write_index(reports / "nowhere")
