"""How a speed study was measured, what could not be, and how to get the same numbers again."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import shlex

import pandas as pd

from rnnzoo.engine.bench import BURST
from rnnzoo.report.blocks import Block, Bullets, Code, Heading, Section, Table
from rnnzoo.report.speed.targets import size
from rnnzoo.speed.measure import Measured
from rnnzoo.speed.plan import SpeedPlan

DENORMALS = {
    True: "PyTorch was told to take numbers below the normal range for zero, as kernels always do. Left to itself it "
    "computes with them, which takes several times as long where a gradient fades through hundreds of steps.",
    False: "PyTorch computed with numbers below the normal range, as it does unless told otherwise; kernels take "
    "them for zero. Where a gradient fades through hundreds of steps, that is part of their lead.",
}


def reproduction_section(plan: SpeedPlan, found: Measured) -> Section:
    """How it was measured, what was not, and how to get the same numbers again."""
    rounds = found.rows.loc[found.rows["part"] == "comparison", "repetitions"].dropna().astype(int)
    blocks: list[Block] = [Heading("How it was measured"), Bullets(notes(plan, rounds))]
    unmeasured = found.rows[found.rows["reason"].astype("object").fillna("") != ""]
    if len(unmeasured):
        rows = tuple(
            (str(cell), str(engine), size(group.iloc[0]) if len(group) == 1 else f"{len(group)} sizes", str(reason))
            for (cell, engine, reason), group in unmeasured.groupby(["cell", "engine", "reason"], sort=False)
        )
        blocks.append(
            Table(
                "What could not be measured, and why.",
                ("cell", "what", "T × batch × hidden", "reason"),
                rows,
                folded=len(rows) > 8,
            )
        )
    path = plan.path.name if plan.path.is_absolute() else plan.path.as_posix()
    blocks += [Heading("The same numbers again"), Code(f"rnnzoo run {shlex.quote(path)}")]
    blocks.append(
        Table("Versions and machine.", ("what", "value"), tuple((k, str(v)) for k, v in found.environment.items()))
    )
    return Section("reproduce", "How to repeat it", "Reproduce", tuple(blocks))


def notes(plan: SpeedPlan, rounds: pd.Series) -> tuple[tuple[str, str], ...]:
    """Say how the times were taken and what they leave out."""
    done = (
        f"{rounds.min()} to {rounds.max()}"
        if len(rounds) and rounds.min() < rounds.max()
        else f"{rounds.max()}"
        if len(rounds)
        else "0"
    )
    return (
        ("A pass.", "Forward and backward of a loss on the last output, float32, without an optimiser; input of width "
         f"{plan.header.input_size}."),
        ("In turns.", f"In each of {done} rounds everything that is compared has its turn, one after the other, so "
         "that a disturbance hits all alike: a pass that is not timed, then passes for "
         f"{BURST * 1000:g} ms, at least one, whose mean counts; of the rounds, the median does. In training, a pass "
         "follows its like; right after something else, it would find the processor's caches filled with that. "
         "Building a kernel is not timed."),
        ("Bounded.", f"No further round of a comparison begins after {plan.header.at_most:g} s; three are always "
         "done."),
        ("Denormals.", DENORMALS[plan.header.flush_denormals]),
        ("Others.", "torch.nn and torchrecurrent take the same number of steps with a cell of the same kind; in "
         "details, such as biases, their equations differ from the zoo's."),
    )  # fmt: skip
