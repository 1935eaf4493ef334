"""How perturbations grow: singular values of Jacobians against their lag, and Lyapunov exponents."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math
from collections.abc import Callable
from functools import partial

import numpy as np
import pandas as pd

from rnnzoo.report import formats, sentences
from rnnzoo.report.blocks import Block, Bullets, Heading, Section, Table
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.laboratory import frames
from rnnzoo.report.laboratory.figures import LEVEL, line_figure
from rnnzoo.report.sections.parts import picture


def spectrum_section(content: StudyContent, drawn: Drawings) -> Section | None:
    """Singular values, condition numbers and exponents; None if neither was measured."""
    blocks = [*jacobian_blocks(content, drawn), *lyapunov_blocks(content, drawn)]
    return Section("growth", "How perturbations grow", "Growth", tuple(blocks)) if blocks else None


def jacobian_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return what is said of the Jacobian's singular values."""
    found = frames.spectra(content)
    if found.empty:
        return []
    drawing = found.assign(sigma=_exponential(found["largest"]))
    grown = frames.growth(content)
    entries = fates(content, grown, lambda group: f"The largest singular value {int(group['lag'].max()):,} steps back")
    bounds = two_norm_bounds(content)
    draw = partial(
        line_figure, content, drawing, "lag", "sigma", ("lag: steps back from the end", "σ_max of ∂h_T/∂h_(T-lag)"),
        log_x=True, log_y=True, level=LEVEL, bounds=bounds,
    )  # fmt: skip
    caption = (
        "Largest singular value of the Jacobian of the whole state with respect to an earlier one, on one validation "
        "sequence: no perturbation of the state and no gradient is stretched more. The shaded band is what counts as "
        f"level, {frames.within_factor()}; a line along an edge lies beyond it."
    )
    if len(bounds):
        caption += " Triangles are proven bounds on this very norm; the cell's line must lie on the side they point to."
    alt = "Largest singular value over the lag. " + " ".join(text for _, text in entries)
    blocks: list[Block] = [Heading("The largest stretch"), Bullets(tuple(entries))]
    blocks.append(picture(drawn, "jacobians", draw, caption, alt, drawing))
    condition = frames.conditions(content)
    draw = partial(
        line_figure, content, condition, "lag", "condition", ("lag: steps back from the end", "σ_max / σ_min"),
        log_x=True, log_y=True, limits=(0.7, 2e16),
    )  # fmt: skip
    said = conditioned(content, condition)
    caption = (
        "Condition number of the same Jacobian: how unlike the directions are treated. 1 is a rotation; what is "
        "beyond the upper edge has lost some directions altogether."
    )
    partly = [cell for cell in content.cells if not condition.loc[condition["cell"] == cell, "complete"].all()]
    if partly:
        caption += (
            f" Of {formats.listing(partly)} only the leading singular values are known: the condition number is at "
            "least what is drawn."
        )
    alt = "Condition number over the lag. " + " ".join(text for _, text in said)
    blocks += [Heading("How unlike the directions are treated"), Bullets(tuple(said))]
    blocks.append(picture(drawn, "condition", draw, caption, alt, condition))
    return blocks


def two_norm_bounds(content: StudyContent) -> pd.DataFrame:
    """Return the proven bounds on the spectral norm of a one-layer network's Jacobian that apply."""
    frame = content.measured.get("bounds")
    columns = [*frames.KEYS, "at", "bound", "lower"]
    if frame is None:
        return pd.DataFrame(columns=columns)
    chosen = frame[(frame["quantity"] == "‖∂h_n/∂h_k‖₂") & frame["holds"].isin(["yes", "no"]) & frame["layer"].isna()]
    return frames.over_seeds(
        chosen.assign(lower=chosen["lower"].astype(bool)), [*frames.KEYS, "at", "lower"], ["bound"]
    )


SINGLE = 1e7
"""Condition number beyond which float32 holds nothing of the smallest direction: one over its rounding, 6e-8."""


def conditioned(content: StudyContent, condition: pd.DataFrame) -> list[tuple[str, str]]:
    """Say from which lag on condition numbers exceed what float32 resolves, and what they are where they do not."""
    entries = []
    for task in content.tasks:
        for moment in frames.moments_of(condition):
            own = condition[(condition["task"] == task.label) & (condition["moment"] == moment)]
            beyond, within = [], []
            for cell in frames.cells_of(content, own):
                mine = own[own["cell"] == cell].sort_values("lag")
                over = mine[mine["condition"] > SINGLE]
                if len(over):
                    beyond.append(f"{cell} {int(over['lag'].iloc[0]):,}")
                else:
                    least = "" if bool(mine["complete"].iloc[-1]) else "at least "
                    within.append(f"{cell} ({least}{number(float(mine['condition'].iloc[-1]))})")
            clauses = []
            if beyond:
                clauses.append(
                    "the condition number exceeds 10⁷, where float32 loses the smallest direction beside the largest, "
                    f"from these lags on: {formats.listing(beyond)}"
                )
            if within:
                clauses.append(
                    f"at the longest lag, {int(own['lag'].max()):,}, it is below that in {formats.listing(within)}"
                )
            if clauses:
                entries.append((f"{task.title}, {frames.MOMENT_WORDS[moment]}:", f"{'; '.join(clauses)}."))
    return entries


def number(value: float) -> str:
    """Write a number, or that it is beyond what a float holds."""
    return "beyond 10³⁰⁷" if value > 1e307 else formats.number(value, 2)


def lyapunov_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return what is said of the Lyapunov exponents."""
    history = frames.exponents(content)
    if history.empty:
        return []
    first = history[history["index"] == 1]
    leading = frames.leading_exponents(content)
    values = first.loc[np.isfinite(first["exponent"]) & (first["t"] >= 10), "exponent"].to_numpy(dtype=float)
    spread = max(1e-3, float(np.quantile(np.abs(values), 0.9))) if len(values) else 1.0
    late = first[first["t"] >= 10] if (first["t"] >= 10).any() else first
    draw = partial(
        line_figure, content, late, "t", "exponent", ("steps averaged over", "largest exponent, nats a step"),
        log_x=True, zero=0.0, limits=(-1.6 * spread, 1.1 * max(0.3 * spread, *values, 0.0)),
    )  # fmt: skip
    entries = perturbed(content, leading)
    caption = (
        "Largest Lyapunov exponent along a validation sequence, as the mean growth up to a step: the flatter a line "
        "ends, the better it has converged. Below the line a perturbation dies out, above it it grows: chaos."
    )
    alt = "Largest Lyapunov exponent. " + " ".join(text for _, text in entries)
    return [
        Heading("Lyapunov exponents"), Bullets(tuple(entries)),
        picture(drawn, "lyapunov", draw, caption, alt, history), exponent_table(leading),
    ]  # fmt: skip


PERTURBED = {"vanishes": "dies out in", "explodes": "grows in", "stays level": "neither dies out nor grows in"}


def perturbed(content: StudyContent, leading: pd.DataFrame) -> list[tuple[str, str]]:
    """Say for every task and moment in which cells a small perturbation dies out or grows, with the exponents."""
    entries = []
    for task in content.tasks:
        for moment in frames.moments_of(leading):
            own = leading[(leading["task"] == task.label) & (leading["moment"] == moment)]
            clauses = []
            for fate, words in PERTURBED.items():
                cells = own[own["fate"] == fate].sort_values("exponent", kind="stable")
                named = [f"{row['cell']} ({formats.number(float(row['exponent']), 2)})" for _, row in cells.iterrows()]
                clauses += [f"{words} {formats.listing(named)}"] if named else []
            if clauses:
                text = f"Over {int(own['t'].max()):,} steps a small perturbation {'; '.join(clauses)} nats a step."
                entries.append((f"{task.title}, {frames.MOMENT_WORDS[moment]}.", text))
    return entries


def exponent_table(leading: pd.DataFrame) -> Table:
    """Return the exponents with what the second half of the sequence still changed."""
    rows = []
    for _, row in leading.iterrows():
        value, before = float(row["exponent"]), float(row["before"])
        dimension = float(row["kaplan_yorke"])
        rows.append(
            (
                str(row["task"]), str(row["cell"]), frames.MOMENT_WORDS[str(row["moment"])], formats.number(value),
                formats.number(value - before, 2), f"{int(row['t']):,}",
                formats.number(dimension) if math.isfinite(dimension) else "more than was measured",
            )
        )  # fmt: skip
    columns = ("task", "cell", "when", "exponent", "moved in the second half", "steps", "Kaplan–Yorke dimension")
    caption = "Largest exponent in nats a step, and how much the second half of the sequence moved it."
    return Table(caption, columns, tuple(rows), frozenset(columns[3:6]), folded=True)


def fates(content: StudyContent, frame: pd.DataFrame, subject: Callable[[pd.DataFrame], str]) -> list[tuple[str, str]]:
    """Say for every task and moment in which cells something vanishes, explodes or stays level."""
    entries = []
    for task in content.tasks:
        for moment in frames.moments_of(frame):
            own = frame[(frame["task"] == task.label) & (frame["moment"] == moment)]
            clauses = sentences.fate_clauses(own) if len(own) else []
            if clauses:
                clauses[0] = clauses[0].removeprefix("it ")
                text = f"{subject(own)} {'; '.join(clauses)}."
                entries.append((f"{task.title}, {frames.MOMENT_WORDS[moment]}.", text))
    return entries


def _exponential(values: pd.Series) -> np.ndarray:
    result: np.ndarray = np.exp(np.clip(values.to_numpy(dtype=float), -740.0, 709.0))
    return result
