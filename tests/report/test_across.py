"""Cells compared over all tasks: planted winners are found, planted ties are ties, and n is always said."""

import math
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from scipy import stats

from rnnzoo.report import across
from rnnzoo.report.blocks import Picture
from rnnzoo.report.content import CURVE_COLUMNS, GRADIENT_COLUMNS, StudyContent, TaskContent, empty
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.across import WIDEST_LABEL, improvement_figure
from rnnzoo.report.sections.across import across_section, p_matrix
from rnnzoo.report.tables import holm

Make = Callable[..., StudyContent]


def many_tasks(content: StudyContent, scores: dict[str, list[list[float]]]) -> StudyContent:
    """Return a study of made-up accuracies: cell → one list of seeds a task; NaN is a run that diverged."""
    pattern = content.rows[content.rows["phase"] == "confirm"].iloc[0].to_dict()
    number = len(next(iter(scores.values())))
    tasks = [
        TaskContent(f"task-{i}", "made-up", f"Task {i}", "accuracy", "maximize", 1.0, False, 0.1) for i in range(number)
    ]
    rows = [
        pattern
        | {"task": f"task-{i}", "cell": cell, "seed": seed, "test": value, "run": f"{cell}{i}{seed}"}
        | {"state": "diverged" if math.isnan(value) else "finished"}
        for cell, by_task in scores.items()
        for i, seeds in enumerate(by_task)
        for seed, value in enumerate(seeds)
    ]
    return replace(
        content, tasks=tasks, cells=list(scores), rows=pd.DataFrame(rows), budget=empty(content.budget.columns),
        curves=empty(CURVE_COLUMNS), gradients=empty(GRADIENT_COLUMNS), published=content.published.iloc[:0],
    )  # fmt: skip


@pytest.fixture(scope="module")
def base(make_study: Make) -> StudyContent:
    return make_study(["rnn", "lstm", "cornn"], search=False)


def planted(tasks: int, seeds: int = 5, noise: float = 0.02) -> dict[str, list[list[float]]]:
    """Return scores in which "best" wins everywhere, and "one" and "two" are drawn from the same distribution."""
    rng = np.random.default_rng(6)
    level = rng.uniform(0.3, 0.6, size=tasks)

    def draw(shift: float) -> list[list[float]]:
        return [list(mean + shift + noise * rng.normal(size=seeds)) for mean in level]

    return {"one": draw(0.0), "best": draw(0.2), "two": draw(0.0)}


def test_aggregates_are_trimmed_means_of_normalised_scores(base: StudyContent) -> None:
    content = many_tasks(base, {"a": [[0.1, 0.55, 1.0], [0.55, math.nan, 0.1]], "b": [[1.0] * 3, [0.1] * 3]})
    found = across.aggregates(content).set_index("cell")
    # normalised 0, ½, 1 and ½, 0 (diverged), 0; scipy cuts one of the six at each end
    assert found.loc["a", "iqm"] == pytest.approx(stats.trim_mean([0, 0.5, 1, 0.5, 0, 0], 0.25))
    assert found.loc["b", "iqm"] == pytest.approx(0.5)
    assert (found.loc["b", "low"], found.loc["b", "high"]) == (pytest.approx(0.5), pytest.approx(0.5))
    assert list(found.loc["a", ["tasks", "runs"]]) == [2, 6]


def test_a_planted_winner_is_found_and_a_planted_tie_is_a_tie(base: StudyContent) -> None:
    content = many_tasks(base, planted(10))
    found = across.aggregates(content)
    assert found["cell"].iloc[0] == "best"
    assert found["low"].iloc[0] > found["high"].iloc[1]
    table = across.pairs(content).set_index(["cell", "against"])
    for other in ("one", "two"):
        row = table.loc[("best", other)]
        assert (row["wins"], row["ties"], row["losses"], row["apart"]) == (10, 0, 0, True)
        assert row["p"] == pytest.approx(2 / 2**10)
    (tie,) = [table.loc[pair] for pair in table.index if "best" not in pair]
    assert tie["ties"] >= 9
    assert not tie["apart"]
    chances = across.improvements(content).set_index(["cell", "against"])
    assert chances.loc[("best", "one"), "low"] > 0.5
    assert chances.loc[("one", "best"), "probability"] == pytest.approx(1 - chances.loc[("best", "one"), "probability"])
    assert chances.loc[("one", "two"), "low"] < 0.5 < chances.loc[("one", "two"), "high"]


def test_wins_are_welch_with_holm_within_a_task_and_p_is_wilcoxon_with_holm(base: StudyContent) -> None:
    scores = planted(7, seeds=4, noise=0.1)
    content = many_tasks(base, scores)
    table = across.pairs(content)
    pairs = list(zip(table["cell"], table["against"], strict=True))
    wins, uncorrected = np.zeros(3, dtype=int), np.zeros(3, dtype=int)
    for i in range(7):
        raw = [stats.ttest_ind(scores[a][i], scores[b][i], equal_var=False) for a, b in pairs]
        better = [test.statistic > 0 for test in raw]
        wins += [p < 0.05 and up for p, up in zip(holm([t.pvalue for t in raw]), better, strict=True)]
        uncorrected += [test.pvalue < 0.05 and up for test, up in zip(raw, better, strict=True)]
    assert list(table["wins"]) == list(wins)
    assert wins.sum() < uncorrected.sum()
    means = {cell: np.mean(scores[cell], axis=1) for cell in scores}
    expected = holm([float(stats.wilcoxon(means[a], means[b]).pvalue) for a, b in pairs])
    np.testing.assert_allclose(table["p_holm"], expected)


def test_constant_scores_that_differ_are_no_tie_with_enough_seeds(base: StudyContent) -> None:
    def outcome(seeds: int) -> tuple[int, int]:
        table = across.pairs(many_tasks(base, {"a": [[0.2] * seeds] * 2, "b": [[1.0] * seeds] * 2}))
        return int(table["wins"].iloc[0]), int(table["ties"].iloc[0])

    # the two groups of equal values can be dealt out in C(2n, n) ways: 2/20 with three seeds, 2/252 with five
    assert outcome(3) == (0, 2)
    assert outcome(5) == (2, 0)
    same = across.pairs(many_tasks(base, {"a": [[0.5] * 5] * 2, "b": [[0.5] * 5] * 2}))
    assert (same["ties"].iloc[0], math.isnan(same["p"].iloc[0])) == (2, True)


def test_errors_are_compared_on_their_own_scale(study: StudyContent) -> None:
    """The made-up study has two tasks of errors: a win is a smaller error."""
    table = across.pairs(study)
    pair = table[(table["cell"] == "cornn") & (table["against"] == "rnn")].iloc[0]
    assert pair["wins"] >= 2
    assert pair["losses"] == 0


def test_cells_without_a_score_on_every_task_are_left_out_and_named(base: StudyContent) -> None:
    scores = planted(2)
    content = many_tasks(base, scores)
    rows = content.rows[~((content.rows["cell"] == "two") & (content.rows["task"] == "task-1"))]
    lacking = replace(content, rows=rows)
    assert across.left_out(lacking) == ["two"]
    assert set(across.aggregates(lacking)["cell"]) == {"one", "best"}
    assert "Left out, for want of a score on every task: two." in said(lacking)


def said(content: StudyContent) -> str:
    """Return the words of the section, without the frames behind its figures."""
    blocks = across_section(content, Drawings()).blocks
    words = [replace(block, frame=None) if isinstance(block, Picture) else block for block in blocks]
    return " ".join(str(block) for block in words).replace("\\xa0", " ")


def test_profiles_fall_from_one(base: StudyContent) -> None:
    found = across.profiles(many_tasks(base, {"a": [[0.1, 1.0], [1.0, 1.0]], "b": [[0.0, 0.55], [0.1, 0.1]]}))
    at = found.set_index(["cell", "threshold"])["share"]
    assert at.loc[("a", 0.0)] == 1.0
    assert at.loc[("a", 1.0)] == 0.75
    # −0.11 is below the baseline's 0, and 0.5 reaches 0.5
    assert at.loc[("b", 0.0)] == 0.75
    assert at.loc[("b", 0.5)] == 0.25
    for _, own in found.groupby("cell"):
        assert (np.diff(own["share"]) <= 0).all()


def test_few_tasks_are_told_what_they_cannot_show(base: StudyContent) -> None:
    text = said(many_tasks(base, planted(3)))
    assert "n = 15 runs a cell" in text
    assert "can tell no two cells apart" in text
    assert "takes at least 10 tasks; this study has 3" in text
    assert "With one task there is nothing to put together" in said(many_tasks(base, planted(1)))
    one_seed = said(many_tasks(base, planted(2, seeds=1)))
    assert "nan" not in one_seed.lower()


def test_the_critical_difference_diagram_comes_with_ten_tasks(base: StudyContent) -> None:
    pytest.importorskip("scikit_posthocs", reason="the extra `stats` is not installed")
    content = many_tasks(base, planted(10))
    drawn = Drawings()
    blocks = across_section(content, drawn).blocks
    (frame,) = [block.frame for block in blocks if isinstance(block, Picture) and block.stem == "places"]
    assert frame["cell"].iloc[0] == "best"
    assert frame["place"].iloc[0] == 1.0
    texts = [text.get_text() for text in drawn.figure("places").axes[0].texts]
    assert "best (1.00)" in texts
    compared = across.pairs(content)
    matrix = p_matrix(compared, ["one", "best", "two"])
    assert matrix.loc["one", "best"] < 0.05
    assert matrix.loc["one", "two"] > 0.05
    # one bar, which joins the two that are alike
    bars = [line for line in drawn.figure("places").axes[0].lines if line.get_linewidth() == 2.2]
    assert len(bars) == 1
    assert "takes at least 10 tasks; this study has 9" in said(many_tasks(base, planted(9)))


def test_without_scikit_posthocs_the_diagram_is_named_and_nothing_breaks(
    base: StudyContent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    text = said(many_tasks(base, planted(10)))
    assert "pip install 'rnnzoo[stats]'" in text
    assert "best 1.00" in text


def test_labels_of_a_matrix_do_not_run_into_each_other(base: StudyContent) -> None:
    for cells in (["rnn", "gru", "lstm"], ["generated-searched", "generated-random", "cornn"]):
        content = many_tasks(base, {cell: [[0.1, 0.5], [0.3, 0.4]] for cell in cells})
        figure = improvement_figure(content, across.improvements(content), cells)
        FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
        labels = figure.axes[0].get_xticklabels()
        if len(cells[0]) > WIDEST_LABEL:
            assert all(label.get_rotation() == 30 for label in labels)
        else:
            boxes = [label.get_window_extent() for label in labels]
            assert all(left.x1 < right.x0 for left, right in pairwise(boxes))
