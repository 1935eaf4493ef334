"""What every cell promises: the interface's rules, its declared claims, its settings, and its use in `Recurrent`."""

import copy
import inspect
import itertools
import pickle
from typing import Any

import pytest
import torch
from optuna.distributions import BaseDistribution, CategoricalDistribution
from torch import Tensor
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from rnnzoo.cells import CELLS, Cell, State
from rnnzoo.configuration import TrainingOptions
from rnnzoo.engine import unroll
from rnnzoo.model import build_model
from rnnzoo.recurrent import Recurrent
from rnnzoo.tasks import TASKS
from tests.contract.cases import CASES, Case, draw_state, each_case, each_engine
from tests.tolerances import AFFINE, INVERSE, MANIFOLD, MANIFOLD_FLOAT32, ROUND_TRIP, SAME_MATHS, Tolerance

LENGTHS = [3, 7, 1, 5]


def recurrent(case: Case, input_size: int = 2, hidden_size: int = 3, **layout: Any) -> Recurrent:
    layer = Recurrent(case.name, input_size, hidden_size, dtype=torch.float64, **layout, **case.options)
    with torch.no_grad():
        for p in layer.parameters():
            p.add_(0.2 * torch.randn_like(p))
    return layer


def parts(state: Any) -> tuple[Tensor, ...]:
    return (state,) if isinstance(state, Tensor) else tuple(state)


def one_step(cell: Cell, batch_size: int = 4) -> tuple[Tensor, State, dict[str, Tensor]]:
    with torch.no_grad():
        u = cell.project(torch.randn(1, batch_size, cell.input_size, dtype=torch.float64))[0]
        return u, draw_state(cell, batch_size), cell.recurrent_weights()


def trained(cell: Cell, steps: int = 25) -> Cell:
    """Return the cell after some large optimiser steps towards a random target."""
    dtype = next(cell.parameters()).dtype
    x = torch.randn(6, 5, cell.input_size, dtype=dtype)
    target = torch.randn(6, 5, cell.output_size, dtype=dtype)
    optimizer = torch.optim.Adam(cell.parameter_groups(0.05, constrained_lr_scale=1.0))
    before = [p.detach().clone() for p in cell.parameters()]
    for _ in range(steps):
        output = unroll(cell, x, engine="reference").output
        assert output is not None
        optimizer.zero_grad()
        (output - target).square().mean().backward()
        optimizer.step()
    assert any((p - b).abs().max() > 0.1 for p, b in zip(cell.parameters(), before, strict=True) if p.numel())
    return cell


# the interface


@each_case
def test_final_and_overrides_nothing_concrete(case: Case) -> None:
    cell_class = CELLS[case.name]
    assert getattr(cell_class, "__final__", False), "decorate the class with typing.final"
    concrete = {name for name, member in vars(Cell).items() if inspect.isfunction(member)} - Cell.__abstractmethods__
    assert not (concrete - {"__init__", "kernel_weights"}) & set(vars(cell_class))


@each_case
@pytest.mark.parametrize("hidden_size", [1, 7])
def test_shapes(case: Case, hidden_size: int) -> None:
    cell = case.make(hidden_size=hidden_size)
    state = cell.initial_state(5)
    assert [part.shape for part in state] == [(5, width) for width in cell.state_sizes.values()]
    state = cell(torch.randn(5, 2, dtype=torch.float64), state)
    assert [part.shape for part in state] == [(5, width) for width in cell.state_sizes.values()]
    assert cell.output(state).shape == (5, cell.output_size)
    wide = tuple(part.expand(2, 3, *part.shape) for part in state)
    assert cell.output(wide).shape == (2, 3, 5, cell.output_size)


@each_case
def test_step_reads_no_parameter_and_leaves_its_inputs_as_they_are(case: Case) -> None:
    cell = case.make()
    u, state, w = one_step(cell)
    kept = [t.clone() for t in (u, *state, *w.values())]
    expected = cell.step(u, state, w)
    for now, before in zip((u, *state, *w.values()), kept, strict=True):
        ROUND_TRIP.assert_close(now, before)
    actual = copy.deepcopy(cell).to("meta").step(u, state, w)
    for a, e in zip(actual, expected, strict=True):
        assert a.device.type == "cpu"
        ROUND_TRIP.assert_close(a, e)
        assert not any(a is part for part in state)


@each_case
def test_project_takes_any_leading_shape(case: Case) -> None:
    cell = case.make()
    x = torch.randn(4, 3, 2, 2, dtype=torch.float64)
    u = cell.project(x)
    assert u.shape[:3] == (4, 3, 2)
    SAME_MATHS.assert_close(cell.project(x[1]), u[1])
    SAME_MATHS.assert_close(cell.project(x[1, 2]), u[1, 2])
    SAME_MATHS.assert_close(cell.project(x[1, 2, 0]), u[1, 2, 0])


@each_case
def test_pickle_deepcopy_and_state_dict_round_trips(case: Case) -> None:
    cell = case.make()
    x = torch.randn(4, 3, 2, dtype=torch.float64)
    expected = unroll(cell, x).output
    assert expected is not None
    loaded = CELLS[case.name](2, 3, dtype=torch.float64, **case.options)  # type: ignore[call-arg]
    before = unroll(loaded, x).output
    assert before is not None
    assert not torch.equal(before, expected)
    loaded.load_state_dict(cell.state_dict())
    for other in (loaded, copy.deepcopy(cell), pickle.loads(pickle.dumps(cell))):
        output = unroll(other, x).output
        assert output is not None
        ROUND_TRIP.assert_close(output, expected)
        assert repr(other) == repr(cell)


@each_case
def test_hyperparameters_rebuild_the_cell(case: Case) -> None:
    cell = case.make()
    settings = cell.hyperparameters()
    assert {name: settings[name] for name in case.options} == case.options
    rebuilt = CELLS[case.name](2, 3, dtype=torch.float64, **settings)  # type: ignore[call-arg]
    assert rebuilt.hyperparameters() == settings
    rebuilt.load_state_dict(cell.state_dict())
    x = torch.randn(4, 3, 2, dtype=torch.float64)
    for a, e in zip(unroll(rebuilt, x).state, unroll(cell, x).state, strict=True):
        ROUND_TRIP.assert_close(a, e)


@each_case
def test_reset_parameters_fills_every_entry_as_the_seed_says(case: Case) -> None:
    drawn = []
    for fill in (float("nan"), 7.0):
        cell = case.make()
        with torch.no_grad():
            for p in cell.parameters():
                p.fill_(fill)
        torch.manual_seed(5)
        cell.reset_parameters()
        drawn.append([t.clone() for t in cell.state_dict().values()])
    for a, e in zip(*drawn, strict=True):
        assert not a.isnan().any()
        ROUND_TRIP.assert_close(a, e)


@each_case
def test_meta_device(case: Case) -> None:
    real = case.make()
    for cell in (
        CELLS[case.name](2, 3, device="meta", **case.options),  # type: ignore[call-arg]
        copy.deepcopy(real).to("meta"),
    ):
        assert all(p.is_meta for p in cell.parameters())
        assert [p.shape for p in cell.parameters()] == [p.shape for p in real.parameters()]


@each_case
def test_parameter_groups_hold_each_parameter_once_and_the_constrained_ones_apart(case: Case) -> None:
    cell = case.make()
    named = dict(cell.named_parameters())
    free, *constrained = cell.parameter_groups(0.1, constrained_lr_scale=0.5, weight_decay=0.01)
    assert (free["lr"], free["weight_decay"]) == (0.1, 0.01)
    wanted = [named[name] for name in cell.constrained_parameters if name in named]
    assert len(constrained) == bool(wanted)
    for group in constrained:
        assert (group["lr"], group["weight_decay"]) == (0.05, 0.0)
        assert [id(p) for p in group["params"]] == [id(p) for p in wanted]
    grouped = [id(p) for group in (free, *constrained) for p in group["params"]]
    assert sorted(grouped) == sorted(id(p) for p in named.values())


@pytest.mark.parametrize("name", CELLS)
def test_constrained_parameters_exist_in_some_variant(name: str) -> None:
    made = [case.make() for case in CASES if case.name == name]
    existing = {parameter for cell in made for parameter, _ in cell.named_parameters()}
    assert set(CELLS[name].constrained_parameters) <= existing


# settings


def ends(distribution: BaseDistribution) -> list[Any]:
    if isinstance(distribution, CategoricalDistribution):
        return list(distribution.choices)
    return [getattr(distribution, "low"), getattr(distribution, "high")]  # noqa: B009 - the base class has neither


@pytest.mark.parametrize("name", CELLS)
def test_search_space_holds_only_settings_that_work(name: str) -> None:
    cell_class = CELLS[name]
    space = cell_class.search_space
    assert set(space.cell) <= set(cell_class.hyperparameter_names())
    assert "lr" in space.training
    for values in itertools.product(*map(ends, space.cell.values())):
        cell_class(2, 3, **dict(zip(space.cell, values, strict=True)))  # type: ignore[arg-type]
    for field, distribution in space.training.items():
        for value in ends(distribution):
            TrainingOptions.model_validate({"steps": 1, "batch_size": 1, "lr": 0.1, field: value})


RECIPES = [(name, task) for name, cell_class in CELLS.items() for task in cell_class.recipes]


@pytest.mark.parametrize(("name", "task"), RECIPES)
def test_recipe_builds_a_model_and_can_be_trained(name: str, task: str) -> None:
    recipe = CELLS[name].recipes[task]
    model = build_model(
        name,
        recipe.hidden_size,
        input_size=2,
        output_size=10,
        readout="last",
        num_layers=recipe.num_layers,
        hyperparameters=recipe.cell,
        device="meta",
    )
    assert model.parameter_count() > 0
    assert {"steps", "batch_size", "lr"} <= set(recipe.training)
    TrainingOptions.model_validate(dict(recipe.training))
    assert task in TASKS
    assert set(recipe.task) <= set(inspect.signature(TASKS[task]).parameters)
    assert recipe.source


# claims


def claiming(claim: str) -> pytest.MarkDecorator:
    cases = [case for case in CASES if getattr(case.make().claims, claim)]
    return pytest.mark.parametrize("case", cases, ids=str)


def gram_error(W: Tensor) -> Tensor:
    eye = torch.eye(W.shape[0], dtype=W.dtype)
    return torch.stack([(W.mT @ W - eye).abs().max(), (W @ W.mT - eye).abs().max()])


PRECISIONS = pytest.mark.parametrize(
    ("dtype", "tolerance"), [(torch.float64, MANIFOLD), (torch.float32, MANIFOLD_FLOAT32)], ids=["float64", "float32"]
)


@claiming("orthogonal")
@PRECISIONS
@pytest.mark.parametrize("hidden_size", [1, 2, 17])
def test_orthogonal(case: Case, dtype: torch.dtype, tolerance: Tolerance, hidden_size: int) -> None:
    cell = case.make(hidden_size=hidden_size, dtype=dtype)
    for now in (cell, trained(cell)):
        W = now.recurrent_weights()["W"].detach()
        assert W.shape == (hidden_size, hidden_size)
        tolerance.assert_close(gram_error(W), torch.zeros(2, dtype=dtype), "gram matrix")


@claiming("unitary")
@PRECISIONS
@pytest.mark.parametrize("hidden_size", [1, 2, 17])
def test_unitary(case: Case, dtype: torch.dtype, tolerance: Tolerance, hidden_size: int) -> None:
    cell = case.make(hidden_size=hidden_size, dtype=dtype)
    for now in (cell, trained(cell)):
        W = now.recurrent_weights()["W"].detach()
        assert W.shape == (2 * hidden_size, 2 * hidden_size)
        tolerance.assert_close(gram_error(W), torch.zeros(2, dtype=dtype), "gram matrix")
        # a real form commutes with multiplication by i, [Re; Im] → [−Im; Re]
        eye = torch.eye(hidden_size, dtype=dtype)
        i = torch.block_diag(eye, eye).roll(hidden_size, 0)
        i[:hidden_size] *= -1
        tolerance.assert_close(W @ i, i @ W, "iW = Wi")


@claiming("singular_values")
@PRECISIONS
@pytest.mark.parametrize("hidden_size", [1, 2, 17])
def test_singular_values(case: Case, dtype: torch.dtype, tolerance: Tolerance, hidden_size: int) -> None:
    cell = case.make(hidden_size=hidden_size, dtype=dtype)
    assert cell.claims.singular_values is not None
    low, high = cell.claims.singular_values
    for now in (cell, trained(cell)):
        values = torch.linalg.svdvals(now.recurrent_weights()["W"].detach())
        assert values.min() >= low - tolerance.absolute, tolerance.reason
        assert values.max() <= high + tolerance.absolute, tolerance.reason


@claiming("invertible")
def test_inverse_step_gives_back_the_state(case: Case) -> None:
    for cell in (case.make(hidden_size=7), trained(case.make(hidden_size=7))):
        u, state, w = one_step(cell)
        after = cell.step(u, state, w)
        assert all((a - b).abs().max() > 1e-4 for a, b in zip(after, state, strict=True)), "the step does nothing"
        for actual, before in zip(cell.inverse_step(u, after, w), state, strict=True):  # type: ignore[operator]
            INVERSE.assert_close(actual, before)


@claiming("elementwise")
def test_units_do_not_see_each_other_in_a_step(case: Case) -> None:
    cell = case.make(hidden_size=4)
    u, state, w = one_step(cell, batch_size=1)
    jacobian = torch.autograd.functional.jacobian(lambda *s: cell.step(u, s, w), state)
    off_diagonal = ~torch.eye(4, dtype=torch.bool)
    for row in jacobian:
        for block in row:
            block = block[0, :, 0]
            assert block.diagonal().abs().min() > 0
            ROUND_TRIP.assert_close(block[off_diagonal], torch.zeros(12, dtype=torch.float64))


@claiming("linear")
def test_step_is_affine_in_the_state(case: Case) -> None:
    cell = case.make()
    u, a, w = one_step(cell)
    b = draw_state(cell, 4)
    mixed = cell.step(u, tuple(3 * p - 2 * q for p, q in zip(a, b, strict=True)), w)
    for got, p, q in zip(mixed, cell.step(u, a, w), cell.step(u, b, w), strict=True):
        AFFINE.assert_close(got, 3 * p - 2 * q)


def test_every_claim_is_measured() -> None:
    measured = {"orthogonal", "unitary", "singular_values", "invertible", "elementwise", "linear"}
    made = [case.make() for case in CASES]
    promised = {"gradient"}  # in words, which a report sets beside the gradient that it measured
    assert set(vars(made[0].claims)) == measured | promised
    assert all(any(getattr(cell.claims, claim) for cell in made) for claim in measured)


# in Recurrent


@each_case
@each_engine
def test_unbatched_equals_batched(case: Case, engine: str) -> None:
    layer = recurrent(case, num_layers=2, bidirectional=True, engine=engine)
    x = torch.randn(5, 3, 2, dtype=torch.float64)
    output, state, states = layer(x, return_states=True)
    alone, alone_state, alone_states = layer(x[:, 1], return_states=True)
    SAME_MATHS.assert_close(alone, output[:, 1])
    for a, e in zip(parts(alone_state), parts(state), strict=True):
        SAME_MATHS.assert_close(a, e[:, 1])
    for one, many in zip(alone_states, states, strict=True):
        for a, e in zip(one, many, strict=True):
            SAME_MATHS.assert_close(a, e[:, 1])
    again, _ = layer(x[:, 1], alone_state)
    SAME_MATHS.assert_close(again, layer(x, state)[0][:, 1])


@each_case
@each_engine
def test_packed_equals_lengths_equals_one_by_one(case: Case, engine: str) -> None:
    layer = recurrent(case, num_layers=2, bidirectional=True, engine=engine)
    x = torch.randn(7, 4, 2, dtype=torch.float64)
    for b, length in enumerate(LENGTHS):
        x[length:, b] = torch.nan
    initial = tuple(torch.randn_like(p) for p in parts(layer(x, lengths=LENGTHS)[1]))
    given = initial if len(initial) > 1 else initial[0]
    output, state = layer(x, given, lengths=LENGTHS)
    packed, packed_state = layer(pack_padded_sequence(x, torch.tensor(LENGTHS), enforce_sorted=False), given)
    ROUND_TRIP.assert_close(pad_packed_sequence(packed)[0], output)
    for a, e in zip(parts(packed_state), parts(state), strict=True):
        ROUND_TRIP.assert_close(a, e)
    for b, length in enumerate(LENGTHS):
        mine = tuple(p[:, b] for p in initial)
        alone, alone_state = layer(x[:length, b], mine if len(mine) > 1 else mine[0])
        SAME_MATHS.assert_close(output[:length, b], alone)
        assert torch.equal(output[length:, b], torch.zeros_like(output[length:, b]))
        for a, e in zip(parts(state), parts(alone_state), strict=True):
            SAME_MATHS.assert_close(a[:, b], e)


@each_case
def test_gradients_with_lengths_are_those_of_one_by_one(case: Case) -> None:
    layer = recurrent(case)
    x = torch.randn(7, 4, 2, dtype=torch.float64)
    weights = torch.randn(4, layer.output_size, dtype=torch.float64)
    together = (layer.last_output(x, lengths=LENGTHS) * weights).sum()
    ones = [(layer.last_output(x[:n, b]) * weights[b]).sum() for b, n in enumerate(LENGTHS)]
    apart = torch.stack(ones).sum()
    actual, expected = (
        torch.autograd.grad(loss, list(layer.parameters()), allow_unused=True, materialize_grads=True)
        for loss in (together, apart)
    )
    assert max(e.abs().max().item() for e in expected if e.numel()) > 1e-3
    for a, e in zip(actual, expected, strict=True):
        SAME_MATHS.assert_close(a, e)


@each_case
@each_engine
def test_two_directions_equal_two_runs_by_hand(case: Case, engine: str) -> None:
    layer = recurrent(case, bidirectional=True, engine=engine)
    forward, backward = layer.cells
    assert isinstance(forward, Cell)
    assert isinstance(backward, Cell)
    x = torch.randn(6, 3, 2, dtype=torch.float64)
    output, state, states = layer(x, return_states=True)
    there = unroll(forward, x, engine=engine, return_states=True)
    back = unroll(backward, x.flip(0), engine=engine, return_states=True)
    assert there.output is not None
    assert back.output is not None
    ROUND_TRIP.assert_close(output, torch.cat([there.output, back.output.flip(0)], -1))
    for a, f, b in zip(parts(state), there.state, back.state, strict=True):
        ROUND_TRIP.assert_close(a, torch.stack([f, b]))
    for kept, run in zip(states, (there, back), strict=True):
        for a, e in zip(kept, run.states or (), strict=True):
            ROUND_TRIP.assert_close(a, e)
    SAME_MATHS.assert_close(layer.last_output(x), torch.cat([there.output[-1], back.output[-1]], -1))


@each_case
def test_layer_round_trips(case: Case) -> None:
    layer = recurrent(case, num_layers=2, bidirectional=True)
    x = torch.randn(4, 3, 2, dtype=torch.float64)
    expected, _ = layer(x)
    loaded = recurrent(case, num_layers=2, bidirectional=True)
    assert not torch.equal(loaded(x)[0], expected)
    loaded.load_state_dict(layer.state_dict())
    for other in (loaded, copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        ROUND_TRIP.assert_close(other(x)[0], expected)


@each_case
def test_compiled_layer_equals_eager(case: Case) -> None:
    torch.compiler.reset()
    layer = recurrent(case, hidden_size=2)
    x = torch.randn(2, 2, 2, dtype=torch.float64)
    compiled = torch.compile(layer, backend="aot_eager")
    expected, actual = layer(x)[0], compiled(x)[0]
    SAME_MATHS.assert_close(actual, expected)
    wanted, gradients = (
        torch.autograd.grad(out.sum(), list(layer.parameters()), allow_unused=True, materialize_grads=True)
        for out in (expected, actual)
    )
    assert max(w.abs().max().item() for w in wanted if w.numel()) > 1e-4
    for a, e in zip(gradients, wanted, strict=True):
        SAME_MATHS.assert_close(a, e)
