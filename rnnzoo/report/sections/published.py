"""Published results beside the study's own, with what differs."""

import pandas as pd

from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Bullets, Section, Table
from rnnzoo.report.content import StudyContent
from rnnzoo.report.published import OWN, beside_published

COLUMNS = ("model", "units", "parameters", "value", "seeds", "what differs", "source")


def published_section(content: StudyContent) -> Section | None:
    """Return the section, or None where nothing comparable was published."""
    results = beside_published(content)
    if results.empty:
        return None
    blocks: list[Block] = [
        Bullets(tuple((f"{task}, {metric}.", verdict(of)) for (task, metric), of in grouped(results)))
    ]
    for (task, metric), of in grouped(results):
        blocks.append(
            Table(
                f"{metric} on {task}, published and ours, best first. Ours: mean over the seeds, with the lowest and "
                "the highest. What a source does not say is left empty.",
                COLUMNS,
                tuple(line(row) for row in ranked(of, str(metric)).to_dict("records")),
                frozenset(("parameters", "value", "seeds")),
                folded=len(of) > 12,
            )
        )
    return Section("published", "Beside published results", "Published", tuple(blocks))


def grouped(results: pd.DataFrame) -> list[tuple[tuple[object, object], pd.DataFrame]]:
    """Return the results of each task in each metric, in order."""
    return [((key[0], key[1]), of) for key, of in results.groupby(["task", "metric"], sort=False)]


def ranked(of: pd.DataFrame, metric: str) -> pd.DataFrame:
    """Return the rows best first; a threshold that was not reached comes last."""
    return of.sort_values("value", ascending="accuracy" not in metric, na_position="last", kind="stable")


def verdict(of: pd.DataFrame) -> str:
    """Say where each of our cells stands to the published results of the same cell, or to all where there is none."""
    said = []
    for row in of[of["source"] == OWN].to_dict("records"):
        same = of[(of["source"] != OWN) & (of["cell"] == row["cell"])].dropna(subset=["value"])
        others = of[(of["source"] != OWN)].dropna(subset=["value"])
        own = "not reached by every seed" if pd.isna(row["value"]) else formats.number(row["value"], 4)
        start = f"{row['cell']} {own} ({formats.plural(row['n'], 'seed')}, {row['differs']})"
        if len(same):
            low, high = formats.number(same["value"].min(), 4), formats.number(same["value"].max(), 4)
            span = low if low == high else f"{low} to {high}"
            said.append(f"{start}; published for it: {span}, {formats.plural(len(same), 'result')}")
        elif len(others):
            low, high = formats.number(others["value"].min(), 4), formats.number(others["value"].max(), 4)
            said.append(f"{start}; nothing is published for this cell, for other models {low} to {high}")
    return "; ".join(said) + "." if said else "Nothing to compare."


def line(row: dict[object, object]) -> tuple[str, ...]:
    """Return a row of the table."""
    value = formats.number_or_nan(row["value"])
    own = row["source"] == OWN
    shown = "not reached" if value != value else formats.number(value, 4)
    low, high = formats.number_or_nan(row["low"]), formats.number_or_nan(row["high"])
    if own and low < high:
        shown += f" ({formats.number(low, 4)} to {formats.number(high, 4)})"
    return (
        f"{row['model']} (ours)" if own else str(row["model"]),
        str(row["units"]),
        formats.count(formats.number_or_nan(row["parameters"])),
        shown,
        str(row["n"]) if own else "",
        str(row["differs"]),
        str(row["source"]),
    )
