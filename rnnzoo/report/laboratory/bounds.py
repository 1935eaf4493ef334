"""What papers and derivations say, held against what was measured: a violated bound cannot be overlooked."""

from functools import partial

import pandas as pd

from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Bullets, Paragraph, Section, Table
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.laboratory import frames
from rnnzoo.report.laboratory.figures import bound_figure
from rnnzoo.report.laboratory.glance import silent, violations
from rnnzoo.report.sections.parts import missing, picture

TITLE = "What is proven, and what was measured"


def bound_section(content: StudyContent, drawn: Drawings) -> Section | None:
    """Every statement with its conditions, the bound, the measurement, and whether it holds; None if not measured."""
    if "bounds" not in {*content.measured, *asked(content)}:
        return None
    checked = frames.checks(content)
    if checked.empty:
        return Section("bounds", TITLE, "Bounds", (missing("None of these cells declares a statement to check."),))
    blocks: list[Block] = []
    if broken := violations(content):
        blocks.append(Paragraph(broken))
    blocks.append(Paragraph(silent(content)))
    blocks.append(Bullets(sharpness(content, checked)))
    drawable = checked[checked["holds"].isin(["yes", "no"]) & checked["share"].notna() & (checked["share"] > 0)]
    if len(drawable):
        caption = (
            "How much of each bound is used up, at the place where most of it is: the measurement over an upper bound, "
            "a lower bound over the measurement. Open marks are the network at initialisation, filled ones after "
            "training. Right of the line a bound would be violated; marks at the left edge are below it. A bound that "
            "is hardly used is true and says little."
        )
        alt = "Share of each bound. " + " ".join(
            f"{row['cell']}, {row['quantity']}, {frames.MOMENT_WORDS[str(row['moment'])]}: "
            f"{formats.number(float(row['share']), 2)}." for _, row in drawable.iterrows()
        )  # fmt: skip
        blocks.append(picture(drawn, "bounds", partial(bound_figure, content, drawable), caption, alt, drawable))
    blocks.append(check_table(content, checked))
    idle = checked[checked["holds"] == "does not apply"]
    if len(idle):
        blocks.append(Bullets(tuple(reasons(idle))))
    absent = [cell for cell in content.cells if not (checked["cell"] == cell).any()]
    if absent:
        blocks.append(Paragraph(f"No statement to check is declared by {formats.listing(absent)}."))
    return Section("bounds", TITLE, "Bounds", tuple(blocks))


def asked(content: StudyContent) -> set[str]:
    """Return the diagnostics that were measured at all, those without a row too."""
    costs = content.measured.get("costs")
    return set() if costs is None else {str(name) for name in costs["diagnostic"]}


def sharpness(content: StudyContent, checked: pd.DataFrame) -> tuple[tuple[str, str], ...]:
    """Say for every cell which of its statements is nearest to its bound and which is furthest."""
    said = []
    holding = checked[(checked["holds"] == "yes") & checked["share"].notna()]
    for cell in frames.cells_of(content, holding):
        own = holding[holding["cell"] == cell].sort_values("share", kind="stable")
        near, far = own.iloc[-1], own.iloc[0]
        text = f"nearest to its bound is {described(near)}"
        if len(own) > 1 and near["quantity"] != far["quantity"]:
            text += f", furthest from it {described(far)}"
        said.append((f"{cell}:", f"{text}."))
    return tuple(said)


def described(row: pd.Series) -> str:
    """Name a statement with how much of it is used."""
    share = float(row["share"])
    used = "less than 0.1%" if share < 0.001 else "all" if share > 0.9995 else formats.percent(share)
    return f"{row['quantity']}{place(row)} {frames.MOMENT_WORDS[str(row['moment'])]}, with {used} of it used"


def place(row: pd.Series) -> str:
    """Say at which n or lag something was measured; "" for a matrix."""
    if pd.isna(row["at"]):
        return ""
    word = "at lag" if "jacobian" in str(row["statement"]) else "at n ="
    return f" {word} {int(row['at']):,}"


def check_table(content: StudyContent, checked: pd.DataFrame) -> Table:
    """Return all checks, a row each."""
    rows = []
    order = {cell: i for i, cell in enumerate(content.cells)}
    ranked = checked.assign(order=checked["cell"].map(order)).sort_values(["order", "statement"], kind="stable")
    for _, row in ranked.iterrows():
        sign = "≥" if bool(row["lower"]) else "≤"
        verdict = "VIOLATED" if row["holds"] == "no" else str(row["holds"])
        layer = f" ({row['layer']})" if row["layer"] else ""
        rows.append(
            (
                f"{row['cell']}{layer}", {"initial": "initialisation", "trained": "training"}[str(row["moment"])],
                str(row["quantity"]), place(row).strip() or formats.MISSING,
                f"{sign} {formats.number(float(row['bound']))}", formats.number(float(row["measured"])), verdict,
                str(row["source"]),
            )
        )  # fmt: skip
    columns = ("cell", "when", "what", "nearest", "bound", "measured", "holds", "where the bound comes from")
    caption = "Every statement at the place where it came nearest to its bound."
    return Table(caption, columns, tuple(rows), frozenset({"bound", "measured"}), folded=len(rows) > 12)


def reasons(idle: pd.DataFrame) -> list[tuple[str, str]]:
    """Say why statements do not apply, each once."""
    said: dict[tuple[str, str], str] = {}
    for _, row in idle.iterrows():
        key = (f"{row['cell']}, {row['quantity']}, {frames.MOMENT_WORDS[str(row['moment'])]}:", str(row["reason"]))
        said.setdefault(key, str(row["reason"]))
    return [(name, f"{reason}.") for (name, _), reason in said.items()]
