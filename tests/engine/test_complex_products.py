"""Complex matrices in kernels: three real products for four, from a size on, with the numbers of the reference."""

import importlib

import pytest
import torch

from rnnzoo import Recurrent
from rnnzoo.cells import CELLS
from rnnzoo.engine import compiler_is_missing
from rnnzoo.engine.native.kernel import kernel_for
from rnnzoo.engine.native.trace import trace
from rnnzoo.engine.verify import verify
from rnnzoo.unitary import real_form

complex_products = importlib.import_module("rnnzoo.engine.native.complex_products")
FEWEST = complex_products.FEWEST_UNITS
urnn = importlib.import_module("rnnzoo.cells.urnn")
pytestmark = pytest.mark.skipif(compiler_is_missing(), reason="there is no C++ compiler to build kernels with")


def products(hidden, fewest, monkeypatch):
    """Return the shapes of the matrices by which the step of a uRNN multiplies forwards."""
    monkeypatch.setattr(complex_products, "FEWEST_UNITS", fewest)
    cell = CELLS["urnn"](3, hidden)
    found = trace(cell, torch.empty(4, 2, 2 * hidden), cell.recurrent_weights())[0]
    seen, stack, widths = set(), list(found.new_state), []
    while stack:
        node = stack.pop()
        if node not in seen:
            seen.add(node)
            stack += node.args
            widths += [(node.args[0].width, node.width)] if node.op == "product" else []
    return sorted(widths)


def test_a_product_of_four_blocks_becomes_three_of_one(monkeypatch):
    assert products(6, 7, monkeypatch) == [(12, 12)]
    assert products(6, 6, monkeypatch) == [(6, 6)] * 3


@pytest.fixture
def _by_its_matrix(monkeypatch):
    """Let kernels have W, not its factors."""
    monkeypatch.setattr(urnn, "FEWEST_UNITS", 1000)


@pytest.mark.usefixtures("_by_its_matrix")
@pytest.mark.parametrize("hidden", [1, 2, 7, 65])
def test_the_numbers_are_those_of_the_reference(hidden, monkeypatch):
    monkeypatch.setattr(complex_products, "FEWEST_UNITS", 1)
    table = verify(CELLS["urnn"], engines=["native"], hidden_sizes=[hidden], steps=[1, 9], batch_sizes=[1, 3])
    assert table.agrees.all(), table[~table.agrees].to_string()


@pytest.mark.usefixtures("_by_its_matrix")
@pytest.mark.parametrize("hidden", [FEWEST, FEWEST + 33])
def test_the_gradients_of_all_parameters_are_those_of_the_reference(hidden):
    torch.manual_seed(0)
    native, reference = (Recurrent("urnn", 3, hidden, engine=e, dtype=torch.float64) for e in ("native", "reference"))
    reference.load_state_dict(native.state_dict())
    x = torch.randn(12, 5, 3, dtype=torch.float64)
    weights = torch.randn(12, 5, 2 * hidden, dtype=torch.float64)
    for layer in (native, reference):
        (layer(x)[0] * weights).sum().backward()
    for (name, a), b in zip(native.named_parameters(), reference.parameters(), strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-9, atol=1e-11, msg=name)


@pytest.mark.parametrize("product", [torch.mm, torch.matmul, torch.Tensor.mm, lambda a, b: a @ b])
def test_every_way_to_write_a_product_is_seen(product):
    rows = torch.randn(5, 2 * FEWEST, dtype=torch.float64)
    W = real_form(torch.randn(FEWEST, FEWEST, dtype=torch.complex128))
    other = torch.randn(2 * FEWEST, 3, dtype=torch.float64)
    with complex_products.ThreeProducts([W]) as mode:
        assert mode.matrices == [W]
        found = product(rows, W)
        assert torch.equal(product(rows, other), rows @ other)
    torch.testing.assert_close(found, rows @ W, rtol=1e-12, atol=1e-12)
    assert not torch.equal(found, rows @ W)  # it was rewritten


def test_a_cell_that_declares_nothing_is_left_alone(monkeypatch):
    class Plain(CELLS["rnn"]):
        complex_weights = ()

    monkeypatch.setattr(complex_products, "_product", None)
    cell = Plain(3, 2 * FEWEST)
    assert kernel_for(cell, torch.empty(4, 2, 2 * FEWEST), cell.recurrent_weights(), None) is not None
