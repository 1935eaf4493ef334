"""Singular values of ∂s_T/∂s_{T−ℓ}, the derivative of a cell's whole state with respect to an earlier one."""

from collections.abc import Sequence
from typing import Literal

import pandas as pd
import torch
from torch import Tensor

from rnnzoo.checks import one_of, positive_integer
from rnnzoo.diagnostics.products import GradedProduct
from rnnzoo.diagnostics.recurrence import Recurrence, Source, Trajectory

Method = Literal["auto", "exact", "randomised"]

EXACT_WIDTH = 512
"""Largest N for which "auto" takes the exact way, whose cost grows with N³ at every step: some 35 ms a step there.

For lags up to 1,000 that is what the randomised way costs, too, which must go over every lag anew."""

LEADING = 8
"""Singular values that the randomised way gives at an end of the spectrum unless told otherwise."""

OVERSAMPLING = 8
"""Directions that it carries beyond those asked for: the wanted ones then settle in few passes."""

SETTLED = 1e-3
"""Change of every wanted value from one pass to the next, in nats, at which the randomised way stops."""

PASSES = 20
"""Most passes of the randomised way."""


def singular_values(
    source: Source,
    x: Tensor,
    lags: Sequence[int],
    k: int | None = None,
    method: Method = "auto",
    seed: int = 0,
) -> pd.DataFrame:
    """Return singular values of ∂s_T/∂s_{T−ℓ} = J_T J_{T−1} … J_{T−ℓ+1}, in natural logarithms.

    Args:
        source: a cell, or a layer or model of one direction; s is its whole state, of width N.
        x: input (time, batch, input_size); T is its last step.
        lags: ℓ, each from 1 to T.
        k: how many, from 1 to N: by default all in the exact way, `LEADING` in the randomised one.
        method: "exact" carries N directions back through time once for all lags; "randomised" carries k + 8 of them to
            and fro over each lag, up to 20 times, until no value changes by more than 1e-3 nats (block power
            iteration): at long lags, where singular values lie far apart, that is soon; where they lie close together,
            as at lag 1, it may end with a `change` above that. Where every cell is invertible it does the same with the
            inverse, J_{T−ℓ+1}⁻¹ … J_T⁻¹, whose largest values are one over the smallest ones. "auto" is exact for N up
            to 512.
        seed: of the randomised way's first directions.

    Returns:
        one row for each sequence, lag and index (1 … k, the largest first; in the randomised way and where every cell
        is invertible also N − k + 1 … N): log_sigma, −∞ where a singular value is 0, and change, by how much the last
        pass moved it (0 in the exact way). Of randomised values the leading ones are never too large and the trailing
        ones never too small. In attrs: "width" N and "method". Both ways apply J to k directions at once, by autograd
        through `step`, and take the product apart at every step; `rnnzoo.diagnostics.products` says why nothing
        overflows.

    Raises:
        TypeError, ValueError: a lag or k is out of range, or the source has no recurrence in one direction.
    """
    recurrence = Recurrence(source)
    way = one_of("singular_values", "method", method, ("auto", "exact", "randomised"))
    if way == "auto":
        way = "exact" if recurrence.width <= EXACT_WIDTH else "randomised"
    wanted = check_count("singular_values", k, recurrence.width, LEADING if way == "randomised" else recurrence.width)
    walked = recurrence.walk(x)
    lags = check_lags("singular_values", lags, walked.steps)
    found = exact(walked, lags) if way == "exact" else randomised(walked, lags, wanted, seed)
    indices = list(range(1, wanted + 1))
    if way == "randomised" and recurrence.invertible:
        indices += range(max(wanted, recurrence.width - wanted) + 1, recurrence.width + 1)
        smallest = randomised(walked, lags, wanted, seed, inverse=True)
        found = {lag: _both_ends(found[lag], smallest[lag], len(indices)) for lag in lags}
    pairs = [torch.stack([part[:, : len(indices)] for part in found[lag]], 2) for lag in lags]
    rows = torch.stack(pairs, 1).cpu()  # (batch, lags, indices, 2)
    index = pd.MultiIndex.from_product([range(walked.batch_size), lags, indices], names=["sequence", "lag", "index"])
    frame = pd.DataFrame(rows.flatten(0, 2).numpy(), index=index, columns=["log_sigma", "change"]).reset_index()
    frame.attrs |= {"width": recurrence.width, "method": way}
    return frame


def condition_numbers(values: pd.DataFrame) -> pd.DataFrame:
    """Return log σ_max − log σ_min of every Jacobian, or a lower bound on it.

    Args:
        values: what `singular_values` returned.

    Returns:
        one row for each sequence and lag: log_condition, ∞ where the smallest singular value is 0; and complete,
        whether the values reach down to the smallest. Where they do not, log_condition is taken from those that are
        there and is at most that of the Jacobian; that holds also where the values are those of the randomised way:
        they belong to the Jacobian on a subspace, which cannot treat its directions more unlike than the whole does.
    """
    by_lag = values.groupby(["sequence", "lag"])
    largest, smallest = by_lag["log_sigma"].max(), by_lag["log_sigma"].min()
    # a Jacobian that is 0 throughout leaves −∞ − (−∞)
    condition = (largest - smallest).mask(largest == -float("inf"), float("inf"))
    complete = by_lag["index"].max() == values.attrs["width"]
    return pd.DataFrame({"log_condition": condition, "complete": complete}).reset_index()


Found = dict[int, tuple[Tensor, Tensor]]
"""Lag → log singular values (batch, k) and their change in the last pass."""


def exact(walked: Trajectory, lags: Sequence[int]) -> Found:
    """Return all N log singular values for each lag, from the product of the transposed Jacobians."""
    width = walked.recurrence.width
    identity = torch.eye(width, dtype=torch.float64, device=walked.x.device).expand(walked.batch_size, -1, -1)
    product = GradedProduct.start(identity)
    found: Found = {}
    for lag in range(1, max(lags) + 1):
        product = product.with_image(walked.pull(walked.steps - lag + 1, product.q))
        if lag in lags:
            values = product.log_singular_values()
            found[lag] = values, torch.zeros_like(values)
    return found


def randomised(walked: Trajectory, lags: Sequence[int], k: int, seed: int, *, inverse: bool = False) -> Found:
    """Return the k largest log singular values for each lag, or those of the inverse, by block power iteration."""
    generator = torch.Generator().manual_seed(seed)
    width = walked.recurrence.width
    columns = min(width, k + OVERSAMPLING)
    drawn = torch.randn(walked.batch_size, width, columns, generator=generator, dtype=torch.float64)
    start: Tensor = torch.linalg.qr(drawn.to(walked.x.device)).Q
    return {lag: _settled(walked, lag, k, start, inverse=inverse) for lag in lags}


def _settled(walked: Trajectory, lag: int, k: int, directions: Tensor, *, inverse: bool) -> tuple[Tensor, Tensor]:
    steps = range(walked.steps - lag + 1, walked.steps + 1)
    there, apply, adjoint = steps, walked.push, walked.pull
    if inverse:
        there, apply, adjoint = steps[::-1], walked.push_back, walked.pull_back
    values = torch.full((walked.batch_size, k), -torch.inf, dtype=torch.float64, device=walked.x.device)
    change = torch.full_like(values, torch.inf)
    for _ in range(PASSES):
        forth = GradedProduct.start(directions)
        for t in there:
            forth = forth.with_image(apply(t, forth.q))
        back = GradedProduct.start(forth.q)
        for t in reversed(there):
            back = back.with_image(adjoint(t, back.q))
        before, values, directions = values, back.log_singular_values()[:, :k], back.q
        change = torch.where(values == before, 0.0, values - before)
        if float(change.abs().max()) < SETTLED:
            break
    return values, change


def _both_ends(leading: tuple[Tensor, Tensor], of_inverse: tuple[Tensor, Tensor], count: int) -> tuple[Tensor, Tensor]:
    """Return `count` values and changes: the leading ones, then as many of the trailing ones as there is room for."""
    room = count - leading[0].shape[1]
    parts = zip(leading, of_inverse, strict=True)
    values, change = (torch.cat([first, -last.flip(1)[:, -room:]], 1)[:, :count] for first, last in parts)
    return values, change


def check_count(owner: str, k: int | None, width: int, default: int) -> int:
    """Return k, by default the smaller of `default` and N, if it lies between 1 and N.

    Raises:
        TypeError, ValueError: it does not.
    """
    if k is None:
        return min(default, width)
    if positive_integer(owner, "k", k) > width:
        raise ValueError(f"{owner}: k must lie in [1, {width}], the width of the whole state, got {k}")
    return k


def check_lags(owner: str, lags: Sequence[int], steps: int) -> list[int]:
    """Return the lags in ascending order, each once, if all lie between 1 and `steps`.

    Raises:
        TypeError, ValueError: one does not, or there is none.
    """
    for lag in lags:
        if positive_integer(owner, "lags", lag) > steps:
            raise ValueError(f"{owner}: lags must lie in [1, {steps}], the time steps of x, got {lag}; give a longer x")
    if not lags:
        raise ValueError(f"{owner}: lags must name at least one lag, got none; pass e.g. [1, 10, {steps}]")
    return sorted(set(lags))
