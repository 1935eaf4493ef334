"""Direct feedback alignment: with the transposed weights for feedback it is backpropagation, module by module."""

import pytest
import torch

from rnnzoo.cells import CELLS
from rnnzoo.learning.bptt import BPTT
from rnnzoo.learning.dfa import DFA
from rnnzoo.learning.tbptt import TBPTT
from rnnzoo.model import build_model
from rnnzoo.tasks import TASKS
from tests.learning.models import assert_same, batch_of, feedback_options, small, taught
from tests.tolerances import GRADIENTS, ROUND_TRIP


def rule(model, task, feedback=None, **options):
    return DFA(model, task, feedback_options(**options), seed=3, feedback=feedback)


def readout_transposed(model):
    """The readout's own weights in the form of feedback: an error times C."""
    return model.linear.weight.detach().unsqueeze(0)


@pytest.mark.parametrize("task_name", ["padded_digits", "copy"])
@pytest.mark.parametrize("cell", CELLS)
def test_transposed_weights_as_feedback_are_backpropagation_through_the_module(cell, task_name):
    # ten answers and five units: the feedback has full rank
    model, task = small(cell, task_name)
    batch = batch_of(task)
    given = {"layer0": readout_transposed(model)}
    direct = rule(model, task, given, block="sequence", reach="output")
    assert_same(taught(direct, batch), taught(BPTT(model, task), batch), GRADIENTS)


@pytest.mark.parametrize("block", [1, 3])
@pytest.mark.parametrize("cell", CELLS)
def test_so_are_they_for_the_last_block_when_no_error_reaches_the_earlier_ones(cell, block):
    model, task = small(cell)
    batch = batch_of(task)
    given = {"layer0": readout_transposed(model)}
    direct = rule(model, task, given, block=block, reach="output", matrices="layer", later=False)
    assert_same(taught(direct, batch), taught(TBPTT(model, task, block), batch), GRADIENTS)


@pytest.mark.parametrize("block", [1, 2, 3, "sequence"])
def test_products_of_transposed_weights_teach_every_block_of_a_linear_network_the_true_gradient(block):
    model, task = small("spectral", hyperparameters={"nonlinearity": "identity", "margin": None})
    batch = batch_of(task)
    length = task.length if block == "sequence" else block
    C, W = model.linear.weight.detach(), model.recurrent.cells[0].W.detach()
    powers = [C @ torch.linalg.matrix_power(W, j * length) for j in range(-(-task.length // length))]
    direct = rule(model, task, {"layer0": torch.stack(powers)}, block=block)
    assert_same(taught(direct, batch), taught(BPTT(model, task), batch), GRADIENTS)


@pytest.mark.parametrize("answers", ["feedback", "backpropagation"])
def test_the_errors_of_later_answers_reach_earlier_steps(answers):
    """One unit that adds up its input, read at every step: every later error counts alike."""
    model, task = small("spectral", "copy", hyperparameters={"nonlinearity": "identity", "margin": None})
    cell, batch = model.recurrent.cells[0], batch_of(task)
    with torch.no_grad():
        cell.W.copy_(torch.eye(5, dtype=torch.float64))
    given = {"layer0": readout_transposed(model)}
    direct = rule(model, task, given, block=2, matrices="layer", answers=answers)
    assert_same(taught(direct, batch), taught(BPTT(model, task), batch), GRADIENTS)


def test_two_linear_layers_and_two_directions_are_taught_the_true_gradient():
    options = {"nonlinearity": "identity", "margin": None}
    model, task = small("spectral", bidirectional=True, hyperparameters=options)
    batch = batch_of(task)
    C = model.linear.weight.detach()
    given = {}
    for name, cell, part in zip(("layer0", "layer0.backward"), model.recurrent.cells, C.chunk(2, 1), strict=True):
        W = cell.W.detach()
        given[name] = torch.stack([part @ torch.linalg.matrix_power(W, j) for j in range(task.length)])
    assert_same(taught(rule(model, task, given), batch), taught(BPTT(model, task), batch), GRADIENTS)


def test_a_direction_that_reads_from_the_end_gets_the_error_of_its_own_steps():
    model, task = small("gru", "copy", bidirectional=True)
    batch = batch_of(task)
    parts = model.linear.weight.detach().chunk(2, 1)
    given = {name: part.unsqueeze(0) for name, part in zip(("layer0", "layer0.backward"), parts, strict=True)}
    direct = rule(model, task, given, block="sequence", reach="output")
    assert_same(taught(direct, batch), taught(BPTT(model, task), batch), GRADIENTS)


@pytest.mark.parametrize("cell", ["gru", "lstm", "cornn", "urnn", "exprnn", "rnn", "spectral"])
def test_alignment_inside_a_block_with_the_true_weights_is_backpropagation(cell):
    model, task = small(cell)
    batch = batch_of(task)
    weights = model.recurrent.cells[0].recurrent_weights()
    given = {f"layer0.{name}": w.detach() for name, w in weights.items() if w.dim() == 2}
    assert given
    aligned = rule(model, task, given, block=4, inside="alignment")
    plain = rule(model, task, {"layer0": aligned.feedback["layer0"]}, block=4)
    assert_same(taught(aligned, batch), taught(plain, batch), GRADIENTS)


def test_alignment_inside_a_block_carries_errors_through_the_fixed_weights():
    model, task = small("rnn")
    batch, cell = batch_of(task), model.recurrent.cells[0]
    aligned = rule(model, task, block="sequence", inside="alignment")
    B, fixed = aligned.feedback["layer0"][0], aligned.feedback["layer0.W"]
    states = [torch.zeros(6, 5, dtype=torch.float64)]
    with torch.no_grad():
        for x in batch.x:
            states.append(cell(x, (states[-1],))[0])
    answer = model.linear(states[-1]).detach().requires_grad_()
    (error,) = torch.autograd.grad(task.loss(answer, batch.target), answer)
    delta, expected = error @ B, torch.zeros(5, 5, dtype=torch.float64)
    for t in range(task.length, 0, -1):
        inner = delta * (1 - states[t] ** 2)
        expected += inner.t() @ states[t - 1]
        delta = inner @ fixed.t()
    GRADIENTS.assert_close(taught(aligned, batch)["recurrent.cells.0.W"], expected)


def test_plain_feedback_teaches_every_step_without_anything_travelling_through_time():
    model, task = small("rnn")
    batch, cell = batch_of(task), model.recurrent.cells[0]
    direct = rule(model, task)
    before, expected = torch.zeros(6, 5, dtype=torch.float64), torch.zeros(5, 5, dtype=torch.float64)
    with torch.no_grad():
        answer = model(batch.x)
    answer.requires_grad_()
    (error,) = torch.autograd.grad(task.loss(answer, batch.target), answer)
    for t, x in enumerate(batch.x):
        with torch.no_grad():
            (h,) = cell(x, (before,))
        B = direct.feedback["layer0"][task.length - 1 - t]
        expected += ((error @ B) * (1 - h**2)).t() @ before
        before = h
    GRADIENTS.assert_close(taught(direct, batch)["recurrent.cells.0.W"], expected)


def test_a_hybrid_of_answers_teaches_the_last_block_as_truncated_backpropagation_does():
    model, task = small()
    batch = batch_of(task)
    hybrid = rule(model, task, block=3, answers="backpropagation", later=False)
    assert_same(taught(hybrid, batch), taught(TBPTT(model, task, 3), batch), GRADIENTS)


def test_a_hybrid_of_phases_goes_by_backpropagation_in_its_phases():
    model, task = small()
    batch = batch_of(task)
    hybrid = rule(model, task, backpropagate_until=2, backpropagate_from=4)
    true, fed = taught(BPTT(model, task), batch), taught(rule(model, task), batch)
    for step, expected in enumerate([true, true, fed, fed, true]):
        assert_same(taught(hybrid, batch, step), expected, ROUND_TRIP)


def test_in_a_stack_feedback_reaches_the_top_layer_and_travels_down_by_backpropagation():
    model, task = small("rnn", num_layers=2)
    batch = batch_of(task)
    together = rule(model, task, {"layer1": readout_transposed(model)}, block="sequence", depth="stack", reach="output")
    assert set(together.feedback) == {"layer1"}
    assert_same(taught(together, batch), taught(BPTT(model, task), batch), GRADIENTS)
    apart = rule(model, task, {"layer1": readout_transposed(model)}, block="sequence", reach="output")
    assert set(apart.feedback) == {"layer0", "layer1"}
    true, fed = taught(BPTT(model, task), batch), taught(apart, batch)
    GRADIENTS.assert_close(fed["recurrent.cells.1.W"], true["recurrent.cells.1.W"])
    assert not torch.allclose(fed["recurrent.cells.0.W"], true["recurrent.cells.0.W"])


@pytest.mark.parametrize("depth", ["layer", "stack"])
@pytest.mark.parametrize("task_name", ["padded_digits", "copy"])
def test_every_engine_gives_the_same_gradients(depth, task_name):
    found = []
    for engine in ("reference", "auto"):
        model, task = small("lstm", task_name, num_layers=2, bidirectional=True, engine=engine)
        found.append(taught(rule(model, task, block=3, depth=depth), batch_of(task)))
    assert_same(*found, GRADIENTS)


def test_a_penalty_is_minimised_beside_the_loss():
    direct = rule(*small("rnn"))
    batch = batch_of(direct.task)
    plain = taught(direct, batch)
    W = direct.model.recurrent.cells[0].W
    direct.model.zero_grad(set_to_none=True)
    direct.backward(batch, 0, (W**2).sum())
    GRADIENTS.assert_close(W.grad, plain["recurrent.cells.0.W"] + 2 * W.detach())


def test_a_longer_sequence_than_the_feedback_was_drawn_for_is_refused():
    model, task = small()
    longer = type(task)(length=9)
    with pytest.raises(ValueError, match="the sequence has 9 blocks, but feedback was drawn for 8"):
        rule(model, task).backward(batch_of(longer), 0)
    rule(model, task, matrices="layer").backward(batch_of(longer), 0)


def test_a_model_that_reads_words_is_refused():
    torch.manual_seed(0)
    task = TASKS["adding"](length=7)
    model = build_model(
        "rnn", 5, input_size=1, output_size=1, readout="last", vocabulary=9, embedding={"output_size": 3}
    )
    with pytest.raises(ValueError, match="feedback does not reach vectors of words"):
        rule(model, task)
