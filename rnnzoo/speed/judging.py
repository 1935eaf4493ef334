"""From measured rows to verdicts: which targets are met, how near the floor, what grows with length."""

import math
from collections.abc import Sequence

import pandas as pd

from rnnzoo.engine.bench import FLOOR, Shape
from rnnzoo.engine.peers import USUAL, peers_of
from rnnzoo.speed.plan import SpeedPlan
from rnnzoo.speed.schema import Sweep

SHAPE = ["steps", "batch", "hidden"]


def comparisons(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows of the comparisons."""
    return rows[rows["part"] == "comparison"]


def at(rows: pd.DataFrame, shape: Shape, cell: str | None = None) -> pd.DataFrame:
    """Return the comparisons at a shape, of one cell or of all."""
    own = comparisons(rows)
    here = (own[SHAPE] == list(shape)).all(axis=1)
    return own[here if cell is None else here & (own["cell"] == cell)]


def times(rows: pd.DataFrame, shape: Shape, cell: str, column: str = "seconds") -> dict[str, float]:
    """Return the seconds of each engine, layer and the floor that was measured."""
    own = at(rows, shape, cell).dropna(subset=[column])
    return {str(name): float(value) for name, value in zip(own["engine"], own[column], strict=True)}


def ratio(rows: pd.DataFrame, cell: str, shape: Shape, engine: str, against: str, column: str = "seconds") -> float:
    """Return how many times longer `against` took than `engine`; NaN where one of them was not measured."""
    known = times(rows, shape, cell, column)
    return known[against] / known[engine] if engine in known and against in known else math.nan


def reason(rows: pd.DataFrame, cell: str, shape: Shape, *names: str) -> str:
    """Return why one of these was not measured, or ""."""
    own = at(rows, shape, cell)
    return "; ".join(str(text) for text in own.loc[own["engine"].isin(names), "reason"] if text and not pd.isna(text))


def targets(plan: SpeedPlan, rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each target and cell.

    Columns: cell, engine, steps, batch, hidden, against, at_least, measured (the ratio of the medians), fastest (that
    of the fastest repetitions), met ("yes", "no" or "not measured"), reason.
    """
    table = []
    for target in plan.targets:
        for cell in target.cells:
            measured, fastest = (
                ratio(rows, cell, target.shape, target.engine, target.against, column)
                for column in ("seconds", "fastest")
            )
            met = "not measured" if math.isnan(measured) else "yes" if measured >= target.at_least else "no"
            table.append(
                {
                    "cell": cell,
                    "engine": target.engine,
                    **dict(zip(SHAPE, target.shape, strict=True)),
                    "against": target.against,
                    "at_least": target.at_least,
                    "measured": measured,
                    "fastest": fastest,
                    "met": met,
                    "reason": reason(rows, cell, target.shape, target.engine, target.against),
                }
            )
    columns = ["cell", "engine", *SHAPE, "against", "at_least", "measured", "fastest", "met", "reason"]
    return pd.DataFrame(table, columns=columns)


def lengths(plan: SpeedPlan, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the time of a step at every length.

    Columns: cell, engine, steps, batch, hidden, passes, seconds_per_step, deviation (from the median over the lengths,
    as a share of it), within (the largest that is allowed).
    """
    frames = []
    for length in plan.lengths:
        own = rows[(rows["part"] == "length") & (rows["cell"] == length.cell) & (rows["engine"] == length.engine)]
        a_step = own["seconds"].astype(float) / own["steps"].astype(float)
        frames.append(
            own[["cell", "engine", *SHAPE, "passes", "reason"]].assign(
                seconds_per_step=a_step, deviation=a_step / a_step.median() - 1, within=length.within
            )
        )
    columns = ["cell", "engine", *SHAPE, "passes", "reason", "seconds_per_step", "deviation", "within"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def memories(plan: SpeedPlan, rows: pd.DataFrame) -> pd.DataFrame:
    """Return what is kept for the backward pass at every length.

    Columns: cell, engine, steps, batch, hidden, memory_mib, constant (whether it must not grow), reason.
    """
    frames = []
    for memory in plan.memories:
        own = rows[(rows["part"] == "memory") & (rows["cell"] == memory.cell)]
        kept = own[["cell", "engine", *SHAPE, "memory_mib", "reason"]]
        frames.append(kept.assign(constant=own["engine"].isin(memory.constant)))
    columns = ["cell", "engine", *SHAPE, "memory_mib", "reason", "constant"]
    return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame(columns=columns)


def promises(plan: SpeedPlan, rows: pd.DataFrame) -> pd.DataFrame:
    """Return one row for each thing that must stay constant as sequences grow.

    Columns: cell, engine, batch, hidden, shortest, longest, what ("time of a step" or "memory for states"),
    allowed and measured (the largest deviation from the median as a share of it; for memory, of the largest from the
    smallest), met ("yes", "no" or "not measured"), reason.
    """
    table = []
    stepped = lengths(plan, rows)
    for length in plan.lengths:
        own = stepped[(stepped["cell"] == length.cell) & (stepped["engine"] == length.engine)]
        worst = float(own["deviation"].astype(float).abs().max()) if len(own) else math.nan
        known = {"cell": length.cell, "engine": length.engine, "batch": length.batch, "hidden": length.hidden}
        table.append(
            known | {"what": "time of a step", "allowed": length.within, **_verdict(own, worst, length.within)}
        )
    weights = memories(plan, rows)
    for memory in plan.memories:
        for engine in memory.constant:
            own = weights[(weights["cell"] == memory.cell) & (weights["engine"] == engine)]
            kept = own["memory_mib"].astype(float)
            growth = float(kept.max() / kept.min() - 1) if len(kept) and kept.min() > 0 else math.nan
            known = {"cell": memory.cell, "engine": engine, "batch": memory.batch, "hidden": memory.hidden}
            table.append(known | {"what": "memory for states", "allowed": 0.0, **_verdict(own, growth, 0.0)})
    columns = [
        "cell",
        "engine",
        "batch",
        "hidden",
        "what",
        "shortest",
        "longest",
        "allowed",
        "measured",
        "met",
        "reason",
    ]
    return pd.DataFrame(table, columns=columns)


def _verdict(own: pd.DataFrame, measured: float, allowed: float) -> dict[str, object]:
    reasons = [str(text) for text in own["reason"].dropna().unique() if text]
    return {
        "shortest": own["steps"].min() if len(own) else math.nan,
        "longest": own["steps"].max() if len(own) else math.nan,
        "measured": measured,
        "met": "not measured" if math.isnan(measured) else "yes" if measured <= allowed else "no",
        "reason": "; ".join(reasons),
    }


def swept(sweep: Sweep, rows: pd.DataFrame) -> pd.DataFrame:
    """Return the comparisons' rows along a sweep, with `place`, the value on its axis."""
    own = comparisons(rows)
    shapes = set(sweep.shapes())
    here = [tuple(int(size) for size in shape) in shapes for shape in own[SHAPE].to_numpy()]
    own = own[pd.Series(here, index=own.index, dtype=bool) & own["cell"].isin(sweep.cells)]
    return own.assign(place=own[sweep.over].astype(int)).sort_values(["cell", "engine", "place"], kind="stable")


def shares(rows: pd.DataFrame, engine: str = "native") -> pd.DataFrame:
    """Return cell, steps, batch, hidden and `share`: the floor's time as a share of the engine's."""
    own = comparisons(rows)
    timed = own[own["seconds"].notna()]
    floor = timed[timed["engine"] == FLOOR][["cell", *SHAPE, "seconds"]]
    fast = timed[timed["engine"] == engine][["cell", *SHAPE, "seconds"]]
    both = fast.merge(floor, on=["cell", *SHAPE], suffixes=("", "_floor"))
    return both.assign(share=both["seconds_floor"] / both["seconds"])[["cell", *SHAPE, "share"]]


def one_size(rows: pd.DataFrame, cells: Sequence[str], shape: Shape) -> pd.DataFrame:
    """Return one row a cell that was compared at a shape: seconds of a pass, NaN where not measured.

    Columns: cell, reference, native, floor, peer and peer_seconds (the layer of the same kind), and the names in
    `peers.USUAL`, whose seconds are the same in every row.
    """
    here = at(rows, shape)
    usual = {name: here.loc[here["engine"] == name, "seconds"].astype(float).min() for name in USUAL}
    table = []
    for cell in cells:
        known = times(rows, shape, cell)
        if not known:
            continue
        own = {name: known.get(name, math.nan) for name in ("reference", "native", FLOOR)}
        peer = next((name for name in peers_of(cell) if name in known), "")
        table.append({"cell": cell, **own, "peer": peer, "peer_seconds": known.get(peer, math.nan), **usual})
    return pd.DataFrame(table)
