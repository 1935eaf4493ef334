"""A cell whose projection is linear hands V and b to the engine; every other one is asked for u."""

import math

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from rnnzoo.cells import CELLS, UnICORNN
from rnnzoo.engine import compiler_is_missing, native, reconstruction_error, unroll
from rnnzoo.engine.projection import FEW, Projection, projected
from tests.contract.cases import by_hand, twin
from tests.engine.cells import GatedOscillator

needs_compiler = pytest.mark.skipif(compiler_is_missing(), reason="there is no C++ compiler to build kernels with")


@pytest.mark.parametrize("name", CELLS)
def test_what_is_found_is_what_the_cell_computes(name: str) -> None:
    cell = CELLS[name](3, 5)
    x = torch.randn(4, 2, 3)
    found = projected(cell, x)
    assert isinstance(found, Projection)
    assert torch.equal(F.linear(found.x, found.V, found.b), cell.project(x))


class Scaled(GatedOscillator):
    def project(self, x: Tensor) -> Tensor:
        return super().project(x) * 2.0


class Squared(GatedOscillator):
    def project(self, x: Tensor) -> Tensor:
        return super().project(x * x)


class Twice(GatedOscillator):
    def project(self, x: Tensor) -> Tensor:
        return super().project(x) + super().project(x)


class Watched(GatedOscillator):
    """Its projection is linear, but something happens on the way."""

    def project(self, x: Tensor) -> Tensor:
        u = super().project(x)
        torch.isfinite(u).all()
        return u


@pytest.mark.parametrize("made", [Scaled, Squared, Twice, Watched])
@pytest.mark.parametrize("engine", ["native", "reference"])
def test_a_projection_that_does_more_is_computed_as_it_is(made: type[GatedOscillator], engine: str) -> None:
    if engine == "native" and compiler_is_missing():
        pytest.skip("there is no C++ compiler to build kernels with")
    cell = made(3, 5, dtype=torch.float64)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    assert torch.equal(projected(cell, x), cell.project(x))
    output, expected = unroll(cell, x, engine=engine).output, by_hand(twin(cell), x, cell.initial_state(2)).output
    assert output is not None
    assert expected is not None
    torch.testing.assert_close(output, expected, rtol=1e-12, atol=1e-12)  # float64 rounding over 6 steps


class Linear(GatedOscillator):
    """Its projection is a module, which may have hooks."""

    def __init__(self, input_size: int, hidden_size: int) -> None:
        super().__init__(input_size, hidden_size)
        self.linear = nn.Linear(input_size, 2 * hidden_size)

    def project(self, x: Tensor) -> Tensor:
        return self.linear(x)


def test_a_hook_on_the_projection_sees_u() -> None:
    cell = Linear(3, 5)
    assert isinstance(projected(cell, torch.randn(2, 2, 3)), Projection)
    seen: list[tuple[int, ...]] = []
    cell.linear.register_forward_hook(lambda *given: seen.append(tuple(given[2].shape)))
    assert isinstance(projected(cell, torch.randn(2, 2, 3)), Tensor)
    assert seen == [(2, 2, 10)]


class Dropping(GatedOscillator):
    def project(self, x: Tensor) -> Tensor:
        return super().project(F.dropout(x, 0.5))


def test_what_a_projection_draws_is_drawn_once() -> None:
    cell = Dropping(3, 5)
    x = torch.randn(6, 2, 3)
    drawn = []
    for project in (cell.project, lambda x: projected(cell, x)):
        torch.manual_seed(0)
        drawn.append((project(x), torch.rand(())))
    assert torch.equal(drawn[0][0], drawn[1][0])
    assert torch.equal(drawn[0][1], drawn[1][1])


@needs_compiler
@pytest.mark.parametrize("input_size", [1, FEW, FEW + 1, 9])
def test_u_and_its_gradient_fill_no_memory(input_size: int) -> None:
    cell = CELLS["rnn"](input_size, 16)
    x = torch.randn(50, 3, input_size)
    shapes: list[tuple[int, ...]] = []

    def note(tensor: Tensor) -> Tensor:
        shapes.append(tuple(tensor.shape))
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        final = unroll(cell, x, engine="native").state[0]
    assert (50, 3, input_size) in shapes
    assert [shape for shape in shapes if math.prod(shape) >= 50 * 3 * 16] == [(51 * 3 * 16,)]  # the states alone
    final.sum().backward()
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in cell.parameters())


@needs_compiler
def test_learning_and_evaluation_share_a_kernel() -> None:
    from rnnzoo.engine.native import kernel

    cell = CELLS["cornn"](2, 5)
    x = torch.randn(6, 2, 2)
    with torch.no_grad():
        unroll(cell, x, engine="native")
    unroll(cell, x, engine="native").state[0].sum().backward()
    with torch.no_grad():
        unroll(cell, x, engine="native")
    assert len(kernel.owned(cell).kernels) == 1


@needs_compiler
@pytest.mark.parametrize("input_size", [1, FEW, FEW + 1])
def test_reversible_rebuilds_from_the_input(input_size: int) -> None:
    cell = UnICORNN(input_size, 7, dtype=torch.float64)
    x = torch.randn(63, 3, input_size, dtype=torch.float64, requires_grad=True)
    gradients = []
    for engine in ("native", "reversible"):
        end = unroll(cell, x, engine=engine).state
        loss = torch.stack([(part * torch.arange(21.0).view(3, 7)).sum() for part in end]).sum()
        gradients.append(torch.autograd.grad(loss, [x, *cell.parameters()]))
    for rebuilt, kept in zip(gradients[1], gradients[0], strict=True):
        assert kept.abs().max() > 1e-3
        torch.testing.assert_close(rebuilt, kept, rtol=1e-8, atol=1e-9)  # 63 inverse steps of float64
    error = reconstruction_error(cell)
    assert error is not None
    assert error < 1e-10


@needs_compiler
def test_an_engine_that_is_given_u_still_takes_it() -> None:
    cell = CELLS["gru"](3, 5, dtype=torch.float64)
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    given = native(cell, cell.project(x), cell.initial_state(2), cell.recurrent_weights(), outputs=True, states=False)
    projected = unroll(cell, x, engine="native").output
    assert given.output is not None
    assert projected is not None
    torch.testing.assert_close(projected, given.output, rtol=1e-12, atol=1e-12)  # float64 rounding over 6 steps
