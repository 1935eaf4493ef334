"""The training loop: what it does in a step, how it ends, and that it goes on where it was."""

import math

import pytest
import torch
from torch import nn

from rnnzoo import training as training_module
from rnnzoo.configuration import TrainingOptions
from rnnzoo.model import build_model
from rnnzoo.optimiser import Update, make_optimizer
from rnnzoo.tasks import TASKS
from rnnzoo.training import Training, clip, divergence, evaluate, penalised, penalty, total_norm


def options(**changes):
    return TrainingOptions.model_validate({"steps": 12, "batch_size": 8, "lr": 0.01, "evaluate_every": 4} | changes)


def small(task_name="adding", cell="rnn", **task_options):
    torch.manual_seed(0)
    sizes = {"length": 9} if task_name == "padded_digits" else {"length": 6, "held_out_size": 40}
    task = TASKS[task_name](**(sizes | task_options))
    model = build_model(cell, 8, input_size=task.input_size, output_size=task.output_size, readout=task.readout)
    return model, task


def test_training_lowers_the_validation_error():
    model, task = small()
    before = evaluate(model, task, "valid", 40)["score"]
    training = Training(model, task, options(steps=200, evaluate_every=50), seed=1)
    training.advance()
    assert training.best is not None
    assert training.best["valid"] < 0.5 * before


def test_the_curve_has_a_row_for_every_evaluation_and_one_for_the_last_step():
    model, task = small()
    training = Training(model, task, options(steps=10), seed=1)
    training.advance()
    assert [row["step"] for row in training.curve] == [4, 8, 10]
    assert all(math.isfinite(value) for row in training.curve for value in row.values())


def test_the_best_parameters_are_those_of_the_best_evaluation():
    model, task = small()
    training = Training(model, task, options(steps=40, lr=0.3), seed=1)
    training.advance()
    training.restore_best()
    assert training.best["valid"] == min(row["valid"] for row in training.curve)
    assert evaluate(model, task, "valid", 250)["score"] == pytest.approx(training.best["valid"], rel=1e-6)


@pytest.mark.parametrize("cell", ["rnn", "cornn", "exprnn", "urnn"])
def test_interrupted_training_ends_in_the_same_numbers(cell, tmp_path):
    settings = options(steps=12, milestones=[5], restarts=[6, 9], clip_norm=0.5, optimizer="rmsprop")
    whole = Training(*small(cell=cell), settings, seed=3)
    whole.advance()
    first = Training(*small(cell=cell), settings, seed=3)
    first.advance(until=lambda: first.step == 6)
    assert not first.ended
    torch.save(first.state_dict(), tmp_path / "checkpoint.pt")
    model, task = small(cell=cell)
    model.reset_parameters()  # nothing of the second model may matter
    second = Training(model, task, settings, seed=3)
    second.load_state_dict(torch.load(tmp_path / "checkpoint.pt", weights_only=True))
    second.advance()

    def untimed(curve):
        return [{k: v for k, v in row.items() if k != "seconds"} for row in curve]

    assert untimed(second.curve) == untimed(whole.curve)
    for a, b in zip(whole.model.parameters(), second.model.parameters(), strict=True):
        assert torch.equal(a, b)


def test_other_seeds_see_other_batches():
    losses = []
    for seed in (1, 2):
        training = Training(*small(), options(), seed=seed)
        training.advance()
        losses.append(training.curve[-1]["train_loss"])
    assert losses[0] != losses[1]


def test_divergence_ends_the_run_at_its_step_with_the_reason():
    model, task = small()
    training = Training(model, task, options(steps=50), seed=1)

    def poison():
        if training.step == 3:
            with torch.no_grad():
                model.linear.bias.fill_(math.nan)
        return False

    training.advance(until=poison)
    assert (training.stopped_at, training.step) == (4, 4)
    assert training.diverged == "loss is nan"
    assert training.ended


@pytest.mark.parametrize(
    ("loss", "norm", "reason"),
    [
        (0.1, 1.0, None),
        (math.inf, 1.0, "loss is inf"),
        (1e7, 1.0, "more than 1e"),
        (0.1, math.nan, "gradient norm is nan"),
    ],
)
def test_what_counts_as_divergence(loss, norm, reason):
    found = divergence(loss, norm, baseline_loss=1.0)
    assert found is None if reason is None else reason in found


@pytest.mark.parametrize("name", ["adding", "padded_digits"])
def test_training_stops_at_the_first_evaluation_on_target(name):
    whole = Training(*small(name, "gru"), options(steps=80), seed=1)
    whole.advance()
    scores = [row["valid"] for row in whole.curve]
    middle = sorted(scores)[len(scores) // 2]
    stopped = Training(*small(name, "gru"), options(steps=80, target=middle), seed=1)
    stopped.advance()
    assert stopped.ended
    reached = [score <= middle if name == "adding" else score >= middle for score in scores]
    assert stopped.step == whole.curve[reached.index(True)]["step"] < 80
    assert stopped.curve[-1]["valid"] == scores[reached.index(True)]


def test_patience_stops_when_nothing_gets_better():
    model, task = small()
    with torch.no_grad():  # zero readout weights and a tiny learning rate: no evaluation is better than the first
        model.linear.weight.zero_()
    training = Training(model, task, options(steps=400, lr=1e-12, patience=2), seed=1)
    training.advance()
    assert training.step < 400
    assert training.step - training.best["step"] == 8


class Clock:
    """Stands for the time module: every look at it is a second later than the one before."""

    def __init__(self):
        self.now = 0.0

    def perf_counter(self):
        self.now += 1.0
        return self.now


def test_a_budget_of_time_ends_a_run_with_an_evaluation_and_the_best_so_far(monkeypatch):
    monkeypatch.setattr(training_module, "time", Clock())
    training = Training(*small(), options(steps=40, max_seconds=6.0), seed=1)
    training.advance()
    # a step takes a second of this clock, so the sixth is the last; evaluations are due at the fourth and at the end
    assert (training.ended, training.diverged, training.step, training.seconds) == (True, None, 6, 6.0)
    assert [row["step"] for row in training.curve] == [4, 6]
    training.restore_best()


def test_a_budget_of_time_changes_no_number_and_outlives_an_interruption(monkeypatch):
    monkeypatch.setattr(training_module, "time", Clock())
    whole = Training(*small(cell="lstm"), options(steps=6), seed=1)
    whole.advance()
    first = Training(*small(cell="lstm"), options(steps=40, max_seconds=6.0), seed=1)
    first.advance(until=lambda: first.step == 3)
    resumed = Training(*small(cell="lstm"), options(steps=40, max_seconds=6.0), seed=1)
    resumed.load_state_dict(first.state_dict())
    resumed.advance()
    assert resumed.curve == whole.curve
    assert all(torch.equal(a, b) for a, b in zip(resumed.model.parameters(), whole.model.parameters(), strict=True))


def test_warming_up_is_not_paid_for_and_draws_nothing(monkeypatch):
    """Dropout draws masks from the global generator: a warm-up that kept its draws would change every mask after."""

    def trained(**changes):
        torch.manual_seed(0)
        task = TASKS["adding"](length=6, held_out_size=40)
        model = build_model("rnn", 8, input_size=2, output_size=1, readout="last", num_layers=2, dropout=0.5)
        training = Training(model, task, options(steps=4, **changes), seed=1)
        training.advance()
        return training

    monkeypatch.setattr(training_module, "time", Clock())
    plain, timed = trained(), trained(max_seconds=100.0)
    assert timed.curve == plain.curve
    assert timed.seconds == plain.seconds == 4.0


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "rmsprop"])
def test_a_restart_is_a_new_optimiser_with_the_learning_rate_of_that_step(optimizer):
    settings = {"steps": 5, "milestones": [2], "optimizer": optimizer}
    restarted = Training(*small(), options(**settings, restarts=[3]), seed=1)
    restarted.advance()
    by_hand, plain = (Training(*small(), options(**settings), seed=1) for _ in range(2))
    by_hand.advance(until=lambda: by_hand.step == 3)
    by_hand.optimizer = make_optimizer(by_hand.model, by_hand.options)
    by_hand.update = Update(by_hand.optimizer)
    for group, scheduled in zip(by_hand.optimizer.param_groups, restarted.optimizer.param_groups, strict=True):
        group["lr"] = scheduled["lr"]
    by_hand.advance()
    plain.advance()
    for a, b in zip(restarted.model.parameters(), by_hand.model.parameters(), strict=True):
        assert torch.equal(a, b)
    kept = zip(restarted.model.parameters(), plain.model.parameters(), strict=True)
    assert not all(torch.equal(a, b) for a, b in kept)


def test_milestones_lower_the_learning_rate_of_every_group():
    model, task = small(cell="exprnn")
    training = Training(model, task, options(milestones=[4, 8], milestone_factor=0.5), seed=1)
    before = [group["lr"] for group in training.optimizer.param_groups]
    assert len(before) == 2
    training.advance()
    after = [group["lr"] for group in training.optimizer.param_groups]
    assert after == pytest.approx([0.25 * lr for lr in before])


def test_constrained_parameters_get_their_own_learning_rate_and_no_decay():
    model, _ = small(cell="exprnn")
    optimizer = make_optimizer(model, options(optimizer="adamw", weight_decay=0.1, constrained_lr_scale=0.2))
    constrained = [g for g in optimizer.param_groups if g["lr"] == pytest.approx(0.002)]
    assert [g["weight_decay"] for g in constrained] == [0.0]
    assert {g["weight_decay"] for g in optimizer.param_groups} == {0.0, 0.1}


def test_clipping_by_norm_and_by_value():
    model = nn.Linear(3, 2)
    for name, settings in {"norm": options(clip_norm=0.5), "value": options(clip_value=0.1)}.items():
        for p in model.parameters():
            p.grad = torch.ones_like(p)
        before, clipped = clip(list(model.parameters()), settings)
        assert clipped
        assert before == pytest.approx(math.sqrt(8))
        gradients = torch.cat([p.grad.flatten() for p in model.parameters()])
        if name == "norm":
            assert gradients.norm().item() == pytest.approx(0.5, rel=1e-4)  # torch adds 1e-6 to the norm
        else:
            assert gradients.abs().max().item() == pytest.approx(0.1)


@pytest.mark.parametrize("scale", [0.5, 0.999999, 1.000001])
def test_clipping_multiplies_as_pytorch_does_and_leaves_smaller_gradients_bit_for_bit(scale):
    model, same = nn.Linear(3, 2), nn.Linear(3, 2)
    for p, q in zip(model.parameters(), same.parameters(), strict=True):
        p.grad = torch.full_like(p, scale / math.sqrt(8))
        q.grad = p.grad.clone()
    _, clipped = clip(list(model.parameters()), options(clip_norm=1.0))
    torch.nn.utils.clip_grad_norm_(same.parameters(), 1.0)
    assert clipped == (scale > 1)
    for p, q in zip(model.parameters(), same.parameters(), strict=True):
        assert torch.equal(p.grad, q.grad)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shapes", [[], [(1,)], [(3, 5), (7,), (1, 300), ()]])
def test_the_total_norm_is_that_of_pytorch_bit_for_bit(shapes, dtype):
    gradients = [torch.randn(shape, dtype=dtype) for shape in shapes]
    assert torch.equal(total_norm(gradients), torch.nn.utils.get_total_norm(gradients))


def test_a_soft_constraint_is_part_of_what_is_descended():
    torch.manual_seed(0)
    task = TASKS["adding"](length=6, held_out_size=8)
    settings = {"margin": None, "soft_penalty": 1.0}
    model = build_model("spectral", 8, input_size=2, output_size=1, readout="last", hyperparameters=settings)
    with torch.no_grad():
        for cell in model.recurrent.cells:
            cell.W.mul_(1.5)
    before = penalty(penalised(model)).item()
    assert before > 0.1
    Training(model, task, options(steps=30), seed=1).advance()
    assert penalty(penalised(model)).item() < 0.5 * before


def test_evaluation_weighs_batches_by_their_size():
    model, task = small()
    assert evaluate(model, task, "valid", 40)["score"] == pytest.approx(
        evaluate(model, task, "valid", 7)["score"], rel=1e-5
    )


def test_restoring_before_any_evaluation_says_why():
    with pytest.raises(RuntimeError, match="no evaluated model"):
        Training(*small(), options(), seed=1).restore_best()


def test_clipping_is_pytorchs_bit_for_bit():
    torch.manual_seed(0)
    for limit in (1e-3, 0.3, 2.0, 50.0):
        ours, theirs = nn.Linear(7, 5), nn.Linear(7, 5)
        for a, b in zip(ours.parameters(), theirs.parameters(), strict=True):
            a.grad = torch.randn(a.shape)
            b.grad = a.grad.clone()
        clip(list(ours.parameters()), options(clip_norm=limit))
        torch.nn.utils.clip_grad_norm_(theirs.parameters(), limit)
        assert all(torch.equal(a.grad, b.grad) for a, b in zip(ours.parameters(), theirs.parameters(), strict=True))
