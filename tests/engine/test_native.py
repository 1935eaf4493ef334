"""The native engine against the reference, and what it does where it cannot run."""

import ctypes
import gc
import math
import os
import subprocess
import sys
import warnings
import weakref
from collections.abc import Iterable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from rnnzoo import CELLS, unroll
from rnnzoo.cells import Cell
from rnnzoo.cells.unicornn import UnICORNN
from rnnzoo.engine import (
    NativeEngineError,
    SlowEngineWarning,
    choose,
    native,
    reconstruction_error,
    reference,
    reversible,
)
from rnnzoo.engine.native import build, compiler_is_missing, kernel
from rnnzoo.engine.native.blas import blas
from rnnzoo.engine.native.function import Function
from rnnzoo.engine.native.memory import Pool
from rnnzoo.engine.verify import TOLERANCES, distance, draw, everything, verify
from tests.engine.cells import BatchMean, GatedOscillator, Made, Normalised, Offset, Shifted, Sorted, Summed

pytestmark = pytest.mark.skipif(compiler_is_missing(), reason="there is no C++ compiler to build kernels with")

# drawn networks have tests of their own: a kernel of so many nodes takes seconds to build
CLASSES: dict[str, type[Cell]] = {
    **{name: cell for name, cell in CELLS.items() if cell.construction is None},
    "gated oscillator": GatedOscillator,
    "normalised": Normalised,
    "offset": Offset,
    "shifted": Shifted,
    "summed": Summed,
}


@pytest.mark.usefixtures("nan_in_fresh_memory")
@pytest.mark.parametrize("name", CLASSES)
def test_outputs_states_and_all_gradients_are_those_of_the_reference(name: str) -> None:
    # 1e-9 in float64 and 1e-4 in float32 of the largest entry: `rnnzoo.engine.verify.TOLERANCES`
    table = verify(CLASSES[name], engines=["native"])
    assert len(table) > 100
    assert table.agrees.all(), table[~table.agrees].to_string()


# Rows and columns that fill registers, panels and tiles of a product or leave a rest of each; at 190 units the gradient
# of a matrix is a BLAS's. Three threads take unequal slices of most batches.
@pytest.mark.usefixtures("nan_in_fresh_memory")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("batch", "hidden"), [(9, 8), (6, 16), (11, 24), (7, 33), (8, 32), (5, 100), (13, 12), (2, 40), (4, 190)]
)
def test_products_of_every_shape_are_those_of_the_reference(batch: int, hidden: int, threads: int) -> None:
    torch.set_num_threads(threads)
    try:
        table = verify(GatedOscillator, engines=["native"], hidden_sizes=[hidden], steps=[2, 40], batch_sizes=[batch])
    finally:
        torch.set_num_threads(1)
    assert len(table) > 50
    assert table.agrees.all(), table[~table.agrees].to_string()


# Beside the columns of the recurrent matrix, sums of outer products then have one or two: those of the bias, the input.
@pytest.mark.usefixtures("nan_in_fresh_memory")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("name", ["rnn", "gru"])
@pytest.mark.parametrize("hidden", [8, 40, 70])
def test_gradients_of_a_bias_and_of_one_feature_are_those_of_the_reference(
    hidden: int, name: str, threads: int
) -> None:
    for dtype, tolerance in TOLERANCES.items():
        torch.manual_seed(hidden)
        cell = CELLS[name](1, hidden, dtype=dtype)
        example = draw(cell, 40, 9)
        expected = everything(reference, cell, example)
        torch.set_num_threads(threads)
        try:
            found = everything(native, cell, example)
        finally:
            torch.set_num_threads(1)
        assert found.keys() == expected.keys()
        wrong = {key: distance(found[key], value) for key, value in expected.items()}
        assert max(wrong.values()) <= tolerance, wrong


def test_verify_sees_a_wrong_engine(monkeypatch: pytest.MonkeyPatch) -> None:
    from rnnzoo.engine import ENGINES

    def wrong(cell: Cell, *args: object, **options: object) -> object:
        run = reference(cell, *args, **options)  # type: ignore[arg-type]
        return run._replace(state=tuple(part * (1 + 1e-6) for part in run.state))

    monkeypatch.setitem(ENGINES, "native", wrong)
    table = verify(GatedOscillator, engines=["native"], hidden_sizes=[7], steps=[2], dtypes=[torch.float64])
    assert set(table[~table.agrees].quantity) >= {"state y", "state z"}
    assert table[table.quantity == "output"].agrees.all()


def test_threads_share_the_batch_and_give_the_same_result_every_time() -> None:
    cell = GatedOscillator(3, 17, dtype=torch.float32)
    example = draw(cell, 20, 7)
    alone = everything(native, cell, example)
    torch.set_num_threads(3)
    try:
        first, second = (everything(native, cell, example) for _ in range(2))
    finally:
        torch.set_num_threads(1)
    for name, value in first.items():
        assert torch.equal(value, second[name]), name
        torch.testing.assert_close(value, alone[name], rtol=1e-4, atol=1e-4)  # sums in another order


def test_a_kernel_leaves_the_threads_of_the_blas_as_it_found_them() -> None:
    found = blas(torch.float32).set_threads
    if found is None:
        pytest.skip("this PyTorch's BLAS has no count of threads for each thread")
    set_threads = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int)(found)
    before = set_threads(3)  # of this thread, which is the first of a kernel's
    try:
        cell = CELLS["rnn"](2, 5)
        unroll(cell, torch.randn(4, 3, 2), engine="native").output.sum().backward()
        assert set_threads(3) == 3
    finally:
        set_threads(before)


@pytest.fixture
def built(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources of the kernels that are made, compiled earlier or not."""
    sources: list[str] = []
    true_build = kernel.build

    def noting(source: str, name: str) -> object:
        sources.append(source)
        return true_build(source, name)

    monkeypatch.setattr(kernel, "build", noting)
    return sources


def test_a_kernel_serves_every_size_and_hyperparameter(built: list[str]) -> None:
    for hidden, dt in ((1, 0.1), (7, 0.2), (65, 0.3)):
        unroll(CELLS["cornn"](2, hidden, dt=dt), torch.randn(3, 2, 2), engine="native")
    assert len(built) == 3
    assert len(set(built)) == 1


def test_a_kernel_that_divides_by_a_width_serves_every_width(built: list[str]) -> None:
    for hidden in (5, 7, 65):
        unroll(Normalised(2, hidden), torch.randn(3, 2, 2), engine="native")
    assert len(built) == 3
    assert len(set(built)) == 1


def test_a_changed_hyperparameter_changes_the_result() -> None:
    cell = CELLS["cornn"](2, 4, dtype=torch.float64)
    x = torch.randn(5, 2, 2, dtype=torch.float64)
    before = unroll(cell, x, engine="native").output
    cell.dt = 0.5
    after, expected = unroll(cell, x, engine="native").output, unroll(cell, x, engine="reference").output
    assert before is not None
    assert after is not None
    assert not torch.allclose(before, after)
    torch.testing.assert_close(after, expected, rtol=1e-9, atol=1e-12)  # float64 rounding over 5 steps


@pytest.mark.parametrize("name", CLASSES)
def test_a_nan_in_the_input_comes_out_and_stays_in_its_sequence(name: str) -> None:
    cell = CLASSES[name](2, 5)
    x = torch.randn(6, 3, 2)
    x[2, 1] = torch.nan
    output = unroll(cell, x, engine="native").output
    assert output is not None
    assert output[-1, 1].isnan().all()
    assert output[:, [0, 2]].isfinite().all()
    assert output[:2].isfinite().all()


def test_an_overflow_comes_out_as_infinite_or_nan() -> None:
    cell = GatedOscillator(2, 5)
    with torch.no_grad():
        cell.get_parameter("k").fill_(1e18)
    output = unroll(cell, torch.randn(9, 3, 2), engine="native").output
    assert output is not None
    assert not output[-1].isfinite().any()


@pytest.mark.parametrize("shape", [(1, 4), (3, 3), (4,)])
def test_a_state_of_another_shape_is_an_error_before_its_memory_is_read(shape: tuple[int, ...]) -> None:
    cell = CELLS["rnn"](2, 4)
    u, w = cell.project(torch.randn(5, 3, 2)), cell.recurrent_weights()
    with pytest.raises(ValueError, match=r"state h must be \(3, 4\) of torch.float32.*initial_state"):
        native(cell, u, (torch.zeros(shape),), w, outputs=True, states=False)


def test_double_backward_is_refused() -> None:
    cell = GatedOscillator(2, 3)
    x = torch.randn(4, 2, 2, requires_grad=True)
    output = unroll(cell, x, engine="native").output
    assert output is not None
    with pytest.raises(NativeEngineError, match=r"create_graph=True.*engine='reference'"):
        torch.autograd.grad(output.sum(), x, create_graph=True)


def test_backward_may_run_twice_and_calls_may_interleave() -> None:
    cell = GatedOscillator(2, 3, dtype=torch.float64)
    x, other = (torch.randn(4, 2, 2, dtype=torch.float64, requires_grad=True) for _ in range(2))
    first = unroll(cell, x, engine="native").state[0].sum()
    second = unroll(cell, other, engine="native").state[0].sum()
    once = torch.autograd.grad(first, x, retain_graph=True)[0].clone()
    torch.autograd.grad(second, other)
    assert torch.equal(torch.autograd.grad(first, x)[0], once)


def test_changing_an_output_in_place_is_noticed() -> None:
    cell = GatedOscillator(2, 3)
    output = unroll(cell, torch.randn(4, 2, 2), engine="native").output
    assert output is not None
    loss = output.mul_(2).sum()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_memory_is_kept_for_the_next_call_and_goes_with_the_cell() -> None:
    cell = GatedOscillator(2, 3)
    x = torch.randn(40, 2, 2)

    def train(cell: Cell) -> None:
        unroll(cell, x, engine="native").state[0].sum().backward()

    train(cell)
    blocks = {id(block) for block in kernel.owned(cell).pool._free}
    assert blocks
    train(cell)
    assert {id(block) for block in kernel.owned(cell).pool._free} == blocks
    pool = weakref.ref(kernel.owned(cell).pool)
    del cell
    gc.collect()
    assert pool() is None


def test_unused_outputs_get_no_gradient_tensor(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = GatedOscillator(2, 3)
    seen: list[list[int]] = []
    true_call = Function.__call__

    def call(
        self: Function, pool: Pool, values: object, buffers: Iterable[int], parts: object, **rest: object
    ) -> object:
        seen.append(list(buffers))
        return true_call(self, pool, values, seen[-1], parts, **rest)  # type: ignore[arg-type]

    monkeypatch.setattr(Function, "__call__", call)
    run = unroll(cell, torch.randn(4, 2, 2), engine="native", return_states=True)
    run.state[0].sum().backward()
    assert seen[-1][-2:] == [0, 0]


@pytest.mark.parametrize(
    ("made", "reason"), [(Sorted, "aten.sort"), (BatchMean, "must not depend on each other|batch")]
)
def test_a_step_that_no_kernel_can_hold(made: type[Made], reason: str) -> None:
    cell = made(2, 3)
    x = torch.randn(4, 2, 2)
    with pytest.raises(NativeEngineError, match=reason):
        unroll(cell, x, engine="native")
    with pytest.warns(SlowEngineWarning, match=f"{made.__name__} runs on the slow reference engine"):
        output = unroll(cell, x, engine="auto").output
    assert choose("auto", cell) == "reference"
    assert output is not None
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # one warning a class and reason
        unroll(made(2, 3), x, engine="auto")


def test_without_a_compiler(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setattr(sys.modules["rnnzoo.engine.automatic"], "_warned", set())
    cell = GatedOscillator(2, 3)
    with pytest.raises(NativeEngineError, match=r"no C\+\+ compiler .* install one or set CXX"):
        unroll(cell, torch.randn(4, 2, 2), engine="native")
    with pytest.warns(SlowEngineWarning, match="no C\\+\\+ compiler"):
        unroll(cell, torch.randn(4, 2, 2))
    assert choose("auto") == "reference"


def test_a_failing_build_says_what_the_compiler_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("RNNZOO_CACHE", str(tmp_path))
    with pytest.raises(build.Unsupported, match=r"error: .nonsense."):
        build.build("nonsense;", "Broken")
    assert not list(tmp_path.rglob("*.so"))


def test_the_functions_of_a_large_source_are_compiled_side_by_side(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    commands: list[list[str]] = []
    run = build._run

    def noted(command: list[str]) -> str:
        commands.append(command)
        return run(command)

    monkeypatch.setattr(build, "_run", noted)
    monkeypatch.setattr(build, "_loaded", {})
    monkeypatch.setattr(build, "LARGE", 0)
    monkeypatch.setenv("RNNZOO_CACHE", str(tmp_path))
    table = verify(GatedOscillator, engines=["native"], hidden_sizes=[7], steps=[2], dtypes=[torch.float64])
    assert table.agrees.all()
    compiled = [Path(command[-1]).name for command in commands if "-c" in command]
    assert {*compiled} == {"part0.cpp", "part1.cpp", "part2.cpp"}  # infer, forward and backward
    with pytest.raises(build.Unsupported, match=r"error: .nonsense."):
        build.build('int good;\nextern "C" void broken() { nonsense; }', "Broken")


def test_processes_that_build_at_once(tmp_path: Path) -> None:
    program = (
        "import torch; from rnnzoo import unroll; from tests.engine.cells import GatedOscillator\n"
        "torch.set_num_threads(1); torch.manual_seed(0); cell = GatedOscillator(2, 3)\n"
        "print(unroll(cell, torch.ones(4, 2, 2), engine='native').output.sum().item())"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "RNNZOO_CACHE": str(tmp_path), "PYTHONPATH": str(root)}
    running = [
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, env=environment, cwd=root)
        for _ in range(3)
    ]
    printed = [process.communicate()[0] for process in running]
    assert all(process.returncode == 0 for process in running)
    assert len(set(printed)) == 1
    assert sorted(path.name.split("-")[0] for path in tmp_path.rglob("*.so")) == ["gatedoscillator", "runtime"]
    assert not list(tmp_path.rglob("build-*"))


def test_reversible_rebuilds_the_states() -> None:
    cell = UnICORNN(3, 7, dtype=torch.float64)
    example = draw(cell, 63, 3)
    expected, actual = everything(native, cell, example), everything(reversible, cell, example)
    for name, value in expected.items():
        torch.testing.assert_close(actual[name], value, rtol=1e-8, atol=1e-9)  # 63 inverse steps of float64
    error = reconstruction_error(cell)
    assert error is not None
    assert 1e-17 < error < 1e-10


# Without matrices a thread carries a few rows at a time: here eight to fifty rows of ninety.
@pytest.mark.usefixtures("nan_in_fresh_memory")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("hidden", [20, 65])
def test_rows_that_are_carried_in_parts_are_those_of_the_reference(hidden: int, threads: int) -> None:
    torch.set_num_threads(threads)
    try:
        table = verify(
            UnICORNN, engines=["native", "reversible"], hidden_sizes=[hidden], steps=[2, 70], batch_sizes=[90]
        )
    finally:
        torch.set_num_threads(1)
    assert set(table.engine) == {"native", "reversible"}
    assert table.agrees.all(), table[~table.agrees].to_string()


def test_an_overflow_in_one_row_shows_as_an_error_that_is_no_number() -> None:
    cell = UnICORNN(1, 65, dtype=torch.float64)
    w = cell.recurrent_weights()
    for row in (0, 41, 89):
        u = torch.zeros(5, 90, 65, dtype=torch.float64)
        u[2, row] = float("nan")
        reversible(cell, u, cell.initial_state(90), w, outputs=False, states=False).state[0].sum().backward()
        error = reconstruction_error(cell)
        assert error is not None
        assert math.isnan(error)
        w = cell.recurrent_weights()


def test_reversible_keeps_no_state_of_the_past() -> None:
    cell = UnICORNN(3, 7)
    kept: list[int] = []
    for steps in (10, 1000):
        x = torch.randn(steps, 3, 3)
        sizes: list[int] = []

        def pack(tensor: Tensor, sizes: list[int] = sizes, like: int = steps) -> Tensor:
            if tensor.shape[0] not in (like, 3 * like):  # x and u are there whatever the engine
                sizes.append(tensor.untyped_storage().nbytes())
            return tensor

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            u, w = cell.project(x), cell.recurrent_weights()
            reversible(cell, u, cell.initial_state(3), w, outputs=False, states=False)
        kept.append(sum(sizes))
    assert kept[0] == kept[1]


def test_reversible_refuses_a_cell_that_is_not() -> None:
    with pytest.raises(NativeEngineError, match="does not claim to be invertible"):
        unroll(GatedOscillator(2, 3), torch.randn(4, 2, 2), engine="reversible")
