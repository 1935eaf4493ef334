"""expRNN: an orthogonal recurrent matrix as the exponential of a skew-symmetric one."""

from typing import final

import torch
from optuna.distributions import CategoricalDistribution, FloatDistribution
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells.base import Cell, State, Weights, parameter
from rnnzoo.cells.claims import Bound, Claims
from rnnzoo.cells.modrelu import real_modrelu
from rnnzoo.cells.settings import Recipe, SearchSpace
from rnnzoo.checks import one_of, positive_integer
from rnnzoo.orthogonal import cayley_entries, entry_count, henaff_entries
from rnnzoo.rotation import rotation

AUTHORS = "github.com/Lezcano/expRNN, commit 830ec83"
NO_VALIDATION = "no validation set there: the best test accuracy over all epochs is reported"
STEPS_PER_EPOCH = 469  # 60,000 training images in batches of 128

_INITIALISATIONS = {"henaff": henaff_entries, "cayley": cayley_entries}


@final
class ExpRNN(Cell):
    """Exponential RNN: the recurrent matrix is B = exp(A) with A skew-symmetric, so B is a rotation.

    h_t = modReLU(h_{t−1} B + x_t Tᵀ),   B = exp(A),   A = −Aᵀ
    modReLU(z) = sign(z) (|z| + b)_+

    in row vectors, as the authors' code has it; in columns the matrix is Bᵀ.

    Args:
        input_size: features d of the input.
        hidden_size: units H.
        initialisation: of A, in 2 × 2 blocks of one angle s each: "henaff", s ~ U(−π, π), or "cayley",
            s = −√((1 − cos u)/(1 + cos u)), u ~ U(0, π/2), which keeps the angles small.
        device, dtype: as in `torch.nn.LSTM`.

    Parameters: A (H(H−1)/2), the strict upper triangle row by row and a constrained parameter; T (H, d); b (H).
    H(H−1)/2 + dH + H. h₀ = 0; there is no input bias.

    Raises:
        ValueError: initialisation is neither of the two.

    Source: Lezcano-Casado and Martínez-Rubio, Cheap Orthogonal Constraints in Neural Networks, ICML 2019,
    section 3 and appendix.
    Differs from the authors' code: the H(H−1)/2 entries that are used are kept, not the whole H × H; the exponential
    is taken in float64, because float32 misses orthogonality by 1e-5 and more; the moving base of the later dtriv is
    left out.
    """

    claims = Claims(orthogonal=True)
    constrained_parameters = ("A",)
    search_space = SearchSpace(
        cell={"initialisation": CategoricalDistribution(("henaff", "cayley"))},
        training={
            "lr": FloatDistribution(1e-4, 1e-2, log=True),
            "constrained_lr_scale": FloatDistribution(0.01, 1.0, log=True),
        },
    )
    recipes = {  # noqa: RUF012 - declared as a ClassVar on Cell
        "copy": Recipe(
            hidden_size=190,
            cell={"initialisation": "henaff"},
            training={
                "optimizer": "rmsprop",
                "lr": 2e-4,
                "constrained_lr_scale": 0.1,
                "batch_size": 128,
                "steps": 4000,
                "readout": "kaiming_normal",
            },
            task={"length": 1000},
            source=f"{AUTHORS}, copying task",
            differs="sequences have one zero fewer after the marker there",
        ),
        "smnist": Recipe(
            hidden_size=170,
            cell={"initialisation": "cayley"},
            training={
                "optimizer": "rmsprop",
                "lr": 7e-4,
                "constrained_lr_scale": 0.1,
                "batch_size": 128,
                "steps": 70 * STEPS_PER_EPOCH,
                "evaluate_every": STEPS_PER_EPOCH,
            },
            source=f"{AUTHORS}, MNIST",
            differs=NO_VALIDATION,
        ),
        "psmnist": Recipe(
            hidden_size=170,
            cell={"initialisation": "cayley"},
            training={
                "optimizer": "rmsprop",
                "lr": 1e-3,
                "constrained_lr_scale": 0.1,
                "batch_size": 128,
                "steps": 70 * STEPS_PER_EPOCH,
                "evaluate_every": STEPS_PER_EPOCH,
            },
            task={"permutation": "scornn"},
            source=f"{AUTHORS}, permuted MNIST",
            differs=NO_VALIDATION,
        ),
    }

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        initialisation: str = "cayley",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.initialisation = one_of("ExpRNN", "initialisation", initialisation, tuple(_INITIALISATIONS))
        self.A = parameter(entry_count(hidden_size), device=device, dtype=dtype)
        self.T = parameter(hidden_size, input_size, device=device, dtype=dtype)
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
        """Draw A as `initialisation` says, T ~ N(0, 2/d) (Kaiming's rule) and b ~ U(−0.01, 0.01)."""
        with torch.no_grad():
            self.A.copy_(_INITIALISATIONS[self.initialisation](self.hidden_size))
        nn.init.kaiming_normal_(self.T, nonlinearity="relu")
        nn.init.uniform_(self.b, -0.01, 0.01)

    def initial_state(self, batch_size: int) -> State:
        """h_0 = 0."""
        return self.zeros(batch_size)

    def project(self, x: Tensor) -> Tensor:
        """u = x Tᵀ."""
        return F.linear(x, self.T)

    def recurrent_weights(self) -> Weights:
        """B = exp(A), and b."""
        return {"W": rotation(self.A, self.hidden_size), "b": self.b}

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """h ← modReLU(h B + u)."""
        (h,) = state
        return (real_modrelu(torch.addmm(u, h, w["W"]), w["b"]),)

    def output(self, state: State) -> Tensor:
        """h."""
        return state[0]

    def jacobian_bound(self, lag: int) -> Bound:
        """Return a bound on ‖∂h_n/∂h_k‖₂ at n − k = `lag`: 1.

        B has norm 1, and the slope of the real modReLU is 0 or 1.

        Raises:
            TypeError, ValueError: lag is not a positive integer.
        """
        positive_integer("ExpRNN.jacobian_bound", "lag", lag)
        return Bound(
            quantity="‖∂h_n/∂h_k‖₂",
            value=1.0,
            conditions=(),
            source="derived here from orthogonality; holds for every b and input, wherever modReLU has a derivative",
        )
