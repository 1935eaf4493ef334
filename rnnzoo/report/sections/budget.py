"""What was equal and what was not: the first table of a report."""

# ruff: noqa: RUF001 - numbers are written with real minus signs

import math

import pandas as pd

from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Paragraph, Section, Table
from rnnzoo.report.budget import FEWEST_SEEDS, Quantity, few_seeds, quantities
from rnnzoo.report.content import StudyContent
from rnnzoo.report.sections.parts import missing


def budget_section(content: StudyContent) -> Section:
    """What every cell was given and what it used."""
    title, found = "What was equal, and what was not", quantities(content)
    if not found:
        return Section("budget", title, "Budget", (missing("The study recorded no budget."),))
    columns = ("quantity", *(["equal for every cell"] if len(content.cells) > 1 else []))
    values = tuple(task.label for task in content.tasks)
    rows = tuple((q.name, *([q.equal] if len(content.cells) > 1 else []), *q.values) for q in found)
    caption = "What every cell was given, and below that what it took; ranges are over the cells of a task."
    blocks: list[Block] = [Paragraph(budget_sentence(found)) if len(content.cells) > 1 else Paragraph(ALONE)]
    blocks.append(Table(caption, (*columns, *values), rows))
    if (seeds := few_seeds(content)) is not None:
        blocks.append(
            missing(
                f"Only {formats.plural(seeds, 'confirming seed')}: what is said of intervals and tests below is a "
                "hint. "
                f"At least {FEWEST_SEEDS} seeds are advised (confirm.seeds)."
            )
        )
    if content.meanings:
        named = tuple(content.meanings.items())
        blocks.append(Table("What the labels stand for.", ("label", "cell and its settings"), named))
    blocks.append(cell_table(content.budget))
    return Section("budget", title, "Budget", tuple(blocks))


ALONE = "This study has one cell, so there is nothing that had to be equal."


def budget_sentence(found: list[Quantity]) -> str:
    """Say what every cell had alike on each task, and what differed."""
    given = [quantity for quantity in found if not quantity.used]
    equal = [quantity.name for quantity in given if quantity.equal == "yes"]
    nearly = [f"{q.name} ({q.equal.partition(': ')[2]})" for q in given if q.equal.startswith("nearly")]
    unequal = [quantity.name for quantity in given if quantity.equal.startswith("no")]
    parts = [f"Equal for every cell of a task: {formats.listing(equal)}."] if equal else []
    parts += [f"Equal but for whole units: {formats.listing(nearly)}."] if nearly else []
    parts.append(f"Different: {formats.listing(unequal)}." if unequal else "Nothing that was given differed.")
    parts.append(
        "At the same seed every cell "
        f"{'saw the same batches' if 'batch size' in equal else 'drew from the same data'}; all "
        "were chosen on the same validation data and scored on the same test data."
    )
    return " ".join(parts)


NAMES = ("hidden_size", "num_layers", "parameters", "search_trials", "search_steps", "confirm_seeds", "confirm_steps",
         "batch_size", "searched_settings")  # fmt: skip


def cell_table(budget: pd.DataFrame) -> Table:
    """Return the budget, a row a (task, cell)."""
    rows = []
    for _, row in budget.iterrows():
        residual = formats.number_or_nan(row["residual"])
        counts = {name: formats.count(formats.number_or_nan(row[name])) for name in NAMES}
        rows.append(
            (
                str(row["task"]), str(row["cell"]), counts["hidden_size"], counts["num_layers"], counts["parameters"],
                formats.MISSING if math.isnan(residual) else f"{residual:+.2f}%".replace("-", "−"),
                counts["searched_settings"], f"{counts['search_trials']} × {counts['search_steps']}",
                f"{counts['confirm_seeds']} × {counts['confirm_steps']}", counts["batch_size"],
            )
        )  # fmt: skip
    columns = ("task", "cell", "hidden", "layers", "parameters", "off budget", "searched", "search", "confirm", "batch")
    caption = (
        "The budget of every cell on every task. Searched: settings searched; search: trials × steps; "
        "confirm: seeds × steps."
    )
    return Table(caption, columns, tuple(rows), frozenset(columns[2:]), folded=True)
