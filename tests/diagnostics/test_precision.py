"""float32 against float64: a drift that is known, and what is lost altogether."""

import pytest
import torch

from rnnzoo.diagnostics.precision import precision_drift
from rnnzoo.model import SequenceModel, build_model
from rnnzoo.recurrent import Recurrent
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Batch
from tests.diagnostics.systems import Henon, Linear

TASK = TASKS["adding"](length=40)


def drift(cell, steps=40, size=5):
    batch = Batch(torch.rand(steps, size, cell.input_size), torch.rand(size, 1))
    frame = precision_drift(SequenceModel(Recurrent(cell), 1, readout="last"), TASK, batch)
    return {quantity: rows.set_index("t") for quantity, rows in frame.groupby("quantity")}


def test_rounding_is_of_float32_s_size_where_nothing_stretches_it():
    model = build_model("gru", 8, input_size=2, output_size=1, readout="last", num_layers=2, bidirectional=True)
    frame = precision_drift(model, TASK, next(iter(TASK.held_out("valid", 16))))
    assert list(frame.columns) == ["quantity", "t", "median", "low", "high"]
    assert list(frame["quantity"].unique()) == ["state", "gradient"]
    assert len(frame) == 80
    assert frame["median"].between(1e-9, 1e-5).all()
    assert (frame["low"] <= frame["median"]).all()
    assert (frame["median"] <= frame["high"]).all()
    assert next(model.parameters()).dtype == torch.float32
    assert all(p.grad is None for p in model.parameters())


def test_exact_arithmetic_does_not_drift():
    # multiples of 1/4 and a shift: float32 makes no rounding error
    cell = Linear(torch.diag(torch.ones(3), -1))
    batch = Batch(torch.randint(-8, 8, (40, 3, 1)) / 4, torch.zeros(3, 1))
    model = SequenceModel(Recurrent(cell), 1, readout="last")
    frame = precision_drift(model, TASK, batch)
    assert (frame[frame["quantity"] == "state"][["median", "low", "high"]] == 0).all(axis=None)


def test_chaos_stretches_rounding_at_the_rate_of_its_exponent():
    torch.manual_seed(0)
    cell = Henon()
    batch = Batch(torch.zeros(45, 1, 1), torch.zeros(1, 1))
    frame = precision_drift(SequenceModel(Recurrent(cell), 1, readout="last"), TASK, batch)
    state = frame[frame["quantity"] == "state"].set_index("t")["median"]
    assert state[3] < 1e-6
    # e^(0.419 · 40) is 2e7 times the first rounding
    assert state[35:45].max() > 0.05


def test_a_gradient_that_underflows_is_lost_in_float32_alone():
    found = drift(Linear(0.01 * torch.eye(2)))  # 0.01^39 is 1e-78: zero in float32, not in float64
    assert found["gradient"].loc[40, "median"] < 1e-6
    assert found["gradient"].loc[1, "median"] == pytest.approx(1.0)
    found = drift(Linear(torch.zeros(2, 2)))  # zero in both
    assert found["gradient"].loc[1, ["median", "low", "high"]].isna().all()
