"""The laboratory's sections: sentences follow the numbers, violations cannot be overlooked, absence breaks nothing."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from rnnzoo.report.blocks import Bullets, Matrix, Paragraph, Table
from rnnzoo.report.composing import compose
from rnnzoo.report.content import ROW_COLUMNS, StudyContent, TaskContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.laboratory import frames
from rnnzoo.report.laboratory.bounds import bound_section
from rnnzoo.report.laboratory.composing import STEMS, laboratory_sections
from rnnzoo.report.laboratory.figures import value_range
from rnnzoo.report.laboratory.glance import headline
from rnnzoo.report.writing import write_report

CELLS = ["rnn", "unicornn", "exprnn"]
RATE = {"rnn": -0.5, "unicornn": 0.0, "exprnn": 0.3}
EARLY = {"rnn": 3e-20, "unicornn": 0.1, "exprnn": 1.0}
MOMENTS = ("initial", "trained")


def rows(**columns):
    return pd.DataFrame([{"task": "adding", "seed": 1, **row} for row in columns["of"]])


def each(make):
    return rows(of=[{"cell": c, "moment": m, **row} for c in CELLS for m in MOMENTS for row in make(c)])


def check(cell, moment="trained", holds="yes", share=0.5, **row):
    return {
        "task": "adding", "cell": cell, "seed": 1, "moment": moment, "layer": np.nan, "statement": "jacobian_bound",
        "quantity": "‖∂h_n/∂h_k‖₂", "at": 10.0, "bound": 1.0, "measured": share, "share": share, "lower": False,
        "holds": holds, "reason": "applies: no condition", "source": "derived here",
    } | row  # fmt: skip


def content(checks=None, **measured):
    task = TaskContent("adding", "adding", "adding, 50 steps", "error", "minimize", 0.0, True, 1 / 6)
    gradients = each(
        lambda c: [
            {"t": t, "median": np.exp(RATE[c] * (100 - t)), "low": 0, "high": 1, "early_share": EARLY[c]}
            for t in range(1, 101)
        ]
    )
    full = {
        "jacobians": each(lambda c: [
            {"lag": lag, "index": i, "log_sigma": RATE[c] * lag - i, "width": 3} for lag in (1, 100) for i in (1, 3)
        ]),
        "lyapunov": each(lambda c: [
            {"t": t, "index": 1, "exponent": RATE[c] + 1 / t**2, "kaplan_yorke": 1.0} for t in (10, 50, 100)
        ]),
        "memory": each(lambda c: [{"lag": k, "capacity": max(0.0, 1 - k / 10)} for k in range(12)]),
        "lags": each(lambda c: [
            {"layer": 1, "direction": 1, "weight": w, "t": t, "share": s}
            for w in ("u", "W") for t, s in ((50, 0.25), (100, 0.75))
        ]),
        "precision": each(lambda c: [
            {"quantity": q, "t": t, "median": 1e-7 * t, "low": 0, "high": 1}
            for q in ("state", "gradient") for t in (1, 99)
        ]),
        "inversion": rows(of=[
            {"cell": "unicornn", "moment": m, "dtype": d, "steps": n, "error": 1e-7 * n}
            for m in MOMENTS for d in ("float32", "float64") for n in (1, 100)
        ]),
        "history": rows(of=[
            {"cell": c, "step": s, "t": t, "median": np.exp(RATE[c] * (100 - t) * (1 + s)), "low": 0, "high": 1,
             "early_share": EARLY[c] if s else 0.125}
            for c in CELLS for s in (0, 10) for t in (1, 50, 100)
        ]),
        "constraints": rows(of=[
            {"cell": "exprnn", "step": s, "layer": 1, "error": 1e-7, "largest": 1.0, "smallest": 1.0,
             "claim": "orthogonal"} for s in (0, 10)
        ]),
        "bounds": pd.DataFrame(checks or [check("unicornn"), check("unicornn", "initial"), check("exprnn", share=1.0)]),
        "costs": rows(of=[{"cell": c, "diagnostic": "bounds", "seconds": 2.0, "reason": ""} for c in CELLS]),
    }  # fmt: skip
    return StudyContent(
        name="lab", question="What?", command="rnnzoo run lab.toml", training_seconds=5.0, environment={}, seeds=[1],
        cells=CELLS, tasks=[task], rows=clipped_rows(), curves=clipped_curves(), gradients=gradients,
        measured=full | measured, measured_length=100, focus="gradients",
        promises={"unicornn": "all is well (title)", "exprnn": "nothing grows (abstract)"},
    )  # fmt: skip


def clipped_rows():
    rows = [
        {"study": "lab", "phase": "confirm", "task": "adding", "cell": c, "seed": 1, "state": "finished", "run": c,
         "metric": "error", "direction": "minimize", "test": 0.1, "valid": 0.1, "seconds_per_step": 0.1,
         "memory_mib": 1.0, "parameters": 9, "training.clip_norm": limit}
        for c, limit in (("rnn", np.nan), ("unicornn", 5.0), ("exprnn", 1.0))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=[*ROW_COLUMNS, "training.clip_norm"])


def clipped_curves():
    # of 10 steps half were clipped, of the next 30 none
    rows = [
        {"run": c, "phase": "confirm", "task": "adding", "cell": c, "seed": 1, "trial": np.nan, "step": s,
         "seconds": 1.0, "train_loss": 1.0, "valid": 0.1, "grad_norm": 2.0, "clipped": share if c == "exprnn" else 0.0}
        for c in CELLS for s, share in ((10, 0.5), (40, 0.0))
    ]  # fmt: skip
    return pd.DataFrame(rows)


def sections(of):
    drawn = Drawings()
    return {section.anchor: section for section in laboratory_sections(of, drawn)}, drawn


def text(section):
    said = []
    for block in section.blocks:
        match block:
            case Paragraph():
                said.append(block.text)
            case Bullets():
                said += [f"{name} {words}" for name, words in block.entries]
            case Table():
                said += [" | ".join(row) for row in block.rows]
    return "\n".join(said)


@pytest.fixture(scope="module")
def whole():
    return sections(content())


def test_every_measure_has_its_section_and_figure(whole):
    found, drawn = whole
    assert list(found) == ["glance", "bounds", "gradients", "time", "growth", "memory", "structure", "measuring"]
    assert set(drawn) == {*STEMS, "gradients"}


def test_what_vanishes_explodes_and_stays_level_is_said(whole):
    found, _ = whole
    assert "100 steps back vanishes in rnn" in text(found["growth"])
    assert "explodes in exprnn (×\u00a03.9\u00a0×\u00a010¹²); stays level in unicornn" in text(found["growth"])
    assert "a small perturbation dies out in rnn (−0.50); grows in exprnn (0.30); neither" in text(found["growth"])
    matrix = next(block for block in found["glance"].blocks if isinstance(block, Matrix))
    shown = {cell: shades[1] for cell, shades in matrix.rows}
    assert [shown[cell].small for cell in CELLS] == ["vanishes", "stays level", "explodes"]
    assert len({shade.background for shade in shown.values()}) == 3


def test_the_numbers_in_the_sentences_are_those_of_the_frames(whole):
    found, _ = whole
    assert "exprnn 5, rnn 5 and unicornn 5" in text(found["memory"])
    assert "rnn 25.0%, unicornn 25.0% and exprnn 25.0%" in text(found["time"])
    assert "exprnn ×\u00a07.9\u00a0×\u00a010¹², then ×" in text(found["time"])
    assert "exprnn, which claims orthogonal: up to 1.0\u00a0×\u00a010⁻⁷" in text(found["structure"])
    assert "after 100 steps forth and back the first state is missed by 1.0\u00a0×\u00a010⁻⁵ in float32" in text(
        found["structure"]
    )
    assert "grows up to: exprnn 9.9\u00a0×\u00a010⁻⁶" in text(found["structure"])
    assert "All measures together took 6.00 s, beside 5.00 s of training" in text(found["measuring"])


def test_what_reaches_the_first_tenth_is_said_before_along_and_after_training(whole):
    found, _ = whole
    assert "gets (10% if the gradient is level): exprnn 100.0%, unicornn 10.0% and rnn 3.0\u00a0×\u00a010⁻²⁰." in text(
        found["gradients"]
    )
    assert "rnn 12.5%, then 3.0\u00a0×\u00a010⁻²⁰; unicornn 12.5%, then 10.0%" in text(found["time"])
    assert "reaches the first tenth" in next(b for b in found["glance"].blocks if isinstance(b, Matrix)).columns


def test_how_often_clipping_struck_is_said_of_those_that_clip(whole):
    found, _ = whole
    said = text(found["time"])
    assert "unicornn in 0.0% of the steps and exprnn in 12.5% of the steps; rnn trains without clipping." in said
    struck = frames.struck(content())
    assert list(struck["cell"].unique()) == ["exprnn", "unicornn"]
    # without any clipping there is a sentence and no figure
    free = replace(content(), rows=clipped_rows().assign(**{"training.clip_norm": np.nan}))
    found, drawn = sections(free)
    assert "rnn, unicornn and exprnn train without clipping." in text(found["time"])
    assert "clipping" not in drawn


def test_what_a_paper_promises_is_set_beside_the_gradient(whole):
    found, _ = whole
    said = text(found["gradients"])
    assert "unicornn: its paper says that all is well (title). Here the gradient stays level (×\u00a01.0)" in said
    assert "at initialisation and stays level (×\u00a01.0) after training: as it says." in said
    assert "exprnn: its paper says that nothing grows (abstract). Here the gradient explodes" in said
    assert "at initialisation and after training that contradicts it." in said
    assert "\nrnn: its paper" not in said
    assert "Against what its paper says, the gradient does not stay level in exprnn." in text(found["glance"])
    idle = content([check("exprnn", holds="does not apply")])
    assert "What is proven of ‖∂h_n/∂h_k‖₂ does not apply at these settings." in text(sections(idle)[0]["gradients"])


def test_condition_numbers_are_exact_or_from_below(whole):
    found, _ = whole
    # e² everywhere, of all three values
    assert "at the longest lag, 100, it is below that in rnn (7.4), unicornn (7.4) and exprnn (7.4)" in text(
        found["growth"]
    )
    wide = content().measured["jacobians"].assign(width=900)
    steep = wide.assign(log_sigma=wide["log_sigma"].mask((wide["cell"] == "rnn") & (wide["index"] == 3), -np.inf))
    said = text(sections(content(jacobians=steep))[0]["growth"])
    assert (
        "exceeds 10⁷, where float32 loses the smallest direction beside the largest, from these lags on: rnn 1" in said
    )
    assert "in unicornn (at least 7.4) and exprnn (at least 7.4)" in said


def test_a_bound_that_holds_is_counted_and_one_that_is_violated_stands_everywhere():
    kept = content()
    assert headline(kept).endswith("All 3 statements that apply hold.")
    idle = check("rnn", holds="does not apply", reason="does not apply: a < b (a = 2, b = 1)")
    broken = content([check("exprnn", holds="no", share=1.7), check("unicornn"), idle])
    found, _ = sections(broken)
    assert headline(broken).startswith("VIOLATED: exprnn: ‖∂h_n/∂h_k‖₂ after training.")
    for anchor in ("glance", "bounds"):
        assert "VIOLATED: exprnn" in text(found[anchor])
    assert "1 statement holds, 1 violated; 1 more does not apply." in text(found["bounds"])
    assert "does not apply: a < b (a = 2, b = 1)." in text(found["bounds"])
    matrix = next(block for block in found["glance"].blocks if isinstance(block, Matrix))
    assert {cell: shades[-1].text for cell, shades in matrix.rows}["exprnn"] == "1 VIOLATED"
    report, _ = compose(broken)
    assert report.headline.startswith("VIOLATED")


def test_the_place_nearest_to_the_bound_is_shown():
    many = [check("exprnn", share=s, at=a) for s, a in ((0.2, 1.0), (0.9, 10.0), (0.4, 100.0))]
    (row,) = frames.checks(content(many)).itertuples()
    assert (row.at, row.share, row.places, row.violated) == (10.0, 0.9, 3, 0)
    many[0] |= {"holds": "no", "share": 1.1}
    (row,) = frames.checks(content(many)).itertuples()
    assert (row.at, row.holds, row.violated) == (1.0, "no", 1)


def test_reach_ends_where_recall_first_fails():
    values = [1.0, 0.6, 0.4, 0.9]
    frame = each(lambda c: [{"lag": k, "capacity": v} for k, v in enumerate(values)])
    assert set(frames.reaches(content(memory=frame))["reach"]) == {1}
    none = each(lambda c: [{"lag": 0, "capacity": 0.1}])
    of = content(memory=none)
    assert set(frames.reaches(of)["reach"]) == {-1}
    assert "rnn none" in text(sections(of)[0]["memory"])


def test_what_was_not_measured_breaks_nothing():
    nothing = replace(content(), measured={})
    found, _ = sections(nothing)
    assert list(found) == ["gradients"]
    alone = content()
    for name in list(alone.measured):
        kept = {"costs": alone.measured["costs"], name: alone.measured[name]}
        sections(replace(alone, measured=kept))
    unseen = replace(alone, measured={"alignment": alone.measured["costs"]}, gradients=alone.gradients.iloc[:0])
    assert "glance" not in sections(unseen)[0]
    none_declared = replace(alone, measured={"costs": alone.measured["costs"]})
    assert "None of these cells declares" in text(bound_section(none_declared, Drawings()))


def test_a_failed_measure_is_named_with_its_reason():
    failed = rows(of=[{"cell": "rnn", "diagnostic": "memory", "seconds": 1.0, "reason": "ValueError: no luck"}])
    found, _ = sections(content(costs=failed))
    assert "memory of rnn on adding, seed 1: ValueError: no luck." in text(found["measuring"])


@pytest.mark.usefixtures("without_figures")
def test_the_report_begins_with_gradients_only_where_they_are_the_question(tmp_path):
    of = content()
    assert compose(of)[0].sections[0].anchor == "glance"
    assert compose(replace(of, focus="scores"))[0].sections[0].anchor != "glance"
    page = write_report(of, tmp_path / "lab").read_text()
    assert "adding, 50 steps, measured on 100" in page
    assert "()" not in (tmp_path / "lab" / "report.md").read_text()
    for stem in STEMS:
        assert (tmp_path / "lab" / "figures" / f"{stem}.csv").stat().st_size > 0


def test_values_at_the_ends_of_a_floats_range_are_drawn(tmp_path):
    largest = {"rnn": -np.inf, "unicornn": 0.0, "exprnn": 900.0}
    lost = each(lambda c: [
        {"lag": lag, "index": i, "log_sigma": largest[c] if i == 1 else -np.inf, "width": 3}
        for lag in (1, 100) for i in (1, 3)
    ])  # fmt: skip
    assert write_report(content(jacobians=lost), tmp_path / "lab").exists()
    found, _ = sections(content(jacobians=lost))
    assert "from these lags on: rnn 1, unicornn 1 and exprnn 1" in text(found["growth"])
    assert "explodes in exprnn (overflow)" in text(found["growth"])


@pytest.mark.parametrize("values", [[1e308], [1e-320, 1e308], [np.inf, np.nan, 0.0], [5e-324]])
def test_an_axis_of_any_values_can_be_drawn(values):
    low, high = value_range(np.array(values))
    assert 0 < low < high < 1e31
