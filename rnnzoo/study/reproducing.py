"""A published set-up as a study file: what `rnnzoo reproduce` runs, and what anyone can edit and run again."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from rnnzoo.cells import CELLS, Recipe
from rnnzoo.checks import one_of, positive_integer
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Task


def recipes() -> dict[str, dict[str, Recipe]]:
    """Return the recipes by task, by cell."""
    return {name: dict(cell.recipes) for name, cell in CELLS.items() if cell.recipes}


def reproduction(
    cell: str, task: str, *, seeds: Sequence[int] = (1,), epochs: int | None = None, steps: int | None = None
) -> str:
    """Return the study file that trains a cell on a task as its authors did.

    Args:
        cell: a cell with recipes.
        task: a task that the cell has a recipe for.
        seeds: one run a seed.
        epochs: passes over the training data, instead of the authors' number; for tasks with a fixed training set.
        steps: optimiser steps instead.

    Raises:
        TypeError, ValueError: there is no such recipe, or both or neither of `epochs` and `steps` fit the task.
    """
    one_of("reproduce", "cell", cell, tuple(recipes()))
    one_of("reproduce", "task", task, tuple(recipes()[cell]))
    recipe = recipes()[cell][task]
    made = TASKS[task](**recipe.task)
    epoch = steps_per_epoch(made, recipe)
    if epochs is not None and steps is not None:
        raise ValueError(f"reproduce: give epochs or steps, got both ({epochs} and {steps})")
    if epochs is not None:
        if epoch is None:
            raise ValueError(f"reproduce: {task} draws every batch anew and has no epochs; give steps instead")
        steps = positive_integer("reproduce", "epochs", epochs) * epoch
    total = int(recipe.training["steps"]) if steps is None else positive_integer("reproduce", "steps", steps)
    question = f"What does the recipe of {CELLS[cell].__name__}'s authors for {task} give here?"
    lines = [
        f"# {recipe.source}",
        *([f"# Differs: {recipe.differs}."] if recipe.differs else []),
        f"name = {text(f'reproduce-{cell}-{task}')}",
        f"question = {text(question)}",
        "",
        "[confirm]",
        f"seeds = {list(seeds)}",
        f"steps = {total}{'' if epoch is None else f' # {total / epoch:.10g} epochs'}",
        "",
        "[training]",
        f"evaluate_every = {min(total, epoch or 100)}",
        "",
        "[[task]]",
        f"name = {text(task)}",
        *([f"options = {table(recipe.task)}"] if recipe.task else []),
        "",
        "[[cell]]",
        f"name = {text(cell)}",
        f"recipe = {text(task)}",
    ]
    return "\n".join(lines) + "\n"


def steps_per_epoch(task: Task, recipe: Recipe) -> int | None:
    """Return the optimiser steps of one pass over the training data, or None where every batch is fresh."""
    return None if task.train_size is None else -(-task.train_size // int(recipe.training["batch_size"]))


def table(values: Mapping[str, Any]) -> str:
    """Write plain values as an inline table of TOML."""
    return "{ " + ", ".join(f"{name} = {text(value)}" for name, value in values.items()) + " }"


def text(value: Any) -> str:
    """Write a plain value as TOML, whose strings, numbers, booleans and lists are those of JSON."""
    return json.dumps(value, ensure_ascii=False)
