import math

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from rnnzoo.cells import CELLS
from rnnzoo.cells.rnn import RNN
from tests.cells.measures import assert_follows_paper


def test_follows_the_paper() -> None:
    torch.manual_seed(0)
    cell = RNN(3, 5, dtype=torch.float64)
    W, V, b = (p.detach().numpy() for p in (cell.W, cell.V, cell.b))

    def elman(x: NDArray[np.float64]) -> NDArray[np.float64]:
        h, trajectory = [0.0] * 5, []
        for x_t in x:
            h = [
                math.tanh(sum(W[i, j] * h[j] for j in range(5)) + sum(V[i, k] * x_t[k] for k in range(3)) + b[i])
                for i in range(5)
            ]
            trajectory.append(h)
        return np.array(trajectory)

    assert_follows_paper(cell, elman)


def test_agrees_with_torch() -> None:
    torch.manual_seed(0)
    cell, peer = RNN(3, 5, dtype=torch.float64), torch.nn.RNN(3, 5, dtype=torch.float64)
    with torch.no_grad():
        cell.W.copy_(peer.weight_hh_l0)
        cell.V.copy_(peer.weight_ih_l0)
        cell.b.copy_(peer.bias_ih_l0 + peer.bias_hh_l0)
    x, h = torch.randn(4, 3, dtype=torch.float64), torch.randn(4, 5, dtype=torch.float64)
    expected, _ = peer(x.unsqueeze(0), h.unsqueeze(0))
    (found,) = cell(x, (h,))
    torch.testing.assert_close(found, expected[0], rtol=0, atol=1e-14)  # one step of float64


@pytest.mark.parametrize(("inputs", "hidden"), [(1, 1), (3, 5), (10, 128)])
def test_has_one_matrix_each_and_one_bias(inputs: int, hidden: int) -> None:
    assert sum(p.numel() for p in RNN(inputs, hidden).parameters()) == hidden**2 + inputs * hidden + hidden


def test_starts_from_the_uniform_law_of_torch() -> None:
    torch.manual_seed(0)
    for values in RNN(64, 64).parameters():
        largest = float(values.detach().abs().max())
        assert 0.9 / 8 < largest <= 1 / 8


def test_is_registered() -> None:
    assert CELLS["rnn"] is RNN
