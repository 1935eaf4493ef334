"""Maps from free parameters to orthogonal matrices, and the measure of how far a matrix is from one.

Every map works in float64 where the device has it and returns the dtype it was given. In float32 the matrix
exponential of a 256 × 256 skew-symmetric matrix of norm 2 is off by 3e-5, and a Cayley map of norm 200 by 1e-4; rounded
from float64 both are off by 1e-7. The matrix is made once per sequence, so this costs next to nothing.
"""

import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor, nn


def widened(values: Tensor) -> Tensor:
    """Return `values` in float64, or as they are on Apple's GPUs, which have none."""
    return values if values.device.type == "mps" else values.to(torch.float64)


def skew_symmetric(entries: Tensor, size: int) -> Tensor:
    """Return the skew-symmetric matrix with the given strict upper triangle: A_ij = −A_ji = entries for i < j.

    Args:
        entries: (…, H(H−1)/2), the rows of the upper triangle one after another.
        size: H, at least 1.

    Returns:
        A (…, H, H).

    Raises:
        ValueError: the last axis does not hold H(H−1)/2 entries.
    """
    if entries.shape[-1] != entry_count(size):
        raise ValueError(
            f"skew_symmetric: entries must have {entry_count(size)} values on its last axis for size {size}, "
            f"got {tuple(entries.shape)}"
        )
    if has_values(entries):
        A: Tensor = _SkewSymmetric.apply(entries, size)  # type: ignore[no-untyped-call]
        return A
    upper, _ = _fresh_triangles(size, entries.device)
    # index_copy has an exact derivative (index_select) and a batching rule, which assignment to an index has not
    flat = entries.new_zeros(*entries.shape[:-1], size * size).index_copy(-1, upper, entries)
    half = flat.reshape(*flat.shape[:-1], size, size)
    return half - half.mT


class _SkewSymmetric(torch.autograd.Function):
    """Entries → A, with a derivative of three operations."""

    @staticmethod
    def forward(ctx: Any, entries: Tensor, size: int) -> Tensor:
        ctx.triangles = upper, lower = triangles(size, entries.device)
        flat = entries.new_zeros(*entries.shape[:-1], size * size)
        flat.index_copy_(-1, upper, entries).index_copy_(-1, lower, -entries)
        return flat.view(*entries.shape[:-1], size, size)

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> tuple[Tensor, None]:
        upper, lower = ctx.triangles
        flat = G.flatten(-2)
        return flat.index_select(-1, upper) - flat.index_select(-1, lower), None


def _fresh_triangles(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return where the entries of the upper triangle stand in a flat matrix, and where their negatives do."""
    row, column = torch.triu_indices(size, size, offset=1, device=device)
    return row * size + column, column * size + row


@lru_cache(16)
def triangles(size: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return where the entries of the upper triangle stand in a flat matrix and where their negatives do; kept."""
    with torch.inference_mode(mode=False):  # what is made in inference mode no derivative may keep later
        return _fresh_triangles(size, device)


def entry_count(size: int) -> int:
    """Return H(H−1)/2, the free entries of an H × H skew-symmetric matrix."""
    return size * (size - 1) // 2


def has_values(A: Tensor) -> bool:
    """Whether the numbers of a tensor can be looked at."""
    traced = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
    return not traced and A.device.type != "meta" and type(A) in (Tensor, nn.Parameter)


def cayley(A: Tensor) -> Tensor:
    """Return (I + A)⁻¹(I − A) (…, H, H): for skew-symmetric A a rotation; none with the eigenvalue −1 is reached.

    Near A = 0 it is I − 2A, so that a plain gradient step on A from 0 is to first order a descent along the manifold.
    """
    if has_values(A):
        rotated: Tensor = _Cayley.apply(widened(A))  # type: ignore[no-untyped-call]
        return rotated.to(A.dtype)
    if A.dim() > 2:
        return _one_by_one(cayley, A)
    wide = widened(A)
    identity = torch.eye(A.shape[-1], dtype=wide.dtype, device=A.device)
    # (I + A)⁻¹(I − A) = (I + A)⁻¹(2I − (I + A)); an inverse has the cheaper derivative
    Q: Tensor = 2 * torch.linalg.inv(identity + wide) - identity
    return Q.to(A.dtype)


class _Cayley(torch.autograd.Function):
    """A → Q = 2 (I + A)⁻¹ − I; with G its gradient, that of A is −½ (Q + I)ᵀ G (Q + I)ᵀ."""

    @staticmethod
    def forward(ctx: Any, A: Tensor) -> Tensor:
        shifted = A.clone()
        shifted.diagonal(dim1=-2, dim2=-1).add_(1)
        Q: Tensor = _one_by_one(torch.linalg.inv, shifted) if A.dim() > 2 else torch.linalg.inv(shifted)
        Q.mul_(2).diagonal(dim1=-2, dim2=-1).sub_(1)
        ctx.save_for_backward(Q)
        return Q

    @staticmethod
    def backward(ctx: Any, G: Tensor) -> Tensor:
        (Q,) = ctx.saved_tensors
        K = (Q + torch.eye(Q.shape[-1], dtype=Q.dtype, device=Q.device)).mT
        D: Tensor = K @ G @ K * -0.5
        return D


def _one_by_one(function: Callable[[Tensor], Tensor], A: Tensor) -> Tensor:
    """Map every matrix of a batch: PyTorch's solver hangs on a batch of two of 200 rows when it has two threads."""
    return torch.stack([function(part) for part in A.flatten(0, -3)]).reshape(A.shape)


def orthogonality_error(Q: Tensor) -> Tensor:
    """Return the spectral norm ‖QᵀQ − I‖₂ (…) of real Q (…, m, n), measured in float64."""
    wide = Q.detach().to(torch.float64)
    identity = torch.eye(Q.shape[-1], dtype=wide.dtype, device=Q.device)
    error: Tensor = torch.linalg.matrix_norm(wide.mT @ wide - identity, ord=2)
    return error


def henaff_entries(size: int) -> Tensor:
    """Draw the entries of a skew-symmetric matrix of 2 × 2 blocks [[0, s], [−s, 0]], s ~ U(−π, π).

    Returns:
        (H(H−1)/2,) float64, from torch's global generator. For odd H the last row and column are zero.

    Source: Henaff, Szlam and LeCun 2016, as used in Lezcano-Casado and Martínez-Rubio 2019.
    """
    return block_entries(size, torch.empty(size // 2, dtype=torch.float64, device="cpu").uniform_(-math.pi, math.pi))


def cayley_entries(size: int) -> Tensor:
    """Draw the entries as `henaff_entries` does, with s = −√((1 − cos u)/(1 + cos u)), u ~ U(0, π/2).

    Source: Helfrich, Willmott and Ye 2018, as used in Lezcano-Casado and Martínez-Rubio 2019.
    """
    u = torch.empty(size // 2, dtype=torch.float64, device="cpu").uniform_(0, math.pi / 2)
    return block_entries(size, -torch.sqrt((1 - torch.cos(u)) / (1 + torch.cos(u))))


def block_entries(size: int, s: Tensor) -> Tensor:
    """Return the entries (H(H−1)/2,) of the skew-symmetric matrix with blocks [[0, s_k], [−s_k, 0]], s (H//2,)."""
    upper = s.new_zeros(size, size)
    first = torch.arange(0, size - 1, 2, device=s.device)
    upper[first, first + 1] = s
    row, column = torch.triu_indices(size, size, offset=1, device=s.device)
    return upper[row, column]
