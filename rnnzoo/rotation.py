"""exp(A) of a skew-symmetric A: a rotation; every rotation is reached.

As in `rnnzoo.orthogonal` the matrix is made in float64; its gradient is computed in the parameters' dtype.
"""

import math
from functools import cache, lru_cache
from typing import Any

import numpy as np
import torch
from numpy.polynomial import Chebyshev, Polynomial
from torch import Tensor

from rnnzoo.orthogonal import entry_count, has_values, skew_symmetric, triangles, widened

TAYLOR = (
    (9.0198e-16, 0.46932117595418237389, -0.20099424927047284052, -0.04623946134063071740),
    (5.31597895759871264183, 1.19926790417132231573, 0.01179296240992997031, 0.01108844528519167989),
    (0.18188869982170434744, 0.05502798439925399070, 0.09351590770535414968, 0.00610700528898058230),
    (-2.0861320e-13, -0.13181061013830184015, -0.02027855540589259079, -0.00675951846863086359),
)
"""Coefficients of I, A, A² and A³ in B₁ … B₄, of which B₁ + (B₂ + A₆) A₆, A₆ = B₃ + B₄², is Σ Aᵏ/k! up to k = 12."""


def rotation(entries: Tensor, size: int) -> Tensor:
    """Return Q = exp(A) (…, H, H), A = skew_symmetric(entries, H), in the dtype of the entries.

    Where there are no numbers to measure a norm of, under transforms and tracers, and for a batch it is PyTorch's
    exponential, whose derivative is the exponential of a matrix of twice the size: several times the work.

    Args:
        entries: (…, H(H−1)/2), as `skew_symmetric` takes them.
        size: H, at least 1.

    Raises:
        ValueError: the last axis does not hold H(H−1)/2 entries.

    Source: Bader, Blanes and Casas, Computing the matrix exponential with an optimized Taylor polynomial
    approximation, 2019; the gradient is derived here.
    """
    if entries.shape == (entry_count(size),) and has_values(entries):
        Q: Tensor = _Rotation.apply(entries, size)  # type: ignore[no-untyped-call]
        return Q
    Q = torch.linalg.matrix_exp(widened(skew_symmetric(entries, size)))
    return Q.to(entries.dtype)


class _Rotation(torch.autograd.Function):
    """Entries → Q by squaring n times: R_0 = exp(S) with S = A/2ⁿ, R_{k+1} = R_k², Q = R_n.

    With K the transposed gradient of Q, that of R_{n−1} is R K + K R, and so down to R_1 = exp(2S). There, because
    d exp(2S) = R_0 (∫ e^{tS} dS e^{−tS} dt from −1 to 1) R_0, the transposed gradient of S is

    2 sinh(w)/w (R_0 K R_0),   w X = S X − X S

    of which the skew-symmetric part is wanted. For skew X the product X S is (S X)ᵀ, so w takes one product.
    """

    @staticmethod
    def forward(ctx: Any, entries: Tensor, size: int) -> Tensor:
        ctx.size = size
        A, roots, ctx.scale, ctx.radius = _roots(entries, size)
        Q = torch.mm(roots[-1], roots[-1])
        if entries.dtype == torch.float64:
            # one step of Newton and Schulz: squaring has doubled the rounding n times, which float32 does not see
            Q = torch.addmm(Q, Q, torch.mm(Q.t(), Q), beta=1.5, alpha=-0.5)
        ctx.save_for_backward(entries, A, *(R.to(entries.dtype) for R in roots))
        return Q.to(entries.dtype)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> tuple[Tensor, None]:
        entries, A, *roots = ctx.saved_tensors
        if torch.is_grad_enabled():  # for derivatives of this derivative all is made again from the entries
            A, roots, _, _ = _roots(entries, ctx.size)
            roots = [R.to(entries.dtype) for R in roots]
        K = G.t()
        for R in reversed(roots[1:]):
            K = torch.addmm(torch.mm(R, K), K, R)
        X = torch.mm(torch.mm(roots[0], K), roots[0])
        X = X - X.t()  # twice the skew-symmetric part
        Y, (*c, last) = X, _series(ctx.radius, G.dtype)
        weight = 2 * ctx.scale * last
        for c_k in reversed(c):  # Y ← 2⁻ⁿ · 2 c_k X + w² Y
            AY = torch.mm(A, Y)
            Y = torch.addmm(X, A, AY - AY.t(), beta=ctx.scale * c_k, alpha=ctx.scale**2 * weight)
            Y, weight = Y - Y.t(), 1.0
        _, lower = triangles(ctx.size, G.device)
        return Y.view(-1).index_select(0, lower), None


def _roots(entries: Tensor, size: int) -> tuple[Tensor, list[Tensor], float, float]:
    """Return A, R_0 … R_{n−1} in float64, 2⁻ⁿ, n ≥ 1, and a bound on the norm of w."""
    places, zero, identity = _constants(size, entries.dtype, entries.device)
    narrow = torch.cat((entries, -entries, zero)).index_select(0, places).view(size, size)
    A = widened(narrow)
    A2 = torch.mm(A, A)
    # ‖A‖₂² = ‖A²‖₂ ≤ ‖A²‖₁, for A is normal; ‖A‖₁ may be √H times too large
    norm = math.sqrt(max(torch.linalg.vector_norm(A2, 1, dim=1).tolist()))
    # the first term left out, θ¹³/13!, is below rounding for float64, and at most 4e-11 for what becomes float32
    theta = 0.3 if entries.dtype == torch.float64 else 0.9
    squarings = max(1, math.frexp(norm / theta)[1])  # 1 if the norm is not a number
    powers = torch.cat((identity, A, A2, torch.mm(A2, A))).view(4, -1)
    B1, B2, B3, B4 = torch.mm(_coefficients(squarings, A.dtype, A.device), powers).view(4, size, size).unbind()
    A6 = torch.addmm(B3, B4, B4)
    roots = [torch.addmm(B1, B2 + A6, A6)]
    for _ in range(squarings - 1):
        roots.append(torch.mm(roots[-1], roots[-1]))
    scale = 2.0**-squarings
    return narrow, roots, scale, 2 * scale * norm


@lru_cache(16)
def _constants(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """Return where the numbers of A, row after row, are in (entries, −entries, 0); that 0; and I in float64."""
    upper, lower = triangles(size, device)
    count = len(upper)
    with torch.inference_mode(mode=False):  # what is made in inference mode no derivative may keep later
        places = torch.full((size * size,), 2 * count, device=device)
        places[upper] = torch.arange(count, device=device)
        places[lower] = torch.arange(count, 2 * count, device=device)
        return places, torch.zeros(1, dtype=dtype, device=device), widened(torch.eye(size, device=device))


@lru_cache(64)
def _coefficients(squarings: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return `TAYLOR` (4, 4) for the powers of A in place of those of A/2ⁿ."""
    scaled = [[b * 2.0 ** (-squarings * power) for power, b in enumerate(row)] for row in TAYLOR]
    with torch.inference_mode(mode=False):  # as above
        return torch.tensor(scaled, dtype=dtype, device=device)


def _series(radius: float, dtype: torch.dtype) -> tuple[float, ...]:
    """Return c_0 … c_K, K ≥ 1, with sinh(w)/w = Σ c_k w²ᵏ to some roundings for imaginary |w| ≤ radius."""
    tolerance, K = 8 * torch.finfo(dtype).eps, 1
    while _reach(K, tolerance) < radius < math.inf:
        K += 1
    return _interpolated(K, tolerance)


@cache
def _reach(K: int, tolerance: float) -> float:
    """Return the |w| up to which the interpolation of degree K at Chebyshev's nodes is exact to the tolerance."""
    return math.pow(tolerance * math.factorial(2 * K + 3) * 2.0 ** (2 * K + 1), 1 / (2 * K + 2))


@lru_cache(64)
def _interpolated(K: int, tolerance: float) -> tuple[float, ...]:
    # in u = −w² it is sin(√u)/√u; Taylor's series would need one or two terms more, of two products each
    domain = [0, _reach(K, tolerance) ** 2]
    chebyshev = Chebyshev.interpolate(lambda u: np.sinc(np.sqrt(u) / np.pi), K, domain)
    return tuple((-1) ** k * float(c) for k, c in enumerate(chebyshev.convert(kind=Polynomial).coef))
