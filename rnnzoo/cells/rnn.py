"""The tanh RNN, the control whose gradients vanish or explode."""

import math
from typing import final

import torch
from optuna.distributions import FloatDistribution
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells.base import Cell, State, Weights, parameter
from rnnzoo.cells.settings import SearchSpace


@final
class RNN(Cell):
    """Elman's network with tanh.

    h_t = tanh(W h_{t−1} + V x_t + b)

    Args:
        input_size: features d of the input.
        hidden_size: units H.
        device, dtype: as in `torch.nn.RNN`.

    Parameters: W (H, H), V (H, d), b (H): H² + dH + H. All drawn from U(−1/√H, 1/√H), as `torch.nn.RNN` does.

    Source: Elman, Finding structure in time, 1990, with the initialisation of `torch.nn.RNN`.
    Differs from `torch.nn.RNN`: one bias instead of two whose sum alone matters.
    """

    search_space = SearchSpace(
        training={
            "lr": FloatDistribution(1e-4, 3e-2, log=True),
            "clip_norm": FloatDistribution(0.1, 10.0, log=True),
        }
    )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.W = parameter(hidden_size, hidden_size, device=device, dtype=dtype)
        self.V = parameter(hidden_size, input_size, device=device, dtype=dtype)
        self.b = parameter(hidden_size, device=device, dtype=dtype)
        self.reset_parameters()

    @property
    def state_sizes(self) -> dict[str, int]:
        """One part: h (H)."""
        return {"h": self.hidden_size}

    @property
    def output_size(self) -> int:
        """H."""
        return self.hidden_size

    def reset_parameters(self) -> None:
        """Draw every parameter from U(−1/√H, 1/√H)."""
        bound = 1 / math.sqrt(self.hidden_size)
        for values in (self.W, self.V, self.b):
            nn.init.uniform_(values, -bound, bound)

    def initial_state(self, batch_size: int) -> State:
        """h_0 = 0."""
        return self.zeros(batch_size)

    def project(self, x: Tensor) -> Tensor:
        """u = V x + b."""
        return F.linear(x, self.V, self.b)

    def recurrent_weights(self) -> Weights:
        """W, transposed."""
        return {"W": self.W.t()}

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """h ← tanh(W h + u)."""
        (h,) = state
        return (torch.tanh(torch.addmm(u, h, w["W"])),)

    def output(self, state: State) -> Tensor:
        """h."""
        return state[0]
