"""Vorontsov's factorised RNN: how far singular values may stray from 1, from a hard constraint to none."""

from typing import final

import torch
from optuna.distributions import FloatDistribution
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells.base import Cell, State, Weights, parameter
from rnnzoo.cells.claims import Bound, Claims, Condition
from rnnzoo.cells.modrelu import real_modrelu
from rnnzoo.cells.settings import SearchSpace
from rnnzoo.checks import number_in, one_of, positive_integer
from rnnzoo.factorised import factorised, within
from rnnzoo.orthogonal import cayley, entry_count, skew_symmetric, widened

NONLINEARITIES = ("identity", "tanh", "relu", "modrelu")


@final
class SpectralRNN(Cell):
    """Factorised RNN with a spectral margin m.

    h_t = σ(W h_{t−1} + W_in x_t + b),   W = U diag(s) Vᵀ,   s = 2m (sigmoid(p) − ½) + 1 ∈ [1 − m, 1 + m]

    U = U₀ C(A_U) and V = V₀ C(A_V) are orthogonal by construction: U₀ and V₀ are fixed, A_U and A_V skew-symmetric,
    C(A) = (I + A)⁻¹(I − A) is the Cayley map. All start at A = 0 and p = 0, so W starts orthogonal.

    | margin | W | free entries of W |
    |---|---|---|
    | 0 | hard constraint: s = 1, V stays V₀, which loses no reachable W | H(H−1)/2 |
    | 0 < m ≤ 1 | as above | H² |
    | None | a free matrix, orthogonal at the start, with ‖WᵀW − I‖² in the loss if wanted | H² |

    Args:
        input_size: features d of the input.
        hidden_size: units H.
        margin: m in [0, 1], or None for a free matrix; study files, which have no null, write "none".
        nonlinearity: σ: "identity", "tanh", "relu" or "modrelu", sign(z) (|z| + b)_+ with b taken out of the sum.
        soft_penalty: strength λ of λ ‖WᵀW − I‖² (Frobenius), at least 0; only for margin None.
        spectrum_prior: strength λ of the Gaussian prior λ Σ (s_i − 1)², at least 0; not for margin 0.
        device, dtype: as in `torch.nn.LSTM`.

    Parameters: those of W, named A_U, A_V and p (constrained) or W; W_in (H, d); b (H); h0 (H), trained. With the free
    entries of W from the table, plus dH + 2H. Buffers: U0, V0 (H, H), but for margin None.

    Raises:
        ValueError: margin, a strength or the nonlinearity is out of range, or a penalty does not go with the margin.

    Source: Vorontsov, Trabelsi, Kadoury and Pal, On orthogonality and learning recurrent networks with long term
    dependencies, ICML 2017, sections 2 and 3.
    Differs from the authors' code: its geodesic step on U and V is wrong: W ← C(GᵀW − WᵀG) W, with G the gradient,
    descends in no more than half of random draws, and at W = I it always ascends. Here U and V are Cayley maps of free
    entries: from A = 0 a plain gradient step on A is to first order the descent C(G Wᵀ − W Gᵀ) W of Wisdom et al., and
    any optimiser keeps the constraint; their learning rate is `constrained_lr_scale` times that of the rest, where the
    script has 1e-6 beside 1e-4. The default σ is relu, that of the authors' layer, where their script puts none: a
    linear network cannot select the marked numbers of the adding task, and with tanh, whose slope takes the margin's
    part, it did not in 1,200 steps at length 50 where relu did. The default margin is 0.01, where the script has 0,
    for which `exprnn` already stands. The script divides the learning rate of p by 2m; it is that of A_U and A_V here.
    It clips gradients inside the recurrence at 100; here `clip_norm` may do so outside. There is no rectifier on s,
    which is never negative. The scripts behind the paper's tables were not released, so there is no recipe.
    """

    constrained_parameters = ("A_U", "A_V", "p")
    # The margin compounds: over T steps norms may change by (1 ± m)^T. At 1e-3 that is next to the hard constraint.
    search_space = SearchSpace(
        cell={"margin": FloatDistribution(1e-3, 1.0, log=True)},
        training={
            "lr": FloatDistribution(1e-4, 1e-2, log=True),
            "constrained_lr_scale": FloatDistribution(0.01, 1.0, log=True),
        },
    )

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        margin: float | str | None = 0.01,
        nonlinearity: str = "relu",
        soft_penalty: float = 0.0,
        spectrum_prior: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        self.margin = None if margin in (None, "none") else number_in("SpectralRNN", "margin", margin, 0.0, 1.0)
        self.nonlinearity = one_of("SpectralRNN", "nonlinearity", nonlinearity, NONLINEARITIES)
        self.soft_penalty = number_in("SpectralRNN", "soft_penalty", soft_penalty, 0.0)
        self.spectrum_prior = number_in("SpectralRNN", "spectrum_prior", spectrum_prior, 0.0)
        if self.soft_penalty > 0 and self.margin is not None:
            raise ValueError(
                f"SpectralRNN: soft_penalty is for a free matrix, got {soft_penalty} with margin={self.margin:g}; "
                "set margin=None, or use spectrum_prior"
            )
        if self.spectrum_prior > 0 and self.margin == 0:
            raise ValueError(
                f"SpectralRNN: spectrum_prior must be 0 with margin=0, where every singular value is 1, "
                f"got {spectrum_prior}; widen the margin"
            )
        self.claims = Claims(
            orthogonal=self.margin == 0,
            singular_values=None if self.margin is None else (1 - self.margin, 1 + self.margin),
            linear=self.nonlinearity == "identity",
            gradient="orthogonal matrices preserve the norm of the gradient (abstract)" if self.margin == 0 else "",
        )
        square, entries = (hidden_size, hidden_size), entry_count(hidden_size)
        if self.margin is None:
            self.W = parameter(*square, device=device, dtype=dtype)
        else:
            self.U0: Tensor
            self.V0: Tensor
            self.register_buffer("U0", torch.empty(*square, device=device, dtype=dtype))
            self.register_buffer("V0", torch.empty(*square, device=device, dtype=dtype))
            self.A_U = parameter(entries, device=device, dtype=dtype)
            if self.margin > 0:
                self.A_V = parameter(entries, device=device, dtype=dtype)
                self.p = parameter(hidden_size, device=device, dtype=dtype)
        self.W_in = parameter(hidden_size, input_size, device=device, dtype=dtype)
        self.b = parameter(hidden_size, device=device, dtype=dtype)
        self.h0 = parameter(hidden_size, device=device, dtype=dtype)
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
        """Draw W, or U₀ and V₀, uniformly from the orthogonal matrices, W_in ~ U(−0.01, 0.01); zero the rest.

        The bias of modReLU is drawn from U(−0.01, 0.01), too: at b = 0 modReLU is the identity.
        """
        with torch.no_grad():
            for name in ("W", "U0", "V0"):
                if hasattr(self, name):
                    drawn = torch.empty(self.hidden_size, self.hidden_size, dtype=torch.float64)
                    getattr(self, name).copy_(nn.init.orthogonal_(drawn))
            for values in (*self._spectral_parameters(), self.b, self.h0):
                values.zero_()
        nn.init.uniform_(self.W_in, -0.01, 0.01)
        if self.nonlinearity == "modrelu":
            nn.init.uniform_(self.b, -0.01, 0.01)

    def initial_state(self, batch_size: int) -> State:
        """h₀, trained."""
        return (self.h0.expand(batch_size, -1),)

    def project(self, x: Tensor) -> Tensor:
        """u = W_in x + b, or W_in x where b is modReLU's."""
        return F.linear(x, self.W_in, None if self.nonlinearity == "modrelu" else self.b)

    def recurrent_weights(self) -> Weights:
        """W, transposed; and b for modReLU."""
        W = self.W if self.margin is None else self._factorised()
        return {"W": W.t(), "b": self.b} if self.nonlinearity == "modrelu" else {"W": W.t()}

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """h ← σ(W h + u)."""
        (h,) = state
        z = torch.addmm(u, h, w["W"])
        match self.nonlinearity:
            case "tanh":
                return (torch.tanh(z),)
            case "relu":
                return (torch.relu(z),)
            case "modrelu":
                return (real_modrelu(z, w["b"]),)
            case _:
                return (z,)

    def output(self, state: State) -> Tensor:
        """h."""
        return state[0]

    def singular_values(self) -> Tensor:
        """Return s (H): from p, or those of the free W in descending order."""
        if self.margin is None:
            s: Tensor = torch.linalg.svdvals(self.W)
            return s
        if self.margin == 0:
            return torch.ones_like(self.b)
        return within(self.margin, self.p)

    def penalty(self) -> Tensor:
        """Return soft_penalty ‖WᵀW − I‖² + spectrum_prior Σ (s_i − 1)², a scalar for the loss."""
        total = self.b.new_zeros(())
        if self.soft_penalty > 0:
            gram = self.W.t() @ self.W
            total = total + self.soft_penalty * (gram - torch.eye(self.hidden_size).to(gram)).square().sum()
        if self.spectrum_prior > 0:
            total = total + self.spectrum_prior * (self.singular_values() - 1).square().sum()
        return total

    def jacobian_bound(self, lag: int) -> Bound:
        """Return a bound on ‖∂h_n/∂h_k‖₂ at n − k = `lag`: (1 + m)^lag, or ‖W‖₂^lag for a free W.

        Every σ offered has slopes in [0, 1], so a step stretches by the largest singular value at most.

        Raises:
            TypeError, ValueError: lag is not a positive integer.
        """
        lag = positive_integer("SpectralRNN.jacobian_bound", "lag", lag)
        largest = self.singular_values().max().item() if self.margin is None else 1 + self.margin
        return Bound(
            quantity="‖∂h_n/∂h_k‖₂",
            value=torch.tensor(largest, dtype=torch.float64).pow(lag).item(),
            conditions=(),
            source="derived here; the upper end of the interval that the margin leaves to gradient norms",
        )

    def inverse_jacobian_bound(self, lag: int) -> Bound:
        """Return a bound on ‖(∂h_n/∂h_k)⁻¹‖₂ at n − k = `lag`: (1 − m)^−lag, or σ_min(W)^−lag for a free W.

        Its inverse is the lower end of the interval [(1 − m)^lag, (1 + m)^lag] of gradient norms. It holds without a
        nonlinearity only: a slope below 1 shrinks further.

        Raises:
            TypeError, ValueError: lag is not a positive integer.
        """
        lag = positive_integer("SpectralRNN.inverse_jacobian_bound", "lag", lag)
        smallest = self.singular_values().min().item() if self.margin is None else 1 - self.margin
        linear = self.nonlinearity == "identity"
        return Bound(
            quantity="‖(∂h_n/∂h_k)⁻¹‖₂",
            value=torch.tensor(smallest, dtype=torch.float64).pow(-lag).item(),
            conditions=(Condition("nonlinearity is the identity", linear, {"smallest singular value": smallest}),),
            source="derived here; the lower end of the interval that the margin leaves to gradient norms",
        )

    def _factorised(self) -> Tensor:
        """Return U diag(s) Vᵀ, multiplied in float64 for the reason that `rnnzoo.orthogonal` gives."""
        assert self.margin is not None
        if self.margin == 0:  # V stays V0
            U = widened(self.U0) @ cayley(skew_symmetric(widened(self.A_U), self.hidden_size))
            return (U @ widened(self.V0).t()).to(self.U0.dtype)
        return factorised(self.A_U, self.A_V, self.p, self.U0, self.V0, margin=self.margin)

    def _spectral_parameters(self) -> list[Tensor]:
        """Return those of A_U, A_V and p that this margin has."""
        return [getattr(self, name) for name in self.constrained_parameters if hasattr(self, name)]
