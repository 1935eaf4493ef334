"""modReLU: the activation of orthogonal and unitary networks, which shrinks moduli and leaves phases alone."""

import torch
from torch import Tensor

COMPLEX_EPSILON = 1e-5
"""ε in the denominator of the complex modReLU, as in the authors' code."""

TINY = 1e-30
"""Added under the root of |z| so that its derivative at z = 0 is 0 instead of 0/0; moves |z| by 1e-15 at most."""


def real_modrelu(z: Tensor, b: Tensor) -> Tensor:
    """Return sign(z) (|z| + b)_+ for z (…, H) and b (H,).

    Its derivative is 1 where |z| > −b and 0 elsewhere; for b > 0 it jumps from −b to b at z = 0.
    """
    return torch.sign(z) * torch.relu(torch.abs(z) + b)


def complex_modrelu(re: Tensor, im: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Return real and imaginary part of (|z| + b)_+ z/(|z| + ε) for z = re + i im (…, H), b (H,) and ε = 1e-5."""
    modulus = torch.sqrt(torch.addcmul(re * re, im, im) + TINY)
    scale = torch.relu(modulus + b) / (modulus + COMPLEX_EPSILON)
    return re * scale, im * scale


def complex_slope(b: float) -> float:
    """Return the largest singular value over all z of the complex modReLU's 2 × 2 Jacobian: max(1, b/ε).

    With m = |z| and s(m) = (m + b)_+/(m + ε) the map is z ↦ s(m) z, its singular values are s across z and
    s + m s′ along z, where s′ = (ε − b)/(m + ε)² for m > −b.

    * b ≤ ε: s ≤ 1, and s + m s′ = 1 − ε(ε − b)/(m + ε)² ≤ 1; both tend to 1 as |z| grows.
    * b > ε: s′ < 0, so 0 < s + m s′ < s ≤ b/ε, which is taken at z = 0. A positive bias stretches angles near zero.
    """
    return max(1.0, b / COMPLEX_EPSILON)
