"""How to get the same numbers again: the command, the versions and the tasks."""

from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Code, Heading, Section, Table
from rnnzoo.report.content import StudyContent


def reproduction_section(content: StudyContent) -> Section:
    """How to get the same numbers again."""
    blocks: list[Block] = [Code(content.command)]
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
    return Section("reproduce", "How to get the same numbers again", "Reproduce", tuple(blocks))


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
