"""What every cell was given, what it used of it, and what of that was equal: the first thing that a report tells."""

# ruff: noqa: RUF001 - numbers are written with real minus signs

import math
from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd

from rnnzoo.report import formats
from rnnzoo.report.content import StudyContent

FEWEST_SEEDS = 5
"""Fewer confirming seeds than this make intervals hints: the report warns."""

NEAR = 5.0
"""Parameters within so many % of the budget on each side count as nearly equal, and so do times and steps taken."""


@dataclass(frozen=True)
class Quantity:
    """One thing that a comparison is fair or unfair in.

    Attributes:
        name: what it is.
        equal: "yes", "no", or in what measure.
        values: one text a task, in the study's order: the value, or the range over the cells.
        used: whether the cells took it, rather than were given it.
    """

    name: str
    equal: str
    values: tuple[str, ...]
    used: bool = False


GIVEN = {
    "parameters": "parameters",
    "hidden_size": "hidden size",
    "num_layers": "layers",
    "batch_size": "batch size",
    "search_trials": "search trials",
    "searched_settings": "settings searched",
    "trial_seeds": "seeds of a trial",
    "sampler": "sampler",
    "pruner": "pruner",
    "objectives": "what the search optimises",
    "search_steps": "steps of a trial",
    "search_seconds": "training time allowed to a trial",
    "confirm_seeds": "confirming seeds",
    "confirm_steps": "steps of a confirming run",
    "confirm_seconds": "training time allowed to a confirming run",
}
"""Columns of the budget and their names, in the order of the table."""

TEXTS = ("sampler", "pruner", "objectives")
"""Columns that are no numbers."""

PLAIN = {"trial_seeds": "1", "pruner": "none", "objectives": "score"}
"""Values that say that a search does nothing special: a row of them alone is left out."""


def quantities(content: StudyContent) -> list[Quantity]:
    """Return what was given and what was used; what does not concern the study is left out."""
    if content.budget.empty:
        return []
    columns = {column: given(content, column, name) for column, name in GIVEN.items()}
    found = [quantity for column, quantity in columns.items() if set(quantity.values) != {PLAIN.get(column)}]
    found += [
        used(content, "search", "steps", "steps taken by a trial"),
        used(content, "search", "seconds", "training time taken by all trials"),
        used(content, "confirm", "steps", "steps taken by a confirming run"),
        used(content, "confirm", "seconds", "training time taken by a confirming run"),
    ]
    # where every run took all the steps that it was given, a second row would say nothing
    whole = {quantity.name: quantity.values for quantity in found}
    return [
        quantity
        for quantity in found
        if any(value != formats.MISSING for value in quantity.values)
        and not (quantity.used and whole.get(quantity.name.replace("taken by", "of")) == quantity.values)
    ]


def given(content: StudyContent, column: str, name: str) -> Quantity:
    """Return a column of the budget as a quantity."""
    by_task = [content.budget.loc[content.budget["task"] == task.label, column] for task in content.tasks]
    if column in TEXTS:
        named = [sorted({str(value) for value in own if isinstance(value, str) and value}) for own in by_task]
        equal = "yes" if all(len(names) < 2 for names in named) else "no"
        return Quantity(name, equal, tuple(formats.listing(names) or formats.MISSING for names in named))
    numbers = [pd.to_numeric(own, errors="coerce").astype(float) for own in by_task]
    # a count of nothing and a limit that was not set are no part of the budget
    if column.startswith(("search", "trial")):
        numbers = [own.where(own > 0) if (own == 0).all() else own for own in numbers]
    write = formats.duration if column.endswith("seconds") else formats.count
    equal = "yes" if all(own.nunique(dropna=False) <= 1 for own in numbers) else "no"
    if column == "parameters" and equal == "no":
        equal = residual_words(content) or equal
    if column == "hidden_size" and content.budget["residual"].notna().any() and equal == "no":
        equal = "no: solved from the parameters"
    return Quantity(name, equal, tuple(spread(own, write) for own in numbers))


def residual_words(content: StudyContent) -> str:
    """Say how far the parameters are off what was to be spent, or nothing where there was no such budget."""
    residual = pd.to_numeric(content.budget["residual"], errors="coerce").dropna()
    if residual.empty:
        return ""
    return f"{'nearly' if residual.abs().max() <= NEAR else 'no'}: {signed_range(residual)} off the budget"


def signed_range(percent: pd.Series) -> str:
    """Write a range of signed percentages."""
    low, high = float(percent.min()), float(percent.max())
    texts = dict.fromkeys(f"{end:+.1f}%".replace("-", "−").replace("+0.0%", "0.0%") for end in (low, high))
    return " to ".join(texts)


def used(content: StudyContent, phase: str, column: str, name: str) -> Quantity:
    """Return what the runs of a phase used: a cell's median over its runs, or its sum over all trials."""
    rows = content.rows[(content.rows["phase"] == phase) & (content.rows["state"] != "failed")]
    # a trial that is proposed twice is trained once
    rows = rows.drop_duplicates(["task", "cell", "run"])
    summed = phase == "search" and column == "seconds"
    values, equal, near = [], True, True
    for task in content.tasks:
        own = rows[rows["task"] == task.label].assign(used=lambda r: pd.to_numeric(r[column], errors="coerce"))
        by_cell = own.groupby("cell")["used"]
        per_cell = (by_cell.sum(min_count=1) if summed else by_cell.median()).astype(float)
        equal = equal and per_cell.nunique(dropna=False) <= 1
        near = near and float(per_cell.max() - per_cell.min()) <= NEAR / 100 * float(per_cell.max())
        values.append(spread(per_cell, formats.duration if column == "seconds" else formats.count))
    words = "yes" if equal else f"nearly: within {NEAR:g}%" if near else "no"
    return Quantity(name, words, tuple(values), used=True)


def spread(values: pd.Series, write: Callable[[float], str]) -> str:
    """Write the one value that all cells have, or their range."""
    known = values.dropna()
    if known.empty:
        return formats.MISSING
    return " to ".join(dict.fromkeys([write(float(known.min())), write(float(known.max()))]))


def few_seeds(content: StudyContent) -> int | None:
    """Return the smallest number of confirming seeds that a cell was given, where it is below `FEWEST_SEEDS`."""
    seeds = pd.to_numeric(content.budget["confirm_seeds"], errors="coerce").min()
    if pd.isna(seeds) or math.isclose(seeds, 0) or seeds >= FEWEST_SEEDS:
        return None
    return int(seeds)
