"""Matrices of a known structure, by which a kernel multiplies with less work than by any other; C++ in the runtime.

- `fourier`: the real form (2n, 2n) of the complex matrix s r^{jk}, with r = exp(±2πi/n) and a real s ≠ 0:
  a discrete Fourier transform, with or without a factor, forwards or backwards. Its real part A is even in both indices
  modulo n and its imaginary part B odd, so that rows x are folded,

      e_k = x_k + x_{n−k},   (x A)_k = (x A)_{n−k} = (e A′)_k,   A′ = A[: n//2 + 1, : n//2 + 1]
      o_k = x_k − x_{n−k},   (x B)_k = −(x B)_{n−k} = (o B′)_k,   B′ = B[1 : (n+1)//2, 1 : (n+1)//2]

  (e_0 = x_0, and e_{n/2} = x_{n/2} for an even n), and products of a quarter of the size do the work of those with A
  and B, for the real part of the rows and for the imaginary one. Where n = p m, and not small, two transforms of length
  p and m, each by such products, take the place of the one of length n (Cooley and Tukey, 1965):

      (x F)_{k + p l} = Σ_b (s r^{p b l}) r^{b k} Σ_a r^{m a k} x_{m a + b},   a, k < p,   b, l < m

- `permutation`: (n, n), a single 1 in each row and column; columns of the rows are copied.

The transpose of either has the same structure.
"""

import math
from collections.abc import Mapping

import torch
from torch import Tensor

from rnnzoo.engine.native.graph import PRODUCTS, Unsupported
from rnnzoo.engine.native.outers import ALIGNED, aligned

STRUCTURES = PRODUCTS[1:]
TOLERANCE = 100
"""Largest difference from what an entry must be, in roundings of the largest entry: a kernel reads one row of all."""

PASSES = 72
"""Multiplications a column that two transforms must spare, as what lies between them takes that long: 16 rows of 96
columns take 9.2 µs both ways, and of 187 columns 18 µs by two and 49 by one."""


def check_structures(declared: Mapping[str, str], w: Mapping[str, Tensor]) -> None:
    """Raise an `Unsupported` that names the weight unless all of w are what they are declared to be."""
    for name, kind in declared.items():
        if kind not in STRUCTURES:
            raise Unsupported(f"structured_weights declares {name!r} as {kind!r}; choose from {', '.join(STRUCTURES)}")
        if name in w and not _has_structure(kind, w[name].detach()):
            raise Unsupported(
                f"structured_weights declares {name!r} as {kind!r}, which w[{name!r}] {tuple(w[name].shape)} is not; "
                "see rnnzoo.engine.native.structures"
            )


def _has_structure(kind: str, M: Tensor) -> bool:
    if M.dim() != 2 or M.shape[0] != M.shape[1]:
        return False
    if kind == "permutation":
        ones, there = M.new_ones(len(M)), M != 0
        return bool(torch.equal(M @ ones, ones) and (there.sum(0) == 1).all() and (there.sum(1) == 1).all())
    if len(M) % 2 or M[0, 0] == 0:
        return False
    n = len(M) // 2
    k = torch.arange(n, dtype=torch.float64, device=M.device)
    angles = (2 * math.pi / n) * (torch.outer(k, k) % n)
    A, B = (M[0, 0] * part for part in (torch.cos(angles), torch.sin(angles)))
    turned = torch.cat((torch.cat((A, B), 1), torch.cat((-B, A), 1)))
    allowed = TOLERANCE * torch.finfo(M.dtype).eps * M[0, 0].abs()
    return any(bool((M - whole).abs().max() <= allowed) for whole in (turned, turned.mT))


def halves_size(n: int) -> int:
    """Return how many reals the two quarters take by which folded rows of n columns are multiplied."""
    return sum(size * aligned(size) for size in (n // 2 + 1, (n - 1) // 2))


def first_length(n: int) -> int:
    """Return p where n columns are transformed in lengths of p and then n/p; 1 where that is no less work."""
    worth = [p for p in range(2, math.isqrt(n) + 1) if n % p == 0 and n - p - n // p > PASSES]
    return worth[-1] if worth else 1


def packed_size(kind: str, depth: int, width: int) -> int:
    """Return how many reals a (depth, width) matrix takes as it is packed for a product."""
    if kind == "fourier":
        n = width // 2
        p = first_length(n)
        return ALIGNED + (halves_size(n) if p == 1 else halves_size(p) + halves_size(n // p) + 2 * p * aligned(n // p))
    return aligned(width) if kind == "permutation" else depth * aligned(width)


def folded_size(width: int) -> int:
    """Return how many reals a Fourier product needs for each row of `width` columns while it runs."""
    n = width // 2
    p = first_length(n)
    if p == 1:
        return 4 * (aligned(n // 2 + 1) + aligned((n - 1) // 2))
    return 3 * max(p * aligned(2 * n // p), n // p * aligned(2 * p))
