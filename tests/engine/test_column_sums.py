"""Sums of columns that the epilogue adds: one sum, the same gradients; sums over units in one loop."""

import re
from typing import final

import pytest
import torch

from rnnzoo.engine import compiler_is_missing
from rnnzoo.engine.native.kernel import Wanted, kernel_for
from rnnzoo.engine.verify import verify
from tests.engine.cells import Made

pytestmark = pytest.mark.skipif(compiler_is_missing(), reason="there is no C++ compiler to build kernels with")


@final
class Vectors(Made):
    """A vector used many times, once as a product's bias and once added to another; three sums over units."""

    def step(self, u, state, w):
        y, z = state
        k, g = w["k"], w["G"].diagonal()
        mean = (y * k).sum(1, keepdim=True) + (z * y).sum(1, keepdim=True) + u.sum(1, keepdim=True)
        other = (z * g).sum(1, keepdim=True)
        return torch.tanh(y @ w["W"] + k + mean * u[:, : self.hidden_size]), torch.tanh(z * k - other * y + (k + g) * y)


def kernel_of(cell, wanted):
    u = torch.empty(4, 2, 2 * cell.hidden_size)
    return kernel_for(cell, u, cell.recurrent_weights(), Wanted(u=True, w=frozenset(wanted)))


@pytest.mark.usefixtures("nan_in_fresh_memory")
def test_gradients_are_those_of_the_reference():
    table = verify(Vectors, engines=["native"], hidden_sizes=[7], steps=[1, 9], batch_sizes=[1, 5])
    assert table.agrees.all(), table[~table.agrees].to_string()


def test_a_vector_has_one_sum_for_all_its_uses_but_that_of_a_bias():
    assert kernel_of(Vectors(3, 6), ["k"]).plan.column_sums_width == 6
    kernel = kernel_of(Vectors(3, 6), ["k", "W"])
    # that is one more column of the product's result, and costs nothing there
    assert [(outer.depth, outer.width) for outer in kernel.plan.outers] == [(6, 7)]
    # those that autograd adds before it, and those after it
    assert kernel.plan.column_sums_width == 2 * 6


def test_a_vector_that_is_not_trained_has_none():
    assert kernel_of(Vectors(3, 6), ["W"]).plan.column_sums_width == 0


def test_sums_over_equal_widths_stand_in_one_loop():
    text = kernel_of(Vectors(3, 6), ["k"]).source.text
    forward = text[text.index("void forward") : text.index("void backward")]
    assert re.findall(r"reduction\(\+ : (.*)\)", forward) == ["total_0, total_1", "total_0"]
