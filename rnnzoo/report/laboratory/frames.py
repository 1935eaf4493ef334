"""What runs measured, brought to the numbers that are drawn: medians over seeds, and what they mean for the length."""

import math
from collections.abc import Sequence

import pandas as pd

from rnnzoo.diagnostics.clipping import clipping
from rnnzoo.report.content import StudyContent
from rnnzoo.report.gradients import FACTOR, MOMENTS, fate
from rnnzoo.report.once import once

MOMENT_WORDS = {"initial": "at initialisation", "trained": "after training"}

KEYS = ("task", "cell", "moment")


def measured(content: StudyContent, name: str, columns: Sequence[str]) -> pd.DataFrame:
    """Return a diagnostic's frame, or one of these columns without a row where it was not measured."""
    frame = content.measured.get(name)
    if frame is None or any(column not in frame for column in columns):
        return pd.DataFrame(columns=list(columns))
    return frame


def text(column: pd.Series) -> pd.Series:
    """Return a column of words with "" where a file had nothing."""
    return column.astype(object).where(column.notna(), "")


def over_seeds(frame: pd.DataFrame, by: Sequence[str], values: Sequence[str]) -> pd.DataFrame:
    """Return the median over the seeds of some columns, for each combination of others."""
    if frame.empty:
        return pd.DataFrame(columns=[*by, *values])
    numbers = frame.assign(**{name: pd.to_numeric(frame[name], errors="coerce") for name in values})
    return numbers.groupby(list(by), sort=True, dropna=False)[list(values)].median().reset_index()


@once
def spectra(content: StudyContent) -> pd.DataFrame:
    """Return task, cell, moment, lag: largest and smallest singular value of ∂h_T/∂h_{T−lag} as natural logarithms.

    smallest is that of all only where `complete`; elsewhere the smallest of the leading values that were measured.
    """
    columns = [*KEYS, "seed", "lag", "index", "log_sigma", "width"]
    frame = measured(content, "jacobians", columns)
    if frame.empty:
        return pd.DataFrame(columns=[*KEYS, "lag", "largest", "smallest", "complete"])
    by = [*KEYS, "lag"]
    last = frame[frame["index"] == frame.groupby([*by, "seed"])["index"].transform("max")]
    found = over_seeds(frame[frame["index"] == 1], by, ["log_sigma"]).rename(columns={"log_sigma": "largest"})
    found = found.merge(over_seeds(last, by, ["log_sigma"]).rename(columns={"log_sigma": "smallest"}), on=by)
    complete = (last["index"] == last["width"]).groupby([last[name] for name in by]).all().rename("complete")
    return found.merge(complete.reset_index(), on=by)


def conditions(content: StudyContent) -> pd.DataFrame:
    """Return task, cell, moment, lag: condition, σ_max / σ_min, at most 1e308; and complete, see `spectra`.

    Where it is not complete, the condition number is at least what stands here.
    """
    found = spectra(content)
    lost = found["largest"] == -math.inf  # all of it: −∞ − (−∞) is no number
    logs = (found["largest"] - found["smallest"]).mask(lost, math.inf).astype(float)
    return found.assign(condition=[min(_exp(value), 1e308) for value in logs])


@once
def growth(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell, moment): the largest singular value at the longest lag, and what it means.

    Columns: lag, ratio (the singular value), fate.
    """
    found = spectra(content)
    longest = found[found["lag"] == found.groupby(list(KEYS))["lag"].transform("max")] if len(found) else found
    ratios = [_exp(value) for value in longest["largest"]]
    return longest.assign(ratio=ratios, fate=[fate(ratio) for ratio in ratios]).reset_index(drop=True)


@once
def exponents(content: StudyContent) -> pd.DataFrame:
    """Return task, cell, moment, t, index: exponent, the mean growth a step up to t; and kaplan_yorke."""
    columns = [*KEYS, "seed", "t", "index", "exponent", "kaplan_yorke"]
    frame = measured(content, "lyapunov", columns)
    return over_seeds(frame, [*KEYS, "t", "index"], ["exponent", "kaplan_yorke"])


@once
def leading_exponents(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell, moment): the largest exponent, what it does over the sequence, how sure it is.

    Columns: t (steps), exponent, before (at half of the steps or the nearest before), kaplan_yorke, ratio
    (exp(t · exponent)), fate.
    """
    found = exponents(content)
    rows = []
    for keys, own in found[found["index"] == 1].groupby(list(KEYS), sort=False):
        own = own.sort_values("t")
        last = own.iloc[-1]
        earlier = own[own["t"] <= last["t"] / 2]
        before = float(earlier["exponent"].iloc[-1]) if len(earlier) else math.nan
        ratio = _exp(float(last["t"] * last["exponent"]))
        rows.append(
            {
                **dict(zip(KEYS, keys, strict=True)),
                "t": int(last["t"]),
                "exponent": float(last["exponent"]),
                "before": before,
                "kaplan_yorke": float(last["kaplan_yorke"]),
                "ratio": ratio,
                "fate": fate(ratio),
            }
        )
    columns = [*KEYS, "t", "exponent", "before", "kaplan_yorke", "ratio", "fate"]
    return pd.DataFrame(rows, columns=columns)


@once
def recall(content: StudyContent) -> pd.DataFrame:
    """Return task, cell, moment, lag: capacity."""
    return over_seeds(measured(content, "memory", [*KEYS, "seed", "lag", "capacity"]), [*KEYS, "lag"], ["capacity"])


@once
def early_shares(content: StudyContent) -> pd.DataFrame:
    """Return task, cell, moment: share, of the gradient's norms over time, that the first tenth of the steps gets."""
    frame = content.gradients
    if "early_share" not in frame:
        return pd.DataFrame(columns=[*KEYS, "share"])
    once = frame.drop_duplicates([*KEYS, "seed"]).rename(columns={"early_share": "share"})
    return over_seeds(once, KEYS, ["share"]).dropna(subset=["share"])


def early_shares_along(content: StudyContent) -> pd.DataFrame:
    """Return task, cell, step: share, as `early_shares`, through training."""
    keys = ["task", "cell", "step"]
    frame = measured(content, "history", [*keys, "seed", "early_share"])
    once = frame.drop_duplicates([*keys, "seed"]).rename(columns={"early_share": "share"})
    return over_seeds(once, keys, ["share"])


def struck(content: StudyContent) -> pd.DataFrame:
    """Return task, cell, step: clipped, share of the steps since the row before that were clipped; and overall.

    Confirming runs that train with clipping; medians over the seeds.
    """
    columns = ["task", "cell", "step", "clipped", "overall"]
    limits = [name for name in ("training.clip_norm", "training.clip_value") if name in content.rows]
    if not limits or "clipped" not in content.curves:
        return pd.DataFrame(columns=columns)
    limited = content.rows[(content.rows["phase"] == "confirm") & content.rows[limits].notna().any(axis=1)]
    curves = content.curves[content.curves["run"].isin(limited["run"])].dropna(subset=["clipped"])
    if curves.empty:
        return pd.DataFrame(columns=columns)
    parts = [
        clipping(own.sort_values("step")[["step", "clipped", "grad_norm"]].astype(float)).assign(
            task=str(task), cell=str(cell)
        )
        for (task, cell, _), own in curves.groupby(["task", "cell", "run"], sort=False)
    ]
    return over_seeds(pd.concat(parts, ignore_index=True), ["task", "cell", "step"], ["clipped", "overall"])


HALF = 0.5
"""Share of the input's variance that counts as recalled."""


@once
def reaches(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell, moment): reach, the largest lag up to which half of the variance is recalled.

    −1 where not even the input just read is.
    """
    rows = []
    for keys, own in recall(content).groupby(list(KEYS), sort=False):
        own = own.sort_values("lag")
        lost = own[own["capacity"] < HALF]
        kept = own if lost.empty else own[own["lag"] < lost["lag"].iloc[0]]
        reach = int(kept["lag"].max()) if len(kept) else -1
        rows.append(dict(zip(KEYS, keys, strict=True)) | {"reach": reach, "longest": int(own["lag"].max())})
    return pd.DataFrame(rows, columns=[*KEYS, "reach", "longest"])


@once
def checks(content: StudyContent) -> pd.DataFrame:
    """Return every statement that was held against a measurement, each at the place where it came nearest to failing.

    Columns: task, cell, moment, layer, statement, quantity, at, bound, measured, share, lower, holds, reason, source,
    places (how many were looked at) and violated (in how many it failed).
    """
    columns = [*KEYS, "layer", "statement", "quantity", "at", "bound", "measured", "share", "lower", "holds", "reason"]
    frame = measured(content, "bounds", [*columns, "source"])
    if frame.empty:
        return pd.DataFrame(columns=[*columns, "source", "places", "violated"])
    frame = frame.assign(layer=text(frame["layer"]))
    by = [*KEYS, "layer", "statement", "quantity"]
    order = {"no": 3, "yes": 2, "not measured": 1, "does not apply": 0}
    ranked = frame.assign(rank=frame["holds"].map(order), share=pd.to_numeric(frame["share"], errors="coerce"))
    groups = ranked.groupby(by, sort=False)
    places = groups.size().rename("places").reset_index()
    violated = groups["holds"].agg(lambda holds: int((holds == "no").sum())).rename("violated").reset_index()
    worst = ranked.sort_values(["rank", "share"], ascending=False, kind="stable", na_position="last")
    worst = worst.drop_duplicates(by).drop(columns="rank")
    return worst.merge(places, on=by).merge(violated, on=by).sort_values(list(KEYS), kind="stable")


def moments_of(frame: pd.DataFrame) -> list[str]:
    """Return which moments a frame has, in order."""
    return [moment for moment in MOMENTS if (frame["moment"] == moment).any()]


def cells_of(content: StudyContent, frame: pd.DataFrame) -> list[str]:
    """Return the cells that a frame has, in the study's order."""
    return [cell for cell in content.cells if (frame["cell"] == cell).any()]


def within_factor() -> str:
    """Say what counts as level."""
    return f"between 1/{FACTOR:g} and {FACTOR:g}"


def _exp(value: float) -> float:
    """Return exp(value), 0 or infinite where a float cannot hold it."""
    try:
        return math.exp(value)
    except OverflowError:
        return math.inf
