"""A linear readout that sees every output of a recurrent layer in its own unit: centred, and divided by its spread."""

from typing import final

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

LEAST_SPREAD = 1e-3
"""Least spread of an output, as a share of the mean spread: what hardly moves is not blown up to noise."""


@final
class StandardisedLinear(nn.Linear):
    """Affine map of standardised features: answer = C ((h − μ) / σ) + c.

    μ and σ are measured once, by `standardise`, and not trained: it remains an affine map of h, and is the same set of
    maps as `torch.nn.Linear`. But gradient descent walks through it as if no feature had an offset and all had one
    spread. Oscillators need it: under a constant drive their positions at step T lie T²/2 drives from zero, and an
    input moves them by at most T, so that with C and c alone nearly all of a gradient is about the offset.

    Args:
        in_features, out_features, device, dtype: as in `torch.nn.Linear`.

    Parameters: those of `torch.nn.Linear`, all zero at first. Buffers: mean μ and scale σ (in_features,), 0 and 1
    before `standardise`.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_features, out_features, device=device, dtype=dtype)
        self.mean: Tensor
        self.scale: Tensor
        self.register_buffer("mean", torch.zeros(in_features, device=device, dtype=dtype))
        self.register_buffer("scale", torch.ones(in_features, device=device, dtype=dtype))
        self._at_zero()

    def reset_parameters(self) -> None:
        """Set C, c and μ to zero and σ to one."""
        if hasattr(self, "scale"):  # torch.nn.Linear calls this before there is one
            self._at_zero()

    def forward(self, h: Tensor) -> Tensor:
        """Return the answer (…, out_features) to h (…, in_features)."""
        return F.linear((h - self.mean) / self.scale, self.weight, self.bias)

    @torch.no_grad()
    def standardise(self, h: Tensor) -> None:
        """Take μ and σ from features h (…, in_features); where nothing differs between its rows, σ is 1."""
        rows = h.flatten(0, -2)
        spread = rows.std(0, correction=0)
        least = LEAST_SPREAD * spread.mean()
        self.mean.copy_(rows.mean(0))
        self.scale.copy_(spread.clamp(min=least) if least > 0 else torch.ones_like(spread))

    @torch.no_grad()
    def folded(self) -> nn.Linear:
        """Return the same map as a `torch.nn.Linear`."""
        plain = nn.Linear(self.in_features, self.out_features, device=self.weight.device, dtype=self.weight.dtype)
        plain.weight.copy_(self.weight / self.scale)
        plain.bias.copy_(self.bias - plain.weight @ self.mean)
        return plain

    def _at_zero(self) -> None:
        with torch.no_grad():
            for name, values in (*self.named_parameters(), *self.named_buffers()):
                values.fill_(1.0 if name == "scale" else 0.0)
