"""Gradients along training, and how often they were clipped."""

import pytest
import torch

from rnnzoo.configuration import TrainingOptions
from rnnzoo.diagnostics.clipping import clipping
from rnnzoo.diagnostics.gradients import early_share, state_gradients
from rnnzoo.diagnostics.history import GradientHistory
from rnnzoo.model import build_model
from rnnzoo.tasks import TASKS
from rnnzoo.training import Training

TASK = TASKS["adding"](length=30, held_out_size=20)


def started(**options):
    torch.manual_seed(0)
    model = build_model("gru", 6, input_size=2, output_size=1, readout="last", engine="reference")
    settings = {"steps": 6, "batch_size": 4, "lr": 0.01, "evaluate_every": 2} | options
    return Training(model, TASK, TrainingOptions.model_validate(settings), seed=1)


def test_it_measures_the_model_of_the_steps_asked_for_and_leaves_training_alone():
    plain = started()
    plain.advance()
    watched = started()
    history = GradientHistory(watched.model, TASK, at=[0, 3, 6, 99], sequences=8, times=7)
    history(0)
    watched.advance(history)
    assert [row["valid"] for row in watched.curve] == [row["valid"] for row in plain.curve]
    frame = history.frame()
    assert list(frame.columns) == ["step", "t", "median", "low", "high"]
    assert list(frame["step"].unique()) == [0, 3, 6]
    assert list(frame[frame["step"] == 3]["t"]) == [1, 6, 11, 16, 20, 25, 30]
    # the last one is that of the model as it is now
    norms = state_gradients(watched.model, TASK, next(iter(TASK.held_out("valid", 8))))
    last = frame[frame["step"] == 6].set_index("t")
    assert last.loc[20, "median"] == pytest.approx(norms[19].double().quantile(0.5).item())
    assert last.loc[20, "high"] == pytest.approx(norms[19].double().quantile(0.9).item())
    assert (frame[frame["step"] == 0]["median"].to_numpy() != last["median"].to_numpy()).all()
    shares = history.shares()
    assert list(shares["step"]) == [0, 3, 6]
    assert shares["median"].iloc[-1] == pytest.approx(early_share(norms).quantile(0.5).item())


def test_a_step_that_is_told_twice_is_measured_once():
    training = started()
    history = GradientHistory(training.model, TASK, at=[0])
    assert history.frame().empty
    assert history.shares().empty
    history(0)
    history(0)
    history(1)
    assert len(history.frame()) == 30
    with pytest.raises(ValueError, match="times must be at least 1"):
        GradientHistory(training.model, TASK, at=[0], times=0)


@pytest.mark.parametrize("limit", ["clip_norm", "clip_value"])
def test_clipping_is_counted(limit):
    for value, share in ((1e-9, 1.0), (1e9, 0.0)):
        training = started(**{limit: value})
        training.advance()
        frame = clipping(training.curve)
        assert list(frame["step"]) == [2, 4, 6]
        assert (frame["clipped"] == share).all()
        assert (frame["overall"] == share).all()
        assert (frame["grad_norm"] > 0).all()
    assert clipping([]).empty


def test_the_share_overall_weighs_each_row_by_its_steps():
    curve = [{"step": 10.0, "clipped": 1.0, "grad_norm": 1.0}, {"step": 40.0, "clipped": 0.0, "grad_norm": 1.0}]
    assert list(clipping(curve)["overall"]) == [1.0, 0.25]
