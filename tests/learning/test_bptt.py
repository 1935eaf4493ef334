"""Backpropagation is what the loop always did; truncation and the control keep of it what they say."""

import pytest
import torch

from rnnzoo.cells import CELLS
from rnnzoo.learning.bptt import BPTT
from rnnzoo.learning.readout import ReadoutOnly
from rnnzoo.learning.tbptt import TBPTT
from tests.learning.models import assert_same, batch_of, small, taught
from tests.tolerances import GRADIENTS, ROUND_TRIP


@pytest.mark.parametrize("task_name", ["adding", "copy"])
def test_bptt_gives_the_gradient_of_the_loss(task_name):
    model, task = small(task_name=task_name)
    batch = batch_of(task)
    task.loss(model(batch.x), batch.target).backward()
    expected = {name: p.grad.clone() for name, p in model.named_parameters()}
    assert_same(taught(BPTT(model, task), batch), expected, ROUND_TRIP)


@pytest.mark.parametrize("task_name", ["adding", "copy"])
@pytest.mark.parametrize("cell", CELLS)
def test_a_window_of_the_whole_sequence_is_bptt(cell, task_name):
    model, task = small(cell, task_name)
    batch = batch_of(task)
    assert_same(taught(TBPTT(model, task, task.length), batch), taught(BPTT(model, task), batch), GRADIENTS)


@pytest.mark.parametrize("engine", ["reference", "auto"])
def test_a_last_answer_teaches_the_last_window_alone(engine):
    model, task = small("rnn", "adding", engine=engine, dtype=torch.float64)
    batch = batch_of(task)
    cell = model.recurrent.cells[0]
    with torch.no_grad():
        before = model.recurrent(batch.x[:-3])[0][-1]
    h = before
    for x in batch.x[-3:]:
        (h,) = cell(x, (h,))
    loss = task.loss(model.linear(h), batch.target)
    names = [name for name, _ in model.named_parameters()]
    expected = dict(zip(names, torch.autograd.grad(loss, list(model.parameters())), strict=True))
    assert_same(taught(TBPTT(model, task, 3), batch), expected, GRADIENTS)


def test_each_window_learns_from_its_own_answers():
    model, task = small("rnn", "copy")
    batch = batch_of(task)
    window, cell, total = 4, model.recurrent.cells[0], 0.0
    answers, h = [], cell.initial_state(6)[0]
    for t, x in enumerate(batch.x):
        if (task.length - t) % window == 0:
            h = h.detach()
        (h,) = cell(x, (h,))
        answers.append(model.linear(h))
    total = task.loss(torch.stack(answers), batch.target)
    names = [name for name, _ in model.named_parameters()]
    expected = dict(zip(names, torch.autograd.grad(total, list(model.parameters())), strict=True))
    assert_same(taught(TBPTT(model, task, window), batch), expected, GRADIENTS)


def test_a_stack_in_two_directions_can_be_truncated():
    model, task = small("lstm", "copy", num_layers=2, bidirectional=True)
    whole, cut = (taught(TBPTT(model, task, window), batch_of(task)) for window in (task.length, 2))
    assert whole.keys() == cut.keys()
    assert any(not torch.allclose(whole[name], cut[name]) for name in whole)


@pytest.mark.parametrize("window", [0, True, 2.0])
def test_an_impossible_window_is_refused(window):
    with pytest.raises((TypeError, ValueError), match="window must be"):
        TBPTT(*small(), window)


@pytest.mark.parametrize("task_name", ["adding", "copy"])
def test_the_control_teaches_the_readout_alone(task_name):
    model, task = small(task_name=task_name)
    batch = batch_of(task)
    true = taught(BPTT(model, task), batch)
    expected = {name: gradient for name, gradient in true.items() if name.startswith("linear.")}
    assert_same(taught(ReadoutOnly(model, task), batch), expected, GRADIENTS)


def test_sequences_of_unequal_length_are_refused_where_they_would_be_cut_wrongly():
    model, task = small("rnn", "adding")
    batch = batch_of(task)._replace(lengths=torch.tensor([7, 5, 7, 7, 3, 7]))
    with pytest.raises(ValueError, match="their lengths are 3 to 7; take a task of one length"):
        TBPTT(model, task, 3).backward(batch, 0)
    assert taught(BPTT(model, task), batch)
    assert taught(ReadoutOnly(model, task), batch)
