"""Products with matrices of a known structure: the numbers of the reference, by less work; and who is given factors."""

import importlib

import pytest
import torch

from rnnzoo import Recurrent, unroll
from rnnzoo.cells import CELLS
from rnnzoo.cells.claims import Claims
from rnnzoo.engine import (
    SPECIAL_ENGINES,
    NativeEngineError,
    automatic,
    choose,
    compiler_is_missing,
    native,
    reference,
    weights_for,
)
from rnnzoo.engine.native import reason_against, structures
from rnnzoo.engine.native.build import build
from rnnzoo.engine.native.graph import walk
from rnnzoo.engine.native.kernel import kernel_for, owned
from rnnzoo.engine.native.runtime import headers
from rnnzoo.engine.native.trace import trace
from rnnzoo.engine.verify import verify
from rnnzoo.unitary import real_form
from tests.engine.cells import Made, Transformed

urnn = importlib.import_module("rnnzoo.cells.urnn")
carrying = importlib.import_module("rnnzoo.engine.carry")
FEWEST = urnn.FEWEST_UNITS
pytestmark = pytest.mark.skipif(compiler_is_missing(), reason="there is no C++ compiler to build kernels with")


SPLIT = [(9, 96), (19, 99), (2, 98), (3, 188), (1, 194)]
"""Sequences and units that are transformed in two lengths: 8 and 12, 9 and 11, 7 and 14, 4 and 47, 2 and 97."""


# Even and odd sizes, halves that fill registers or leave a rest, none at all, batches of more rows than are folded at a
# time; three threads take unequal slices of them.
@pytest.mark.usefixtures("nan_in_fresh_memory")
@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("batch", "hidden"), [(1, 1), (3, 2), (19, 3), (7, 4), (9, 16), (2, 17), (17, 34), (5, 65), *SPLIT]
)
def test_products_are_those_of_the_reference(batch, hidden, threads):
    torch.set_num_threads(threads)
    try:
        table = verify(Transformed, engines=["native"], hidden_sizes=[hidden], steps=[1, 9], batch_sizes=[batch])
    finally:
        torch.set_num_threads(1)
    assert len(table) > 30
    assert table.agrees.all(), table[~table.agrees].to_string()


@pytest.mark.usefixtures("nan_in_fresh_memory")
@pytest.mark.parametrize("hidden", [2, 7, 16, 65])
def test_a_urnn_by_its_factors_is_that_of_the_reference(hidden, monkeypatch):
    monkeypatch.setattr(urnn, "FEWEST_UNITS", 1)
    table = verify(CELLS["urnn"], engines=["native"], hidden_sizes=[hidden], steps=[1, 9], batch_sizes=[1, 9])
    assert "gradient of theta" in set(table.quantity)
    assert table.agrees.all(), table[~table.agrees].to_string()


@pytest.mark.parametrize("hidden", [FEWEST, 97, 112])
def test_factors_and_matrix_give_the_same_output_and_gradients(hidden):
    torch.manual_seed(0)
    native_layer, other = (Recurrent("urnn", 3, hidden, engine=e, dtype=torch.float64) for e in ("native", "reference"))
    other.load_state_dict(native_layer.state_dict())
    x = torch.randn(12, 5, 3, dtype=torch.float64)
    weights = torch.randn(12, 5, 2 * hidden, dtype=torch.float64)
    outputs = []
    for layer in (native_layer, other):
        outputs.append(layer(x)[0])
        (outputs[-1] * weights).sum().backward()
    torch.testing.assert_close(*outputs, rtol=1e-9, atol=1e-11)
    for (name, a), b in zip(native_layer.named_parameters(), other.named_parameters(), strict=True):
        torch.testing.assert_close(a.grad, b[1].grad, rtol=1e-9, atol=1e-11, msg=name)


def test_a_step_keeps_every_product_of_its_kind():
    cell = Transformed(3, 6)
    found = trace(cell, torch.empty(4, 2, 12), cell.recurrent_weights())[0]
    ops = [n.op for n in walk([*found.new_state, *(g for g in found.adjoint_state if g is not None)])]
    assert (ops.count("fourier"), ops.count("permutation"), ops.count("product")) == (4, 4, 2)


def test_a_kernel_for_inference_prepares_no_gradient_of_constants():
    cell = Transformed(3, 6)
    kernel = kernel_for(cell, torch.empty(4, 2, 12), cell.recurrent_weights(), None)
    assert kernel.wanted.w == {"W", "G", "k", "rate"}


def test_a_urnn_keeps_a_matrix_that_is_small():
    assert "W" in CELLS["urnn"](3, FEWEST - 1).kernel_weights()
    assert "W" not in CELLS["urnn"](3, FEWEST).kernel_weights()


@pytest.mark.parametrize("engine", [native, automatic])
def test_kernels_are_given_factors(engine):
    cell, x = CELLS["urnn"](3, FEWEST), torch.randn(4, 2, 3)
    assert "W" not in weights_for(engine, cell, x)


def test_whoever_has_no_kernel_is_given_the_matrix(monkeypatch):
    cell, x = CELLS["urnn"](3, FEWEST), torch.randn(4, 2, 3)
    assert "W" in weights_for(reference, cell, x)
    assert "W" in weights_for(SPECIAL_ENGINES["compiled"], cell, x)
    assert "W" in weights_for(native, cell, x.to("meta"))
    monkeypatch.setattr(carrying, "compiler_is_missing", lambda: True)
    assert "W" in weights_for(automatic, cell, x)


def test_no_compiler_is_looked_for_where_a_cell_has_one_form(monkeypatch):
    monkeypatch.setattr(carrying, "compiler_is_missing", None)
    cell = CELLS["rnn"](3, 4)
    assert set(weights_for(automatic, cell, torch.randn(4, 2, 3))) == set(cell.recurrent_weights())


def test_the_automatic_choice_carries_factors_without_a_warning(recwarn):
    cell, x = CELLS["urnn"](3, FEWEST), torch.randn(4, 2, 3)
    assert choose("auto", cell) == "native"
    assert len(owned(cell).kernels) == 1
    expected = unroll(cell, x, engine="reference")
    with torch.no_grad():
        output = unroll(cell, x).output
    torch.testing.assert_close(output, expected.output, rtol=1e-4, atol=1e-5)
    assert len(owned(cell).kernels) == 1  # the one that was asked for
    assert not recwarn.list


@pytest.mark.parametrize(("batch", "hidden"), SPLIT)
def test_two_transforms_take_the_place_of_one(batch, hidden):
    assert structures.first_length(hidden) > 1


def test_there_is_as_much_room_as_kernels_use():
    names = ("first_length", "fourier_size", "folded_size", "permutation_size")
    calls = "\n".join(f'extern "C" long sized_{name}(long n) {{ return {name}(n); }}' for name in names)
    library = build(f"{headers(['kernel_math', 'kernel_calls'], torch.float32)}\n{calls}", "sizes")
    for n in (*range(1, 300), 512, 2310):
        assert library.sized_first_length(n) == structures.first_length(n)
        assert library.sized_fourier_size(2 * n) == structures.packed_size("fourier", 2 * n, 2 * n)
        assert library.sized_folded_size(2 * n) == structures.folded_size(2 * n)
        assert library.sized_permutation_size(n) == structures.packed_size("permutation", n, n)


@pytest.mark.usefixtures("nan_in_fresh_memory")
def test_transforms_of_different_lengths_have_room_for_the_one_that_takes_most():
    class Twice(Made):
        structured_weights = {"F": "fourier", "G": "fourier"}  # noqa: RUF012 - declared as a ClassVar on Cell

        def recurrent_weights(self):
            F, G = (real_form(torch.fft.fft(torch.eye(n, dtype=torch.float64), norm="ortho")) for n in (96, 97))
            return {"F": F, "G": G, "k": self.k}

        def step(self, u, state, w):
            y, z = state
            y, z = torch.tanh(torch.cat((y, z), 1) @ w["F"] + u).chunk(2, 1)
            longer = torch.cat((y, z, y[:, :2]), 1) @ w["G"]
            return y * w["k"] + longer[:, :96], z * w["k"] + longer[:, 98:]

    cell, x = Twice(3, 96, dtype=torch.float64), torch.randn(5, 9, 3, dtype=torch.float64)
    assert structures.folded_size(192) > structures.folded_size(194)
    torch.set_num_threads(3)
    try:
        ours = unroll(cell, x, engine="native").output
    finally:
        torch.set_num_threads(1)
    torch.testing.assert_close(ours, unroll(cell, x, engine="reference").output, rtol=1e-9, atol=1e-11)


def declared(kinds, **matrices):
    """Return the reason against a kernel for a cell that declares these structures of these matrices."""

    class Declaring(Made):
        structured_weights = kinds

        def recurrent_weights(self):
            return super().recurrent_weights() | matrices

        def step(self, u, state, w):
            y, z = state
            return torch.tanh(y @ w["W"] + u[:, : self.hidden_size]), z * w["k"]

    cell = Declaring(3, 4)
    return reason_against(cell, torch.empty(2, 2, 8), cell.recurrent_weights())


TWICE = torch.eye(4)[[0, 1, 1, 3]]
EVEN, ODD = torch.tensor([1.0, 2, 3, 2]), torch.tensor([0.0, 2, 0, -2])
UNEVEN = [
    *(torch.outer(ODD, EVEN) + 0j, torch.outer(EVEN, ODD) + 0j),
    *(1j * torch.outer(ODD, EVEN), 1j * torch.outer(EVEN, ODD)),
    *(torch.outer(EVEN, EVEN) + 1j * torch.outer(ODD, ODD), torch.zeros(4, 4) + 0j),
]
"""Complex matrices of which one part is not even, or not odd, in one of its indices; one that is both, and zero."""


@pytest.mark.parametrize(
    ("kind", "matrix"),
    [
        ("permutation", TWICE),
        ("permutation", 2 * torch.eye(4)),
        ("permutation", torch.eye(4)[:3]),
        ("permutation", torch.ones(4)),
        ("fourier", torch.eye(5)),
        ("fourier", torch.randn(8, 8)),
        *(("fourier", real_form(matrix)) for matrix in UNEVEN),
    ],
)
def test_a_matrix_that_is_not_what_it_is_declared_to_be_is_refused(kind, matrix):
    reason = declared({"M": kind}, M=matrix)
    assert reason is not None
    assert f"declares 'M' as '{kind}'" in reason


def test_a_transform_that_was_rounded_to_another_dtype_is_refused():
    cell = Transformed(3, 5, dtype=torch.float64)
    w = cell.recurrent_weights()
    rounded = {**w, "F": w["F"].float().double()}
    reason = reason_against(cell, torch.empty(2, 2, 10, dtype=torch.float64), rounded)
    assert reason is not None
    assert "declares 'F' as 'fourier'" in reason


def test_an_unknown_structure_is_refused_by_a_message_that_names_those_there_are():
    assert "choose from fourier, permutation" in declared({"M": "hadamard"}, M=torch.eye(4))


@pytest.mark.parametrize(
    "matrix", [3 * real_form(torch.fft.ifft(torch.eye(4))), real_form(torch.fft.fft(torch.eye(5)))]
)
def test_what_has_the_structure_is_taken(matrix):
    assert declared({"M": "fourier", "not there": "permutation"}, M=matrix) is None


def test_states_are_not_rebuilt_across_a_product_with_a_structure():
    class Turning(Made):
        claims = Claims(invertible=True)
        structured_weights = {"P": "permutation"}  # noqa: RUF012 - declared as a ClassVar on Cell

        def recurrent_weights(self):
            return {"P": torch.eye(self.hidden_size), "k": self.k}

        def step(self, u, state, w):
            y, z = state
            return y + u[:, : self.hidden_size], z + (y * w["k"]) @ w["P"]

        def inverse_step(self, u, state, w):
            y = state[0] - u[:, : self.hidden_size]
            return y, state[1] - (y * w["k"]) @ w["P"]

    cell = Turning(3, 4)
    with pytest.raises(NativeEngineError, match="no matrix product"):
        unroll(cell, torch.randn(4, 2, 3), engine="reversible")
