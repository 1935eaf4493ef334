"""UnICORNN: undamped, independent oscillators, discretised so that the step can be undone."""

from typing import final

import torch
from optuna.distributions import FloatDistribution
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells import unicornn_bounds
from rnnzoo.cells.base import Cell, State, Weights, parameter
from rnnzoo.cells.claims import Bound, Claims
from rnnzoo.cells.settings import Recipe, SearchSpace
from rnnzoo.checks import number_in

AUTHORS = "github.com/tk-rusch/unicornn, commit 35b243d"
STEPS_PER_EPOCH = 1782  # 57,000 training images in batches of 32, the last one smaller


@final
class UnICORNN(Cell):
    """Undamped independent controlled oscillatory RNN: y'' = −σ̂(c)² (tanh(w ⊙ y + V x + b) + α y), one layer.

    z_n = z_{n−1} − s ⊙ (tanh(w ⊙ y_{n−1} + V x_n + b) + α y_{n−1})
    y_n = y_{n−1} + s ⊙ z_n,        s = dt · σ̂(c)

    with σ̂ the logistic function. Each half step is a shear, so the step has determinant 1 and `inverse_step` undoes it.

    Args:
        input_size: features d of the input.
        hidden_size: oscillators H.
        dt: time step, above 0; the released runs use 0.00003 to 0.2.
        alpha: stiffness α, at least 0; the released runs use 0 to 31.
        input_scale: g, above 0: factor on V at initialisation, 1 in the authors' code. With a large one, units switch
            rather than add, which it takes to select some inputs of a long sequence and not be moved by the rest.
        bias_range: r, at least 0: b is drawn from U(−r, r), 0 in the authors' code. It spreads where units switch.
        device, dtype: as in `torch.nn.LSTM`.

    Parameters: w (H), c (H), V (H, d), b (H): dH + 3H. w from U(0, 1), c from U(−0.1, 0.1), V from U(−k, k) with
    k = g √(6/(65 d)), b from U(−r, r).

    Raises:
        TypeError, ValueError: dt or input_scale is not above 0, or alpha or bias_range is below 0.

    Source: Rusch and Mishra, UnICORNN: A recurrent model for learning very long time dependencies, ICML 2021; the
    initialisation and the inverse from the authors' code.
    Differs from the authors' code: it is one layer, which holds the dense map V, b in front of it; stacks, dropout
    between layers and residual connections (the code has none) are made by `Recurrent`. The states are kept for the
    backward pass; there they are reconstructed with the inverse.
    """

    claims = Claims(
        invertible=True,
        elementwise=True,
        gradient="bounds on the gradients of the states prove that exploding and vanishing are mitigated (abstract)",
    )
    search_space = SearchSpace(
        cell={
            "dt": FloatDistribution(3e-3, 0.5, log=True),
            "alpha": FloatDistribution(0.0, 40.0),
        },
        training={"lr": FloatDistribution(1e-4, 3e-2, log=True)},
    )
    recipes = {  # noqa: RUF012 - declared as a ClassVar on Cell
        "psmnist": Recipe(
            hidden_size=256,
            num_layers=3,
            cell={"dt": 0.19, "alpha": 30.65},
            training={
                "optimizer": "adam",
                "lr": 0.00251,
                "batch_size": 32,
                "steps": 2600 * STEPS_PER_EPOCH,
                "milestones": [650 * STEPS_PER_EPOCH],
                "readout": "kaiming_normal",
            },
            dropout=0.1,
            dropout_mask="sequence",
            readout_dropout=0.1,
            task={"permutation": "unicornn"},
            source=f"{AUTHORS}, psMNIST/psMNIST_task.py",
        ),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        dt: float = 0.19,
        alpha: float = 30.65,
        input_scale: float = 1.0,
        bias_range: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.dt = number_in("UnICORNN", "dt", dt, 0.0, open_low=True)
        self.alpha = number_in("UnICORNN", "alpha", alpha, 0.0)
        self.input_scale = number_in("UnICORNN", "input_scale", input_scale, 0.0, open_low=True)
        self.bias_range = number_in("UnICORNN", "bias_range", bias_range, 0.0)
        self.w = parameter(hidden_size, device=device, dtype=dtype)
        self.c = parameter(hidden_size, device=device, dtype=dtype)
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
        """Draw w from U(0, 1), c from U(−0.1, 0.1), V from g times He's uniform rule with slope 8, b from U(−r, r)."""
        nn.init.uniform_(self.w, 0.0, 1.0)
        nn.init.uniform_(self.c, -0.1, 0.1)
        nn.init.kaiming_uniform_(self.V, a=8)
        with torch.no_grad():
            self.V.mul_(self.input_scale)
        nn.init.zeros_(self.b)
        if self.bias_range > 0:  # no draw where there is none in the authors' code: the numbers after it stay theirs
            nn.init.uniform_(self.b, -self.bias_range, self.bias_range)

    def initial_state(self, batch_size: int) -> State:
        """y_0 = z_0 = 0."""
        return self.zeros(batch_size)

    def project(self, x: Tensor) -> Tensor:
        """u = V x + b."""
        return F.linear(x, self.V, self.b)

    def recurrent_weights(self) -> Weights:
        """w and the step of each oscillator, s = dt · σ̂(c)."""
        return {"w": self.w, "s": self.dt * torch.sigmoid(self.c)}

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """z ← z − s ⊙ (tanh(w ⊙ y + u) + α y); y ← y + s ⊙ z."""
        y, z = state
        z = torch.addcmul(z, w["s"], self._force(u, y, w), value=-1)
        y = torch.addcmul(y, w["s"], z)
        return y, z

    def inverse_step(self, u: Tensor, state: State, w: Weights) -> State:
        """Return the state before the step that led to `state`, up to rounding: the two shears, undone in turn.

        Args:
            u: u_n of that step (batch, H).
            state: (y_n, z_n).
            w: `recurrent_weights()`.
        """
        y, z = state
        y = torch.addcmul(y, w["s"], z, value=-1)
        z = torch.addcmul(z, w["s"], self._force(u, y, w))
        return y, z

    def _force(self, u: Tensor, y: Tensor, w: Weights) -> Tensor:
        """tanh(w ⊙ y + u) + α y."""
        return torch.add(torch.tanh(torch.addcmul(u, w["w"], y)), y, alpha=self.alpha)

    def output(self, state: State) -> Tensor:
        """y."""
        return state[0]

    def hidden_state_bound(self, steps: int) -> Bound:
        """Bound max_i |y_n,i| after n = `steps` steps from rest, whatever the input; see `unicornn_bounds`."""
        return unicornn_bounds.hidden_state_bound(self._oscillators(), steps)

    def jacobian_bound(self, lag: int) -> Bound:
        """Bound ‖∂(y_n, z_n)/∂(y_k, z_k)‖_∞ at n − k = `lag`, at any state and input; see `unicornn_bounds`."""
        return unicornn_bounds.jacobian_bound(self._oscillators(), lag)

    def jacobian_lower_bound(self, lag: int) -> Bound:
        """Bound the largest singular value of every unit's block of the Jacobian from below; see `unicornn_bounds`."""
        return unicornn_bounds.jacobian_lower_bound(self._oscillators(), lag)

    def energy(self, u: Tensor, state: State, w: Weights) -> Tensor:
        """Return the energy (batch, H) that a unit would keep in continuous time if u stayed as it is.

        ½z² + ½α y² + (log cosh(w y + u) − log cosh u)/w, and y tanh(u) for the last term where w = 0: its derivative in
        y is the force. A step of size s is symplectic, so that for a frozen input the energy oscillates and does not
        drift; that is checked numerically, see `rnnzoo.diagnostics.symplectic`.

        Args:
            u: u_n (batch, H).
            state: (y, z).
            w: `recurrent_weights()`.
        """
        y, z = state
        steep = w["w"].abs() > 1e-6
        safe = torch.where(steep, w["w"], torch.ones_like(w["w"]))
        potential = torch.where(steep, (_log_cosh(safe * y + u) - _log_cosh(u)) / safe, y * torch.tanh(u))
        return 0.5 * z.square() + 0.5 * self.alpha * y.square() + potential

    def gradient_bound(self, steps: int, target_bound: float, input_bound: float = 1.0) -> Bound:
        """Bound every entry of ∂E/∂θ, E = 1/N Σ_n ½|y_n − ȳ_n|², for this layer's θ; see `unicornn_bounds`.

        Args:
            steps: N, from rest.
            target_bound: largest entry of |ȳ_n|, at least 0.
            input_bound: largest entry of |x_n|, at least 0.
        """
        return unicornn_bounds.gradient_bound(self._oscillators(), steps, target_bound, input_bound)

    def _oscillators(self) -> unicornn_bounds.Oscillators:
        gate = torch.sigmoid(self.c.detach().double())
        return unicornn_bounds.Oscillators(self.alpha, self.w.detach().double(), self.dt * gate, gate)


def _log_cosh(x: Tensor) -> Tensor:
    """Return log cosh x, up to the constant log 2, without overflow."""
    return x.abs() + torch.log1p(torch.exp(-2 * x.abs()))
