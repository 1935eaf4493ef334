"""What PyTorch computes before a kernel's loop: each thing once, and nothing that is there already."""

import pytest
import torch

from rnnzoo.cells import CELLS
from rnnzoo.engine import compiler_is_missing
from rnnzoo.engine.native.kernel import kernel_for
from rnnzoo.engine.native.reader import operator_name

pytestmark = pytest.mark.skipif(compiler_is_missing(), reason="there is no C++ compiler to build kernels with")


def test_a_product_with_one_is_what_is_multiplied_and_twins_are_one():
    """UnICORNN's step and its derivative multiply w and s by 1, and s by −1 in two ways."""
    cell = CELLS["unicornn"](2, 5)
    w = cell.recurrent_weights()
    kernel = kernel_for(cell, torch.empty(4, 3, 5), w, None)
    products = [n for n in kernel.trace.prologue if operator_name(n) == "mul"]
    assert [(n.args[0].name, n.args[1]) for n in products] == [("w_s", -1)] * 2
    assert {"w_w", "w_s"} <= {name for reads in kernel.source.reads.values() for name in reads.vectors}
    values = kernel.prepare(list(w.values()))
    first, second = (values[n.name] for n in products)
    assert first is second
    assert torch.equal(first, -w["s"])
