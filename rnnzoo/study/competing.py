"""From entries of a study file to competitors: study, task, recipe and cell settings, each laid over the one before."""

from collections.abc import Mapping
from typing import Any

from optuna.distributions import BaseDistribution

from rnnzoo.cells import CELLS, Cell, Recipe
from rnnzoo.configuration import TrainingOptions
from rnnzoo.diagnostics.measuring import ONE_DIRECTION, measured_on
from rnnzoo.files import read_beside
from rnnzoo.hidden_size import solve_hidden_size
from rnnzoo.learning.choosing import make_rule
from rnnzoo.learning.options import JOINED
from rnnzoo.study.file import MOST_BYTES
from rnnzoo.study.mistakes import Mistakes
from rnnzoo.study.plan import Competitor
from rnnzoo.study.rules import LearningEntry
from rnnzoo.study.schema import Budget, CellEntry, Confirm, Limits, Search, TaskEntry
from rnnzoo.study.sizing import check_largest, draws, model_of
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Task


class CompetitorMaker:
    """Makes the competitors: merges study, task, recipe and cell settings, each over the one before it."""

    def __init__(
        self,
        mistakes: Mistakes,
        engine: str,
        budget: Budget,
        limits: Limits,
        search: Search,
        confirm: Confirm,
        training: dict[str, Any],
    ) -> None:
        self.mistakes = mistakes
        self.engine = engine
        self.budget = budget
        self.limits = limits
        self.search = search
        self.confirm = confirm
        self.training = training

    def competitor(
        self, i: int, entry: TaskEntry, task: Task, j: int, cell: CellEntry, rule: LearningEntry | None = None
    ) -> Competitor | None:
        """Return the competitor of task entry i and cell entry j under a rule, or None with its mistakes noted."""
        kind = CELLS[cell.name]
        recipe = kind.recipes[cell.recipe] if cell.recipe is not None else None
        if recipe is not None:
            self.same_task(j, cell, recipe, task)
        options = {**(recipe.cell if recipe else {}), **cell.options}
        if not self.read_construction(j, kind, options):
            return None
        training = self.merged_training(i, entry, j, cell, recipe, rule)
        if training is None:
            return None
        cell_space, training_space = self.spaces(kind, recipe, options, training)
        size = cell.hidden_size or (recipe.hidden_size if recipe else None)
        layers = cell.num_layers or (recipe.num_layers if recipe else 1)
        base = {
            "task": entry.name,
            "task_options": task.options(),
            "cell": cell.name,
            "cell_options": options,
            "num_layers": layers,
            "bidirectional": cell.bidirectional,
            "residual": cell.residual,
            **dropouts(cell, recipe),
            "training": training,
            "seed": self.confirm.seeds[0],
            "test": True,
            "diagnostics": list(self.confirm.diagnostics),
            "engine": self.engine,
            "threads": self.budget.threads,
            "limit_seconds": self.limits.seconds,
        }
        if cell.embedding is not None:
            base["embedding"] = cell.embedding.model_dump(mode="json")
        if cell.encoder is not None:
            base["encoder"] = cell.encoder.model_dump(mode="json")
        if rule is not None:
            base["learning"] = rule.options.model_dump(mode="json")
        if self.confirm.diagnostics_length is not None:
            base["diagnostics_length"] = self.confirm.diagnostics_length
        self.check_diagnostics(i, entry, task, j, cell)
        if "lr" not in training and "lr" not in training_space:
            text = f" for {cell.name}; set it in [training], or search.trials above 0 to have it searched"
            self.mistakes.missing("training.lr", text)
            return None
        sized = self.sized(j, cell, task, base, size)
        if sized is None:
            return None
        base["hidden_size"], parameters = sized
        if not self.drawable(j, cell, task, base, cell_space, size):
            return None
        if not self.learnable(i, j, task, base, rule):
            return None
        search_steps = entry.search_steps or self.search.steps
        if self.search.smallest_steps is not None and self.search.smallest_steps >= search_steps:
            text = f"must be below the {search_steps} steps of a trial on {entry.label or entry.name}; choose fewer"
            self.mistakes.note("search.smallest_steps", self.search.smallest_steps, text)
        return Competitor(
            label=entry.label or entry.name,
            task=task,
            cell=(cell.label or cell.name) + (f"{JOINED}{rule.name}" if rule is not None else ""),
            rule=(cell.label or cell.name, rule.name) if rule is not None else None,
            base=base,
            search_steps=search_steps,
            cell_space=cell_space,
            training_space=training_space,
            budget=self.budget.parameters if size is None else None,
            parameters=parameters,
            search_seconds=self.search.seconds or self.budget.seconds,
            sampler=cell.sampler or self.search.sampler,
            published_steps=None if recipe is None else int(recipe.training["steps"]),
        )

    def check_diagnostics(self, i: int, entry: TaskEntry, task: Task, j: int, cell: CellEntry) -> None:
        """Note measures that this cell or this task cannot have."""
        length, asked = self.confirm.diagnostics_length, self.confirm.diagnostics
        try:
            measured_on(task, TASKS[entry.name], length)
        except ValueError as error:
            self.mistakes.note("confirm.diagnostics_length", length, f"task {i}: {error}")
        if cell.bidirectional and (barred := [name for name in asked if name in ONE_DIRECTION]):
            text = (
                f"need a cell that reads in one direction, and cell {j} is bidirectional; leave {', '.join(barred)} out"
            )
            self.mistakes.note("confirm.diagnostics", list(asked), text)

    def same_task(self, j: int, cell: CellEntry, recipe: Recipe, task: Task) -> None:
        """Note where the task's options are not those that the recipe was published for."""
        given = task.options()
        for name, value in recipe.task.items():
            if given.get(name) != value:
                text = f"was published for {name} = {value!r}, the study's task has {given.get(name)!r}; use that value"
                self.mistakes.note(f"cell {j}.recipe", cell.recipe, text)

    def merged_training(
        self,
        i: int,
        entry: TaskEntry,
        j: int,
        cell: CellEntry,
        recipe: Recipe | None,
        rule: LearningEntry | None,
    ) -> dict[str, Any] | None:
        """Return the training settings without what is searched, or None with the mistakes noted."""
        layers = [
            ("training", self.training),
            (f"task {i}.training", entry.training),
            (f"cell {j}.recipe", dict(recipe.training) if recipe else {}),
            (f"cell {j}.training", cell.training),
            *([(f"{rule.place}.training", rule.training)] if rule is not None else []),
        ]
        merged: dict[str, Any] = {}
        sound = True
        for place, values in layers:
            if "steps" in values and "recipe" not in place:
                text = "is set by search.steps, confirm.steps and by a task's search_steps, confirm_steps; remove it"
                self.mistakes.note(f"{place}.steps", values["steps"], text)
                sound = False
            if "max_seconds" in values:
                text = "is set by budget.seconds and search.seconds; remove it"
                self.mistakes.note(f"{place}.max_seconds", values["max_seconds"], text)
                sound = False
            # every layer is checked alone, beside sound values for the fields that it must not leave out
            needed = {"steps": 1, "batch_size": 1, "lr": 1.0}
            sound = self.mistakes.section(place, TrainingOptions, needed | values) is not None and sound
            merged |= values
        merged["steps"] = entry.confirm_steps or self.confirm.steps
        if self.budget.seconds is not None:
            merged["max_seconds"] = self.budget.seconds
        if "batch_size" not in merged:
            self.mistakes.missing("training.batch_size", "; add it to [training]")
            sound = False
        return merged if sound else None

    def spaces(
        self, kind: type[Cell], recipe: Recipe | None, options: Mapping[str, Any], training: Mapping[str, Any]
    ) -> tuple[dict[str, BaseDistribution], dict[str, BaseDistribution]]:
        """Return what is searched of the cell and of training: all that is not fixed; nothing without trials."""
        if recipe is not None or self.search.trials == 0:
            return {}, {}
        space = kind.search_space
        whole = kind.construction is not None and kind.construction.file in options
        in_cell = {name: d for name, d in space.cell.items() if name not in options and not whole}
        in_training = {name: distribution for name, distribution in space.training.items() if name not in training}
        return in_cell, in_training

    def sized(
        self, j: int, cell: CellEntry, task: Task, base: Mapping[str, Any], size: int | None
    ) -> tuple[int, int] | None:
        """Return hidden size and parameter count, or None with the mistake noted."""

        def count(hidden_size: int) -> int:
            return model_of(task, base, hidden_size).parameter_count()

        place = f"cell {j}"
        try:
            if size is None:
                if self.budget.parameters is None:
                    text = f" for {cell.name}; set budget.parameters, or hidden_size in its [[cell]]"
                    self.mistakes.missing(f"{place}.hidden_size", text)
                    return None
                size = solve_hidden_size(self.budget.parameters, count)
            return size, count(size)
        except (TypeError, ValueError) as error:
            self.mistakes.note(place, dict(cell.options) or cell.name, str(error))
            return None

    def read_construction(self, j: int, kind: type[Cell], options: dict[str, Any]) -> bool:
        """Put a file's text in the place of its name, so that a run's name covers it; False with the mistake noted."""
        name = kind.construction.file if kind.construction is not None else None
        given = options.get(name) if name is not None else None
        if name is None or not isinstance(given, str) or given.lstrip().startswith("{"):
            return True
        try:
            options[name] = read_beside(self.mistakes.path, given, MOST_BYTES).decode("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            text = f"cannot be read: {error}; name a file beside the study file, as `rnnzoo generate` writes it"
            self.mistakes.note(f"cell {j}.options.{name}", given, text)
            return False
        return True

    def drawable(
        self,
        j: int,
        cell: CellEntry,
        task: Task,
        base: Mapping[str, Any],
        space: Mapping[str, BaseDistribution],
        size: int | None,
    ) -> bool:
        """Whether networks can be drawn within the budget, with the mistake noted where they cannot."""
        if not draws(cell.name, base["cell_options"]):
            return True
        try:
            check_largest(task, base, space, self.budget.parameters if size is None else None)
        except ValueError as error:
            self.mistakes.note(f"cell {j}", dict(cell.options) or cell.name, str(error))
            return False
        return True

    def learnable(self, i: int, j: int, task: Task, base: Mapping[str, Any], rule: LearningEntry | None) -> bool:
        """Whether a rule can teach the model, with the mistake noted where it cannot."""
        if rule is None:
            return True
        try:
            make_rule(rule.options, model_of(task, base, base["hidden_size"]), task, 0)
        except (TypeError, ValueError) as error:
            self.mistakes.note(f"{rule.place}, cell {j}, task {i}", rule.name, str(error))
            return False
        return True


def dropouts(cell: CellEntry, recipe: Recipe | None) -> dict[str, Any]:
    """Return the settings of dropout: the study's, where left out the recipe's, else none."""
    found: dict[str, Any] = {"dropout": 0.0, "dropout_mask": "step", "readout_dropout": 0.0}
    for name in found:
        given = getattr(cell, name)
        if given is not None:
            found[name] = given
        elif recipe is not None:
            found[name] = getattr(recipe, name)
    return found
