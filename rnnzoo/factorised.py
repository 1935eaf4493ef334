"""W = U diag(s) Vᵀ with U = U₀ C(A_U) and V = V₀ C(A_V) orthogonal and s in (1 − m, 1 + m): singular values by choice.

C(A) = (I + A)⁻¹(I − A) = 2 (I + A)⁻¹ − I is the Cayley map of `rnnzoo.orthogonal`. As there, W is made in float64; its
gradient is computed in the parameters' dtype.
"""

from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from rnnzoo.orthogonal import cayley, has_values, skew_symmetric, triangles, widened


def factorised(A_U: Tensor, A_V: Tensor, p: Tensor, U0: Tensor, V0: Tensor, *, margin: float) -> Tensor:
    """Return W (H, H), in the dtype of U₀.

    Args:
        A_U, A_V: (H(H−1)/2,), the entries of the skew-symmetric matrices, as `skew_symmetric` takes them.
        p: (H,), what the singular values are made from.
        U0, V0: (H, H), fixed orthogonal matrices.
        margin: m, above 0.
    """
    if all(has_values(part) for part in (A_U, A_V, p, U0, V0)):
        W: Tensor = _Factorised.apply(A_U, A_V, p, U0, V0, margin)[0]  # type: ignore[no-untyped-call]
        return W
    size = U0.shape[-1]
    U, V = (
        widened(fixed) @ cayley(skew_symmetric(widened(entries), size)) for fixed, entries in ((U0, A_U), (V0, A_V))
    )
    return (U * widened(within(margin, p)) @ V.t()).to(U0.dtype)


def within(margin: float, p: Tensor) -> Tensor:
    """Return s = 2m (σ(p) − ½) + 1 = 1 + m tanh(p/2), in (1 − m, 1 + m); σ is the logistic function."""
    return 1 + margin * torch.tanh(p / 2)


class _Factorised(torch.autograd.Function):
    """(A_U, A_V, p, U₀, V₀, m) → W and, for derivatives of derivatives, U and V, one above the other.

    U = 2X − U₀ with X (I + A_U) = U₀, and likewise V; s = 1 + m t with t = tanh(p/2). With G the gradient of W, that of
    U is D = G V diag(s), that of s_i is (Uᵀ G V)_ii, that of p_i is (1 − t_i²) m/2 times as much, and that of A_U is
    −2 Xᵀ D (I + A_U)⁻ᵀ = −2 Xᵀ D Xᵀ U₀, U₀ being orthogonal; of V, with Gᵀ.
    """

    @staticmethod
    def forward(
        ctx: Any, A_U: Tensor, A_V: Tensor, p: Tensor, U0: Tensor, V0: Tensor, margin: float
    ) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        size, dtype = U0.shape[-1], U0.dtype
        places, signs, one = _places(size, dtype, U0.device)
        entries = torch.cat((A_U, A_V, one)).index_select(0, places)
        shifted = widened(entries).view(2, size, size).mul_(signs)
        fixed = torch.stack((U0, V0))
        wide = widened(fixed)
        # no error is asked for: I + A is never singular, and what has diverged gives no numbers
        factors = torch.lerp(wide, torch.linalg.solve_ex(shifted, wide, left=False).result, 2.0)
        t = torch.tanh(p / 2)
        s = torch.add(one, t, alpha=margin)
        U, V = factors.unbind()
        W, factors = ((U * s) @ V.t()).to(dtype), factors.to(dtype)
        ctx.save_for_backward(p, fixed, factors, s, t)
        ctx.margin = margin
        return W, factors

    @staticmethod
    def backward(
        ctx: Any, G: Tensor | None, D: Tensor | None
    ) -> tuple[Tensor | None, Tensor | None, Tensor | None, None, None, None]:
        p, fixed, factors, s, t = ctx.saved_tensors
        grad_p = None
        if G is not None:
            if torch.is_grad_enabled():  # for derivatives of this derivative
                t = torch.tanh(p / 2)
                s = 1 + ctx.margin * t
            U, V = factors.unbind()
            G_V = G @ V
            grad_s = (U * G_V).sum(0)
            grad_p = torch.addcmul(grad_s, grad_s * t, t, value=-1) * (ctx.margin / 2)
            of_W = torch.stack((G_V, G.t() @ U)) * s
            D = of_W if D is None else of_W + D
        if D is None:
            return None, None, None, None, None, None
        M = (factors + fixed).mT  # 2 Xᵀ
        minus = torch.baddbmm(D, M @ D, M @ fixed, beta=0, alpha=0.5).flatten(1)
        upper, lower = triangles(fixed.shape[-1], fixed.device)
        grad_U, grad_V = (minus.index_select(1, lower) - minus.index_select(1, upper)).unbind()
        return grad_U, grad_V, grad_p, None, None, None


@lru_cache(16)
def _places(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return where the entries of I + A_U and I + A_V are in (A_U, A_V, 1), their signs (2, H, H), and 1."""
    upper, lower = triangles(size, device)
    with torch.inference_mode(mode=False):  # what is made in inference mode no derivative may keep later
        count = len(upper)
        places = torch.full((2, size * size), 2 * count, device=device)
        places[:, upper] = places[:, lower] = torch.arange(2 * count, device=device).view(2, count)
        signs = widened(torch.ones(2, size * size, device=device)).index_fill(1, lower, -1)
        return places.flatten(), signs.view(2, size, size), torch.ones(1, dtype=dtype, device=device)
