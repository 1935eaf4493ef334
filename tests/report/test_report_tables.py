"""The numbers of a report against numbers worked out by hand."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rnnzoo.report import formats, gradients, searched, sentences, tables
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.sections.search import best_table

Make = Callable[..., StudyContent]


def confirm(content: StudyContent, scores: dict[tuple[str, str], list[float]]) -> StudyContent:
    """Keep only confirming runs with these test scores; NaN stands for a run that diverged."""
    pattern = content.rows[content.rows["phase"] == "confirm"].iloc[0].to_dict()
    rows = []
    for (task, cell), values in scores.items():
        for seed, value in enumerate(values, 1):
            state = "diverged" if math.isnan(value) else "finished"
            own = {
                "task": task,
                "cell": cell,
                "seed": seed,
                "test": value,
                "state": state,
                "run": f"{task}{cell}{seed}",
            }
            rows.append(pattern | own)
    return replace(content, rows=pd.DataFrame(rows))


def test_interval_is_student_t() -> None:
    found = tables.mean_interval([1.0, 2.0, 3.0])
    # s = 1, t(0.975, 2) = 4.302653 (any table), half width 4.302653 / √3
    assert found.mean == 2.0
    assert found.high - 2.0 == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert 2.0 - found.low == pytest.approx(4.302653 / math.sqrt(3), rel=1e-6)
    assert tables.mean_interval([0.9, 1.0, 0.98], 0.0, 1.0).high == 1.0
    assert math.isnan(tables.mean_interval([0.5]).low)
    assert tables.mean_interval([]).n == 0


def test_errors_are_averaged_geometrically(make_study: Make) -> None:
    task = make_study(["rnn"], 1, search=False).tasks[0]
    found = tables.score_interval([0.001, 0.01, 0.1], task)
    assert found.mean == pytest.approx(0.01)
    # the logarithms to base 10 are −3, −2, −1: half a width of 4.302653 / √3 decades
    assert math.log10(found.high) == pytest.approx(-2 + 4.302653 / math.sqrt(3), rel=1e-6)
    assert found.low > 0


def test_welch_by_hand() -> None:
    a, b = [1.0, 2.0, 3.0], [4.0, 8.0]
    found = tables.welch(a, b)
    # variances 1 and 8; squared errors 1/3 and 4; freedom (13/3)² / ((1/3)²/2 + 4²/1)
    error, freedom = math.sqrt(13 / 3), (13 / 3) ** 2 / (1 / 18 + 16)
    assert found.difference == -4.0
    assert freedom == pytest.approx(1.169550, rel=1e-6)
    half = (found.high - found.low) / 2
    from scipy import stats

    reference = stats.ttest_ind(a, b, equal_var=False)
    assert found.p == pytest.approx(float(reference.pvalue), rel=1e-9)
    assert half == pytest.approx(float(stats.t.ppf(0.975, freedom)) * error, rel=1e-9)


def test_welch_without_spread_or_seeds_has_no_p() -> None:
    assert math.isnan(tables.welch([0.1 + 0.2, 0.3], [0.3, 0.3]).p)
    assert math.isnan(tables.welch([1.0], [2.0, 3.0]).p)
    assert tables.welch([1.0], [2.0, 3.0]).difference == -1.5
    assert tables.welch([1.0, 1.0], [2.0, 3.0]).p < 1


def test_holm_by_hand() -> None:
    assert tables.holm([0.04, 0.01, 0.03]) == pytest.approx([0.06, 0.03, 0.06])
    assert tables.holm([0.5, 0.6]) == [1.0, 1.0]
    corrected = tables.holm([0.02, math.nan, 0.01])
    assert corrected[0] == pytest.approx(0.02)
    assert math.isnan(corrected[1])
    assert corrected[2] == pytest.approx(0.02)


def test_normalised_scale(make_study: Make) -> None:
    adding, _, digits = make_study(["rnn"], search=False).tasks
    assert digits.normalised(0.1) == 0.0
    assert digits.normalised(1.0) == 1.0
    assert digits.normalised(0.55) == pytest.approx(0.5)
    assert adding.normalised(0.0) == 1.0
    assert adding.normalised(2 * adding.baseline) == pytest.approx(-1.0)


def test_diverged_counts_as_the_baseline_and_failed_does_not_count(make_study: Make) -> None:
    content = confirm(make_study(["rnn", "cornn"], search=False), {("digits", "cornn"): [0.9, 0.7, math.nan]})
    found = tables.scores(content)
    row = found[(found["task"] == "digits") & (found["cell"] == "cornn")].iloc[0]
    assert row["mean"] == pytest.approx((0.9 + 0.7 + 0.1) / 3)
    assert (row["n"], row["lost"], row["failed"]) == (3, 1, 0)
    failed = replace(content, rows=content.rows.assign(state=content.rows["state"].replace("diverged", "failed")))
    found = tables.scores(failed)
    row = found[(found["task"] == "digits") & (found["cell"] == "cornn")].iloc[0]
    assert row["mean"] == pytest.approx(0.8)
    assert (row["n"], row["lost"], row["failed"]) == (2, 0, 1)
    assert int(found[found["cell"] == "rnn"]["n"].sum()) == 0


@pytest.mark.parametrize("state", ["out_of_memory", "timed_out"])
def test_a_run_without_memory_or_time_counts_as_one_that_diverged(make_study: Make, state: str) -> None:
    content = confirm(make_study(["rnn", "cornn"], search=False), {("digits", "cornn"): [0.9, 0.7, math.nan]})
    lost = replace(content, rows=content.rows.assign(state=content.rows["state"].replace("diverged", state)))
    pd.testing.assert_frame_equal(tables.scores(lost), tables.scores(content))
    assert "each counts with the baseline's score" in " ".join(sentences.verdicts(lost)[2].sentences)


def test_a_trial_of_several_runs_is_one_row_with_the_score_of_all(make_study: Make) -> None:
    content = make_study(["rnn"], 1, trial_count=4)
    first = content.rows[content.rows["phase"] == "search"]
    rows = pd.concat([first.assign(seed=seed, valid=0.5 + seed, seconds=4.0) for seed in (0, 1)], ignore_index=True)
    states = {0: "complete", 1: "pruned", 2: "complete", 3: "failed"}
    scores = {0: 0.03, 1: 0.01, 2: math.inf, 3: math.nan}
    rows = rows.assign(trial_state=rows["trial"].map(states), trial_score=rows["trial"].map(scores), state="finished")
    rows.loc[(rows["trial"] == 2) & (rows["seed"] == 1), "state"] = "diverged"
    rows.loc[(rows["trial"] == 3) & (rows["seed"] == 1), "state"] = "failed"
    found = searched.trials(replace(content, rows=rows)).set_index("trial")
    assert found["state"].to_dict() == {0: "finished", 1: "pruned", 2: "diverged", 3: "failed"}
    assert found["valid"].dropna().to_dict() == {0: 0.03, 1: 0.01}
    # the pruned trial has the better score, but it was not carried through
    assert found.index[found["chosen"]].tolist() == [0]
    assert found["seconds"].tolist() == [8.0] * 4


def test_winner_and_words_follow_the_direction(make_study: Make) -> None:
    cells = ["rnn", "lstm", "cornn"]
    content = confirm(
        make_study(cells, search=False),
        {
            ("adding", "rnn"): [0.16, 0.165, 0.17],
            ("adding", "lstm"): [0.010, 0.011, 0.012],
            ("adding", "cornn"): [0.0010, 0.0011, 0.0012],
            ("copy", "rnn"): [0.26, 0.259, 0.261],
            ("copy", "lstm"): [0.2599, 0.26, 0.2601],
            ("digits", "rnn"): [0.90, 0.92, 0.94],
            ("digits", "lstm"): [0.91, 0.93, 0.94],
        },
    )
    adding, copy, digits = sentences.verdicts(content)
    assert adding.winner == "cornn"
    assert adding.apart is True
    text = " ".join(adding.sentences)
    assert "runner-up is lstm" in text
    assert "10.0 times the error" in text
    assert "every other cell is real" in text
    assert copy.winner is None
    assert "No cell beats the baseline" in copy.sentences[0]
    assert digits.winner == "lstm"
    assert digits.apart is False
    text = " ".join(digits.sentences)
    assert "cannot be told apart from rnn with n\u00a0=\u00a03 seeds" in text
    assert "0.7 points less" in text
    assert "Not confirmed on this task: cornn" in text
    said = sentences.headline([adding, copy, digits])
    assert "cornn on adding; lstm on digits" in said
    assert "real on adding only" in said
    assert "No cell beats the baseline on copy" in said


def test_ties_and_single_seeds_are_said(make_study: Make) -> None:
    base = make_study(["rnn", "lstm"], search=False)
    tie = confirm(base, {("digits", "rnn"): [1.0, 1.0], ("digits", "lstm"): [1.0, 1.0]})
    verdict = sentences.verdicts(tie)[2]
    assert verdict.apart is None
    assert "shares first place" in " ".join(verdict.sentences)
    single = confirm(base, {("digits", "rnn"): [0.5], ("digits", "lstm"): [0.9]})
    verdict = sentences.verdicts(single)[2]
    assert (verdict.winner, verdict.apart) == ("lstm", None)
    assert "one seed" in " ".join(verdict.sentences)
    assert "95%" not in " ".join(verdict.sentences)


def test_curves_hold_early_stops_and_divergence(make_study: Make) -> None:
    base = confirm(make_study(["rnn"], 1, search=False), {("adding", "rnn"): [0.1, 0.1, math.nan]})
    # the second stops early; the third is not evaluated at 100 and diverges before 300
    points = {
        "addingrnn1": [(0, 0.16), (100, 0.12), (200, 0.10), (300, 0.09)],
        "addingrnn2": [(0, 0.16), (100, 0.14)],
        "addingrnn3": [(0, 0.16), (200, 0.15), (300, math.nan)],
    }
    curves = pd.DataFrame(
        [
            {"run": run, "phase": "confirm", "task": "adding", "cell": "rnn", "seed": int(run[-1]), "trial": math.nan,
             "step": step, "seconds": step / 10, "train_loss": 0.1, "valid": value}
            for run, entries in points.items() for step, value in entries
        ]
    )  # fmt: skip
    rows = base.rows.assign(seconds_per_step=[0.5, 0.5, 0.5])
    found = tables.learning_curves(replace(base, rows=rows, curves=curves))
    assert found["median"].tolist() == pytest.approx([0.16, 0.14, 0.14, 0.14])
    assert found["high"].tolist() == pytest.approx([0.16, 0.16, 0.15, 0.1667])
    assert found["low"].tolist() == pytest.approx([0.16, 0.12, 0.10, 0.09])
    assert found["seconds"].tolist() == pytest.approx([0.0, 50.0, 100.0, 150.0])
    found = tables.learning_curves(replace(base, curves=curves, rows=base.rows.assign(seconds_per_step=math.nan)))
    assert found["seconds"].tolist() == pytest.approx([0.0, 10.0, 20.0, 30.0])
    assert set(found["timing"]) == {"clock"}


@pytest.mark.parametrize(
    ("norms", "ratio", "fate"),
    [
        (np.full(100, 0.3), 1.0, "stays level"),
        (np.geomspace(1e-6, 1.0, 20), 1e-6 * 10 ** (6 / 38), "vanishes"),
        (np.r_[np.full(99, 1e-43), 1.0], 1e-43, "vanishes"),
        (np.geomspace(1e6, 1.0, 3), 1e6, "explodes"),
        (np.r_[np.zeros(10), np.ones(10)], 0.0, "vanishes"),
        (np.r_[np.full(10, np.inf), np.ones(10)], math.inf, "explodes"),
        (np.zeros(10), math.nan, "not measured"),
    ],
)
def test_gradient_fates(make_study: Make, norms: np.ndarray, ratio: float, fate: str) -> None:
    content = make_study(["rnn"], 1, search=False)
    where = {"task": "adding", "cell": "rnn", "seed": 1, "moment": "initial", "t": range(1, len(norms) + 1)}
    frame = pd.DataFrame({**where, "median": norms, "low": norms, "high": norms})
    found = gradients.gradient_fates(replace(content, gradients=frame)).iloc[0]
    # of 20 norms a tenth is two, whose median lies a little above their geometric mean
    assert float(found["ratio"]) == pytest.approx(ratio, rel=0.15, nan_ok=True)
    assert found["fate"] == fate
    if fate == "vanishes":
        said = sentences.gradient_sentences(pd.DataFrame([found]), content.tasks[0])
        assert said[0].startswith("At initialisation it vanishes in rnn (")


def test_best_settings_take_the_best_finished_trial(study: StudyContent) -> None:
    search = study.rows[(study.rows["phase"] == "search") & (study.rows["cell"] == "cornn")]
    found = searched.best_settings(study)
    for task, pick in (("adding", "idxmin"), ("digits", "idxmax")):
        own = search[search["task"] == task]
        best = own.loc[getattr(own["valid"].astype(float), pick)()]
        row = found[(found["task"] == task) & (found["cell"] == "cornn") & (found["setting"] == "dt")].iloc[0]
        assert row["value"] == best["cell.dt"]
        assert row["trial"] == best["trial"]


def test_importance_finds_the_setting_that_decides(make_study: Make) -> None:
    content = make_study(["cornn"], 1, trial_count=40)
    rng = np.random.default_rng(0)
    rate, idle = 10 ** rng.uniform(-4, -1, 40), rng.uniform(0, 1, 40)
    search = content.rows[content.rows["phase"] == "search"].assign(
        **{"training.lr": rate, "cell.dt": idle, "cell.gamma": math.nan, "cell.epsilon": math.nan,
           "valid": np.abs(np.log10(rate) + 2.5), "state": "finished"}
    )  # fmt: skip
    found = searched.importance(replace(content, rows=search)).set_index("setting")["importance"]
    assert found.sum() == pytest.approx(1.0)
    assert found["lr"] > 0.8
    # here dt decides, and the highest rates diverge: were those the good ones, the rate would seem to decide
    search = search.assign(valid=np.abs(idle - 0.5))
    search.loc[rate > np.sort(rate)[-6], ["state", "valid"]] = ["diverged", math.nan]
    found = searched.importance(replace(content, rows=search)).set_index("setting")["importance"]
    assert found["dt"] > 0.5
    assert searched.importance(replace(content, rows=search.head(9))).empty


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.0085234, "0.00852"), (1234.5, "1,230"), (0.1, "0.100"), (-2.5, "−2.50"), (0.0, "0"), (math.nan, "–"),
     (4.5e-9, "4.50\u00a0×\u00a010⁻⁹"), (math.inf, "∞"), (999.9, "1,000"), (20000, "20,000")],
)  # fmt: skip
def test_numbers_have_three_digits(value: float, text: str) -> None:
    assert formats.number(value) == text


def test_percent_keeps_what_separates_it_from_all() -> None:
    digits = TaskContent("d", "d", "d", "accuracy", "maximize", 1.0, False, 0.1)
    assert formats.score(0.8361, digits) == "83.6%"
    assert formats.score(0.9996, digits) == "99.96%"
    assert formats.score(1.0, digits) == "100.0%"
    assert formats.difference(0.032, digits) == "3.2 points"


def test_content_rejects_what_does_not_fit(make_study: Make) -> None:
    content = make_study(["rnn"], 1, search=False)
    with pytest.raises(ValueError, match="rows lacks the columns test"):
        replace(content, rows=content.rows.drop(columns="test"))
    with pytest.raises(ValueError, match=r"rows\.cell has \['rnn'\]"):
        replace(content, cells=["lstm"])


def test_whole_numbers_among_the_best_settings_are_written_whole(make_study: Make) -> None:
    rows = [
        ("digits", "rnn", "nodes", 7.0, 5.0, 7.0), ("digits", "rnn", "clip_norm", 7.0, 0.5, 9.0),
    ]  # fmt: skip
    best = pd.DataFrame(rows, columns=["task", "cell", "setting", "value", "low", "high"])
    written = best_table(make_study(["rnn"]), best).rows
    assert written == (("rnn", "nodes", "7", "5 to 7"), ("rnn", "clip_norm", "7.00", "0.500 to 9.00"))
