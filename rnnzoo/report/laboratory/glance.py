"""The whole laboratory at a glance: what each cell's gradient does, and whether its paper's statements hold."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math
from functools import cache

import pandas as pd
import seaborn as sns
from matplotlib.colors import Colormap

from rnnzoo.report import formats, gradients, sentences
from rnnzoo.report.blocks import Block, Matrix, Paragraph, Section, Shade
from rnnzoo.report.colours import cell_styles
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.laboratory import frames
from rnnzoo.report.laboratory.promises import contradictions, percent

MOST_DECADES = 8.0
"""A change by so many decades has the deepest colour."""

PALE = "#f1f3f4"


def glance_section(content: StudyContent) -> Section | None:
    """One table a task: cells × what was found; None where nothing was."""
    blocks: list[Block] = []
    for task in content.tasks:
        columns, rows = table(content, task)
        if columns:
            colours = {cell: look.colour for cell, look in cell_styles(content.cells).items()}
            blocks.append(Matrix(caption(task, columns), columns, rows, colours))
    said = [sentence for sentence in (violations(content), silent(content), contradictions(content)) if sentence]
    shown = (*map(Paragraph, said), *blocks)
    return Section("glance", "What each cell does to a gradient", "At a glance", shown) if shown else None


def table(
    content: StudyContent, task: TaskContent
) -> tuple[tuple[str, ...], tuple[tuple[str, tuple[Shade, ...]], ...]]:
    """Return the columns that were measured, and a row a cell."""
    fates, grown = gradients.gradient_fates(content), frames.growth(content)
    early = frames.early_shares(content)
    leading, reach, checked = frames.leading_exponents(content), frames.reaches(content), frames.checks(content)
    parts: list[tuple[str, dict[str, Shade]]] = []
    for moment in gradients.MOMENTS:
        words = frames.MOMENT_WORDS[moment]
        own = at(fates, task, moment)
        parts.append((f"gradient {words}", {str(r["cell"]): flow(float(r["ratio"]), str(r["fate"])) for r in own}))
    own = at(early, task, last_moment(early))
    parts.append(("reaches the first tenth", {str(r["cell"]): reached(float(r["share"])) for r in own}))
    own = at(grown, task, last_moment(grown))
    if own:
        title = f"σ of ∂h/∂h {int(own[0]['lag']):,} steps back"
        parts.append((title, {str(r["cell"]): flow(float(r["ratio"]), str(r["fate"])) for r in own}))
    own = at(leading, task, last_moment(leading))
    parts.append(("Lyapunov exponent", {str(r["cell"]): exponent(r) for r in own}))
    own = at(reach, task, last_moment(reach))
    parts.append(("recall reaches back", {str(r["cell"]): recalled(r) for r in own}))
    parts.append(("its statements", statements(content, checked[checked["task"] == task.label])))
    parts = [(title, found) for title, found in parts if found]
    cells = [cell for cell in content.cells if any(cell in found for _, found in parts)]
    nothing = Shade(formats.MISSING)
    rows = tuple((cell, tuple(found.get(cell, nothing) for _, found in parts)) for cell in cells)
    return tuple(title for title, _ in parts), rows


def at(frame: pd.DataFrame, task: TaskContent, moment: str) -> list[pd.Series]:
    """Return the rows of a task and moment."""
    own = frame[(frame["task"] == task.label) & (frame["moment"] == moment)]
    return [row for _, row in own.iterrows()]


def last_moment(frame: pd.DataFrame) -> str:
    """Return the latest moment that a frame has."""
    return frames.moments_of(frame)[-1] if len(frame) else ""


def flow(ratio: float, fate: str) -> Shade:
    """Return how a ratio is shown: blue for vanishing, pale for level, orange for exploding."""
    if math.isnan(ratio):
        return Shade(formats.MISSING, "not measured")
    background, ink = diverging(math.log10(ratio) if 0 < ratio < math.inf else math.copysign(MOST_DECADES, ratio - 1))
    text = "0" if ratio == 0 else "∞" if math.isinf(ratio) else sentences.change(ratio)
    return Shade(text, fate, background, ink)


def reached(share: float) -> Shade:
    """Return how the share of the gradient that reaches the first tenth is shown, against the 10% of a level one."""
    background, ink = diverging(math.log10(share / 0.1) if share > 0 else -MOST_DECADES)
    return Shade(percent(share), "", background, ink)


def exponent(row: pd.Series) -> Shade:
    """Return how a Lyapunov exponent is shown, coloured by what it does over the sequence."""
    decades = float(row["t"]) * float(row["exponent"]) / math.log(10)
    if math.isnan(decades):
        return Shade(formats.MISSING, "not measured")
    words = {"vanishes": "forgets", "explodes": "chaotic", "stays level": "neutral"}.get(str(row["fate"]), "")
    background, ink = diverging(max(-MOST_DECADES, min(MOST_DECADES, decades)))
    return Shade(formats.number(float(row["exponent"]), 2), words, background, ink)


def recalled(row: pd.Series) -> Shade:
    """Return how far back half of the input can be read."""
    reach, longest = int(row["reach"]), int(row["longest"])
    if reach < 0:
        return Shade("not at all", f"of {longest:,} tried", PALE, "#14181d")
    more = "all " if reach >= longest else ""
    return Shade(formats.plural(reach, "step"), f"{more}of {longest:,} tried", PALE, "#14181d")


def statements(content: StudyContent, checked: pd.DataFrame) -> dict[str, Shade]:
    """Return for every cell how many statements hold; a violated one is red."""
    found: dict[str, Shade] = {}
    if checked.empty and not frames.cells_of(content, checked):
        return found
    for cell in content.cells:
        own = checked[checked["cell"] == cell]
        broken, kept = int((own["holds"] == "no").sum()), int((own["holds"] == "yes").sum())
        idle = int((own["holds"] == "does not apply").sum())
        if own.empty:
            found[cell] = Shade("none declared")
        elif broken:
            found[cell] = Shade(f"{broken} VIOLATED", f"{kept} hold", "#c0172f", "#ffffff")
        else:
            found[cell] = Shade(f"{kept} hold", f"{idle} do not apply" if idle else "", "#d9ecdf", "#14181d")
    return found


@cache
def palette() -> Colormap:
    """Return the colours of changes, from blue to orange."""
    return sns.diverging_palette(240, 30, s=85, l=48, center="light", as_cmap=True)


def diverging(decades: float) -> tuple[str, str]:
    """Return background and ink for a change by so many decades."""
    red, green, blue, _ = palette()(0.5 + 0.5 * max(-1.0, min(1.0, decades / MOST_DECADES)))
    luminance = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2
    background = f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
    return background, "#ffffff" if luminance < 0.25 else "#14181d"


def caption(task: TaskContent, columns: tuple[str, ...]) -> str:
    """Say what the columns are."""
    text = (
        f"{task.title}. Gradient: its norm in the first tenth of the measured sequence over the largest in the last; "
        f"blue vanishes, orange explodes, pale is level, {frames.within_factor()}."
    )
    if "reaches the first tenth" in columns:
        text += (
            " Reaches the first tenth: the share that the first tenth of the steps gets of the norms over all steps; "
            "10% if the gradient is level."
        )
    if any(column.startswith("σ") for column in columns):
        text += " σ: the largest singular value of the Jacobian, so the most that any perturbation is stretched."
    if "Lyapunov exponent" in columns:
        text += (
            " Lyapunov exponent: mean growth of a small perturbation, in nats a step; neutral where it changes by less "
            "than a factor of 100 over the measured sequence."
        )
    if "recall reaches back" in columns:
        text += " Recall: how far back a linear readout of the state recalls half of the input's variance."
    if "its statements" in columns:
        text += " Statements: bounds and claims of the cell, held against measurements, before and after training."
    return text


def headline(content: StudyContent) -> str:
    """Say in which cells the gradient vanishes, explodes or stays level, and whether all statements hold."""
    said = []
    fates = gradients.gradient_fates(content)
    for task in content.tasks:
        words = sentences.gradient_sentences(fates, task)
        said += [f"The gradient on {task.title}: {words[-1][0].lower()}{words[-1][1:]}"] if words else []
    return " ".join([s for s in (violations(content), *said, contradictions(content), silent(content)) if s])


def violations(content: StudyContent) -> str:
    """Say which statements are violated, loudly; "" if none is."""
    checked = frames.checks(content)
    broken = checked[checked["holds"] == "no"]
    if broken.empty:
        return ""
    named = [
        f"{row['cell']}: {row['quantity']} {frames.MOMENT_WORDS[str(row['moment'])]}" for _, row in broken.iterrows()
    ]
    return f"VIOLATED: {'; '.join(dict.fromkeys(named))}."


def silent(content: StudyContent) -> str:
    """Say how many statements hold and how many do not apply; "" if none was checked."""
    checked = frames.checks(content)
    kept, idle = int((checked["holds"] == "yes").sum()), int((checked["holds"] == "does not apply").sum())
    if not len(checked):
        return ""
    broken = int((checked["holds"] == "no").sum())
    start = f"{'All ' if not broken and kept > 1 else ''}{formats.plural(kept, 'statement')} that "
    start += f"{'applies' if kept == 1 else 'apply'} {'holds' if kept == 1 else 'hold'}"
    if broken:
        start = f"{formats.plural(kept, 'statement')} {'holds' if kept == 1 else 'hold'}, {broken} violated"
    return f"{start}" + (f"; {idle} more {'does' if idle == 1 else 'do'} not apply." if idle else ".")
