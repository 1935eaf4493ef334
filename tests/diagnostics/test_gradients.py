"""‖∂L/∂h_t‖ equals what finite differences give, at every lag that is tested."""

import pytest
import torch

from rnnzoo.diagnostics.gradients import early_share, gradient_profile, state_gradients
from rnnzoo.model import build_model
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Batch

STEPS, SEQUENCES, HIDDEN = 9, 3, 4


def made(cell, **options):
    torch.manual_seed(2)
    task = TASKS["adding"](length=STEPS)
    model = build_model(
        cell, HIDDEN, input_size=2, output_size=1, readout="last", dtype=torch.float64, hyperparameters=options
    )
    batch = task.train_batch(0, 0, SEQUENCES)
    return model, task, Batch(batch.x.double(), batch.target.double())


def loss_from(model, task, batch, t, changed, b):
    """Return the loss of sequence b when its state after step t is `changed`."""
    (cell,) = model.recurrent.cells
    u, w = cell.project(batch.x[:, b : b + 1]), cell.recurrent_weights()
    state = changed
    for u_t in u[t:]:
        state = cell.step(u_t, state, w)
    return task.loss(model.linear(cell.output(state)), batch.target[b : b + 1])


@pytest.mark.parametrize("cell", ["rnn", "lstm", "cornn", "urnn"])
@pytest.mark.parametrize("t", [1, 5, STEPS])
def test_equals_finite_differences(cell, t):
    model, task, batch = made(cell)
    norms = state_gradients(model, task, batch)
    assert norms.shape == (STEPS, SEQUENCES)
    (module,) = model.recurrent.cells
    h = 1e-6
    for b in range(SEQUENCES):
        with torch.no_grad():
            u, w = module.project(batch.x[:, b : b + 1]), module.recurrent_weights()
            state = module.initial_state(1)
            for u_t in u[:t]:
                state = module.step(u_t, state, w)
            squares = 0.0
            for part in range(len(state)):
                for i in range(state[part].shape[1]):
                    ends = []
                    for sign in (1, -1):
                        changed = [p.clone() for p in state]
                        changed[part][0, i] += sign * h
                        ends.append(loss_from(model, task, batch, t, tuple(changed), b))
                    squares += ((ends[0] - ends[1]) / (2 * h)) ** 2
        assert norms[t - 1, b] > 1e-6, "the gradient at this lag is negligible: the comparison would prove nothing"
        assert norms[t - 1, b].item() == pytest.approx(float(squares) ** 0.5, rel=1e-5)


def test_a_stack_counts_all_its_layers():
    torch.manual_seed(0)
    task = TASKS["adding"](length=STEPS)
    model = build_model("unicornn", HIDDEN, input_size=2, output_size=1, readout="last", num_layers=2)
    norms = state_gradients(model, task, task.train_batch(0, 0, SEQUENCES))
    assert (norms > 0).all()


def test_the_model_is_left_as_it_was():
    model, task, batch = made("rnn")
    before = [p.clone() for p in model.parameters()]
    engine, training = model.recurrent.engine, model.training
    state_gradients(model, task, batch)
    assert (model.recurrent.engine, model.training) == (engine, training)
    assert all(p.grad is None for p in model.parameters())
    assert all(torch.equal(a, b) for a, b in zip(before, model.parameters(), strict=True))


def test_the_profile_orders_its_quantiles():
    torch.manual_seed(0)
    task = TASKS["copy"](length=4, held_out_size=40)
    model = build_model("gru", 6, input_size=task.input_size, output_size=task.output_size, readout="every")
    profile = gradient_profile(model, task)
    norms = state_gradients(model, task, next(iter(task.held_out("valid", 32))))
    assert set(profile["early_share"]) == {early_share(norms).quantile(0.5).item()}
    assert list(profile["t"]) == list(range(1, task.length + 1))
    assert (profile["low"] <= profile["median"]).all()
    assert (profile["median"] <= profile["high"]).all()


def test_small_gradients_do_not_vanish_in_their_squares():
    task = TASKS["adding"](length=12)
    model = build_model("rnn", HIDDEN, input_size=2, output_size=1, readout="last")
    with torch.no_grad():
        model.recurrent.cells[0].W.mul_(1e-3)
    norms = state_gradients(model, task, task.train_batch(0, 0, SEQUENCES))
    assert norms.dtype == torch.float32
    # 1e-30, say, whose square no float32 holds
    assert (norms[2] > 0).all()
    assert (norms[2] < 1e-24).all()
