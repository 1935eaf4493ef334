import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rnnzoo.cells.gru import GRU
from rnnzoo.engine import unroll
from tests.cells.measures import assert_equal_to_scale, assert_follows_paper

GATED = {torch.float32: 1e-6, torch.float64: 1e-12}
"""Largest distance from torch's layer, relative to the largest entry: both round each of 40 steps on their own."""


def logistic(a: float) -> float:
    return 1 / (1 + math.exp(-a))


def test_follows_the_paper() -> None:
    torch.manual_seed(0)
    H, d = 4, 3
    cell = GRU(d, H, dtype=torch.float64)
    W_i, W_h = cell.weight_ih_l0.detach().numpy(), cell.weight_hh_l0.detach().numpy()
    b_i, b_h = cell.bias_ih_l0.detach().numpy(), cell.bias_hh_l0.detach().numpy()

    def cho(x: NDArray[np.float64]) -> NDArray[np.float64]:
        h, trajectory = [0.0] * H, []
        for x_t in x:
            new_h = []
            for unit in range(H):
                from_x, from_h = (
                    [sum(W[row, k] * v[k] for k in range(len(v))) + bias[row] for row in (unit, H + unit, 2 * H + unit)]
                    for W, v, bias in ((W_i, x_t, b_i), (W_h, h, b_h))
                )
                r, z = logistic(from_x[0] + from_h[0]), logistic(from_x[1] + from_h[1])
                n = math.tanh(from_x[2] + r * from_h[2])
                new_h.append((1 - z) * n + z * h[unit])
            h = new_h
            trajectory.append(h)
        return np.array(trajectory)

    assert_follows_paper(cell, cho)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_equals_torch_in_outputs_states_and_all_gradients(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    cell, peer = GRU(5, 7, dtype=dtype), torch.nn.GRU(5, 7, dtype=dtype)
    cell.load_state_dict(peer.state_dict())
    x = torch.randn(40, 3, 5, dtype=dtype, requires_grad=True)
    h = torch.randn(3, 7, dtype=dtype, requires_grad=True)
    weights = torch.randn(40, 3, 7, dtype=dtype) / 40

    run = unroll(cell, x, (h,), engine="reference")
    assert run.output is not None
    output, h_n = peer(x, h.unsqueeze(0))
    found, expected = [run.output, *run.state], [output, h_n[0]]
    found += torch.autograd.grad((run.output * weights).sum() + run.state[0].mean(), [x, h, *cell.parameters()])
    expected += torch.autograd.grad((output * weights).sum() + h_n.mean(), [x, h, *peer.parameters()])

    assert len(found) == 8
    assert_equal_to_scale(found, expected, GATED[dtype])


def test_gives_its_weights_to_torch() -> None:
    cell, peer = GRU(5, 7), torch.nn.GRU(5, 7)
    peer.load_state_dict(cell.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(cell.parameters(), peer.parameters(), strict=True))


def test_starts_as_torch_does() -> None:
    torch.manual_seed(3)
    cell = GRU(5, 7)
    torch.manual_seed(3)
    peer = torch.nn.GRU(5, 7)
    assert all(torch.equal(a, b) for a, b in zip(cell.parameters(), peer.parameters(), strict=True))


@pytest.mark.parametrize(("inputs", "hidden"), [(1, 1), (5, 7), (1, 128)])
def test_has_as_many_parameters_as_torch(inputs: int, hidden: int) -> None:
    count = sum(p.numel() for p in GRU(inputs, hidden).parameters())
    assert count == 3 * hidden * (hidden + inputs + 2)
    assert count == sum(p.numel() for p in torch.nn.GRU(inputs, hidden).parameters())
