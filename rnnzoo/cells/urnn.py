"""uRNN: a unitary recurrent matrix from diagonal phases, reflections and Fourier transforms."""

import math
from typing import final

import torch
from optuna.distributions import FloatDistribution
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells.base import Cell, State, Weights, parameter
from rnnzoo.cells.claims import Bound, Claims
from rnnzoo.cells.modrelu import complex_modrelu, complex_slope
from rnnzoo.cells.settings import Recipe, SearchSpace
from rnnzoo.checks import positive_integer
from rnnzoo.unitary import factored_product, fourier_constants, fourier_product, real_form

AUTHORS = "github.com/amarshah/complex_RNN"
WISDOM = "github.com/stwisdom/urnn"
RMSPROP = "the authors' RMSprop has decay 0.9, starts its mean square at 1e-3 and adds no epsilon"
STEPS_PER_EPOCH = 1100  # 55,000 training images in batches of 50
MNIST_TRAINING = {
    "optimizer": "rmsprop",
    "lr": 1e-4,
    "batch_size": 50,
    "steps": 200 * STEPS_PER_EPOCH,
    "evaluate_every": STEPS_PER_EPOCH,
    "patience": 5,
}
MNIST_DIFFERS = f"{RMSPROP}; validation is the first 5,000 images there, and its loss selects, not its accuracy"


FEWEST_UNITS = 60
"""Complex units from which on a kernel multiplies by the factors of W, which takes it more work a step in small cells
but spares making W: at 100 to 200 steps both ways take as long with 50 to 65 units, at 30 with fewer than 16, at 500
with about 75."""


@final
class URNN(Cell):
    """Unitary evolution RNN on complex states h ∈ ℂᴴ.

    h_t = modReLU(W h_{t−1} + V x_t),   W = D₃ R₂ F⁻¹ D₂ Π R₁ F D₁
    modReLU(z) = (|z| + b)_+ z/(|z| + 1e-5)

    with D_k = diag(exp(i θ_k)), R_k = I − 2 v_k v_k*/|v_k|², F the unitary discrete Fourier transform and Π a fixed
    random permutation, (Π h)_j = h_{p_j}. The real output is [Re h; Im h].

    Args:
        input_size: features d of the input.
        hidden_size: complex units H.
        device, dtype: as in `torch.nn.LSTM`; dtype is that of the real and imaginary parts.

    Parameters: theta (3, H), reflection (2, 2H) as [Re v_k, Im v_k], V (2H, d) as [Re V; Im V], b (H), h0 (2H):
    H(2d + 10), of which 7H are recurrent. With a linear readout of o outputs, H(2d + 2o + 10) + o.
    Buffer: permutation (H,), drawn anew with the parameters and kept in the `state_dict`.

    Source: Arjovsky, Shah and Bengio, Unitary Evolution Recurrent Neural Networks, ICML 2016, equations (6) to (8).
    Differs from the authors' code: the factors are applied to the identity once per sequence, after which a step is
    one real product of width 2H, where they are applied to the state at every step there; a kernel does that too, with
    matrix products for the fast Fourier transform (`kernel_weights`); the modulus is √(re² + im² + 1e-30), so that the
    gradient at z = 0 is finite. Differs from the paper: 1e-5 in modReLU's denominator, as in the code.
    """

    claims = Claims(
        unitary=True,
        gradient="a unitary matrix circumvents vanishing and exploding gradients (abstract)",
    )
    complex_weights = ("W",)
    structured_weights = {"F": "fourier", "P": "permutation"}  # noqa: RUF012 - declared as a ClassVar on Cell
    search_space = SearchSpace(training={"lr": FloatDistribution(1e-4, 3e-2, log=True)})
    recipes = {  # noqa: RUF012 - declared as a ClassVar on Cell
        "adding": Recipe(
            hidden_size=512,
            cell={},
            training={"optimizer": "rmsprop", "lr": 1e-3, "batch_size": 20, "steps": 20_000},
            task={"length": 200},
            source=f"{AUTHORS}, adding_problem.py, the defaults that it declares",
            differs=f"{RMSPROP}; 100,000 fixed sequences there, fresh ones here; best test value kept there",
        ),
        "copy": Recipe(
            hidden_size=470,
            cell={},
            training={"optimizer": "rmsprop", "lr": 1e-3, "batch_size": 20, "steps": 10_000},
            task={"length": 1000},
            source=f"{WISDOM}, run_memory_problem.sh, the restricted-capacity network",
            differs=RMSPROP,
        ),
        "smnist": Recipe(
            hidden_size=512,
            cell={},
            training=MNIST_TRAINING,
            source=f"{WISDOM}, config_mnist_restricteduRNN_lr0-0001_patience5.yaml",
            differs=MNIST_DIFFERS,
        ),
        "psmnist": Recipe(
            hidden_size=512,
            cell={},
            training=MNIST_TRAINING,
            task={"permutation": "scornn"},
            source=f"{WISDOM}, config_mnist_restricteduRNN_lr0-0001_permuted_patience5.yaml",
            differs=MNIST_DIFFERS,
        ),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.theta = parameter(3, hidden_size, device=device, dtype=dtype)
        self.reflection = parameter(2, 2 * hidden_size, device=device, dtype=dtype)
        self.V = parameter(2 * hidden_size, input_size, device=device, dtype=dtype)
        self.b = parameter(hidden_size, device=device, dtype=dtype)
        self.h0 = parameter(2 * hidden_size, device=device, dtype=dtype)
        self.permutation: Tensor
        self.register_buffer("permutation", torch.empty(hidden_size, dtype=torch.int64, device=device))
        self.reset_parameters()

    @property
    def state_sizes(self) -> dict[str, int]:
        """Real and imaginary part of h."""
        return {"re": self.hidden_size, "im": self.hidden_size}

    @property
    def output_size(self) -> int:
        """2H."""
        return 2 * self.hidden_size

    def reset_parameters(self) -> None:
        """Draw θ ~ U(−π, π), V and v by Glorot's rule, b ~ U(−0.01, 0.01), h₀ ~ U(±√(3/(2H))), and the permutation."""
        H, d = self.hidden_size, self.input_size
        nn.init.uniform_(self.theta, -math.pi, math.pi)
        for values, fans in ((self.reflection, 2 + 2 * H), (self.V, d + 2 * H)):
            bound = math.sqrt(6 / fans)
            nn.init.uniform_(values, -bound, bound)
        nn.init.uniform_(self.b, -0.01, 0.01)
        bound = math.sqrt(3 / (2 * H))
        nn.init.uniform_(self.h0, -bound, bound)
        self.permutation.copy_(torch.randperm(H, device=self.permutation.device))

    def initial_state(self, batch_size: int) -> State:
        """h₀, trained."""
        return tuple(part.expand(batch_size, -1) for part in self.h0.chunk(2))

    def project(self, x: Tensor) -> Tensor:
        """u = [Re V x, Im V x]."""
        return F.linear(x, self.V)

    def recurrent_weights(self) -> Weights:
        """Wᵀ in its real form (2H, 2H), and b."""
        return {"W": real_form(fourier_product(self.theta, self.reflection, self.permutation).mT), "b": self.b}

    def kernel_weights(self) -> Weights:
        """Return the factors of W, from a size on: F in its real form and Π as constants, θ and v."""
        if self.hidden_size < FEWEST_UNITS:
            return self.recurrent_weights()
        F, P = fourier_constants(self.permutation, self.theta.dtype)
        return {"theta": self.theta, "reflection": self.reflection, "F": F, "P": P, "b": self.b}

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """h ← modReLU(W h + u)."""
        if "W" in w:
            re, im = torch.addmm(u, torch.cat(state, dim=1), w["W"]).chunk(2, dim=1)
            return complex_modrelu(re, im, w["b"])
        re, im = factored_product(state, w["theta"], w["reflection"], w["F"], w["P"])
        u_re, u_im = u.chunk(2, dim=1)
        return complex_modrelu(re + u_re, im + u_im, w["b"])

    def output(self, state: State) -> Tensor:
        """[Re h; Im h]."""
        return torch.cat(state, dim=-1)

    def jacobian_bound(self, lag: int) -> Bound:
        """Return a bound on ‖∂h_n/∂h_k‖₂ at n − k = `lag`, in the real form: max(1, max b/ε)^lag, ε = 1e-5.

        A step is W, of norm 1, and then modReLU, unit by unit; `complex_slope` derives the largest slope. So with
        b ≤ 1e-5 gradients cannot explode, as the paper says of its networks. With a larger b they can, at the steps
        where some pre-activation is near zero, and this bound then says little.

        Raises:
            TypeError, ValueError: lag is not a positive integer.
        """
        lag = positive_integer("URNN.jacobian_bound", "lag", lag)
        slope = torch.tensor(complex_slope(self.b.max().item()), dtype=torch.float64)
        return Bound(
            quantity="‖∂h_n/∂h_k‖₂",
            value=slope.pow(lag).item(),
            conditions=(),
            source="derived here from the paper's argument for unitary W; holds for every input; 1 if every b ≤ 1e-5",
        )
