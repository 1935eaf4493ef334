"""The GRU, the gated network with two gates and no separate memory."""

import math
from typing import final

import torch
from optuna.distributions import FloatDistribution
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells.base import Cell, State, Weights, parameter
from rnnzoo.cells.settings import SearchSpace


@final
class GRU(Cell):
    """Gated recurrent unit, as `torch.nn.GRU` has it.

    r_t = σ(W_ir x_t + b_ir + W_hr h_{t−1} + b_hr)
    z_t = σ(W_iz x_t + b_iz + W_hz h_{t−1} + b_hz)
    n_t = tanh(W_in x_t + b_in + r_t ⊙ (W_hn h_{t−1} + b_hn))
    h_t = (1 − z_t) ⊙ n_t + z_t ⊙ h_{t−1}

    Args:
        input_size: features d of the input.
        hidden_size: units H.
        device, dtype: as in `torch.nn.GRU`.

    Parameters, named, shaped and ordered (r, z, n) as in a one-layer `torch.nn.GRU`, so that a `state_dict` goes either
    way: weight_ih_l0 (3H, d), weight_hh_l0 (3H, H), bias_ih_l0 (3H), bias_hh_l0 (3H): 3H(H + d + 2). All drawn from
    U(−1/√H, 1/√H).

    Source: Cho et al., Learning Phrase Representations using RNN Encoder-Decoder, EMNLP 2014.
    Differs from the paper, as `torch.nn.GRU` does: the reset gate acts on W_hn h + b_hn, not on h, so that one matrix
    product a step serves all three gates.
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
        self.weight_ih_l0 = parameter(3 * hidden_size, input_size, device=device, dtype=dtype)
        self.weight_hh_l0 = parameter(3 * hidden_size, hidden_size, device=device, dtype=dtype)
        self.bias_ih_l0 = parameter(3 * hidden_size, device=device, dtype=dtype)
        self.bias_hh_l0 = parameter(3 * hidden_size, device=device, dtype=dtype)
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
        """Draw every parameter from U(−1/√H, 1/√H), in torch's order."""
        bound = 1 / math.sqrt(self.hidden_size)
        for values in (self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0):
            nn.init.uniform_(values, -bound, bound)

    def initial_state(self, batch_size: int) -> State:
        """h_0 = 0."""
        return self.zeros(batch_size)

    def project(self, x: Tensor) -> Tensor:
        """u = W_i x + b_i, the three gates side by side."""
        return F.linear(x, self.weight_ih_l0, self.bias_ih_l0)

    def recurrent_weights(self) -> Weights:
        """W_h of the three gates, transposed, and b_h, which cannot join u: r multiplies its last third."""
        return {"W_h": self.weight_hh_l0.t(), "b_h": self.bias_hh_l0}

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """(r, z) from u + W_h h + b_h; n from u + r ⊙ (W_h h + b_h); h ← n + z ⊙ (h − n)."""
        (h,) = state
        u_r, u_z, u_n = u.chunk(3, dim=1)
        v_r, v_z, v_n = torch.addmm(w["b_h"], h, w["W_h"]).chunk(3, dim=1)
        r = torch.sigmoid(u_r + v_r)
        z = torch.sigmoid(u_z + v_z)
        n = torch.tanh(u_n + r * v_n)
        return (n + z * (h - n),)

    def output(self, state: State) -> Tensor:
        """h."""
        return state[0]
