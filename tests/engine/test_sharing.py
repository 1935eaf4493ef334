"""What the native engine knows of a class serves its cells to come, and only where they cannot tell the difference."""

import gc

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from rnnzoo.cells import CELLS
from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine import NativeEngineError, compiler_is_missing, release, unroll
from rnnzoo.engine.projection import Projection, projected
from tests.contract.cases import by_hand, twin
from tests.engine.cells import Made

needs_compiler = pytest.mark.skipif(compiler_is_missing(), reason="there is no C++ compiler to build kernels with")


class Leaking(Made):
    """A cell whose step reads settings: `factor`, a number, and `how`, anything."""

    def __init__(self, factor: float, how: object = None) -> None:
        super().__init__(2, 3, dtype=torch.float64)
        self.factor = factor
        self.how = how

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        y, z = state
        n = self.hidden_size
        bend = self.how if callable(self.how) else torch.tanh
        z = bend(torch.addmm(u[:, :n], y, w["W"])) - self.factor * z + w["k"] * u[:, n:]
        return y + 0.1 * z, z


@pytest.fixture(autouse=True)
def zoo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Count the cells of this file to the zoo, for only its cells share anything."""
    for kind in (Leaking, Counting, Choosing):
        monkeypatch.setitem(CELLS, kind.__name__, kind)


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the class of each cell that a kernel is made from."""
    from rnnzoo.engine.native import kernel

    classes: list[str] = []
    real = kernel.trace

    def noted(cell: Cell, *rest: object, **options: object) -> object:
        classes.append(type(cell).__name__)
        return real(cell, *rest, **options)

    monkeypatch.setattr(kernel, "trace", noted)
    return classes


def check(cell: Cell) -> None:
    """Hold a cell's kernel against a loop."""
    cell.zero_grad()
    x = torch.randn(6, 2, 2, dtype=torch.float64)
    other = twin(cell)
    for run, kind in ((unroll(cell, x, engine="native"), cell), (by_hand(other, x, other.initial_state(2)), other)):
        torch.autograd.backward(kind.output(run.state).sin().sum())
    expected = by_hand(other, x, other.initial_state(2)).state
    for mine, theirs in zip(unroll(cell, x, engine="native").state, expected, strict=True):
        torch.testing.assert_close(mine, theirs, rtol=1e-12, atol=1e-12)
    for mine, theirs in zip(cell.parameters(), other.parameters(), strict=True):
        assert (mine.grad is None) == (theirs.grad is None)
        if mine.grad is not None:
            torch.testing.assert_close(mine.grad, theirs.grad, rtol=1e-9, atol=1e-12)


@needs_compiler
def test_cells_with_the_same_settings_share_a_kernel_and_keep_their_weights(made: list[str]) -> None:
    first, second = Leaking(0.25), Leaking(0.25)
    check(first)
    check(second)
    release(first)
    del first
    gc.collect()
    check(second)
    check(Leaking(0.25))
    assert len(made) == 1


@needs_compiler
def test_another_setting_is_another_kernel(made: list[str]) -> None:
    check(Leaking(0.3))
    check(Leaking(0.4))
    cell = Leaking(0.3)
    check(cell)
    assert len(made) == 2
    cell.factor = 0.35
    check(cell)
    assert len(made) == 3


@needs_compiler
def test_what_a_setting_does_not_tell_by_its_words_is_not_shared(made: list[str]) -> None:
    class Bend:
        def __init__(self, function: object) -> None:
            self.function = function

        def __call__(self, z: Tensor) -> Tensor:
            assert callable(self.function)
            return self.function(z)

        def __repr__(self) -> str:
            return "Bend"

    for function in (torch.tanh, torch.sigmoid, torch.relu):
        check(Leaking(0.25, Bend(function)))
    assert len(made) == 3


@needs_compiler
def test_a_step_put_in_the_place_of_another_gets_a_kernel_of_its_own(
    made: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    check(Leaking(0.45))
    real = Leaking.step

    def doubled(self: Leaking, u: Tensor, state: State, w: Weights) -> State:
        return real(self, 2 * u, state, w)

    monkeypatch.setattr(Leaking, "step", doubled)
    check(Leaking(0.45))
    assert len(made) == 2


FACTOR = 0.5


class Reading(Leaking):
    """A user's cell, whose step reads a global and an attribute of its own."""

    def __init__(self, own: float) -> None:
        super().__init__(0.0)
        self._own = own

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        y, z = super().step(u, state, w)
        return FACTOR * y, self._own * z


@needs_compiler
def test_cells_of_users_share_nothing(made: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    check(Reading(0.9))
    monkeypatch.setitem(globals(), "FACTOR", 0.25)
    cell = Reading(0.9)
    check(cell)
    cell._own = 0.8
    check(cell)
    assert len(made) == 3


class Remembering(Leaking):
    """A user's cell that keeps a tensor, another one at every call; and, if asked to, has its step read it."""

    def __init__(self, *, reads: bool) -> None:
        super().__init__(0.0)
        self.reads = reads
        self._last = torch.zeros(3, dtype=torch.float64)

    def recurrent_weights(self) -> Weights:
        self._last = torch.rand(3, dtype=torch.float64)
        return super().recurrent_weights()

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        y, z = super().step(u, state, w)
        return (y * self._last, z) if self.reads else (y, z)


@needs_compiler
def test_a_tensor_that_a_cell_keeps_costs_no_kernel_and_one_that_its_step_reads_gets_none(made: list[str]) -> None:
    cell = Remembering(reads=False)
    check(cell)
    check(cell)
    assert len(made) == 1
    with pytest.raises(NativeEngineError, match="cannot be traced"):
        unroll(Remembering(reads=True), torch.randn(2, 2, 2, dtype=torch.float64), engine="native")


class Counting(Made):
    """Counts how often it is asked to project."""

    def __init__(self, asked: list[int], *, wide: bool = False) -> None:
        super().__init__(2, 3)
        self.asked = asked
        self.wide = wide

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        raise NotImplementedError

    def project(self, x: Tensor) -> Tensor:
        self.asked.append(1)
        return F.linear(x, self.V) if self.wide else F.linear(x, self.V, self.b)


def found(cell: Cell, x: Tensor) -> tuple[Tensor, Tensor | None]:
    projection = projected(cell, x)
    assert isinstance(projection, Projection)
    assert projection.x is x
    return projection.V, projection.b


def test_a_projection_is_looked_at_once_and_again_when_its_cell_changes() -> None:
    asked: list[int] = []
    cell = Counting(asked)
    for steps in (3, 4, 5):
        V, b = found(cell, torch.randn(steps, 2, 2))
        assert V is cell.V
        assert b is cell.b
    assert len(asked) == 1
    cell.V = nn.Parameter(torch.zeros(6, 2))
    assert found(cell, torch.randn(3, 2, 2))[0] is cell.V
    assert len(asked) == 1
    cell.wide = True
    assert found(cell, torch.randn(3, 2, 2)) == (cell.V, None)
    assert len(asked) == 2
    cell.eval()
    assert found(cell, torch.randn(3, 2, 2)) == (cell.V, None)
    assert len(asked) == 3


class Choosing(Made):
    """Its projection depends on the input."""

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        raise NotImplementedError

    def project(self, x: Tensor) -> Tensor:
        return F.linear(x, self.V) if x.shape[0] > 3 else F.linear(x, self.V, self.b)


def test_a_projection_that_looks_at_its_input_is_looked_at_every_time() -> None:
    cell = Choosing(2, 3)
    assert found(cell, torch.randn(2, 2, 2))[1] is cell.b
    assert found(cell, torch.randn(5, 2, 2))[1] is None
    assert found(cell, torch.randn(2, 2, 2))[1] is cell.b
