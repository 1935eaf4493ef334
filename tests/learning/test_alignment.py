"""The angle between a rule's gradient and the true one."""

import math

import pytest
import torch

from rnnzoo.configuration import TrainingOptions
from rnnzoo.learning.alignment import alignment, compared
from rnnzoo.learning.bptt import BPTT
from rnnzoo.learning.dfa import DFA
from rnnzoo.learning.readout import ReadoutOnly
from rnnzoo.learning.together import ALL, BEFORE
from rnnzoo.training import Training
from tests.learning.models import batch_of, feedback_options, small


def by_parameter(rows, what):
    return {row["parameter"]: row[what] for row in rows}


def test_backpropagation_is_aligned_with_itself():
    model, task = small()
    rows = alignment(BPTT(model, task), batch_of(task), 0)
    assert len(rows) == len(list(model.parameters())) + 2
    assert max(abs(degrees) for degrees in by_parameter(rows, "degrees").values()) < 1e-5
    assert by_parameter(rows, "ratio")[ALL] == pytest.approx(1)


def test_the_angles_are_those_of_the_vectors():
    row = compared(3, "w", torch.tensor([0.0, 2.0]), torch.tensor([1.0, 1.0]))
    assert row == {"step": 3.0, "parameter": "w", "cosine": pytest.approx(math.sqrt(0.5)), "degrees": pytest.approx(45),
                   "ratio": pytest.approx(math.sqrt(2))}  # fmt: skip
    assert compared(0, "w", torch.tensor([-1.0]), torch.tensor([5.0]))["degrees"] == pytest.approx(180)
    assert math.isnan(compared(0, "w", torch.zeros(2), torch.ones(2))["degrees"])
    tiny = torch.tensor([1e-200, 0.0], dtype=torch.float64)
    assert compared(0, "w", tiny, tiny)["cosine"] == 1.0


def test_opposite_feedback_points_the_other_way():
    model, task = small()
    given = {"layer0": -model.linear.weight.detach().unsqueeze(0)}
    rule = DFA(model, task, feedback_options(block="sequence", reach="output"), 0, given)
    degrees = by_parameter(alignment(rule, batch_of(task), 0), "degrees")
    assert degrees[BEFORE] == pytest.approx(180, abs=1e-3)
    assert degrees["linear.weight"] == pytest.approx(0, abs=1e-3)


def test_measuring_changes_nothing_in_the_model():
    model, task = small(dropout=0.5, num_layers=2)
    BPTT(model, task).backward(batch_of(task), 0)
    before = {name: p.grad.clone() for name, p in model.named_parameters()}
    rng = torch.random.get_rng_state()
    alignment(DFA(model, task, feedback_options(), 0), batch_of(task), 0)
    assert model.training
    assert torch.equal(torch.random.get_rng_state(), rng)
    assert all(torch.equal(p.grad, before[name]) for name, p in model.named_parameters())


def test_training_measures_it_before_the_first_step_and_at_every_evaluation():
    options = TrainingOptions.model_validate({"steps": 6, "batch_size": 4, "lr": 0.01, "evaluate_every": 3})
    results = []
    for watch in (True, False):
        model, task = small("rnn", "adding", dtype=torch.float64)
        rule = DFA(model, task, feedback_options(), 0)
        training = Training(model, task, options, 1, rule, watch_alignment=watch)
        training.advance()
        results.append(training)
    watched, unwatched = results
    assert sorted({row["step"] for row in watched.alignment}) == [0.0, 3.0, 6.0]
    assert unwatched.alignment == []
    assert watched.curve[-1]["valid"] == unwatched.curve[-1]["valid"]
    assert {"recurrent.cells.0.W", "linear.weight", BEFORE, ALL} <= {row["parameter"] for row in watched.alignment}
    assert Training(model, task, options, 1, BPTT(model, task), watch_alignment=True).watch_alignment is False


def test_the_control_has_no_angle_but_the_readout_s():
    model, task = small()
    rows = by_parameter(alignment(ReadoutOnly(model, task), batch_of(task), 0), "degrees")
    assert rows.keys() == {"linear.weight", "linear.bias", ALL}
