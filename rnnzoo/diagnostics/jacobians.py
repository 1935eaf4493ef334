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

EXACT_WIDTH = 256
"""Largest N for which "auto" takes the exact way, whose cost grows with N³ at every step: some 10 ms a step there."""

LEADING = 8
"""Singular values that the randomised way gives unless told otherwise."""

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
    """Return the largest singular values of ∂s_T/∂s_{T−ℓ} = J_T J_{T−1} … J_{T−ℓ+1}, in natural logarithms.

    Args:
        source: a cell, or a layer or model of one direction; s is its whole state, of width N.
        x: input (time, batch, input_size); T is its last step.
        lags: ℓ, each from 1 to T.
        k: how many, from 1 to N: by default all in the exact way, `LEADING` in the randomised one.
        method: "exact" carries N directions back through time once for all lags; "randomised" carries k + 8 of them to
            and fro over each lag, up to 20 times, until no value changes by more than 1e-3 nats (block power
            iteration): at long lags, where singular values lie far apart, that is soon; where they lie close together,
            as at lag 1, it may end with a `change` above that. "auto" is exact for N up to 256.
        seed: of the randomised way's first directions.

    Returns:
        one row for each sequence, lag and index (1 … k, the largest first): log_sigma, −∞ where a singular value is 0,
        and change, by how much the last pass raised it (0 in the exact way). A randomised value is never too large.
        In attrs: "width" N and "method". Both ways apply J to k directions at once, by autograd through `step`, and
        take the product apart at every step; `rnnzoo.diagnostics.products` says why nothing overflows.

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
    pairs = [torch.stack([part[:, :wanted] for part in found[lag]], 2) for lag in lags]
    rows = torch.stack(pairs, 1).cpu()  # (batch, lags, k, 2)
    index = pd.MultiIndex.from_product(
        [range(walked.batch_size), lags, range(1, wanted + 1)], names=["sequence", "lag", "index"]
    )
    frame = pd.DataFrame(rows.flatten(0, 2).numpy(), index=index, columns=["log_sigma", "change"]).reset_index()
    frame.attrs |= {"width": recurrence.width, "method": way}
    return frame


def condition_numbers(values: pd.DataFrame) -> pd.DataFrame:
    """Return log σ_max − log σ_min of every Jacobian.

    Args:
        values: what `singular_values` returned.

    Returns:
        one row for each sequence and lag: log_condition, ∞ where the smallest singular value is 0, and NaN where the
        values do not reach down to the smallest.
    """
    complete = values.groupby(["sequence", "lag"])["index"].transform("max") == values.attrs["width"]
    by_lag = values.groupby(["sequence", "lag"])["log_sigma"]
    condition = by_lag.max() - by_lag.min()
    known = complete.groupby([values["sequence"], values["lag"]]).all()
    # a Jacobian that is 0 throughout leaves −∞ − (−∞)
    condition = condition.mask(by_lag.max() == -float("inf"), float("inf")).where(known)
    return condition.rename("log_condition").reset_index()


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


def randomised(walked: Trajectory, lags: Sequence[int], k: int, seed: int) -> Found:
    """Return the k largest log singular values for each lag, by block power iteration."""
    generator = torch.Generator().manual_seed(seed)
    width = walked.recurrence.width
    columns = min(width, k + OVERSAMPLING)
    drawn = torch.randn(walked.batch_size, width, columns, generator=generator, dtype=torch.float64)
    start: Tensor = torch.linalg.qr(drawn.to(walked.x.device)).Q
    return {lag: _settled(walked, lag, k, start) for lag in lags}


def _settled(walked: Trajectory, lag: int, k: int, directions: Tensor) -> tuple[Tensor, Tensor]:
    first = walked.steps - lag + 1
    values = torch.full((walked.batch_size, k), -torch.inf, dtype=torch.float64, device=walked.x.device)
    change = torch.full_like(values, torch.inf)
    for _ in range(PASSES):
        forth = GradedProduct.start(directions)
        for t in range(first, walked.steps + 1):
            forth = forth.with_image(walked.push(t, forth.q))
        back = GradedProduct.start(forth.q)
        for t in range(walked.steps, first - 1, -1):
            back = back.with_image(walked.pull(t, back.q))
        before, values, directions = values, back.log_singular_values()[:, :k], back.q
        change = torch.where(values == before, 0.0, values - before)
        if float(change.abs().max()) < SETTLED:
            break
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
