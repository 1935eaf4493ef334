"""The gradient at every state of every cell, where stacks, directions and unequal lengths meet."""

import pytest
import torch

from rnnzoo.diagnostics.adjoints import CHUNK, passages
from rnnzoo.diagnostics.gradients import early_share, state_gradients
from rnnzoo.diagnostics.lags import parameter_gradients, split_by_step
from rnnzoo.engine import Unrolled
from rnnzoo.learning.base import carried_by
from rnnzoo.model import build_model
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Batch
from tests.contract.cases import each_case
from tests.tolerances import GRADIENTS

LENGTHS = [3, 7, 1, 5]


def model_of(cell, **layout):
    torch.manual_seed(5)
    layout = {"input_size": 2, "output_size": 1, "readout": "last", "dtype": torch.float64} | layout
    return build_model(cell, 3, **layout)


def batch_of(steps=7, lengths=None, size=4):
    x = torch.randn(steps, size, 2, dtype=torch.float64)
    target = torch.randn(size, 1, dtype=torch.float64)
    return Batch(x, target, None if lengths is None else torch.tensor(lengths))


class Pushed:
    """An engine that adds a small number to one entry of one state, and else does what the reference does."""

    def __init__(self, call, t, part, row, size):
        self.place, self.size, self.calls = (call, t, part, row), size, 0

    def __call__(self, cell, u, state, w, *, outputs, states):
        call, at, part, row = self.place
        trajectory = []
        for t, u_t in enumerate(u):
            state = tuple(p.clone() for p in cell.step(u_t, state, w))
            if (self.calls, t) == (call, at):
                state[part][row, 0] += self.size
            trajectory.append(state)
        self.calls += 1
        return Unrolled(cell.output(tuple(map(torch.stack, zip(*trajectory, strict=True)))), state, None)


@pytest.mark.parametrize("bidirectional", [False, True])
def test_equals_finite_differences_in_a_stack_of_unequal_sequences(bidirectional):
    task, batch = TASKS["adding"](length=7), batch_of(lengths=LENGTHS)
    model = model_of("lstm", num_layers=2, bidirectional=bidirectional)
    found = passages(model, task, batch)
    assert len(found) == 2 * (1 + bidirectional) * 4

    def loss(*place):
        with carried_by(model, Pushed(*place)), torch.no_grad():
            return task.loss(model(batch.x, batch.lengths), batch.target)

    compared = 0
    for call, passage in enumerate(found):
        for t in range(len(passage.u)):
            for part in (0, 1):
                adjoint = passage.adjoints[part][t, 0, 0].item()
                if abs(adjoint) > 1e-5:
                    slope = (loss(call, t, part, 0, 1e-5) - loss(call, t, part, 0, -1e-5)) / 2e-5
                    assert adjoint == pytest.approx(slope.item(), rel=1e-4)
                    compared += 1
    assert compared > 2 * len(found)


def test_a_passage_knows_whose_it_is_and_when():
    task, batch = TASKS["adding"](length=7), batch_of(lengths=LENGTHS)
    model = model_of("gru", bidirectional=True)
    found = passages(model, task, batch)
    for passage in found:
        assert passage.cell is model.recurrent.cells[passage.direction]
        assert torch.equal(passage.u, passage.cell.project(batch.x)[passage.times, passage.rows])
        assert all(t < LENGTHS[row] for times in passage.times for t, row in zip(times, passage.rows, strict=True))
    norms = state_gradients(model, task, batch)
    reads = torch.arange(7).unsqueeze(1) < torch.tensor(LENGTHS)
    assert (norms[reads] > 0).all()
    assert (norms[~reads] == 0).all()


def test_chunks_leave_no_seam():
    steps = 2 * CHUNK + 3
    task, batch = TASKS["adding"](length=steps), batch_of(steps)
    model = model_of("unicornn")
    (cell,) = model.recurrent.cells
    (passage,) = passages(model, task, batch)
    u, w = cell.project(batch.x), cell.recurrent_weights()
    state, kept = cell.initial_state(4), []
    for u_t in u:
        state = tuple(part.view_as(part) for part in cell.step(u_t, state, w))
        kept.append(state)
    loss = task.loss(model.linear(cell.output(state)), batch.target)
    for part in (0, 1):
        nodes = [state[part] for state in kept]
        expected = torch.stack(torch.autograd.grad(loss, nodes, retain_graph=True, materialize_grads=True))
        assert expected[0].abs().max() > 1e-6
        GRADIENTS.assert_close(passage.adjoints[part], expected)


def test_without_gradients_switched_on_it_is_the_same():
    task, batch = TASKS["adding"](length=7), batch_of()
    model = model_of("rnn")
    expected = state_gradients(model, task, batch)
    with torch.no_grad():
        assert torch.equal(state_gradients(model, task, batch), expected)


def test_the_early_share_of_a_level_a_fading_and_a_growing_gradient():
    t = torch.arange(20.0).unsqueeze(1)
    norms = torch.cat([torch.ones(20, 1), 10 ** (t - 20), 10**-t, torch.zeros(20, 1)], 1)
    share = early_share(norms)
    assert share[:3].tolist() == pytest.approx([0.1, 1.1 * 0.9e-18, 0.99], rel=1e-3)
    assert share[3].isnan()
    assert early_share(norms, part=0.5)[0] == 0.5
    with pytest.raises(ValueError, match=r"part must lie in \(0, 1\]"):
        early_share(norms, part=0.0)


@each_case
def test_weight_gradients_of_all_steps_add_up(case):
    task, batch = TASKS["adding"](length=7), batch_of()
    model = model_of(case.name, hyperparameters=case.options)
    (cell,) = model.recurrent.cells
    (passage,) = passages(model, task, batch)
    u, w = cell.project(batch.x).detach().requires_grad_(), cell.recurrent_weights()
    w = {name: value.detach().requires_grad_() for name, value in w.items()}
    # a copy for each step: its gradient is what this one step adds
    copies = [{name: value.clone() for name, value in w.items()} for _ in range(7)]
    state = cell.initial_state(4)
    for u_t, own in zip(u, copies, strict=True):
        state = cell.step(u_t, state, own)
    loss = task.loss(model.linear(cell.output(state)), batch.target)
    by_step = [torch.autograd.grad(loss, list(own.values()), retain_graph=True) for own in copies]
    whole = torch.autograd.grad(loss, [u, *w.values()])
    found = split_by_step(passage)
    assert list(found) == ["u", *w]
    GRADIENTS.assert_close(found["u"][0], whole[0].flatten(1).norm(dim=1))
    for place, name in enumerate(w):
        gradients = torch.stack([step[place] for step in by_step])
        total = whole[1 + place]
        assert total.norm() > 1e-6
        norms, shares = found[name]
        GRADIENTS.assert_close(norms, gradients.flatten(1).norm(dim=1))
        GRADIENTS.assert_close(shares, (gradients * total).flatten(1).sum(1) / total.square().sum())
        assert shares.sum().item() == pytest.approx(1.0)


def test_the_frame_of_parameter_gradients():
    task, batch = TASKS["adding"](length=7), batch_of()
    model = model_of("gru", num_layers=2, bidirectional=True)
    frame = parameter_gradients(model, task, batch)
    assert list(frame.columns) == ["layer", "direction", "weight", "t", "norm", "share"]
    assert len(frame) == 2 * 2 * 3 * 7
    keys = ["layer", "direction", "weight"]
    assert frame.groupby(keys)["share"].sum().to_numpy() == pytest.approx(1.0)
    assert (frame.groupby(keys)["t"].apply(list).map(lambda t: t == list(range(1, 8)))).all()
    with pytest.raises(ValueError, match="sequences of one length, got 1 to 7 steps"):
        parameter_gradients(model, task, batch_of(lengths=LENGTHS))
    # a backward cell's last use of its weights is at the first step: there the readout's error comes in whole
    last = frame[(frame["layer"] == 1) & (frame["weight"] == "u")].pivot_table(
        index="t", columns="direction", values="norm"
    )
    assert last["forward"].idxmax() == 7
    assert last["backward"].idxmax() == 1
