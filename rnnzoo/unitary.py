"""The unitary matrix of a uRNN from its factors, its real form, and the measure of how far a matrix is from unitary.

The matrix is made in float64, for the reason that `rnnzoo.orthogonal` gives; its gradient in the parameters' dtype.
"""

import math
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor

from rnnzoo.orthogonal import has_values, orthogonality_error, widened


def fourier_product(theta: Tensor, reflection: Tensor, permutation: Tensor) -> Tensor:
    """Return the unitary matrix W = D₃ R₂ F⁻¹ D₂ Π R₁ F D₁.

    Args:
        theta: (3, H), angles of D_k = diag(exp(i θ_k)).
        reflection: (2, 2H), [Re v, Im v] of R_k = I − 2 v v*/|v|².
        permutation: (H,) integers p: (Π h)_j = h_{p_j}.

    Returns:
        W (H, H), complex; F is the discrete Fourier transform divided by √H.
    """
    if has_values(theta) and has_values(reflection):
        rows: Tensor = _FourierProduct.apply(theta, reflection, permutation)  # type: ignore[no-untyped-call]
        return rows.mT
    D, v, _ = _factors(widened(theta), widened(reflection))
    rows = torch.diag(D[0])  # row j is D₁ e_j; below, what W does to a vector is done to every row
    rows = reflect(torch.fft.fft(rows, norm="ortho"), v[0])
    rows = rows.index_select(-1, permutation) * D[1]
    rows = reflect(torch.fft.ifft(rows, norm="ortho"), v[1]) * D[2]
    return rows.mT.to(_complex_of(theta.dtype))


class _FourierProduct(torch.autograd.Function):
    """(θ, v, p) → Wᵀ, whose row k is W e_k; with one Fourier transform of the matrix forward and one backward.

    With F the constant matrix, c_k = 2/|v_k|², α = F v̄₁ and Π v₁ = v₁[p], and rows of matrices for vectors:

    C = (F[:, p] − c₁ α (Π v₁)ᵀ) D₂,   E = C F⁻¹ − c₂ (C F⁻¹ v̄₂) v₂ᵀ,   Wᵀ = D₁ E D₃

    The derivative reads Wᵀ itself: a reflection is its own inverse, so that C F⁻¹ v̄₂ = −E v̄₂.
    """

    @staticmethod
    def forward(ctx: Any, theta: Tensor, reflection: Tensor, permutation: Tensor) -> Tensor:
        D, v, c = _factors(widened(theta), widened(reflection))
        rows: Tensor = _transform(len(permutation), D.dtype, D.device).index_select(1, permutation)
        alpha = torch.fft.fft(v[0].conj(), norm="ortho")
        rows.addr_(alpha, c[0] * v[0][permutation], alpha=-1).mul_(D[1])
        rows = torch.fft.ifft(rows, norm="ortho")
        rows.addr_(rows @ v[1].conj(), c[1] * v[1], alpha=-1)
        rows.mul_(D[2]).mul_(D[0].unsqueeze(1))
        rows = rows.to(_complex_of(theta.dtype))
        ctx.save_for_backward(theta, reflection, permutation, rows)
        return rows

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> tuple[Tensor, Tensor, None]:
        theta, reflection, permutation, rows = ctx.saved_tensors
        (d1, d2, d3), (v1, v2), (c1, c2) = (part.unbind() for part in _factors(theta, reflection))
        K = G.conj().resolve_conj()  # dL = Re Σ K dWᵀ
        turned = K * rows  # an angle turns a row or a column: dWᵀ = i dθ Wᵀ

        # R₂: s = K D₃ v₂ and t = D₁ C F⁻¹ v̄₂
        v, last = d3 * v2, d3.conj()
        s, t = K @ v, -(rows @ v.conj())
        along = last * (s @ rows)
        along = along - c2 * (along @ v2.conj()) * v2
        grad_v2 = c2**2 * (t @ s).real * v2 - c2 * (last * (t @ K).conj() + along)

        # back through F⁻¹: K of C is D₁ Y
        Y = torch.fft.ifft(K * d3 - torch.outer(c2 * s, v2.conj()), norm="ortho")
        F = _transform(len(permutation), Y.dtype, Y.device).index_select(1, permutation)
        alpha, permuted = torch.fft.fft(v1.conj(), norm="ortho"), v1.index_select(0, permutation)
        beta, moved = (d1 * alpha) @ Y, d2 * permuted
        theta2 = d2 * (d1 @ (Y * F) - c1 * permuted * beta)
        grad_v1 = torch.fft.fft(-c1 * d1 * (Y @ moved), norm="ortho") + c1**2 * (beta @ moved).real * v1
        grad_v1 = grad_v1.index_add(0, permutation, -c1 * (d2 * beta).conj())

        angles = torch.stack((turned.sum(1).imag, theta2.imag, turned.sum(0).imag))
        grad_v = torch.stack((grad_v1, grad_v2))
        return -angles, torch.cat((grad_v.real, grad_v.imag), dim=-1), None


def factored_product(
    state: Sequence[Tensor], theta: Tensor, reflection: Tensor, F: Tensor, P: Tensor
) -> tuple[Tensor, Tensor]:
    """Return real and imaginary part of W h for every row of h = state[0] + i state[1] (…, H), factor by factor.

    D₂ Π is applied as Π D₂′, D₂′ = Πᵀ D₂ Π.

    Args:
        state: the parts of h.
        theta, reflection: see `fourier_product`.
        F, P: see `fourier_constants`.
    """
    first, second, last = theta.chunk(3)
    angles = torch.cat((first, second @ P.mT, last))
    D = tuple(zip(torch.cos(angles).chunk(3), torch.sin(angles).chunk(3), strict=True))
    v = reflection * torch.rsqrt(reflection.square().sum(1, keepdim=True) * 0.5)  # of norm √2
    v1_re, v1_im, v2_re, v2_im = v.view(4, -1).chunk(4)
    rows = torch.cat(_turned(state, *D[0]), dim=1) @ F
    re, im = _turned(_reflected(rows.chunk(2, dim=1), v1_re, v1_im), *D[1])
    rows = torch.cat((re @ P, im @ P), dim=1) @ F.mT
    return _turned(_reflected(rows.chunk(2, dim=1), v2_re, v2_im), *D[2])


def _turned(h: Sequence[Tensor], c: Tensor, s: Tensor) -> tuple[Tensor, Tensor]:
    """Return the parts of (c + i s) h."""
    re, im = h
    return re * c - im * s, re * s + im * c


def _reflected(h: Sequence[Tensor], v_re: Tensor, v_im: Tensor) -> tuple[Tensor, Tensor]:
    """Return the parts of (I − v v*) h."""
    re, im = h
    along = (re * v_re + im * v_im).sum(1, keepdim=True)
    across = (im * v_re - re * v_im).sum(1, keepdim=True)
    return re - (along * v_re - across * v_im), im - (along * v_im + across * v_re)


def fourier_constants(permutation: Tensor, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """Return F in its real form (2H, 2H), and P (H, H) with (Π h)ᵀ = hᵀ P."""
    H = len(permutation)
    F, identity = _real_transform(H, dtype, permutation.device)
    return F, identity.index_select(1, permutation)


@lru_cache(16)
def _real_transform(size: int, dtype: torch.dtype, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return F in its real form and I."""
    with torch.inference_mode(mode=False):  # what is made in inference mode no derivative may keep later
        F = real_form(_transform(size, torch.complex128, device))
        return F.to(dtype), torch.eye(size, dtype=dtype, device=device)


def _factors(theta: Tensor, reflection: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the diagonals D (3, H), the vectors v (2, H), and 2/|v|² (2,)."""
    # cos + i sin, because the derivative of torch.polar divides by the modulus again
    D = torch.complex(torch.cos(theta), torch.sin(theta))
    v = torch.complex(*reflection.chunk(2, dim=-1))
    return D, v, 2 / reflection.square().sum(-1)


@lru_cache(16)
def _transform(size: int, dtype: torch.dtype, device: torch.device) -> Tensor:
    """Return F (H, H)."""
    with torch.inference_mode(mode=False):  # what is made in inference mode no derivative may keep later
        k = torch.arange(size)
        angles = (-2 * math.pi / size) * (torch.outer(k, k) % size).to(torch.float64)
        F = torch.complex(torch.cos(angles), torch.sin(angles)) / math.sqrt(size)
        return F.to(device=device, dtype=dtype)


def _complex_of(dtype: torch.dtype) -> torch.dtype:
    # spelled out because torch.compile cannot trace `dtype.to_complex()`
    return torch.complex64 if dtype == torch.float32 else torch.complex128


def reflect(rows: Tensor, v: Tensor) -> Tensor:
    """Return (I − 2 v v*/|v|²) h for every row h of a complex (…, H); v (H,) is complex and not zero."""
    norm_squared = (v.real.square() + v.imag.square()).sum()
    return rows - (rows @ v.conj()).unsqueeze(-1) * (v * (2 / norm_squared))


def real_form(M: Tensor) -> Tensor:
    """Return R (…, 2H, 2H) real with [Re h, Im h] @ R = [Re (h @ M), Im (h @ M)] for a complex M (…, H, H)."""
    re, im = torch.view_as_real(M.resolve_conj()).unbind(-1)  # M.real and M.imag have dearer derivatives
    return torch.cat((torch.cat((re, im), dim=-1), torch.cat((-im, re), dim=-1)), dim=-2)


def unitarity_error(W: Tensor) -> Tensor:
    """Return how far W is from unitary (…), measured in float64.

    Args:
        W: complex (…, H, H), or its real form (…, 2H, 2H) as `real_form` makes it.

    Returns:
        The spectral norm ‖W*W − I‖₂; for a real form the larger of that and the largest difference between the blocks
        that must be equal.
    """
    if W.is_complex():
        return orthogonality_error(real_form(W.detach().to(torch.complex128)))
    (top_left, top_right), (bottom_left, bottom_right) = (half.chunk(2, dim=-1) for half in W.detach().chunk(2, dim=-2))
    mismatch = torch.maximum((top_left - bottom_right).abs(), (top_right + bottom_left).abs()).amax(dim=(-2, -1))
    return torch.maximum(orthogonality_error(W), mismatch.to(torch.float64))
