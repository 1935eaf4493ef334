"""Times along each axis, how near the floor, and what is kept in memory."""

from functools import partial

import pandas as pd

from rnnzoo.cells import CELLS
from rnnzoo.engine.bench import FLOOR, described
from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Heading, Section
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.sections.parts import missing, picture
from rnnzoo.report.speed import figures
from rnnzoo.speed import judging
from rnnzoo.speed.measure import Measured
from rnnzoo.speed.plan import SpeedPlan

TITLES = {"steps": "Against the length", "hidden": "Against the hidden size", "batch": "Against the batch size"}


def time_section(plan: SpeedPlan, found: Measured, drawn: Drawings) -> Section:
    """Time against T, hidden size and batch."""
    blocks: list[Block] = []
    for sweep in plan.sweeps:
        swept = judging.swept(sweep, found.rows)
        if swept["seconds"].notna().sum() == 0:
            blocks.append(missing(f"Nothing was measured along the {figures.AXES[sweep.over]}."))
            continue
        cells = [cell for cell in plan.cells if cell in sweep.cells]
        draw = partial(figures.time_figure, swept, sweep.over, cells, sweep.engines)
        fixed = [
            text
            for name, text in zip(judging.SHAPE, described(sweep.shape).split(", "), strict=True)
            if name != sweep.over
        ]
        caption = (
            f"Milliseconds of one pass, forward and backward, at {formats.listing(fixed)}; both axes are "
            "logarithmic. The dotted line is the floor; “another package” is the layer of the same kind in torch.nn or "
            "torchrecurrent."
        )
        last = swept[swept["place"] == max(sweep.values)]
        alt = f"Time of a pass {TITLES[sweep.over].lower()}; at {max(sweep.values)}: " + " ".join(
            f"{cell}: " + ", ".join(
                f"{row['engine']} {formats.duration(float(row['seconds']))}"
                for _, row in last[(last["cell"] == cell) & last["seconds"].notna()].iterrows()
            ) + "." for cell in cells
        )  # fmt: skip
        blocks += [Heading(TITLES[sweep.over])]
        blocks += [picture(drawn, f"time_{sweep.over}", draw, caption, alt, numbers(swept))]
    if not blocks:
        blocks.append(missing("The study has no sweep."))
    return Section("times", "How the time grows", "Times", tuple(blocks))


def numbers(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the columns of rows that a figure's table needs."""
    kept = ["cell", "engine", *judging.SHAPE, "seconds", "fastest", "memory_mib", "repetitions", "reason"]
    return rows[kept]


def floor_section(plan: SpeedPlan, found: Measured, drawn: Drawings) -> Section:
    """Which share of the floor the native engine reaches."""
    title = "How near the floor"
    reached = judging.shares(found.rows)
    frames = []
    for sweep in plan.sweeps:
        shapes = set(sweep.shapes())
        here = [tuple(int(v) for v in shape) in shapes for shape in reached[judging.SHAPE].to_numpy()]
        own = reached[pd.Series(here, index=reached.index, dtype=bool) & reached["cell"].isin(sweep.cells)]
        frames.append(own.assign(over=sweep.over, place=own[sweep.over].astype(int)))
    shares = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
    if shares.empty:
        return Section("floor", title, "Floor", (missing("The native engine and the floor were not both timed."),))
    overs = [sweep.over for sweep in plan.sweeps if (shares["over"] == sweep.over).any()]
    cells = [cell for cell in plan.cells if (shares["cell"] == cell).any()]
    caption = (
        "The floor's time as a share of the native engine's: at 100% a cell takes no longer than the floor. "
        "The floor is the bare matrix products of all steps by PyTorch, forward, backward and for the weights' "
        "gradients, each over the whole batch; for cells without products it is one read and one write of the input "
        "and of its gradient, from the processor's cache where they fit. The engine cuts the batch into a slice for "
        "each core, takes no break between steps and lays out a matrix once for all of them, so that it passes 100% "
        "where products are small."
    )
    alt = "Share of the floor. " + " ".join(
        f"{cell}: {formats.percent(float(shares.loc[shares['cell'] == cell, 'share'].min()))} to "
        f"{formats.percent(float(shares.loc[shares['cell'] == cell, 'share'].max()))}."
        for cell in cells
    )
    draw = partial(figures.share_figure, shares, overs, cells)
    return Section("floor", title, "Floor", (picture(drawn, "floor", draw, caption, alt, shares),))


def memory_section(plan: SpeedPlan, found: Measured, drawn: Drawings) -> Section:
    """What a pass keeps for its backward half."""
    title, shape = "What they keep in memory", plan.usual_shape()
    own = judging.comparisons(found.rows)
    if shape is not None:
        own = own[(own[judging.SHAPE] == list(shape)).all(axis=1) & (own["engine"] != FLOOR)]
    if shape is None or own["memory_mib"].notna().sum() == 0:
        return Section("memory", title, "Memory", (missing("Memory was not measured."),))
    cells = [cell for cell in CELLS if (own["cell"] == cell).any()]
    caption = (
        f"MiB of tensors that autograd keeps between the forward and the backward half of a pass at "
        f"{described(shape)}, parameters left out. Scratch memory inside a backward pass is not in it."
    )
    alt = "Memory kept for the backward pass. " + " ".join(
        f"{row['cell']}, {row['engine']}: {formats.number(float(row['memory_mib']))} MiB."
        for _, row in own[own["memory_mib"].notna()].iterrows()
    )
    found_picture = picture(drawn, "memory", partial(figures.memory_figure, own, cells), caption, alt, numbers(own))
    return Section("memory", title, "Memory", (found_picture,))


def length_section(plan: SpeedPlan, found: Measured, drawn: Drawings) -> Section:
    """The time of a step and the memory for states as sequences grow."""
    title = "Long sequences"
    times, kept = judging.lengths(plan, found.rows), judging.memories(plan, found.rows)
    if times["seconds_per_step"].notna().sum() + kept["memory_mib"].notna().sum() == 0:
        return Section("lengths", title, "Long sequences", (missing("No long sequence was measured."),))
    caption = (
        "Left: the time of one step as a share of its median over the lengths, all else equal, with the median in "
        "microseconds; short sequences are done again and again, so that what a call costs once weighs most on them, "
        "and all but the longest several times a round, so that a slow minute of the machine hits all alike. The band "
        "is what the target allows. Right: what is kept for the backward half beyond the input, whose own memory must "
        "grow. "
        "“reversible” rebuilds the states on the way back."
    )
    alt = "Time of a step: " + " ".join(
        f"{row['cell']} ({row['engine']}) at T = {row['steps']}: {formats.duration(float(row['seconds_per_step']))}."
        for _, row in times[times["seconds_per_step"].notna()].iterrows()
    ) + " Memory for states: " + " ".join(
        f"{row['cell']} ({row['engine']}) at T = {row['steps']}: {formats.number(float(row['memory_mib']))} MiB."
        for _, row in kept[kept["memory_mib"].notna()].iterrows()
    )  # fmt: skip
    frame = pd.concat([times.assign(part="time"), kept.assign(part="memory")], ignore_index=True)
    return Section(
        "lengths", title, "Long sequences",
        (picture(drawn, "lengths", partial(figures.length_figure, times, kept), caption, alt, frame),),
    )  # fmt: skip
