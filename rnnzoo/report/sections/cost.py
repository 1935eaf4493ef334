"""What the cells cost: time, memory and parameters."""

from functools import partial

import pandas as pd

from rnnzoo.report import formats, tables
from rnnzoo.report.blocks import Block, Paragraph, Section
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.cost import cost_figure
from rnnzoo.report.sections.parts import missing, picture


def cost_section(content: StudyContent, drawn: Drawings) -> Section:
    """Parameters, time and memory of a step."""
    title = "What it costs" if len(content.cells) == 1 else "What they cost"
    costs = tables.step_seconds(content)
    if costs.empty:
        return Section("cost", title, "Cost", (missing("No confirming run, so nothing was measured."),))
    blocks: list[Block] = []
    timed = costs["seconds_per_step"].notna()
    if timed.any():
        blocks.append(Paragraph(speed_sentence(content, costs)))
    else:
        blocks.append(missing("The time of a training step was not measured in this study."))
    if costs["memory_mib"].isna().all():
        blocks.append(missing("Memory was not measured in this study."))
    alt = "Cost of a training step. " + " ".join(
        f"{row['task']}, {row['cell']}: {formats.duration(float(row['seconds_per_step']))}, "
        f"{formats.number(float(row['memory_mib']))} MiB, {formats.count(float(row['parameters']))} parameters."
        for _, row in costs.iterrows()
    )
    caption = (
        "Time of one training step (forward, backward and update), the memory that it keeps for the backward pass, and "
        "trainable parameters. " + conditions_sentence(content)
    )
    blocks.append(picture(drawn, "cost", partial(cost_figure, content, costs), caption, alt, costs))
    return Section("cost", title, "Cost", tuple(blocks))


def conditions_sentence(content: StudyContent) -> str:
    """Say how the times were taken, and of how many the machine was not ours alone."""
    usual = "Times were measured one at a time, after all runs had ended"
    if "exclusive" not in content.rows:
        return f"{usual}."
    # the cost of a cell on a task was measured once and stands in each of its rows
    known = content.rows.dropna(subset=["exclusive"]).drop_duplicates(["task", "cell"])
    shared = known[known["exclusive"] == 0]
    if known.empty:
        return f"{usual}."
    if shared.empty:
        return f"{usual}, on an otherwise idle machine."
    which = formats.listing([f"{row['cell']} on {row['task']}" for _, row in shared.iterrows()])
    return (
        f"{usual}, but other work was done on the machine meanwhile in {len(shared)} of {len(known)} measurements "
        f"({which}), whose times may be too long. To repeat one, delete cost.json in the run's folder and run the "
        "study again."
    )


def speed_sentence(content: StudyContent, costs: pd.DataFrame) -> str:
    """Say which cell steps fastest and slowest on each task."""
    parts = []
    for task in content.tasks:
        own = costs[(costs["task"] == task.label) & costs["seconds_per_step"].notna()]
        if len(own) > 1:
            ordered = own.sort_values("seconds_per_step", kind="stable")
            fast, slow = ordered.iloc[0], ordered.iloc[-1]
            ratio = float(slow["seconds_per_step"]) / float(fast["seconds_per_step"])
            parts.append(
                f"On {task.label}, {fast['cell']} takes {formats.duration(float(fast['seconds_per_step']))} a step; "
                f"{slow['cell']}, the slowest, takes {formats.number(ratio, 2)} times as long."
            )
        elif len(own) == 1:
            parts.append(
                f"On {task.label}, {own.iloc[0]['cell']} takes "
                f"{formats.duration(float(own.iloc[0]['seconds_per_step']))} "
                "a training step."
            )
    return " ".join(parts)
