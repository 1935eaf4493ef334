"""Structure that must survive: orthogonality through training, inversion, and the digits of float32."""

from functools import partial

import pandas as pd

from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Bullets, Heading, Section
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.laboratory import frames
from rnnzoo.report.laboratory.figures import line_figure, training_figure, value_range
from rnnzoo.report.sections.parts import picture

MEANINGLESS = 10.0
"""Relative error beyond which its size says nothing more."""


def structure_section(content: StudyContent, own: StudyContent, drawn: Drawings) -> Section | None:
    """Matrices through training, inversion errors and rounding; None if none was measured.

    Args:
        content: with the titles of tasks on the length that was measured.
        own: with their own, for what is measured along training.
        drawn: where figures go.
    """
    blocks = [
        *constraint_blocks(own, drawn),
        *inversion_blocks(content, drawn),
        *precision_blocks(content, drawn),
    ]
    return Section("structure", "What structure and numbers survive", "Structure", tuple(blocks)) if blocks else None


def constraint_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return how far recurrent matrices are from orthogonal all along training."""
    columns = ["task", "cell", "step", "layer", "error", "largest", "smallest", "claim"]
    frame = frames.measured(content, "constraints", columns)
    if frame.empty:
        return []
    claims = frame.assign(claim=frames.text(frame["claim"])).drop_duplicates("cell").set_index("cell")["claim"]
    own = frames.over_seeds(frame, ["task", "cell", "step"], ["error", "largest", "smallest"])
    entries = []
    for task in content.tasks:
        mine = own[own["task"] == task.label]
        words = []
        for cell in frames.cells_of(content, mine):
            rows = mine[mine["cell"] == cell]
            claim = f", which claims {claims[cell]}" if claims[cell] else ""
            words.append(
                f"{cell}{claim}: up to {formats.number(float(rows['error'].max()), 2)}, singular values from "
                f"{formats.number(float(rows['smallest'].min()))} to {formats.number(float(rows['largest'].max()))}"
            )
        if words:
            entries.append((f"{task.title}. ‖WᵀW - I‖₂ through training.", f"{'; '.join(words)}."))
    titles = (("error", "‖WᵀW - I‖₂"), ("largest", "largest singular value"))
    caption = (
        "Distance of the recurrent matrix from orthogonal (for a complex one, unitary), and its largest singular "
        "value, from before the first step to the end of training. What a constraint keeps stays at rounding, about "
        "10⁻⁷; a free matrix goes where the loss takes it."
    )
    alt = "Distance from orthogonal through training. " + " ".join(text for _, text in entries)
    draw = partial(training_figure, content, own, titles)
    return [
        Heading("The recurrent matrix through training"), Bullets(tuple(entries)),
        picture(drawn, "constraints", draw, caption, alt, own),
    ]  # fmt: skip


def inversion_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return how exactly the first state is rebuilt from the last."""
    columns = [*frames.KEYS, "dtype", "steps", "error"]
    frame = frames.measured(content, "inversion", columns)
    if frame.empty:
        return []
    own = frames.over_seeds(frame, [*frames.KEYS, "dtype", "steps"], ["error"])
    single = own[own["dtype"] == "float32"]
    longest = own[own["steps"] == own["steps"].max()]
    entries = [
        (
            f"{cell}:",
            f"after {int(longest['steps'].max()):,} steps forth and back the first state is missed by "
            + formats.listing([
                f"{formats.number(float(row['error']), 2)} in {row['dtype']} {frames.MOMENT_WORDS[str(row['moment'])]}"
                for _, row in longest[longest["cell"] == cell].iterrows()
            ]) + ", as a share of the largest state.",
        )
        for cell in frames.cells_of(content, own)
    ]  # fmt: skip
    draw = partial(
        line_figure, content, single, "steps", "error", ("steps forth and back", "error of the first state"),
        log_x=True, log_y=True,
    )  # fmt: skip
    caption = (
        "Error with which the first state is rebuilt in float32 by inverting every step, over the number of steps: "
        "the memory that such a cell saves costs these digits."
    )
    alt = "Inversion error over the number of steps. " + " ".join(text for _, text in entries)
    return [
        Heading("Running backwards"), Bullets(tuple(entries)), picture(drawn, "inversion", draw, caption, alt, own)
    ]  # fmt: skip


def precision_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return how far float32 drifts from float64."""
    columns = [*frames.KEYS, "quantity", "t", "median"]
    frame = frames.measured(content, "precision", columns)
    if frame.empty:
        return []
    own = frames.over_seeds(frame, [*frames.KEYS, "quantity", "t"], ["median"])
    blocks: list[Block] = [Heading("float32 against float64")]
    for quantity, words in (("state", "state"), ("gradient", "gradient")):
        mine = own[own["quantity"] == quantity]
        if mine.empty:
            continue
        said = worst(content, mine, words)
        low, high = value_range(mine["median"].to_numpy(dtype=float))
        draw = partial(
            line_figure, content, mine, "t", "median", ("time step t", f"relative error of the {words}"), log_y=True,
            limits=(min(low, 0.1), min(high, MEANINGLESS)),
        )  # fmt: skip
        caption = (
            f"Relative difference of the {words} in float32 from the same network in float64, median over the batch. "
            "1 means that float32 knows nothing of it any more; a line along the upper edge lies further beyond that."
        )
        blocks.append(Bullets(tuple(said)))
        alt = f"Relative error of the {words} over time. " + " ".join(text for _, text in said)
        blocks.append(picture(drawn, f"precision_{quantity}", draw, caption, alt, mine))
    return blocks


def worst(content: StudyContent, mine: pd.DataFrame, words: str) -> list[tuple[str, str]]:
    """Say how large the error gets, cell by cell, the largest first."""
    entries = []
    for task in content.tasks:
        for moment in frames.moments_of(mine):
            own = mine[(mine["task"] == task.label) & (mine["moment"] == moment)]
            largest = own.groupby("cell")["median"].max().sort_values(ascending=False, kind="stable")
            said = [f"{cell} {formats.number(float(value), 2)}" for cell, value in largest.items()]
            if said:
                text = f"the error of the {words} grows up to: {formats.listing(said)}."
                entries.append((f"{task.title}, {frames.MOMENT_WORDS[moment]}:", text))
    return entries
