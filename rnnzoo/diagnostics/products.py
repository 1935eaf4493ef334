"""Singular values of long products of matrices, in logarithms: nothing under- or overflows, whatever the length.

A product P is held as Q diag(exp d) R: Q with orthonormal columns, d in descending order, R well conditioned. A factor
J multiplies Q; J Q is taken apart anew, with its columns in the order of what they contribute (Loh et al., Stable
numerical simulations of models of interacting electrons, 1992; the order beforehand after Tomas, Chang, Scalettar and
Bai, Advancing large scale many-body QMC simulations, 2012). Only ratios exp(d_j − d_i), j ≥ i, are ever formed: they
are at most about 1, and one that underflows is negligible.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Self

import torch
from scipy.linalg.lapack import dgejsv
from torch import Tensor

RANGE = 500.0
"""Nats between the largest and the smallest of d within which floats hold exp d: exp(-500) is 7e-218."""

SLACK = 3.0
"""Nats by which a pivot may be smaller than a later one: R then has no entries much above e³."""

APART = 1e-12
"""A coupling of two singular values, as a share of the larger, below which they are computed apart."""

ROUNDS = 60
"""Most rounds in which couplings are made to shrink: those across a gap of 0.25 nats then fall to exp(-30)."""


@dataclass(frozen=True)
class GradedProduct:
    """P = Q diag(exp d) R, for each sequence of a batch.

    Attributes:
        q: (batch, N, k), orthonormal columns.
        d: (batch, k), −∞ for directions that the product maps to 0.
        r: (batch, k, k).
    """

    q: Tensor
    d: Tensor
    r: Tensor

    @classmethod
    def start(cls, q: Tensor) -> Self:
        """Return the product of no factors, applied to the orthonormal columns of `q` (batch, N, k)."""
        batch, _, k = q.shape
        return cls(q, q.new_zeros(batch, k), torch.eye(k, dtype=q.dtype, device=q.device).expand(batch, k, k))

    def with_image(self, image: Tensor) -> "GradedProduct":
        """Return J P, given `image` = J Q (batch, N, k).

        A direction whose image is no longer than rounding, N · 2e-16 of what it was made of, is taken as mapped to 0:
        what a single factor shrinks by more than that is not told from what it removes. After such a factor, values
        e^−30 of the largest and below are known roughly: they are as uncertain as 2e-16 of the largest.
        """
        lengths = torch.linalg.vector_norm(image, dim=1)
        order = torch.argsort(lengths.log() + self.d, dim=1, descending=True)
        # A column that those before it all but span has a small pivot, to which later ones must not be held. It goes to
        # its place among the pivots. What is not spanned stays so, hence this ends; it is rarely needed.
        for _ in range(image.shape[2] + 1):
            columns = image.gather(2, order.unsqueeze(1).expand_as(image))
            before = self.d.gather(1, order)
            rounding = image.shape[1] * torch.finfo(image.dtype).eps * lengths.gather(1, order)
            q, upper = torch.linalg.qr(columns)
            # Where a column adds nothing, Q has an arbitrary direction: what later columns have of it counts as theirs.
            arbitrary = upper.diagonal(dim1=1, dim2=2).abs() <= rounding
            own = torch.diag_embed(torch.ones_like(rounding)).bool() | arbitrary.unsqueeze(2)
            pivots = torch.linalg.vector_norm(upper.masked_fill(~own, 0.0), dim=1)
            d = torch.where(pivots > rounding, pivots.log(), -torch.inf) + before
            largest_from_here = d.flip(1).cummax(1).values.flip(1)
            if not bool((d < largest_from_here - SLACK).any()):
                break
            order = order.gather(1, torch.argsort(d, dim=1, descending=True, stable=True))
        r = self.r.gather(1, order.unsqueeze(2).expand_as(self.r))
        # of a spanned column that went behind smaller ones, rounding must not be taken for a part of them
        upper = torch.where(upper.abs() > rounding.unsqueeze(1), upper, 0.0)
        gone = d == -torch.inf
        ratios = (before.unsqueeze(1) - d.masked_fill(gone, 0.0).unsqueeze(2)).exp()
        # below the diagonal `upper` is 0, but the ratio there may be infinite
        change = torch.where(upper == 0, 0.0, upper * ratios)
        identity = torch.eye(d.shape[1], dtype=d.dtype, device=d.device).expand_as(change)
        change = torch.where(gone.unsqueeze(2), identity, change)
        return GradedProduct(q, d, change @ r)

    def log_singular_values(self) -> Tensor:
        """Return the logarithms of the singular values of P, (batch, k), descending; −∞ where one is 0."""
        # Of diag(exp d) R the transpose is taken apart, again and again: d tends to the answer and R to the identity,
        # the faster the wider the gaps. What stays coupled lies close together, within the range of floats.
        held = self
        for _ in range(ROUNDS):
            if _spread(held.d) < RANGE or float(_couplings(held).max()) < APART:
                break
            nothing = torch.eye(held.d.shape[1]).to(held.r).expand_as(held.r)
            held = GradedProduct(nothing, held.d, nothing).with_image(held.r.mT)
        values = torch.full_like(held.d, -torch.inf, device="cpu")
        for b, d in enumerate(held.d.cpu()):
            finite = int((d > -torch.inf).sum())
            cuts = [0, finite]
            if finite and float(d[0] - d[finite - 1]) >= RANGE:
                apart = _couplings(held)[b, : finite - 1].cpu() < APART
                cuts[1:1] = (apart.nonzero().flatten() + 1).tolist()
            for first, end in pairwise(cuts):
                block = held.r[b, first:end, first : end if end < finite else None].cpu()
                values[b, first:end] = _log_singular_values(d[first:end], block)
        return values.sort(dim=1, descending=True).values.to(self.d.device)


def _spread(d: Tensor) -> float:
    """Return the largest distance of finite entries of d (batch, k) in any sequence."""
    finite = d > -torch.inf
    spread = d.masked_fill(~finite, -torch.inf).amax(1) - d.masked_fill(~finite, torch.inf).amin(1)
    return float(spread.max())


def _couplings(held: GradedProduct) -> Tensor:
    """Return for every cut m = 1 … k − 1 the largest |R_ij| with i and j on different sides of it: (batch, k − 1)."""
    k = held.d.shape[1]
    r = held.r.abs().masked_fill((held.d == -torch.inf).unsqueeze(2), 0.0)
    across = [torch.maximum(r[:, :m, m:].amax((1, 2)), r[:, m:, :m].amax((1, 2))) for m in range(1, k)]
    return torch.stack(across, 1) if across else r.new_zeros(len(r), 1)


def _log_singular_values(d: Tensor, r: Tensor) -> Tensor:
    """Return the logarithms of the singular values of diag(exp d) r, (m,), descending; d within `RANGE`, descending."""
    if not len(d):
        return d
    top = d[0]
    scaled = (r * (d - top).exp().unsqueeze(1)).T.contiguous().numpy()
    # One-sided Jacobi: singular values that column scales set apart all keep their leading digits.
    values, _, _, work, _, info = dgejsv(scaled, joba=0, jobu=3, jobv=3, jobr=0, jobp=0)
    if info != 0:
        raise RuntimeError(f"singular values: LAPACK's dgejsv did not converge (info {info}) on {len(d)} columns")
    return torch.from_numpy(values * (work[0] / work[1])).log() + top
