"""What the report of a speed study says in which order; nothing that is absent breaks a section."""

import pandas as pd

from rnnzoo.report import formats
from rnnzoo.report.blocks import Report
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.speed.reproduction import reproduction_section
from rnnzoo.report.speed.targets import cell_section, target_section
from rnnzoo.report.speed.times import floor_section, length_section, memory_section, time_section
from rnnzoo.speed import judging
from rnnzoo.speed.measure import Measured
from rnnzoo.speed.plan import SpeedPlan

STEMS = ("time_steps", "time_hidden", "time_batch", "floor", "memory", "lengths")
"""Names of all figures that such a report can have."""


def compose(plan: SpeedPlan, found: Measured) -> tuple[Report, Drawings]:
    """Return the report of a speed study and its figures by the stems of their files."""
    drawn = Drawings()
    sections = (
        target_section(plan, found),
        cell_section(plan, found),
        time_section(plan, found, drawn),
        floor_section(plan, found, drawn),
        memory_section(plan, found, drawn),
        length_section(plan, found, drawn),
        reproduction_section(plan, found),
    )
    return Report(
        plan.name,
        plan.header.question,
        headline(plan, found.rows),
        summary(found),
        sections,
        origin="the times of one process",
        row="measurement",
    ), drawn


def headline(plan: SpeedPlan, rows: pd.DataFrame) -> str:
    """Say how many targets are met, and what the native engine gains."""
    verdicts = [*judging.targets(plan, rows)["met"], *judging.promises(plan, rows)["met"]]
    sentences = []
    if verdicts:
        missed = verdicts.count("no")
        open_ = verdicts.count("not measured")
        sentences.append(
            f"All {len(verdicts)} targets are met."
            if verdicts.count("yes") == len(verdicts)
            else f"{verdicts.count('yes')} of {len(verdicts)} targets are met"
            + (f", {missed} missed" if missed else "")
            + (f", {open_} could not be measured" if open_ else "")
            + "."
        )
    gained = gains(rows)
    if len(gained):
        low, high = gained.min(), gained.max()
        sentences.append(
            f"The native engine trains {formats.number(low, 2)} to {formats.number(high, 2)} times as fast as a loop "
            "in Python, depending on cell and size."
            if len(gained) > 1
            else f"The native engine trains {formats.number(low, 2)} times as fast as a loop in Python."
        )
    return " ".join(sentences) or "Nothing was compared."


def gains(rows: pd.DataFrame) -> pd.Series:
    """Return how many times faster native is than reference wherever both were timed."""
    keys = ["cell", *judging.SHAPE]
    wide = judging.comparisons(rows).pivot_table(index=keys, columns="engine", values="seconds")
    if not {"native", "reference"} <= set(wide.columns):
        return pd.Series(dtype=float)
    return (wide["reference"] / wide["native"]).dropna()


def summary(found: Measured) -> tuple[str, ...]:
    """Return the small print under the headline."""
    facts = found.environment
    timed = int(found.rows["seconds"].notna().sum())
    parts = [f"{timed} medians in {formats.duration(found.seconds)}", f"{facts.get('threads', '?')} threads"]
    parts += [facts[name] for name in ("processor", "date") if name in facts]
    return tuple(parts)
