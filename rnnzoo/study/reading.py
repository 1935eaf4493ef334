"""A study file, read and checked as a whole: every mistake in it is found before anything runs."""

from pathlib import Path
from typing import Literal

from rnnzoo.cells import CELLS
from rnnzoo.engine import ENGINE_CHOICES
from rnnzoo.strict import Strict
from rnnzoo.study.competing import CompetitorMaker
from rnnzoo.study.file import StudyFileError, read_toml
from rnnzoo.study.mistakes import Mistakes
from rnnzoo.study.plan import Plan
from rnnzoo.study.pruning import FEWEST_PAIRS
from rnnzoo.study.rules import LearningEntry, read_rules
from rnnzoo.study.schema import Budget, CellEntry, Confirm, Limits, Name, Search, TaskEntry
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Task


class _Header(Strict):
    name: Name
    question: str
    engine: str = "auto"
    focus: Literal["scores", "gradients"] = "scores"


KEYS = {*_Header.model_fields, "budget", "limits", "search", "confirm", "training", "task", "cell", "learning"}


def read_plan(path: Path) -> Plan:
    """Read and check a study file.

    Raises:
        StudyFileError: the file cannot be read, or has mistakes; all of them are in the error.
    """
    content = read_toml(path)
    mistakes = Mistakes(path)
    for key in content.keys() - KEYS:
        mistakes.note(key, content[key], f"is unknown; the keys are {', '.join(sorted(KEYS))}")
    header = mistakes.section("", _Header, {k: v for k, v in content.items() if k in _Header.model_fields})
    budget = mistakes.table(content, "budget", Budget)
    limits = mistakes.table(content, "limits", Limits)
    search = mistakes.table(content, "search", Search)
    confirm = mistakes.table(content, "confirm", Confirm)
    training = mistakes.mapping(content, "training")
    tasks = mistakes.entries(content, "task", TaskEntry)
    cells = mistakes.entries(content, "cell", CellEntry)
    rules: list[LearningEntry | None] = [*read_rules(mistakes, content)]
    if header is not None and header.engine not in ENGINE_CHOICES:
        mistakes.note("engine", header.engine, f"is unknown; choose one of {', '.join(ENGINE_CHOICES)}")
    check_seeds(mistakes, search, confirm)
    if search is not None and budget is not None:
        check_search(mistakes, search, search.seconds or budget.seconds)
    mistakes.no_repeats("task", [(i, e.label or e.name) for i, e in tasks], "give one a label of its own")
    mistakes.no_repeats(
        "cell", [(i, e.label or e.name) for i, e in cells], "give one a label of its own, or leave it out"
    )
    made = [(i, entry, make_task(mistakes, i, entry)) for i, entry in tasks]
    named = [(i, entry) for i, entry in cells if cell_exists(mistakes, i, entry)]
    if header is None or budget is None or limits is None or search is None or confirm is None:
        raise StudyFileError(path, mistakes.lines)
    maker = CompetitorMaker(mistakes, header.engine, budget, limits, search, confirm, training)
    competitors = [
        maker.competitor(i, entry, task, j, cell, rule)
        for i, entry, task in made
        if task is not None
        for j, cell in named
        for rule in (rules or [None])
    ]
    mistakes.tell()
    sound = tuple(c for c in competitors if c)
    return Plan(path, header.name, header.question, budget, search, confirm, sound, header.focus)


def check_seeds(mistakes: Mistakes, search: Search | None, confirm: Confirm | None) -> None:
    """Note seeds that are used twice."""
    if confirm is None:
        return
    if len(set(confirm.seeds)) < len(confirm.seeds):
        mistakes.note("confirm.seeds", list(confirm.seeds), "has a seed twice; give each run a seed of its own")
    if search is None or not search.trials:
        return
    if search.seed in confirm.seeds:
        mistakes.note("search.seed", search.seed, "is also a confirm seed; confirm on fresh seeds: choose another one")
    if search.seeds is None:
        return
    if len(set(search.seeds)) < len(search.seeds):
        mistakes.note("search.seeds", list(search.seeds), "has a seed twice; give each run a seed of its own")
    if shared := sorted({*search.seeds} & {*confirm.seeds}):
        text = f"holds the confirm seeds {shared}; confirm on fresh seeds: choose others"
        mistakes.note("search.seeds", list(search.seeds), text)


def check_search(mistakes: Mistakes, search: Search, seconds: float | None) -> None:
    """Note objectives that cannot be chosen by, and what a pruner lacks.

    Args:
        mistakes: takes the notes.
        search: the section.
        seconds: time that a trial may take, or None.
    """
    names = list(search.objectives)
    if "score" not in names or len(set(names)) < len(names):
        text = 'must hold "score", by which the settings to confirm are chosen, and no objective twice'
        mistakes.note("search.objectives", names, text)
    if search.pruner != "none" and len(names) > 1:
        text = "compares trials by one objective; leave search.objectives or search.pruner out"
        mistakes.note("search.pruner", search.pruner, text)
    if search.pruner == "wilcoxon" and len(search.trial_seeds) < FEWEST_PAIRS:
        text = f"compares trials over at least {FEWEST_PAIRS} pairs of task and seed, the study has"
        mistakes.note("search.pruner", search.pruner, f"{text} {len(search.trial_seeds)}; give more in search.seeds")
    if search.by_rungs:
        if search.smallest_steps is None:
            text = f', the training steps of the first rung of "{search.pruner}"; add it'
            mistakes.missing("search.smallest_steps", text)
        if len(search.trial_seeds) > 1:
            text = f'"{search.pruner}" compares runs of growing length with one seed; leave it out'
            mistakes.note("search.seeds", list(search.trial_seeds), text)
        if seconds is not None:
            text = "counts steps, and the study gives trials a time; leave budget.seconds and search.seconds out"
            mistakes.note("search.pruner", search.pruner, text)
    else:
        for key in ("smallest_steps", "reduction"):
            if key in search.model_fields_set:
                text = 'belongs to pruner = "halving" or "hyperband"; leave it out, or choose one of them'
                mistakes.note(f"search.{key}", getattr(search, key), text)


def make_task(mistakes: Mistakes, i: int, entry: TaskEntry) -> Task | None:
    """Return the task of an entry."""
    if entry.name not in TASKS:
        mistakes.note(f"task {i}.name", entry.name, f"is unknown; choose one of {', '.join(TASKS)}")
        return None
    try:
        return TASKS[entry.name](**entry.options)
    except (TypeError, ValueError) as error:
        mistakes.note(f"task {i}.options", entry.options, str(error))
        return None


def cell_exists(mistakes: Mistakes, i: int, entry: CellEntry) -> bool:
    """Whether the cell and the recipe of an entry exist."""
    if entry.name not in CELLS:
        mistakes.note(f"cell {i}.name", entry.name, f"is unknown; choose one of {', '.join(CELLS)}")
        return False
    if entry.label in CELLS and entry.label != entry.name:
        text = f"is the name of another cell than {entry.name}; choose a label that misleads nobody"
        mistakes.note(f"cell {i}.label", entry.label, text)
        return False
    recipes = CELLS[entry.name].recipes
    if entry.recipe is not None and entry.recipe not in recipes:
        known = ", ".join(recipes) or "none"
        mistakes.note(f"cell {i}.recipe", entry.recipe, f"is no recipe of {entry.name}; it has {known}")
        return False
    return True
