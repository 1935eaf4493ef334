"""The chain rule written out gives what autograd gives, and steps back from all that it does not know."""

import copy

import pytest
import torch
from torch import Tensor, nn

from rnnzoo.cells import CELLS
from rnnzoo.configuration import RunConfig
from rnnzoo.diagnostics.speed import saved_bytes
from rnnzoo.engine.native.kernel import owned
from rnnzoo.engine.native.passage import Passage
from rnnzoo.learning.bptt import BPTT
from rnnzoo.learning.chain_rule import ChainRule
from rnnzoo.model import SequenceModel
from rnnzoo.recurrent import Recurrent
from rnnzoo.study.run import make_model, make_task
from rnnzoo.tasks import Batch, Task
from rnnzoo.training import make_training
from tests.contract.cases import NEEDS_COMPILER
from tests.engine.cells import Offset
from tests.learning.models import assert_same, batch_of, small, taught
from tests.tolerances import GRADIENTS, ROUND_TRIP

pytestmark = NEEDS_COMPILER


def kernels(cell: str = "gru", task_name: str = "adding", **options) -> tuple[SequenceModel, Task, Batch]:
    """Return a model whose cells kernels carry, its task, and a batch in the model's dtype."""
    model, task = small(cell, task_name, **{"engine": "native"} | options)
    batch = batch_of(task)
    if next(model.parameters()).dtype == torch.float32:
        batch = task.train_batch(0, 0, 6)
    return model, task, batch


def written_out(model: SequenceModel, task: Task, batch: Batch) -> dict[str, Tensor] | None:
    """Return the gradients of the chain rule written out, or None if it steps back; then it has left none."""
    model.zero_grad(set_to_none=True)
    loss = ChainRule(model, task).backward(batch)
    gradients = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
    if loss is None:
        assert not gradients
        return None
    with torch.no_grad():
        torch.testing.assert_close(loss, task.loss(model(batch.x), batch.target), rtol=1e-6, atol=0.0)
    return gradients


def by_autograd(model: SequenceModel, task: Task, batch: Batch) -> dict[str, Tensor]:
    model.zero_grad(set_to_none=True)
    task.loss(model(batch.x, batch.lengths), batch.target).backward()
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize(("task_name", "layers"), [("adding", 3), ("copy", 3), ("padded_digits", 1)])
@pytest.mark.parametrize("cell", CELLS)
def test_it_is_the_gradient_of_the_loss(cell, task_name, layers):
    model, task, batch = kernels(cell, task_name, num_layers=layers)
    gradients = written_out(model, task, batch)
    assert gradients is not None
    assert_same(gradients, by_autograd(model, task, batch), GRADIENTS)


@pytest.mark.parametrize("task_name", ["adding", "copy", "padded_digits"])
@pytest.mark.parametrize("cell", CELLS)
def test_it_has_autograds_bits(cell, task_name):
    model, task, batch = kernels(cell, task_name, dtype=torch.float32)
    gradients = written_out(model, task, batch)
    assert gradients is not None
    assert_same(gradients, by_autograd(model, task, batch), ROUND_TRIP)


@pytest.mark.parametrize("engine", ["native", "auto"])
def test_backpropagation_takes_it(engine, monkeypatch):
    model, task, batch = kernels(engine=engine)
    expected = by_autograd(model, task, batch)
    monkeypatch.setattr(SequenceModel, "forward", None)  # autograd's way begins there
    assert_same(taught(BPTT(model, task), batch), expected, GRADIENTS)


def test_what_is_there_is_added_to():
    model, task, batch = kernels("coRNN".lower(), "copy", num_layers=2)
    once = written_out(model, task, batch)
    assert once is not None
    ChainRule(model, task).backward(batch)
    for name, p in model.named_parameters():
        torch.testing.assert_close(p.grad, 2 * once[name], msg=name)


@pytest.mark.parametrize("frozen", ["linear.weight", "linear.bias", "recurrent.cells.0.V", "recurrent.cells.1.W"])
def test_what_asks_for_no_gradient_gets_none(frozen):
    model, task, batch = kernels("rnn", num_layers=2)
    model.get_parameter(frozen).requires_grad_(False)
    gradients = written_out(model, task, batch)
    assert gradients is not None
    assert frozen not in gradients
    assert_same(gradients, by_autograd(model, task, batch), GRADIENTS)


def test_a_gradient_lies_as_its_parameter_does():
    for cell in CELLS:
        model, task, batch = kernels(cell)
        written_out(model, task, batch)
        for name, p in model.named_parameters():
            assert p.grad is None or p.grad.stride() == p.stride(), (cell, name)


def test_a_cell_that_stands_twice_in_a_stack_learns_from_both():
    torch.manual_seed(0)
    cell = CELLS["rnn"](2, 2, dtype=torch.float64)
    plain, task, batch = kernels("rnn")
    model = SequenceModel(Recurrent([cell, cell], engine="native"), plain.output_size, readout="last")
    gradients = written_out(model, task, batch)
    assert gradients is not None
    assert_same(gradients, by_autograd(model, task, batch), GRADIENTS)


def test_no_memory_stays_lent():
    model, task, batch = kernels("lstm", "copy", num_layers=2)
    for _ in range(3):
        written_out(model, task, batch)
        assert not any(owned(cell).pool._lent for cell in model.recurrent.cells)


UNKNOWN = {
    "another engine": {"engine": "reference"},
    "dropout": {"num_layers": 2, "dropout": 0.5},
    "dropout before the readout": {"readout_dropout": 0.5},
    "two directions": {"bidirectional": True},
    "residual": {"num_layers": 2, "residual": True},
    "a readout that scales": {"readout_initialisation": "standardised"},
    "an encoder": {"encoder": {"channels": [2], "kernel": 3}},
}


@pytest.mark.parametrize("options", UNKNOWN.values(), ids=UNKNOWN)
def test_it_steps_back_from_models_that_it_does_not_know(options):
    model, task, batch = kernels("rnn", **options)
    assert written_out(model, task, batch) is None
    torch.manual_seed(1)
    expected = by_autograd(model, task, batch)
    torch.manual_seed(1)
    assert_same(taught(BPTT(model, task), batch), expected, ROUND_TRIP)


def test_it_steps_back_from_two_directions_even_where_they_could_be_layers():
    torch.manual_seed(0)
    plain, task, batch = kernels("rnn")
    recurrent = Recurrent("rnn", 2, 2, bidirectional=True, engine="native", dtype=torch.float64)
    model = SequenceModel(recurrent, plain.output_size, readout="last")
    assert written_out(model, task, batch) is None


def test_an_output_may_be_any_part_of_the_state():
    class Second(Offset):
        def output(self, state):
            return state[1]

    torch.manual_seed(0)
    plain, task, batch = kernels("rnn", "copy")
    recurrent = Recurrent(Second, 10, 4, num_layers=2, engine="native", dtype=torch.float64)
    model = SequenceModel(recurrent, plain.output_size, readout="every")
    gradients = written_out(model, task, batch)
    assert gradients is not None
    assert_same(gradients, by_autograd(model, task, batch), GRADIENTS)


def test_a_kernel_is_asked_for_no_gradient_that_nobody_wants():
    model, _, batch = kernels("rnn")
    cell = model.recurrent.cells[0]
    cell.V.requires_grad_(False)
    with torch.no_grad():
        assert Passage(cell, batch.x, whole=False, towards_x=False)._kernel.wanted.w == {"W", "input_b"}


def test_it_takes_no_part_in_dropout_but_knows_a_model_that_is_not_in_training():
    model, task, batch = kernels("rnn", num_layers=2, dropout=0.5, readout_dropout=0.5)
    model.eval()
    gradients = written_out(model, task, batch)
    assert gradients is not None
    assert_same(gradients, by_autograd(model, task, batch), GRADIENTS)


def hook_on(part: str):
    def add(model: SequenceModel) -> None:
        module = model.get_submodule(part)
        module.register_forward_hook(lambda *_: None)

    return add


WATCHED = {
    "the model": hook_on(""),
    "the recurrent layer": hook_on("recurrent"),
    "a cell": hook_on("recurrent.cells.0"),
    "the readout": hook_on("linear"),
    "the way back through the readout": lambda model: model.linear.register_full_backward_hook(lambda *_: None),
    "a gradient": lambda model: model.linear.weight.register_hook(lambda g: 2 * g),
    "a parameter": lambda model: model.linear.weight.register_post_accumulate_grad_hook(lambda p: None),
}


@pytest.mark.parametrize("watch", WATCHED.values(), ids=WATCHED)
def test_it_steps_back_where_somebody_watches(watch):
    model, task, batch = kernels("rnn")
    watch(model)
    assert written_out(model, task, batch) is None


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_it_steps_back_from_batches_that_it_does_not_know():
    model, task, batch = kernels("rnn")
    for unknown in (
        batch._replace(lengths=torch.tensor([7, 7, 7, 7, 7, 3])),
        batch._replace(x=batch.x.float()),
        batch._replace(x=batch.x[:, :, :1]),
        batch._replace(x=batch.x[:, 0]),
        batch._replace(x=batch.x[:0]),
        batch._replace(x=batch.x.clone().requires_grad_()),
    ):
        assert written_out(model, task, unknown) is None
    with torch.autograd.detect_anomaly(check_nan=True):
        assert written_out(model, task, batch) is None
    with torch.no_grad():
        assert written_out(model, task, batch) is None
    assert written_out(model, task, batch) is not None


def test_it_steps_back_from_cells_that_no_kernel_projects_for(monkeypatch):
    model, task, batch = kernels("rnn", num_layers=2)
    upper = model.recurrent.cells[1]
    project = type(upper).project
    monkeypatch.setattr(
        type(upper), "project", lambda self, x: project(self, x).tanh() if self is upper else project(self, x)
    )
    assert written_out(model, task, batch) is None
    monkeypatch.undo()
    for p in model.recurrent.parameters():
        p.requires_grad_(False)
    assert written_out(model, task, batch) is None


def test_a_penalty_is_minimised_with_the_loss():
    model, task, batch = kernels("rnn")
    rule = BPTT(model, task)
    model.zero_grad()
    rule.backward(batch, 0, penalty=model.linear.weight.square().sum())
    expected = by_autograd(copy.deepcopy(model), task, batch)
    expected["linear.weight"] += 2 * model.linear.weight.detach()
    assert_same({name: p.grad for name, p in model.named_parameters()}, expected, GRADIENTS)


@pytest.mark.parametrize("task_name", ["adding", "copy"])
@pytest.mark.parametrize("cell", CELLS)
def test_it_keeps_as_much_as_autograd(cell, task_name, monkeypatch):
    options = {"length": 40}
    config = RunConfig.model_validate(
        {
            **{"task": task_name, "task_options": options, "cell": cell, "cell_options": {}, "hidden_size": 20},
            **{"training": {"steps": 10, "batch_size": 16, "lr": 1e-3}, "seed": 1},
        }
    )
    task = make_task(config)

    def kept() -> int:
        torch.manual_seed(0)
        return saved_bytes(make_training(config, make_model(config, task), task))

    seen = kept()
    monkeypatch.setattr(ChainRule, "backward", lambda self, batch: None)
    # autograd keeps some of a loss's numbers twice; what a matrix is made from is the same
    assert seen == pytest.approx(kept(), rel=0.06)


def test_a_model_of_another_kind_is_left_to_autograd():
    class Own(SequenceModel):
        def forward(self, x, lengths=None):
            return 2 * super().forward(x, lengths)

    model, task, batch = kernels("rnn")
    model.__class__ = Own
    assert written_out(model, task, batch) is None
    plain, task, batch = kernels("rnn")
    rule = ChainRule(plain, task)
    assert rule.backward(batch) is not None
    plain.linear = nn.Sequential(plain.linear)
    assert rule.backward(batch) is None
