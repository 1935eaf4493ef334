"""Cells made up for the engine's tests."""

from typing import final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells.base import Cell, State, Weights, parameter
from rnnzoo.unitary import real_form


class Made(Cell):
    """What the cells below share: a state (y, z) and u = V x + b."""

    def __init__(self, input_size: int, hidden_size: int, *, dtype: torch.dtype | None = None) -> None:
        super().__init__(input_size, hidden_size)
        H = hidden_size
        self.W = parameter(H, H, dtype=dtype)
        self.G = parameter(H, H, dtype=dtype)
        self.k = parameter(H, dtype=dtype)
        self.rate = parameter(dtype=dtype)
        self.V = parameter(2 * H, input_size, dtype=dtype)
        self.b = parameter(2 * H, dtype=dtype)
        self.reset_parameters()

    @property
    def state_sizes(self) -> dict[str, int]:
        return {"y": self.hidden_size, "z": self.hidden_size}

    @property
    def output_size(self) -> int:
        return self.hidden_size

    def reset_parameters(self) -> None:
        with torch.no_grad():
            for values in self.parameters():
                values.normal_(0, 1 / self.hidden_size**0.5)

    def initial_state(self, batch_size: int) -> State:
        return self.zeros(batch_size)

    def project(self, x: Tensor) -> Tensor:
        return F.linear(x, self.V, self.b)

    def recurrent_weights(self) -> Weights:
        return {"W": self.W.t(), "G": self.G, "k": self.k, "rate": self.rate}

    def output(self, state: State) -> Tensor:
        return state[0]


@final
class GatedOscillator(Made):
    """Two products a step, the second of what the first gave; a matrix used as it is, a vector and a number in w."""

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """g = σ(G y + u_1); z ← z + dt (tanh(W (g ⊙ z) + u_2) − k² ⊙ y − softplus(rate) z); y ← y + dt g ⊙ z."""
        y, z = state
        n = self.hidden_size
        g = torch.sigmoid(F.linear(y, w["G"]) + u[:, :n])
        force = torch.tanh((g * z) @ w["W"] + u[:, n:])
        z = z + 0.3 * (force - w["k"] ** 2 * y - F.softplus(w["rate"]) * z)
        y = y + 0.3 * g * z
        return y, z


@final
class Normalised(Made):
    """Sums over the units, maxima and joins: what elementwise fusion alone cannot do."""

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """A layer norm inside, halves swapped, and a clipped gate."""
        y, z = state
        v, s = u.chunk(2, dim=1)
        mixed = torch.cat([z, y], dim=1) @ torch.cat([w["W"], w["G"]])
        centred = mixed - mixed.mean(dim=1, keepdim=True)
        scaled = centred * torch.rsqrt((centred * centred).mean(dim=1, keepdim=True) + 0.1)
        gate = torch.clamp(scaled * w["k"] + v, -0.9, 0.9)
        z = torch.maximum(0.5 * z, torch.where(s > 0, gate, gate.exp() - 1))
        return torch.sin(y) * 0.5 + F.leaky_relu(z), z


@final
class Offset(Made):
    """A number in w that is added to what a product gives: its gradient sums over the units too."""

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """y ← tanh(W y + u_1 + rate); z ← z / 2 + k ⊙ tanh(G y + u_2)."""
        y, z = state
        n = self.hidden_size
        z = 0.5 * z + w["k"] * torch.tanh(y @ w["G"] + u[:, n:])
        return torch.tanh(y @ w["W"] + u[:, :n] + w["rate"]), z


@final
class Sorted(Made):
    """A step that no kernel can hold: it sorts its units."""

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """y ← tanh(sort(W y) + u_1)."""
        y, z = state
        return torch.tanh(torch.sort(y @ w["W"], dim=1).values + u[:, : self.hidden_size]), z


@final
class BatchMean(Made):
    """A step whose sequences depend on each other."""

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """y ← tanh(W y − mean over the batch)."""
        y, z = state
        v = y @ w["W"]
        return torch.tanh(v - v.mean(dim=0) + u[:, : self.hidden_size]), z


@final
class Shifted(Made):
    """A register that hands on what it held: parts of parts side by side, forward and backward."""

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """y ← tanh(W [y_2 …, z_1] + u_1); z ← [z_2 …, y_1]."""
        y, z = state
        fed = torch.cat([torch.cat([y[:, 1:], z[:, :1]], dim=1)], dim=1) @ w["W"]
        y = torch.tanh(fed + u[:, : self.hidden_size])
        return y, torch.cat([torch.cat([z[:, 1:], torch.sigmoid(z[:, :1])], dim=1)[:, 1:], y[:, :1]], dim=1)


@final
class Summed(Made):
    """A sum over parts side by side."""

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """s = Σ [tanh(y), k ⊙ z] / (2H); y ← tanh(W y + u_1 + s); z ← z / 2 + sin(u_2)."""
        y, z = state
        n = self.hidden_size
        s = torch.cat([torch.tanh(y), w["k"] * z], dim=1).sum(dim=1, keepdim=True) / (2 * n)
        return torch.tanh(y @ w["W"] + u[:, :n] + s), 0.5 * z + torch.sin(u[:, n:])


@final
class Transformed(Made):
    """Products with matrices of a known structure among others, a vector used in many places, sums over units."""

    structured_weights = {"F": "fourier", "P": "permutation"}  # noqa: RUF012 - declared as a ClassVar on Cell

    def __init__(self, input_size: int, hidden_size: int, *, dtype: torch.dtype | None = None) -> None:
        super().__init__(input_size, hidden_size, dtype=dtype)
        H = hidden_size
        generator = torch.Generator().manual_seed(1)
        self.register_buffer("P", torch.eye(H, dtype=dtype)[:, torch.randperm(H, generator=generator)])

    def recurrent_weights(self) -> Weights:
        # made anew in each dtype: one that was rounded to float32 is no transform in float64
        F = real_form(1.3 * torch.fft.ifft(torch.eye(self.hidden_size, dtype=torch.float64), norm="ortho"))
        return super().recurrent_weights() | {"F": F.to(self.k.dtype), "P": self.P}  # type: ignore[dict-item]

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """a, b = tanh(F (y, z) + u), c, d = Fᵀ (k ⊙ a, σ(k) ⊙ b); y ← tanh(W y + P c + Σ a) ⊙ k; z ← d − (Pᵀ z) ⊙ k."""
        y, z = state
        a, b = torch.tanh(torch.addmm(u, torch.cat((y, z), 1), w["F"])).chunk(2, 1)
        c, d = (torch.cat((a * w["k"], b * torch.sigmoid(w["k"])), 1) @ w["F"].mT).chunk(2, 1)
        mean = (a * w["k"]).mean(1, keepdim=True) + (b * y).mean(1, keepdim=True)
        y = torch.tanh(y @ w["W"] + c @ w["P"] + mean + w["G"].diagonal() * c)
        return y * w["k"], torch.tanh(d - (z @ w["P"].mT) * w["k"] + w["rate"])
