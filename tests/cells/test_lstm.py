import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rnnzoo.cells.lstm import LSTM
from rnnzoo.engine import unroll
from tests.cells.measures import assert_equal_to_scale, assert_follows_paper

GATED = {torch.float32: 1e-6, torch.float64: 1e-12}
"""Largest distance from torch's layer, relative to the largest entry: both round each of 40 steps on their own."""


def logistic(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def test_follows_the_paper() -> None:
    torch.manual_seed(0)
    H, d = 4, 3
    cell = LSTM(d, H, dtype=torch.float64)
    W_i, W_h = cell.weight_ih_l0.detach().numpy(), cell.weight_hh_l0.detach().numpy()
    b = (cell.bias_ih_l0 + cell.bias_hh_l0).detach().numpy()

    def hochreiter_and_gers(x: NDArray[np.float64]) -> NDArray[np.float64]:
        h, c, trajectory = [0.0] * H, [0.0] * H, []
        for x_t in x:
            new_h, new_c = [], []
            for unit in range(H):
                a = [
                    sum(W_i[row, k] * x_t[k] for k in range(d)) + sum(W_h[row, j] * h[j] for j in range(H)) + b[row]
                    for row in (unit, H + unit, 2 * H + unit, 3 * H + unit)
                ]
                remembered = logistic(a[1]) * c[unit] + logistic(a[0]) * math.tanh(a[2])
                new_c.append(remembered)
                new_h.append(logistic(a[3]) * math.tanh(remembered))
            h, c = new_h, new_c
            trajectory.append(h)
        return np.array(trajectory)

    assert_follows_paper(cell, hochreiter_and_gers)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_torch_in_outputs_states_and_all_gradients(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    cell, peer = LSTM(5, 7, dtype=dtype), torch.nn.LSTM(5, 7, dtype=dtype)
    cell.load_state_dict(peer.state_dict())
    x = torch.randn(40, 3, 5, dtype=dtype, requires_grad=True)
    h, c = (torch.randn(3, 7, dtype=dtype, requires_grad=True) for _ in range(2))
    weights = torch.randn(40, 3, 7, dtype=dtype) / 40

    run = unroll(cell, x, (h, c), engine="reference")
    assert run.output is not None
    found = [run.output, *run.state]
    output, (h_n, c_n) = peer(x, (h.unsqueeze(0), c.unsqueeze(0)))
    expected = [output, h_n[0], c_n[0]]
    found_loss = (run.output * weights).sum() + run.state[1].mean()
    expected_loss = (output * weights).sum() + c_n.mean()
    found += torch.autograd.grad(found_loss, [x, h, c, *cell.parameters()])
    expected += torch.autograd.grad(expected_loss, [x, h, c, *peer.parameters()])

    assert len(found) == 10
    assert_equal_to_scale(found, expected, GATED[dtype])


def test_gives_its_weights_to_torch() -> None:
    cell, peer = LSTM(5, 7), torch.nn.LSTM(5, 7)
    peer.load_state_dict(cell.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(cell.parameters(), peer.parameters(), strict=True))


def test_starts_as_torch_does() -> None:
    torch.manual_seed(3)
    cell = LSTM(5, 7)
    torch.manual_seed(3)
    peer = torch.nn.LSTM(5, 7)
    assert all(torch.equal(a, b) for a, b in zip(cell.parameters(), peer.parameters(), strict=True))


def test_forget_bias_sets_the_sum_of_both_biases_and_nothing_else() -> None:
    torch.manual_seed(3)
    plain = LSTM(5, 7)
    torch.manual_seed(3)
    biased = LSTM(5, 7, forget_bias=1.5)
    total = biased.bias_ih_l0 + biased.bias_hh_l0
    assert torch.equal(total[7:14], torch.full((7,), 1.5))
    kept = torch.ones(28, dtype=torch.bool)
    kept[7:14] = False
    assert torch.equal(total[kept], (plain.bias_ih_l0 + plain.bias_hh_l0)[kept])
    assert torch.equal(biased.weight_hh_l0, plain.weight_hh_l0)
    assert biased.bias_ih_l0.is_leaf
    assert biased.hyperparameters() == {"forget_bias": 1.5}


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_refuses_a_forget_bias_that_is_not_finite(value: float) -> None:
    with pytest.raises(ValueError, match="LSTM: forget_bias must lie in"):
        LSTM(2, 3, forget_bias=value)


@pytest.mark.parametrize(("inputs", "hidden"), [(1, 1), (5, 7), (1, 128)])
def test_has_as_many_parameters_as_torch(inputs: int, hidden: int) -> None:
    count = sum(p.numel() for p in LSTM(inputs, hidden).parameters())
    assert count == 4 * hidden * (hidden + inputs + 2)
    assert count == sum(p.numel() for p in torch.nn.LSTM(inputs, hidden).parameters())
