"""The first sections: target, measured, met; and every cell at one size."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math

import pandas as pd

from rnnzoo.engine.bench import FLOOR, described
from rnnzoo.engine.peers import USUAL
from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Section, Table
from rnnzoo.report.sections.parts import missing
from rnnzoo.speed import judging
from rnnzoo.speed.measure import Measured
from rnnzoo.speed.plan import SpeedPlan

IDLE = 1.0  # the average remembers the minute before, the study's own start included
"""A load average above this, before anything is timed, means that something else was running."""

MARKS = {"yes": "✓ yes", "no": "✗ no", "not measured": "not measured"}


def busy(found: Measured) -> bool:
    """Whether something else was running when the study began."""
    return float(found.environment.get("load before", 0)) > IDLE


def target_section(plan: SpeedPlan, found: Measured) -> Section:
    """Target → measured → met."""
    title, blocks = "What must be reached, and what is", list[Block]()
    if busy(found):
        blocks.append(
            missing(
                f"The machine was not idle when this began (load {found.environment['load before']}): these times mean "
                "little. Run the study again when nothing else runs."
            )
        )
    table, constant = judging.targets(plan, found.rows), judging.promises(plan, found.rows)
    if table.empty and constant.empty:
        blocks.append(missing("The study names no targets."))
    if len(table):
        blocks.append(ratio_table(table))
    if len(constant):
        blocks.append(promise_table(constant))
    reasons = dict.fromkeys(str(text) for text in [*table["reason"], *constant["reason"]] if text)
    blocks += [missing(f"Not measured: {text}") for text in reasons]
    return Section("targets", title, "Targets", tuple(blocks))


def ratio_table(table: pd.DataFrame) -> Table:
    """Return `judging.targets` in words."""
    rows = tuple(
        (
            str(row["cell"]), size(row), against(str(row["engine"]), str(row["against"])),
            *(factor(float(row[name]), str(row["against"])) for name in ("at_least", "measured", "fastest")),
            MARKS[str(row["met"])],
        )
        for _, row in table.iterrows()
    )  # fmt: skip
    columns = ("cell", "T × batch × hidden", "against", "target", "measured", "fastest", "met")
    caption = (
        "How many times faster the native engine must be and is, or which share of the floor's speed. Measured is the "
        "ratio of the medians and decides; “fastest” is that of the fastest repetitions."
    )
    return Table(caption, columns, rows, frozenset({"T × batch × hidden", "target", "measured", "fastest"}))


def promise_table(table: pd.DataFrame) -> Table:
    """Return `judging.promises` in words."""
    rows = tuple(
        (
            str(row["what"]), str(row["cell"]), str(row["engine"]), f"{row['batch']} × {row['hidden']}",
            f"{formats.count(float(row['shortest']))} to {formats.count(float(row['longest']))}",
            *(deviation(float(row[name]), str(row["what"])) for name in ("allowed", "measured")),
            MARKS[str(row["met"])],
        )
        for _, row in table.iterrows()
    )  # fmt: skip
    columns = ("what stays constant", "cell", "engine", "batch × hidden", "T", "target", "measured", "met")
    caption = (
        "What must not change with the length of the sequence: the time of a step, by its largest deviation from the "
        "median over the lengths, and the memory for states, by its growth from the least to the most."
    )
    return Table(caption, columns, rows, frozenset({"batch × hidden", "T", "target", "measured"}))


def against(engine: str, other: str) -> str:
    """Write what is compared with what; the native engine goes without saying."""
    return other if engine == "native" else f"{engine} against {other}"


def deviation(value: float, what: str) -> str:
    """Write how far something strays."""
    if math.isnan(value):
        return formats.MISSING
    sign = "±" if what == "time of a step" else "+" if value else ""
    return f"{sign}{formats.number(100 * value)}%"


def size(row: pd.Series) -> str:
    """Write a row's shape."""
    return " × ".join(formats.count(float(row[name])) for name in judging.SHAPE)


def factor(value: float, other: str) -> str:
    """Write a ratio: a share of the floor in %, times faster elsewhere."""
    if math.isnan(value):
        return formats.MISSING
    return f"{100 * value:.0f}%" if other == FLOOR else f"{formats.number(value)}{formats.GLUE}×"


def cell_section(plan: SpeedPlan, found: Measured) -> Section:
    """Every cell at the shape that most of them share."""
    title, shape = "Every cell at one size", plan.usual_shape()
    table = judging.one_size(found.rows, plan.cells, shape) if shape is not None else pd.DataFrame()
    if shape is None or table.empty:
        return Section("cells", title, "Cells", (missing("No comparison was made."),))
    usual = [name for name in USUAL if table[name].notna().any()]
    rows = []
    for _, row in table.iterrows():
        native = float(row["native"])
        package = str(row["peer"]).rpartition(".")[0]
        elsewhere = f"{formats.duration(float(row['peer_seconds']))}, {package}" if package else formats.MISSING
        gains = [factor(float(row[name]) / native, name) for name in ("reference", FLOOR, *usual)]
        times = [formats.duration(float(row[name])) for name in ("reference", "native")]
        rows.append((str(row["cell"]), *times, *gains, elsewhere))
    over = [f"over {name.removeprefix('torch.')}" for name in usual]
    columns = ("cell", "reference", "native", "gain", "of the floor", *over, "the same cell elsewhere")
    caption = (
        f"One pass, forward and backward, at {described(shape)}. Gain is how many times faster native is than the "
        "reference engine, a loop in Python; “over” is how many times faster than that layer of the same size."
    )
    return Section("cells", title, "Cells", (Table(caption, columns, tuple(rows), frozenset(columns[1:-1])),))
