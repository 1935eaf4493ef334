"""Where in time gradients are: along training, and step by step for the recurrent weights."""

from functools import partial

import pandas as pd

from rnnzoo.diagnostics.ends import ends
from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Bullets, Heading, Paragraph, Section
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.gradients import quotient
from rnnzoo.report.laboratory import frames
from rnnzoo.report.laboratory.figures import heat_figure, line_figure, training_figure
from rnnzoo.report.laboratory.promises import percent
from rnnzoo.report.sections.parts import picture
from rnnzoo.report.sentences import change


def time_section(content: StudyContent, own: StudyContent, drawn: Drawings) -> Section | None:
    """The heat maps of training and the shares of every time step; None if neither was measured.

    Args:
        content: with the titles of tasks on the length that was measured.
        own: with their own, for what is measured along training.
        drawn: where figures go.
    """
    blocks = [*history_blocks(own, drawn), *along_blocks(own, drawn), *share_blocks(content, drawn)]
    return Section("time", "Where in time the gradient is", "In time", tuple(blocks)) if blocks else None


def history_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return the heat maps of ‖∂L/∂h_t‖ over optimiser step and time step."""
    keys = ["task", "cell", "step", "t"]
    frame = frames.over_seeds(frames.measured(content, "history", [*keys, "seed", "median"]), keys, ["median"])
    blocks: list[Block] = []
    for number, task in enumerate(content.tasks):
        own = frame[frame["task"] == task.label]
        if own.empty:
            continue
        said = travels(content, own)
        caption = (
            f"{task.title}: norm of the loss's gradient with respect to the state, over the steps of the sequence "
            "(across) and of training (upwards); median over the batch. What is darkest is ten decades or more below "
            "the largest. A dark left edge is a gradient that does not reach the beginning."
        )
        alt = f"Gradient norms through training. {said}"
        stem = "history" if number == 0 else f"history_{task.label}"
        draw = partial(heat_figure, content, own, task.label)
        blocks += [Heading(f"All along training: {task.title}"), Paragraph(said)]
        blocks.append(picture(drawn, stem, draw, caption, alt, own))
    return blocks


def along_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return what share of the gradient reaches the first tenth through training, and how often clipping struck."""
    early, struck = frames.early_shares_along(content), frames.struck(content)
    blocks: list[Block] = []
    if len(early):
        said = arrivals(content, early)
        caption = (
            "Share of the norms of the loss's gradient over the steps of the sequence that the first tenth of them "
            "gets, through training; median over the batch and the seeds. A level gradient gives 0.1, the line; one "
            "that vanishes on its way back 0, one that explodes 1."
        )
        alt = "Share in the first tenth through training. " + " ".join(text for _, text in said)
        draw = partial(training_figure, content, early, (("share", "share in the first tenth"),), level=0.1)
        blocks += [Heading("What reaches the first tenth, through training"), Bullets(said)]
        blocks.append(picture(drawn, "early", draw, caption, alt, early))
    if len(content.curves):
        said = strikes(content, struck)
        blocks += [Heading("How often clipping struck"), Bullets(said)]
        if (struck["clipped"] > 0).any():
            caption = (
                "Share of the optimiser steps whose gradient was clipped, since the evaluation before; median over the "
                "seeds. Cells without a line train without clipping."
            )
            alt = "How often clipping struck through training. " + " ".join(text for _, text in said)
            draw = partial(training_figure, content, struck, (("clipped", "share of steps clipped"),), log=False)
            blocks.append(picture(drawn, "clipping", draw, caption, alt, struck))
    return blocks


def arrivals(content: StudyContent, early: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Say for every task what share the first tenth gets before training and at its end."""
    entries = []
    for task in content.tasks:
        own = early[early["task"] == task.label].dropna(subset=["share"]).sort_values("step", kind="stable")
        words = []
        for cell in frames.cells_of(content, own):
            shares = own.loc[own["cell"] == cell, "share"].astype(float)
            words.append(f"{cell} {percent(shares.iloc[0])}, then {percent(shares.iloc[-1])}")
        if words:
            steps = formats.plural(int(own["step"].max()), "step")
            entries.append((f"{task.title}, before training and after {steps}:", f"{'; '.join(words)}."))
    return tuple(entries)


def strikes(content: StudyContent, struck: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Say for every task in what share of all steps clipping struck, and which cells train without."""
    entries = []
    for task in content.tasks:
        own = struck[struck["task"] == task.label].sort_values("step", kind="stable")
        limited = frames.cells_of(content, own)
        words = [
            f"{cell} in {formats.percent(float(own.loc[own['cell'] == cell, 'overall'].iloc[-1]))} of the steps"
            for cell in limited
        ]
        trained = content.curves[(content.curves["task"] == task.label) & (content.curves["phase"] == "confirm")]
        free = [cell for cell in frames.cells_of(content, trained) if cell not in limited]
        clauses = [formats.listing(words)] if words else []
        clauses += [f"{formats.listing(free)} train{'s' if len(free) == 1 else ''} without clipping"] if free else []
        entries += [(f"{task.title}:", f"{'; '.join(clauses)}.")] if clauses else []
    return tuple(entries)


def travels(content: StudyContent, own: pd.DataFrame) -> str:
    """Say for every cell how the ratio of first to last tenth changed from before training to its end."""
    said = []
    for cell in frames.cells_of(content, own):
        mine = own[own["cell"] == cell]
        steps = sorted(mine["step"].unique())
        first, last = (tenths(mine[mine["step"] == step]) for step in (steps[0], steps[-1]))
        said.append(f"{cell} {change(first)}, then {change(last)}")
    last_step = formats.plural(int(own["step"].max()), "step")
    start = "Norm in the first tenth of the sequence over the largest in the last, before training and after"
    return f"{start} {last_step}: {'; '.join(said)}."


def tenths(profile: pd.DataFrame) -> float:
    """Return the norm at the sequence's beginning over that at its end."""
    return quotient(*ends(profile.sort_values("t")["median"].astype(float).tolist()))


def share_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return which steps contribute to the gradient of the recurrent weights."""
    columns = [*frames.KEYS, "seed", "layer", "weight", "t", "share"]
    frame = frames.measured(content, "lags", columns)
    if frame.empty:
        return []
    recurrent = frame[frame["weight"] != "u"] if (frame["weight"] != "u").any() else frame
    by = [*frames.KEYS, "t"]
    seeds = recurrent.groupby([*by, "seed"], sort=True)["share"].mean().reset_index()
    own = frames.over_seeds(seeds, by, ["share"])
    own = own.assign(magnitude=own["share"].abs())
    entries = []
    for moment in frames.moments_of(own):
        for task in content.tasks:
            mine = own[(own["task"] == task.label) & (own["moment"] == moment)]
            early = {
                cell: float(mine.loc[(mine["cell"] == cell) & (mine["t"] <= mine["t"].max() / 2), "share"].sum())
                for cell in frames.cells_of(content, mine)
            }
            # a share that is nothing has no sign
            shares = {cell: 0.0 if abs(share) < 5e-4 else share for cell, share in early.items()}
            words = [f"{cell} {formats.percent(share)}" for cell, share in shares.items()]
            if words:
                start = "of the gradient of the recurrent weights, the first half of the sequence gives"
                text = f"{start}: {formats.listing(words)}."
                entries.append((f"{task.title}, {frames.MOMENT_WORDS[moment]}:", text))
    draw = partial(
        line_figure, content, own, "t", "magnitude", ("time step t", "share of the gradient, absolute"), log_y=True
    )
    caption = (
        "How much of the gradient of the recurrent weights comes from their use at each step, mean over the weights; "
        "shares add up to 1 over the sequence, and one may be negative where steps disagree. A line that falls to the "
        "left learns from the end of the sequence alone."
    )
    alt = "Share of the weights' gradient over time. " + " ".join(text for _, text in entries)
    return [
        Heading("What each step teaches the recurrent weights"), Bullets(tuple(entries)),
        picture(drawn, "lags", draw, caption, alt, own),
    ]  # fmt: skip
