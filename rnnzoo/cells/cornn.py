"""coRNN: a network of coupled, controlled and damped oscillators."""

import math
from typing import final

import torch
from optuna.distributions import FloatDistribution
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells import cornn_bounds
from rnnzoo.cells.base import Cell, State, Weights, parameter
from rnnzoo.cells.claims import Bound, Claims
from rnnzoo.cells.settings import Recipe, SearchSpace
from rnnzoo.checks import number_in, one_of

AUTHORS = "github.com/tk-rusch/coRNN, commit afd8174"
STEPS_PER_EPOCH = 475  # 57,000 training images in batches of 120


@final
class CoRNN(Cell):
    """Coupled oscillatory RNN: y'' = tanh(W y + W_z y' + V x + b) − γ y − ε y', discretised with step dt.

    z_n = z_{n−1} + dt (tanh(W y_{n−1} + W_z z_{n−1} + V x_n + b) − γ y_{n−1} − ε z̄)
    y_n = y_{n−1} + dt z_n

    with z̄ = z_{n−1} (`damping="explicit"`, the released code) or z̄ = z_n (`damping="implicit"`, the paper's IMEX
    scheme, solved for z_n by dividing by 1 + dt ε).

    Args:
        input_size: features d of the input.
        hidden_size: oscillators H.
        dt: time step, above 0; the paper's runs use 0.016 to 0.1.
        gamma: frequency γ, above 0.
        epsilon: damping ε, above 0.
        damping: "explicit" or "implicit".
        device, dtype: as in `torch.nn.LSTM`.

    Parameters: W (H, H), W_z (H, H), V (H, d), b (H): 2H² + dH + H, each drawn from U(−k, k), k = 1/√(d + 2H).

    Raises:
        ValueError: dt, gamma or epsilon is not above 0, or damping is neither of the two.

    Source: Rusch and Mishra, Coupled Oscillatory Recurrent Neural Network (coRNN), ICLR 2021, equations (1) to (3).
    Differs from the authors' code: one fused linear layer over (x, z, y) there, split here into V, W_z and W; the same
    numbers result. Differs from the paper: the default damping is explicit, as in the code behind its results.
    """

    claims = Claims(gradient="the architecture is gradient-stable (title)")
    search_space = SearchSpace(
        cell={
            "dt": FloatDistribution(0.01, 0.2, log=True),
            "gamma": FloatDistribution(0.2, 100.0, log=True),
            "epsilon": FloatDistribution(1.0, 20.0, log=True),
        },
        training={"lr": FloatDistribution(5e-4, 5e-2, log=True)},
    )
    recipes = {  # noqa: RUF012 - declared as a ClassVar on Cell
        "adding": Recipe(
            hidden_size=128,
            cell={"dt": 0.06, "gamma": 66.0, "epsilon": 15.0},
            training={"optimizer": "adam", "lr": 0.02, "batch_size": 50, "steps": 60_000},
            task={"length": 100},
            source=f"{AUTHORS}, adding/adding_task.py defaults",
        ),
        "smnist": Recipe(
            hidden_size=256,
            cell={"dt": 0.042, "gamma": 2.7, "epsilon": 4.7},
            training={
                "optimizer": "adam",
                "lr": 0.0021,
                "batch_size": 120,
                "steps": 120 * STEPS_PER_EPOCH,
                "milestones": [100 * STEPS_PER_EPOCH],
            },
            source=f"{AUTHORS}, sMNIST/sMNIST_task.py",
            differs="the script reports the test accuracy of the last epoch; here it is the one at the best validation",
        ),
        "psmnist": Recipe(
            hidden_size=256,
            cell={"dt": 0.076, "gamma": 0.4, "epsilon": 8.0},
            training={
                "optimizer": "adam",
                "lr": 0.0054,
                "batch_size": 120,
                "steps": 120 * STEPS_PER_EPOCH,
                "milestones": [100 * STEPS_PER_EPOCH],
            },
            task={"permutation": "cornn"},
            source=f"{AUTHORS}, psMNIST/psMNIST_task.py",
            differs="the order of random draws after the permutation: here each has a generator of its own",
        ),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        dt: float = 0.042,
        gamma: float = 2.7,
        epsilon: float = 4.7,
        damping: str = "explicit",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.dt = number_in("CoRNN", "dt", dt, 0.0, open_low=True)
        self.gamma = number_in("CoRNN", "gamma", gamma, 0.0, open_low=True)
        self.epsilon = number_in("CoRNN", "epsilon", epsilon, 0.0, open_low=True)
        self.damping = one_of("CoRNN", "damping", damping, ("explicit", "implicit"))
        self.W = parameter(hidden_size, hidden_size, device=device, dtype=dtype)
        self.W_z = parameter(hidden_size, hidden_size, device=device, dtype=dtype)
        self.V = parameter(hidden_size, input_size, device=device, dtype=dtype)
        self.b = parameter(hidden_size, device=device, dtype=dtype)
        self.reset_parameters()

    @property
    def state_sizes(self) -> dict[str, int]:
        """Position y and velocity z of each oscillator."""
        return {"y": self.hidden_size, "z": self.hidden_size}

    @property
    def output_size(self) -> int:
        """H."""
        return self.hidden_size

    def reset_parameters(self) -> None:
        """Draw every parameter from U(−k, k), k = 1/√(d + 2H): `nn.Linear`'s rule for the authors' fused layer."""
        bound = 1 / math.sqrt(self.input_size + 2 * self.hidden_size)
        for values in (self.W, self.W_z, self.V, self.b):
            nn.init.uniform_(values, -bound, bound)

    def initial_state(self, batch_size: int) -> State:
        """y_0 = z_0 = 0."""
        return self.zeros(batch_size)

    def project(self, x: Tensor) -> Tensor:
        """u = V x + b."""
        return F.linear(x, self.V, self.b)

    def recurrent_weights(self) -> Weights:
        """W and W_z, transposed."""
        return {"W": self.W.t(), "W_z": self.W_z.t()}

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """z ← z + dt (tanh(W y + W_z z + u) − γ y − ε z̄); y ← y + dt z."""
        y, z = state
        force = torch.tanh(torch.addmm(torch.addmm(u, y, w["W"]), z, w["W_z"])) - self.gamma * y
        if self.damping == "explicit":
            z = z + self.dt * (force - self.epsilon * z)
        else:
            z = (z + self.dt * force) / (1 + self.dt * self.epsilon)
        y = y + self.dt * z
        return y, z

    def output(self, state: State) -> Tensor:
        """y."""
        return state[0]

    def hidden_state_bound(self, steps: int) -> Bound:
        """Bound γ|y_n|² + |z_n|² after n = `steps` steps from rest, whatever the input; see `cornn_bounds`."""
        return cornn_bounds.hidden_state_bound(self._network(), steps)

    def jacobian_bound(self, lag: int) -> Bound:
        """Bound ‖∂(y_n, z_n)/∂(y_k, z_k)‖_∞ at n − k = `lag`, at any state and input; see `cornn_bounds`."""
        return cornn_bounds.jacobian_bound(self._network(), lag)

    def jacobian_lower_bound(self, lag: int) -> Bound:
        """Bound σ_min(∂y_n/∂y_k) at n − k = `lag` from below, at any state and input; see `cornn_bounds`."""
        return cornn_bounds.jacobian_lower_bound(self._network(), lag)

    def gradient_bound(self, steps: int, target_bound: float, input_bound: float = 1.0) -> Bound:
        """Bound every entry of ∂E/∂θ, E = 1/N Σ_n ½|y_n − ȳ_n|², as the paper does; see `cornn_bounds`.

        The released recipes do not meet its conditions, already at initialisation.

        Args:
            steps: N, from rest.
            target_bound: largest Euclidean norm |ȳ_n|, at least 0.
            input_bound: largest entry of |x_n|, at least 0.
        """
        return cornn_bounds.gradient_bound(self._network(), steps, target_bound, input_bound)

    def _network(self) -> cornn_bounds.Network:
        W, W_z = self.W.detach().double(), self.W_z.detach().double()
        return cornn_bounds.Network(W, W_z, self.dt, self.gamma, self.epsilon, self.damping == "implicit")
