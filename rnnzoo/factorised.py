"""W = U diag(s) Vᵀ with U = U₀ C(A_U) and V = V₀ C(A_V) orthogonal: a matrix by its singular values.

C(A) = (I + A)⁻¹(I − A) = 2 (I + A)⁻¹ − I is the Cayley map of `rnnzoo.orthogonal`. As there, W is made in float64; its
gradient is computed in the parameters' dtype.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from rnnzoo.orthogonal import cayley, has_values, skew_symmetric, triangles, widened


def factorised(A_U: Tensor, A_V: Tensor, s: Tensor, U0: Tensor, V0: Tensor) -> Tensor:
    """Return W (H, H), in the dtype of U₀.

    Args:
        A_U, A_V: (H(H−1)/2,), the entries of the skew-symmetric matrices, as `skew_symmetric` takes them.
        s: (H,), singular values.
        U0, V0: (H, H), fixed orthogonal matrices.
    """
    if all(has_values(part) for part in (A_U, A_V, s, U0, V0)):
        W: Tensor = _Factorised.apply(A_U, A_V, s, U0, V0)[0]  # type: ignore[no-untyped-call]
        return W
    size = U0.shape[-1]
    U, V = (
        widened(fixed) @ cayley(skew_symmetric(widened(entries), size)) for fixed, entries in ((U0, A_U), (V0, A_V))
    )
    return (U * widened(s) @ V.t()).to(U0.dtype)


class _Factorised(torch.autograd.Function):
    """(A_U, A_V, s, U₀, V₀) → W and, for derivatives of derivatives, U, V and the inverses K = (I + A)⁻¹.

    With G the gradient of W, that of U is G V diag(s), that of s_i is (Uᵀ G V)_ii, and with D that of U, that of A_U is
    −2 (U₀ K)ᵀ D Kᵀ, where 2 U₀ K = U + U₀; likewise of V, with Gᵀ.
    """

    @staticmethod
    def forward(ctx: Any, A_U: Tensor, A_V: Tensor, s: Tensor, U0: Tensor, V0: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        size, dtype, given = U0.shape[-1], U0.dtype, (s, U0, V0)
        places, one = _places(size, U0.device)
        entries, s, U0, V0 = (widened(part) for part in (torch.stack((A_U, A_V)), *given))
        shifted = torch.cat((-entries, one.to(entries.dtype), entries), 1).index_select(1, places).view(2, size, size)
        # no error is asked for: I + A is never singular, and what has diverged gives no numbers
        K_U, K_V = (torch.linalg.inv_ex(part).inverse for part in shifted)
        U, V = torch.addmm(U0, U0, K_U, beta=-1, alpha=2), torch.addmm(V0, V0, K_V, beta=-1, alpha=2)
        W, *parts = (part.to(dtype) for part in ((U * s) @ V.t(), U, V, K_U, K_V))
        ctx.save_for_backward(*given, *parts)
        return W, *parts

    @staticmethod
    def backward(
        ctx: Any, G: Tensor | None, *further: Tensor | None
    ) -> tuple[Tensor, Tensor, Tensor | None, None, None]:
        s, U0, V0, U, V, K_U, K_V = ctx.saved_tensors
        D_U, D_V, E_U, E_V = further
        grad_s = None
        if G is not None:
            G_V = G @ V
            grad_s = (U * G_V).sum(0)
            D_U, D_V = _sum(G_V * s, D_U), _sum((G.t() @ U) * s, D_V)
        D = torch.stack((_through(U, U0, K_U, D_U, E_U), _through(V, V0, K_V, D_V, E_V))).flatten(1)
        upper, lower = triangles(U0.shape[-1], U0.device)
        grad_A = D.index_select(1, lower) - D.index_select(1, upper)
        return grad_A[0], grad_A[1], grad_s, None, None


def _through(U: Tensor, U0: Tensor, K: Tensor, D: Tensor | None, E: Tensor | None) -> Tensor:
    """Return minus the gradient of A from that of U, D, and that of K, E."""
    parts = [] if D is None else [(U + U0).t() @ D @ K.t()]
    if E is not None:
        parts.append(K.t() @ E @ K.t())
    return sum(parts[1:], parts[0]) if parts else torch.zeros_like(K)


def _sum(a: Tensor, b: Tensor | None) -> Tensor:
    return a if b is None else a + b


@lru_cache(16)
def _places(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return where the entries of I + A are in (−entries, 1, entries), and the 1, one for each of two matrices."""
    upper, lower = triangles(size, device)
    with torch.inference_mode(mode=False):  # what is made in inference mode no derivative may keep later
        count = len(upper)
        places = torch.full((size * size,), count, device=device)
        places[lower] = torch.arange(count, device=device)
        places[upper] = torch.arange(count + 1, 2 * count + 1, device=device)
        return places, torch.ones(2, 1, device=device)
