"""Cells whose derivatives are known: what the measurements of a recurrence are checked against."""

from typing import final

import torch
from torch import nn

from rnnzoo.cells import CELLS, Cell


@final
class Linear(Cell):
    """s_t = A s_{t−1} + B x_t, in two parts of unequal width."""

    def __init__(self, A, input_size=1):
        super().__init__(input_size, len(A))
        self.A = nn.Parameter(torch.as_tensor(A, dtype=torch.float64).clone())
        self.B = nn.Parameter(torch.ones(len(A), input_size, dtype=torch.float64))

    @property
    def state_sizes(self):
        return {"a": 1, "b": self.hidden_size - 1}

    @property
    def output_size(self):
        return self.hidden_size

    def reset_parameters(self):
        pass

    def initial_state(self, batch_size):
        return self.zeros(batch_size)

    def project(self, x):
        return x @ self.B.T

    def recurrent_weights(self):
        return {"A": self.A.T}

    def step(self, u, state, w):
        return torch.split(torch.cat(state, 1) @ w["A"] + u, [1, self.hidden_size - 1], dim=1)

    def output(self, state):
        return torch.cat(state, -1)


@final
class Henon(Cell):
    """The Hénon map x ← 1 − a x² + y, y ← b x at a = 1.4, b = 0.3; the input is added to x."""

    def __init__(self):
        super().__init__(1, 2)
        self.b = nn.Parameter(torch.tensor(0.3, dtype=torch.float64))

    @property
    def state_sizes(self):
        return {"x": 1, "y": 1}

    @property
    def output_size(self):
        return 1

    def reset_parameters(self):
        pass

    def initial_state(self, batch_size):
        return self.zeros(batch_size)

    def project(self, x):
        return x

    def recurrent_weights(self):
        return {"b": self.b}

    def step(self, u, state, w):
        x, y = state
        return 1 - 1.4 * x * x + y + u, w["b"] * x

    def output(self, state):
        return state[0]


def orthogonal_linear(hidden_size=6):
    """The zoo's own linear orthogonal network."""
    return CELLS["spectral"](2, hidden_size, margin=0.0, nonlinearity="identity", dtype=torch.float64)
