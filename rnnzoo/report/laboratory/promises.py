"""Sentences on the gradient's way back: what reaches the first tenth, and whether that is what the papers say."""

import math

import pandas as pd

from rnnzoo.report import formats, gradients, sentences
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.laboratory import frames

Entries = tuple[tuple[str, str], ...]


def early_entries(content: StudyContent) -> Entries:
    """Say for every task and moment what share of the gradient the first tenth of the steps gets, the largest first."""
    shares = frames.early_shares(content)
    entries = []
    for task in content.tasks:
        for moment in frames.moments_of(shares):
            own = shares[(shares["task"] == task.label) & (shares["moment"] == moment)]
            own = own.sort_values("share", ascending=False, kind="stable")
            words = [f"{row['cell']} {percent(float(row['share']))}" for _, row in own.iterrows()]
            if words:
                text = (
                    "of the sum of ‖∂L/∂h_t‖ over all steps, the first tenth of them gets (10% if the gradient is "
                    f"level): {formats.listing(words)}."
                )
                entries.append((f"{task.title}, {frames.MOMENT_WORDS[moment]}:", text))
    return tuple(entries)


def percent(share: float) -> str:
    """Write a share in %; one that is hardly anything as a power of ten, and nothing as 0."""
    return formats.number(share, 2) if 0 < share < 5e-4 else "0" if share == 0 else formats.percent(share)


def promise_entries(content: StudyContent) -> Entries:
    """Say for every cell whose paper promises a steady gradient whether that is what was measured."""
    fates = gradients.gradient_fates(content)
    return tuple(
        (f"{cell} on {task.title}:" if len(content.tasks) > 1 else f"{cell}:", text)
        for task in content.tasks
        for cell in content.cells
        if (text := promised(content, fates, task, cell))
    )


def promised(content: StudyContent, fates: pd.DataFrame, task: TaskContent, cell: str) -> str:
    """Set what a cell's paper says of its gradient beside its fate; "" where there is nothing to set."""
    own = fates[(fates["task"] == task.label) & (fates["cell"] == cell) & (fates["fate"] != "not measured")]
    if own.empty or cell not in content.promises:
        return ""
    seen, against = [], []
    for _, row in own.iterrows():
        words, ratio = frames.MOMENT_WORDS[str(row["moment"])], float(row["ratio"])
        far = f" ({sentences.change(ratio)})" if math.isfinite(ratio) else ""
        seen.append(f"{row['fate']}{far} {words}")
        against += [words] if row["fate"] != "stays level" else []
    verdict = "as it says"
    if against:
        verdict = f"{formats.listing(against)} that contradicts it"
    idle = frames.checks(content)
    idle = idle[(idle["task"] == task.label) & (idle["cell"] == cell) & (idle["holds"] == "does not apply")]
    quantities = list(dict.fromkeys(idle["quantity"]))
    why = ""
    if against and quantities:
        why = f" What is proven of {formats.listing(quantities)} does not apply at these settings."
    return f"its paper says that {content.promises[cell]}. Here the gradient {formats.listing(seen)}: {verdict}.{why}"


def contradictions(content: StudyContent) -> str:
    """Say in one sentence in which cells the gradient does other than their papers say; "" where in none."""
    fates = gradients.gradient_fates(content)
    broken = fates[fates["cell"].isin(list(content.promises)) & fates["fate"].isin(["vanishes", "explodes"])]
    cells = [cell for cell in content.cells if (broken["cell"] == cell).any()]
    if not cells:
        return ""
    return f"Against what its paper says, the gradient does not stay level in {formats.listing(cells)}."
