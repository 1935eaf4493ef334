"""What was equal and what was not, and how to get the same numbers again."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math

import pandas as pd

from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Code, Heading, Paragraph, Section, Table
from rnnzoo.report.content import StudyContent
from rnnzoo.report.sections.parts import missing


def reproduction_section(content: StudyContent) -> Section:
    """What was equal, and how to get the same numbers again."""
    blocks: list[Block] = [Heading("What was equal, and what was not")]
    if content.budget.empty:
        blocks.append(missing("The study recorded no budget."))
    else:
        blocks += [Paragraph(budget_sentence(content.budget)), budget_table(content.budget)]
    if content.meanings:
        named = tuple(content.meanings.items())
        blocks.append(Table("What the labels stand for.", ("label", "cell and its settings"), named))
    blocks += [Heading("The same numbers again"), Code(content.command)]
    blocks.append(Table("Versions and machine.", ("what", "value"), tuple(environment(content).items())))
    blocks.append(Heading("The tasks"))
    for task in content.tasks:
        known = {
            "metric": f"{task.metric}, {'smaller' if task.direction == 'minimize' else 'larger'} is better",
            "memoryless baseline": formats.score(task.baseline, task),
            **task.facts,
        }
        rows = tuple((name, str(value)) for name, value in known.items())
        blocks.append(Table(f"{task.title} ({task.name}, “{task.label}” in this study).", ("fact", "value"), rows))
    return Section("reproduce", "What was equal, and how to repeat it", "Reproduce", tuple(blocks))


ENVIRONMENT_ORDER = (
    "rnnzoo", "commit", "date", "python", "torch", "numpy", "optuna", "engine", "platform", "processor", "cores",
    "memory", "threads per run", "confirming seeds",
)  # fmt: skip
"""What ran comes first, then what it stood on, the machine, and how it was used; facts not named here come last."""


def environment(content: StudyContent) -> dict[str, str]:
    """Return versions and machine in the order in which a reader asks for them."""
    engines = sorted({str(engine) for engine in content.rows["engine"].dropna()})
    facts = {name: str(value) for name, value in content.environment.items()} | {
        "engine": ", ".join(engines) or "none",
        "confirming seeds": ", ".join(map(str, content.seeds)) or "none",
    }
    ordered = [name for name in ENVIRONMENT_ORDER if name in facts]
    return {name: facts[name] for name in [*ordered, *(name for name in facts if name not in ENVIRONMENT_ORDER)]}


BUDGET_NAMES = {
    "search_trials": "search trials", "search_steps": "steps of a trial", "confirm_seeds": "confirming seeds",
    "confirm_steps": "steps of a confirming run", "batch_size": "batch size", "parameters": "parameters",
    "hidden_size": "hidden size", "num_layers": "layers",
}  # fmt: skip


def budget_sentence(budget: pd.DataFrame) -> str:
    """Say what every cell had alike on each task, and what differed."""
    equal: list[str] = []
    unequal: list[str] = []
    for column, name in BUDGET_NAMES.items():
        alike = bool((budget.groupby("task")[column].nunique(dropna=False) <= 1).all())
        (equal if alike else unequal).append(name)
    text = f"Equal for every cell of a task: {formats.listing(equal)}. " if equal else ""
    text += f"Different: {formats.listing(unequal)}." if unequal else "Nothing differed."
    residual = pd.to_numeric(budget["residual"], errors="coerce").abs().max()
    if pd.notna(residual):
        text += f" Parameters came within {formats.number(float(residual), 2)}% of the budget."
    return text


def budget_table(budget: pd.DataFrame) -> Table:
    """Return the budget, a row a (task, cell)."""
    rows = []
    for _, row in budget.iterrows():
        residual = formats.number_or_nan(row["residual"])
        counts = {name: formats.count(formats.number_or_nan(row[name])) for name in BUDGET_NAMES}
        rows.append(
            (
                str(row["task"]), str(row["cell"]), counts["hidden_size"], counts["num_layers"], counts["parameters"],
                formats.MISSING if math.isnan(residual) else f"{residual:+.2f}%".replace("-", "−"),
                f"{counts['search_trials']} × {counts['search_steps']}",
                f"{counts['confirm_seeds']} × {counts['confirm_steps']}", counts["batch_size"],
            )
        )  # fmt: skip
    columns = ("task", "cell", "hidden", "layers", "parameters", "off budget", "search", "confirm", "batch")
    caption = "The budget of every cell on every task. Search: trials × steps; confirm: seeds × steps."
    return Table(caption, columns, tuple(rows), frozenset(columns[2:]))
