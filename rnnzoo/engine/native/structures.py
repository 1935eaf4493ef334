"""Matrices of a known structure, by which a kernel multiplies with less work than by any other; C++ in the runtime.

- `fourier`: the real form (2n, 2n) of a complex matrix A + i B, A even and B odd in both indices modulo n, as that of a
  discrete Fourier transform is, with or without a factor, forwards or backwards. Rows x are folded,

      e_k = x_k + x_{n−k},   (x A)_k = (x A)_{n−k} = (e A′)_k,   A′ = A[: n//2 + 1, : n//2 + 1]
      o_k = x_k − x_{n−k},   (x B)_k = −(x B)_{n−k} = (o B′)_k,   B′ = B[1 : (n+1)//2, 1 : (n+1)//2]

  (e_0 = x_0, and e_{n/2} = x_{n/2} for an even n), so that products of a quarter of the size do the work of those with
  A and B, for the real part of the rows and for the imaginary one.
- `permutation`: (n, n), a single 1 in each row and column; columns of the rows are copied.

The transpose of either has the same structure.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from rnnzoo.engine.native.graph import PRODUCTS, Unsupported
from rnnzoo.engine.native.outers import aligned

STRUCTURES = PRODUCTS[1:]
TOLERANCE = 1e-4
"""Largest difference of entries that must be equal, as a share of the largest entry."""


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
    if len(M) % 2:
        return False
    (A, B), (below, right) = (half.chunk(2, dim=1) for half in M.chunk(2))
    mirrored = -torch.arange(len(A)) % len(A)
    pairs = ((A, right), (B, -below), (A, A[mirrored]), (A, A[:, mirrored]), (B, -B[mirrored]), (B, -B[:, mirrored]))
    return all(bool((a - b).abs().max() <= TOLERANCE * M.abs().max()) for a, b in pairs)


def halves(width: int) -> tuple[int, int]:
    """Return how many columns the even and the odd half of one part of a Fourier product's rows have."""
    n = width // 2
    return n // 2 + 1, (n - 1) // 2


def packed_size(kind: str, depth: int, width: int) -> int:
    """Return how many reals a (depth, width) matrix takes as it is packed for a product."""
    if kind == "fourier":
        return sum(size * aligned(size) for size in halves(width))
    return aligned(width) if kind == "permutation" else depth * aligned(width)


def folded_size(width: int) -> int:
    """Return how many reals a Fourier product needs for each row of `width` columns while it runs."""
    return 4 * sum(aligned(size) for size in halves(width))
