"""A study crosses its cells with learning rules, each a competitor of its own."""

import pytest

from rnnzoo.learning.options import FeedbackOptions
from rnnzoo.study.file import StudyFileError
from rnnzoo.study.reading import read_plan
from rnnzoo.study.results import meanings
from tests.study.files import TINY, write_study

RULES = """
[[learning]]
name = "bptt"
rule = "bptt"

[[learning]]
name = "sparse"
rule = "dfa"
density = 0.1
block = "sequence"
training = { lr = 0.5 }
"""


def test_every_cell_learns_by_every_rule(tmp_path):
    plan = read_plan(write_study(tmp_path, TINY + RULES))
    assert plan.cells == ["rnn · bptt", "rnn · sparse", "cornn · bptt", "cornn · sparse"]
    assert plan.labels == ["adding", "copy"]
    first, second = plan.competitors[:2]
    assert (first.rule, second.rule) == (("rnn", "bptt"), ("rnn", "sparse"))
    config = second.confirm_config({}, 1)
    assert config.learning == FeedbackOptions(rule="dfa", density=0.1, block="sequence")
    assert config.training.lr == 0.5
    assert "training.lr" in first.space()
    assert "training.lr" not in second.space()


def test_a_report_says_what_a_rule_stands_for(tmp_path):
    plan = read_plan(write_study(tmp_path, TINY + RULES))
    found = meanings(plan)
    assert found["rnn · bptt"] == "rnn, learning by bptt"
    assert found["rnn · sparse"] == "rnn, learning by dfa with block = sequence, density = 0.1"


def test_without_rules_everything_is_as_it_was(tmp_path):
    plan = read_plan(write_study(tmp_path))
    assert plan.cells == ["rnn", "cornn"]
    assert plan.competitors[0].rule is None
    assert not {"learning", "encoder"} & set(plan.competitors[0].base)


def test_backpropagation_by_name_is_the_same_run_as_without_one(tmp_path):
    values = {"training.lr": 0.01, "training.clip_norm": 1.0}
    plain, named = (read_plan(write_study(tmp_path, text)).competitors[0] for text in (TINY, TINY + RULES))
    assert plain.confirm_config(values, 1).run_id() == named.confirm_config(values, 1).run_id()


def test_an_encoder_stands_before_a_cell_and_counts_in_its_budget(tmp_path):
    text = TINY.replace('name = "copy"\noptions = { length = 2, held_out_size = 20 }', 'name = "padded_digits"')
    text = text.replace('name = "rnn"', 'name = "rnn"\nencoder = { channels = [4] }').replace("300", "900")
    plan = read_plan(write_study(tmp_path, text + RULES))
    sparse = next(c for c in plan.competitors if c.label == "padded_digits" and c.cell == "rnn · sparse")
    config = sparse.confirm_config({"training.clip_norm": 1.0}, 1)
    assert config.encoder is not None
    assert config.encoder.channels == (4,)
    # an 8 × 8 digit becomes 4 steps of 4 × 4 features: H (H + 16 + 1) of the cell, 10 (H + 1) of the readout
    size = config.hidden_size
    assert sparse.parameters == 4 * 9 + 4 + size * (size + 17) + 10 * (size + 1) <= 900
    assert meanings(plan)["rnn · sparse"].startswith("rnn behind conv2d of 4 channels, learning by dfa")


@pytest.mark.parametrize(
    ("entry", "mistake"),
    [
        ('name = "a"', "learning 3.rule: is missing; choose one of bptt, tbptt, readout, dfa"),
        ('name = "a"\nrule = "hebb"', "learning 3.rule = 'hebb': is unknown; choose one of bptt, tbptt, readout, dfa"),
        ('name = "a"\nrule = "tbptt"', "learning 3.window: is missing; add it"),
        ('name = "sparse"\nrule = "bptt"', "learning 3 = 'sparse': stands twice; give it another name"),
        ('rule = "bptt"', "learning 3.name: is missing; add it"),
        (
            'name = "a"\nrule = "dfa"\ndensity = 2.0',
            "learning 3.density = 2.0: input should be less than or equal to 1",
        ),
        ('name = "a"\nrule = "dfa"\nsparse = true', "learning 3.sparse = True: is unknown; the keys are rule, block"),
        ('name = "a"\nrule = "bptt"\ntraining = { lr = -1.0 }', "learning 3.training.lr = -1.0"),
    ],
)
def test_mistakes_name_the_entry_and_the_remedy(tmp_path, entry, mistake):
    with pytest.raises(StudyFileError) as error:
        read_plan(write_study(tmp_path, f"{TINY}{RULES}\n[[learning]]\n{entry}\n"))
    assert any(line.startswith(mistake) for line in error.value.mistakes)


def test_a_rule_that_cannot_teach_a_cell_is_told_before_anything_runs(tmp_path):
    text = TINY.replace('name = "rnn"', 'name = "rnn"\nencoder = { channels = [4, 6] }')
    text = text.replace('name = "copy"\noptions = { length = 2, held_out_size = 20 }', 'name = "padded_digits"')
    rule = '[[learning]]\nname = "a"\nrule = "dfa"\ninside = "alignment"\ngroups = 4\n'
    with pytest.raises(StudyFileError, match=r"learning 1, cell 1, task 1 = 'a': learning.groups = 4 must divide"):
        read_plan(write_study(tmp_path, text.replace("300", "900") + rule))
