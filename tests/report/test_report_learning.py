"""The section on learning rules: what it says follows from the runs, for better and for worse."""

import math

import numpy as np
import pandas as pd
import pytest

from rnnzoo.learning.together import BEFORE
from rnnzoo.report.colours import cell_styles
from rnnzoo.report.composing import compose
from rnnzoo.report.content import ROW_COLUMNS, StudyContent, TaskContent
from rnnzoo.report.learning import (
    angle_sentences,
    angles,
    rule_costs,
    rule_scores,
    score_sentences,
    sparse_pairs,
    tally,
)
from rnnzoo.report.learning import sparse_sentence as said_of
from rnnzoo.report.writing import write_report

MEANS = {"bptt": 0.80, "readout": 0.20, "dfa": 0.70, "sparse": 0.50, "lost": 0.21}
KINDS = {"bptt": "bptt", "readout": "readout", "dfa": "dfa", "sparse": "dfa", "lost": "dfa"}
OTHERWISE = {"lost": '{"block": 9}'}
DENSITY = {"dfa": 1.0, "sparse": 0.1, "lost": 1.0}
PRODUCTS = {"readout": 0, "dfa": 400, "sparse": 40, "lost": 400}


def study(alignment: bool = True) -> StudyContent:
    """One cell under five rules on one task, five seeds each."""
    task = TaskContent("digits", "padded_digits", "digits, 20 steps", "accuracy", "maximize", 1.0, False, 0.1)
    labels = {name: f"gru · {name}" for name in MEANS}
    rules = pd.DataFrame(
        {
            "cell": labels[name],
            "base": "gru",
            "name": name,
            "rule": KINDS[name],
            "density": DENSITY.get(name, math.nan),
            "otherwise": OTHERWISE.get(name, "{}"),
        }
        for name in MEANS
    )
    rows, angle_rows, ways = [], [], []
    for name, mean in MEANS.items():
        for seed in range(1, 6):
            row = dict.fromkeys(ROW_COLUMNS, math.nan) | {
                "study": "made-up", "phase": "confirm", "task": "digits", "cell": labels[name], "seed": seed,
                "state": "finished", "reason": "", "metric": "accuracy", "direction": "maximize", "baseline": 0.1,
                "valid": mean, "test": mean + 0.01 * (seed - 3), "steps": 100, "seconds": 1.0, "engine": "native",
                "hidden_size": 4, "num_layers": 1, "parameters": 100, "run": f"{name}{seed}",
                "seconds_per_step": 0.002 if name == "bptt" else 0.001, "memory_mib": 1.0, "best_step": 100,
            }  # fmt: skip
            rows.append(row)
            if name != "bptt":
                for way, own, true in (("feedback", PRODUCTS[name], 0), ("time", 0, 3900), ("readout", 0, 100)):
                    known = {"task": "digits", "cell": labels[name], "seed": seed, "way": way}
                    ways.append(known | {"multiply_adds": own, "backpropagation": true})
            if KINDS[name] == "dfa":
                for step, degrees in ((0, 90.0), (100, {"dfa": 60.0, "sparse": 88.0, "lost": 120.0}[name])):
                    for parameter in (BEFORE, "recurrent.cells.0.W"):
                        known = {"task": "digits", "cell": labels[name], "seed": seed, "step": step}
                        cosine = math.cos(math.radians(degrees))
                        measured = {"parameter": parameter, "cosine": cosine, "degrees": degrees, "ratio": 1.0}
                        angle_rows.append(known | measured)
    frames = {"alignment": pd.DataFrame(angle_rows)} if alignment else {}
    return StudyContent(
        name="made-up", question="?", command="rnnzoo run x", training_seconds=1.0, environment={"date": "2026-01-01"},
        seeds=[1, 2, 3, 4, 5], cells=list(labels.values()), tasks=[task], rows=pd.DataFrame(rows), rules=rules,
        transport=pd.DataFrame(ways), **frames,
    )  # fmt: skip


def test_rules_are_sorted_by_what_they_teach():
    content = study()
    said = " ".join(score_sentences(rule_scores(content), content.tasks[0], "gru"))
    assert said == (
        "Readout alone 20.0% (baseline 10.0%). Above it: bptt (80.0%), dfa (70.0%) and sparse (50.0%). "
        "Not told apart from it: lost (21.0%). "
        "Backpropagation 80.0%. Below it: dfa (70.0%), sparse (50.0%) and lost (21.0%)."
    )


def test_the_tally_counts_where_a_rule_failed():
    content = study()
    said = tally(content, rule_scores(content))
    assert said[0] == ("bptt.", "Above the readout alone in 1 of 1 cases.")
    assert said[1] == ("dfa.", "Above the readout alone in 1 of 1 cases; better than backpropagation in 0, worse in 1.")
    assert said[3] == (
        "lost.",
        "Above the readout alone in 0 of 1 cases; better than backpropagation in 0, worse in 1.",
    )


def test_without_the_control_the_report_says_what_is_not_known():
    content = study()
    without = content.rules[content.rules["rule"] != "readout"]
    table = rule_scores(StudyContent(**{**vars(content), "rules": without}))
    assert score_sentences(table, content.tasks[0], "gru")[0].startswith("The readout alone was not trained")
    assert table["control_p"].isna().all()


def test_sparse_feedback_is_set_beside_its_dense_twin():
    content = study()
    pairs = sparse_pairs(content)
    assert list(pairs["sparse"]) == ["sparse"]
    assert list(pairs["dense"]) == ["dfa"]
    text = said_of(pairs.iloc[0], content.tasks[0]).replace("\u00a0", " ")
    assert "sparse keeps 10.0% of the feedback of dfa: 40 multiply-adds" in text
    assert "instead of 400 (90.0% saved)" in text
    assert "from 70.0% to 50.0%, 20.0 points less" in text
    assert text.endswith("the loss is real.")


def test_costs_stand_beside_those_of_backpropagation():
    costs = rule_costs(study()).set_index("name")
    assert costs["multiply_adds"].to_dict() == {"bptt": 4000, "readout": 0, "dfa": 400, "sparse": 40, "lost": 400}
    assert set(costs["backpropagation"]) == {4000}


def test_angles_are_told_as_they_are_also_when_they_are_no_better_than_chance():
    content = study()
    found = angles(content)
    assert len(found) == 3 * 2 * 2
    text = " ".join(angle_sentences(found, content.tasks[0], "gru"))
    assert "dfa turns towards it, 90° to 60°;" in text
    assert "sparse stays, 90° to 88°, no nearer than chance;" in text
    assert "lost turns away from it, 90° to 120°, against it." in text


def test_a_report_draws_the_rules_and_keeps_the_numbers(tmp_path):
    write_report(study(), tmp_path)
    names = {path.name for path in (tmp_path / "figures").iterdir()}
    assert {"learning.svg", "alignment.png", "alignment_parameters.csv"} <= names
    table = pd.read_csv(tmp_path / "figures" / "learning.csv")
    assert np.isclose(table.set_index("name").loc["dfa", "control"], 0.5)
    page = (tmp_path / "report.html").read_text()
    assert "What does each learning rule teach, and at what cost?" in page
    assert "the loss is real" in page


def test_a_report_says_when_angles_were_not_measured():
    report, drawn = compose(study(alignment=False))
    section = next(s for s in report.sections if s.anchor == "learning")
    assert "alignment" not in drawn
    assert any("Angles were not measured" in getattr(block, "text", "") for block in section.blocks)


def test_a_study_without_rules_has_no_such_section(make_study):
    report, _ = compose(make_study(["rnn", "lstm"], task_count=1))
    assert not [section for section in report.sections if section.anchor == "learning"]


def test_a_rule_has_one_colour_and_a_cell_one_marker():
    styles = cell_styles(["gru · bptt", "gru · dfa", "cornn · bptt", "cornn · dfa", "rnn"])
    plain = cell_styles(["gru", "cornn"])
    assert styles["gru · dfa"].colour == styles["cornn · dfa"].colour != styles["gru · bptt"].colour
    assert styles["gru · dfa"].marker == plain["gru"].marker
    assert styles["cornn · dfa"].marker == plain["cornn"].marker


@pytest.mark.parametrize("frame", ["rules", "alignment", "transport"])
def test_a_frame_without_its_columns_is_refused(frame):
    content = study()
    with pytest.raises(ValueError, match=f"{frame} lacks the columns"):
        StudyContent(**{**vars(content), frame: pd.DataFrame({"cell": []})})
