"""The whole state as one vector: the walk is the engines', the derivative is autograd's."""

from functools import partial

import pytest
import torch

from rnnzoo.cells import CELLS
from rnnzoo.diagnostics.recurrence import Recurrence
from rnnzoo.engine import unroll
from rnnzoo.model import SequenceModel, build_model
from rnnzoo.recurrent import Recurrent
from tests.contract.cases import each_case
from tests.diagnostics.systems import Henon
from tests.tolerances import SAME_MATHS


@each_case
def test_walk_and_derivative_of_every_cell(case):
    cell = case.make(hidden_size=4)
    x = torch.randn(5, 3, 2, dtype=torch.float64)
    walked = Recurrence(cell).walk(x)
    run = unroll(cell, x, engine="reference", return_states=True)
    SAME_MATHS.assert_close(walked.states[1:], torch.cat(run.states, 2).detach())
    t = 4
    rows = [(x[t - 1, b : b + 1], walked.u[t - 1, b : b + 1], walked.states[t - 1, b : b + 1]) for b in range(3)]
    jacobian = torch.autograd.functional.jacobian
    whole = torch.stack([jacobian(partial(walked.recurrence.step, *row[:2]), row[2])[0, :, 0] for row in rows])
    assert whole.abs().max() > 0.1
    v = torch.randn(3, walked.recurrence.width, 2, dtype=torch.float64)
    SAME_MATHS.assert_close(walked.push(t, v), whole @ v)
    SAME_MATHS.assert_close(walked.pull(t, v), whole.mT @ v)
    SAME_MATHS.assert_close(walked.jacobian(t), whole)


@pytest.mark.parametrize("residual", [False, True])
def test_a_stack_is_one_recurrence(residual):
    layer = Recurrent("lstm", 3, 3, num_layers=2, residual=residual, dtype=torch.float64)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    walked = Recurrence(SequenceModel(layer, 1, readout="last")).walk(x)
    _, _, states = layer(x, return_states=True)
    SAME_MATHS.assert_close(walked.states[1:], torch.cat([p for s in states for p in s], 2).detach())
    assert walked.recurrence.names == ["h_0", "c_0", "h_1", "c_1"]
    J = walked.jacobian(6)
    # the layer above reads the layer below, not the other way round
    assert (J[:, 6:, :6] != 0).any()
    assert (J[:, :6, 6:] == 0).all()


def test_it_is_apart_from_its_source_and_in_float64():
    cell = CELLS["gru"](2, 3)
    recurrence = Recurrence(cell)
    with torch.no_grad():
        for p in cell.parameters():
            p.zero_()
    states = recurrence.walk(torch.randn(3, 1, 2)).states
    assert states.dtype == torch.float64
    assert not states.requires_grad
    assert (states[1:] != 0).all()
    assert cell.weight_hh_l0.dtype == torch.float32
    assert cell.weight_hh_l0.requires_grad


def test_a_step_that_forgets_its_state_has_derivative_zero():
    cell = CELLS["rnn"](1, 2, dtype=torch.float64)
    with torch.no_grad():
        cell.W.zero_()
    walked = Recurrence(cell).walk(torch.ones(2, 1, 1))
    assert (walked.jacobian(2) == 0).all()


def test_what_has_no_recurrence_is_refused():
    with pytest.raises(TypeError, match="must be a Cell, a Recurrent or a SequenceModel, got LSTM"):
        Recurrence(torch.nn.LSTM(2, 3))
    with pytest.raises(ValueError, match="one direction"):
        Recurrence(build_model("gru", 3, input_size=2, output_size=1, readout="last", bidirectional=True))
    with pytest.raises(ValueError, match=r"x must be \(time, batch, 1\)"):
        Recurrence(Henon()).walk(torch.zeros(4, 2, 3))
