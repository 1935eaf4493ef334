"""The LSTM, the gated network that the others are measured against."""

import math
from typing import final

import torch
from optuna.distributions import FloatDistribution
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells.base import Cell, State, Weights, parameter
from rnnzoo.cells.claims import Claims
from rnnzoo.cells.settings import Recipe, SearchSpace
from rnnzoo.checks import number_in

WISDOM = "github.com/stwisdom/urnn"
WISDOM_STEPS_PER_EPOCH = 1100  # 55,000 training images in batches of 50
WISDOM_MNIST = {
    "optimizer": "rmsprop",
    "lr": 1e-3,
    "batch_size": 50,
    "steps": 200 * WISDOM_STEPS_PER_EPOCH,
    "clip_norm": 1.0,
    "evaluate_every": WISDOM_STEPS_PER_EPOCH,
    "patience": 5,
}
WISDOM_MNIST_DIFFERS = (
    "a Keras layer with its own initialisation and gate function there, which validated on the first 5,000 training "
    "images and stopped on the validation loss"
)


@final
class LSTM(Cell):
    """Long short-term memory with a forget gate, as `torch.nn.LSTM` has it.

    i_t = σ(W_ii x_t + b_ii + W_hi h_{t−1} + b_hi)
    f_t = σ(W_if x_t + b_if + W_hf h_{t−1} + b_hf)
    g_t = tanh(W_ig x_t + b_ig + W_hg h_{t−1} + b_hg)
    o_t = σ(W_io x_t + b_io + W_ho h_{t−1} + b_ho)
    c_t = f_t ⊙ c_{t−1} + i_t ⊙ g_t
    h_t = o_t ⊙ tanh(c_t)

    Args:
        input_size: features d of the input.
        hidden_size: units H.
        forget_bias: what b_if + b_hf is at the start, any finite number (1 is a common choice: it keeps the gate
            open), or None for torch's random draw.
        device, dtype: as in `torch.nn.LSTM`.

    Parameters, named, shaped and ordered (i, f, g, o) as in a one-layer `torch.nn.LSTM`, so that a `state_dict` goes
    either way: weight_ih_l0 (4H, d), weight_hh_l0 (4H, H), bias_ih_l0 (4H), bias_hh_l0 (4H): 4H(H + d + 2). All drawn
    from U(−1/√H, 1/√H).

    Raises:
        TypeError, ValueError: forget_bias is neither None nor a finite number.

    Source: Hochreiter and Schmidhuber, Long Short-Term Memory, Neural Computation 1997; the forget gate from Gers,
    Schmidhuber and Cummins, Learning to Forget, Neural Computation 2000.
    Differs from `torch.nn.LSTM`: nothing in its numbers; `forget_bias` is an addition.
    """

    claims = Claims(gradient="errors flow constantly through its units (abstract of 1997, without the forget gate)")
    search_space = SearchSpace(
        cell={"forget_bias": FloatDistribution(0.0, 5.0)},
        training={
            "lr": FloatDistribution(1e-4, 3e-2, log=True),
            "clip_norm": FloatDistribution(0.1, 10.0, log=True),
        },
    )
    recipes = {  # noqa: RUF012 - declared as a ClassVar on Cell
        "copy": Recipe(
            hidden_size=68,
            cell={},
            training={"optimizer": "rmsprop", "lr": 1e-3, "batch_size": 20, "steps": 10_000, "clip_value": 1.0},
            task={"length": 1000},
            source=f"{WISDOM}, commit 27932b3, run_memory_problem.sh and memory_problem.py",
            differs="fresh sequences here, 100,000 fixed ones there; RMSprop with other decay and no epsilon there",
        ),
        "smnist": Recipe(
            hidden_size=128,
            cell={},
            training=WISDOM_MNIST,
            source=f"{WISDOM}, commit dd80ee2, config_mnist_LSTM_lr0-001_patience5.yaml and mnist.py",
            differs=WISDOM_MNIST_DIFFERS,
        ),
        "psmnist": Recipe(
            hidden_size=128,
            cell={},
            training=WISDOM_MNIST,
            task={"permutation": "scornn"},
            source=f"{WISDOM}, commit dd80ee2, config_mnist_LSTM_lr0-001_permuted_patience5.yaml and mnist.py",
            differs=WISDOM_MNIST_DIFFERS,
        ),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        forget_bias: float | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        given = forget_bias is not None
        self.forget_bias = number_in("LSTM", "forget_bias", forget_bias, -math.inf) if given else None
        self.weight_ih_l0 = parameter(4 * hidden_size, input_size, device=device, dtype=dtype)
        self.weight_hh_l0 = parameter(4 * hidden_size, hidden_size, device=device, dtype=dtype)
        self.bias_ih_l0 = parameter(4 * hidden_size, device=device, dtype=dtype)
        self.bias_hh_l0 = parameter(4 * hidden_size, device=device, dtype=dtype)
        self.reset_parameters()

    @property
    def state_sizes(self) -> dict[str, int]:
        """Output h and memory c of each unit."""
        return {"h": self.hidden_size, "c": self.hidden_size}

    @property
    def output_size(self) -> int:
        """H."""
        return self.hidden_size

    def reset_parameters(self) -> None:
        """Draw every parameter from U(−1/√H, 1/√H), in torch's order, then set b_if + b_hf if asked for."""
        bound = 1 / math.sqrt(self.hidden_size)
        for values in (self.weight_ih_l0, self.weight_hh_l0, self.bias_ih_l0, self.bias_hh_l0):
            nn.init.uniform_(values, -bound, bound)
        if self.forget_bias is not None:
            forget = slice(self.hidden_size, 2 * self.hidden_size)
            with torch.no_grad():
                self.bias_ih_l0[forget] = self.forget_bias
                self.bias_hh_l0[forget] = 0.0

    def initial_state(self, batch_size: int) -> State:
        """h_0 = c_0 = 0."""
        return self.zeros(batch_size)

    def project(self, x: Tensor) -> Tensor:
        """u = W_i x + b_i + b_h, the four gates side by side."""
        return F.linear(x, self.weight_ih_l0, self.bias_ih_l0 + self.bias_hh_l0)

    def recurrent_weights(self) -> Weights:
        """W_h of the four gates, transposed."""
        return {"W_h": self.weight_hh_l0.t()}

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """(i, f, g, o) from u + W_h h; c ← f ⊙ c + i ⊙ g; h ← o ⊙ tanh(c)."""
        h, c = state
        i, f, g, o = torch.addmm(u, h, w["W_h"]).chunk(4, dim=1)
        c = torch.sigmoid(f) * c + torch.sigmoid(i) * torch.tanh(g)
        h = torch.sigmoid(o) * torch.tanh(c)
        return h, c

    def output(self, state: State) -> Tensor:
        """h."""
        return state[0]
