"""The study file, read and checked as a whole, and the runs that it asks for.

Every mistake in the file is found before anything runs and reported at once, with key, value and remedy.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from optuna.distributions import BaseDistribution

from rnnzoo.cells import CELLS, Cell, Recipe
from rnnzoo.configuration import RunConfig, Strict, TrainingOptions
from rnnzoo.engine import ENGINE_CHOICES
from rnnzoo.model import build_model, solve_hidden_size
from rnnzoo.study.checking import Checker, read_toml
from rnnzoo.study.schema import Budget, CellEntry, Confirm, Name, Search, TaskEntry
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Task


@dataclass(frozen=True)
class Competitor:
    """A cell on a task: what is searched, and the configuration that the searched values complete.

    Attributes:
        label: the task's label in the study.
        task: the task.
        cell: the cell's name.
        base: the confirm configuration at the first seed, with every fixed setting.
        search_steps: steps of a search trial.
        cell_space, training_space: what is searched; both empty where all settings are fixed.
        budget: `budget.parameters`, or None.
        parameters: parameters of the model.
    """

    label: str
    task: Task
    cell: str
    base: Mapping[str, Any]
    search_steps: int
    cell_space: Mapping[str, BaseDistribution]
    training_space: Mapping[str, BaseDistribution]
    budget: int | None
    parameters: int

    @property
    def searched(self) -> bool:
        """Whether there is anything to search."""
        return bool(self.cell_space or self.training_space)

    def space(self) -> dict[str, BaseDistribution]:
        """Return the search space under dotted names: cell.dt, training.lr."""
        spaces = (("cell", self.cell_space), ("training", self.training_space))
        return {f"{part}.{name}": distribution for part, space in spaces for name, distribution in space.items()}

    def trial_config(self, values: Mapping[str, Any], seed: int) -> RunConfig:
        """Return the configuration of a search trial with these searched values."""
        return self._config(values, seed=seed, steps=self.search_steps, test=False, diagnostics=[])

    def confirm_config(self, values: Mapping[str, Any], seed: int) -> RunConfig:
        """Return the configuration of a confirm run with these searched values."""
        return self._config(values, seed=seed)

    def _config(self, values: Mapping[str, Any], *, steps: int | None = None, **changes: Any) -> RunConfig:
        cell = {name.removeprefix("cell."): v for name, v in values.items() if name.startswith("cell.")}
        training = {name.removeprefix("training."): v for name, v in values.items() if name.startswith("training.")}
        if steps is not None:
            training["steps"] = steps
        merged = dict(self.base) | changes
        merged["cell_options"] = dict(self.base["cell_options"]) | cell
        merged["training"] = dict(self.base["training"]) | training
        return RunConfig.model_validate(merged)


@dataclass(frozen=True)
class Plan:
    """A checked study file.

    Attributes:
        path: the file.
        name: of the study and of its report's folder.
        question: what the study asks, for the report's first line.
        budget, search, confirm: see `rnnzoo.study.schema`.
        competitors: every cell on every task, in the file's order, task by task.
    """

    path: Path
    name: str
    question: str
    budget: Budget
    search: Search
    confirm: Confirm
    competitors: tuple[Competitor, ...]

    @property
    def labels(self) -> list[str]:
        """Return the tasks' labels in order."""
        return list(dict.fromkeys(c.label for c in self.competitors))

    @property
    def cells(self) -> list[str]:
        """Return the cells' names in the zoo's order."""
        present = {c.cell for c in self.competitors}
        return [name for name in CELLS if name in present]

    @property
    def runs(self) -> int:
        """Return how many runs the study has."""
        searched = sum(c.searched for c in self.competitors)
        return searched * self.search.trials + len(self.competitors) * len(self.confirm.seeds)


class _Header(Strict):
    name: Name
    question: str
    engine: str = "auto"


def read_plan(path: Path) -> Plan:
    """Read and check a study file.

    Raises:
        StudyFileError: the file cannot be read, or has mistakes; all of them are in the error.
    """
    return _Checker(path).plan(read_toml(path))


class _Checker(Checker):
    """Makes a plan of a training study."""

    def plan(self, content: dict[str, Any]) -> Plan:
        known = {*_Header.model_fields, "budget", "search", "confirm", "training", "task", "cell"}
        self.no_others(content, known)
        header = self.section("", _Header, {k: v for k, v in content.items() if k in _Header.model_fields})
        budget = self.table(content, "budget", Budget)
        search = self.table(content, "search", Search)
        confirm = self.table(content, "confirm", Confirm)
        training = self.mapping(content, "training")
        tasks = self.entries(content, "task", TaskEntry)
        cells = self.entries(content, "cell", CellEntry)
        if header is not None and header.engine not in ENGINE_CHOICES:
            self.mistake("engine", header.engine, f"is unknown; choose one of {', '.join(ENGINE_CHOICES)}")
        if confirm is not None and len(set(confirm.seeds)) < len(confirm.seeds):
            self.mistake("confirm.seeds", list(confirm.seeds), "has a seed twice; give each run a seed of its own")
        if confirm is not None and search is not None and search.trials and search.seed in confirm.seeds:
            self.mistake(
                "search.seed", search.seed, "is also a confirm seed; confirm on fresh seeds, e.g. choose another one"
            )
        self.no_repeats("task", [(i, e.label or e.name) for i, e in tasks], "give one a label of its own")
        self.no_repeats("cell", [(i, e.name) for i, e in cells], "leave one out")
        made = [(i, entry, self.task(i, entry)) for i, entry in tasks]
        named = [(i, entry) for i, entry in cells if self.cell_exists(i, entry)]
        competitors: list[Competitor] = []
        if header is not None and budget is not None and search is not None and confirm is not None:
            for i, entry, task in made:
                for j, cell in named if task is not None else []:
                    assert task is not None
                    maker = _Maker(self, header.engine, budget, search, confirm, training)
                    competitor = maker.competitor(i, entry, task, j, cell)
                    competitors += [competitor] if competitor is not None else []
        self.done()
        assert header is not None
        assert budget is not None
        assert search is not None
        assert confirm is not None
        return Plan(self.path, header.name, header.question, budget, search, confirm, tuple(competitors))

    def task(self, i: int, entry: TaskEntry) -> Task | None:
        """Return the task of an entry."""
        if entry.name not in TASKS:
            self.mistake(f"task {i}.name", entry.name, f"is unknown; choose one of {', '.join(TASKS)}")
            return None
        try:
            return TASKS[entry.name](**entry.options)
        except (TypeError, ValueError) as error:
            self.mistake(f"task {i}.options", entry.options, str(error))
            return None

    def cell_exists(self, i: int, entry: CellEntry) -> bool:
        """Whether the cell and the recipe of an entry exist."""
        if entry.name not in CELLS:
            self.mistake(f"cell {i}.name", entry.name, f"is unknown; choose one of {', '.join(CELLS)}")
            return False
        recipes = CELLS[entry.name].recipes
        if entry.recipe is not None and entry.recipe not in recipes:
            known = ", ".join(recipes) or "none"
            self.mistake(f"cell {i}.recipe", entry.recipe, f"is no recipe of {entry.name}; it has {known}")
            return False
        return True


class _Maker:
    """Makes the competitors: merges study, task, recipe and cell settings, each over the one before it."""

    def __init__(
        self,
        checker: _Checker,
        engine: str,
        budget: Budget,
        search: Search,
        confirm: Confirm,
        training: dict[str, Any],
    ) -> None:
        self.checker = checker
        self.engine = engine
        self.budget = budget
        self.search = search
        self.confirm = confirm
        self.training = training

    def competitor(self, i: int, entry: TaskEntry, task: Task, j: int, cell: CellEntry) -> Competitor | None:
        kind = CELLS[cell.name]
        recipe = kind.recipes[cell.recipe] if cell.recipe is not None else None
        if recipe is not None:
            self.same_task(j, cell, recipe, task)
        options = {**(recipe.cell if recipe else {}), **cell.options}
        training = self.merged_training(i, entry, j, cell, recipe)
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
            "residual": cell.residual,
            "dropout": cell.dropout,
            "training": training,
            "seed": self.confirm.seeds[0],
            "test": True,
            "diagnostics": list(self.confirm.diagnostics),
            "engine": self.engine,
            "threads": self.budget.threads,
        }
        if "lr" not in training and "lr" not in training_space:
            text = f"is missing for {cell.name}; set it in [training], or search.trials above 0 to have it searched"
            self.checker.mistakes.append(f"training.lr: {text}")
            return None
        sized = self.sized(j, cell, task, base, size)
        if sized is None:
            return None
        base["hidden_size"], parameters = sized
        return Competitor(
            label=entry.label or entry.name,
            task=task,
            cell=cell.name,
            base=base,
            search_steps=entry.search_steps or self.search.steps,
            cell_space=cell_space,
            training_space=training_space,
            budget=self.budget.parameters if size is None else None,
            parameters=parameters,
        )

    def same_task(self, j: int, cell: CellEntry, recipe: Recipe, task: Task) -> None:
        """Note where the task's options are not those that the recipe was published for."""
        given = task.options()
        for name, value in recipe.task.items():
            if given.get(name) != value:
                text = f"was published for {name} = {value!r}, the study's task has {given.get(name)!r}; use that value"
                self.checker.mistake(f"cell {j}.recipe", cell.recipe, text)

    def merged_training(
        self, i: int, entry: TaskEntry, j: int, cell: CellEntry, recipe: Recipe | None
    ) -> dict[str, Any] | None:
        """Return the training settings without what is searched, or None with the mistakes noted."""
        layers = [
            ("training", self.training),
            (f"task {i}.training", entry.training),
            (f"cell {j}.recipe", dict(recipe.training) if recipe else {}),
            (f"cell {j}.training", cell.training),
        ]
        merged: dict[str, Any] = {}
        sound = True
        for place, values in layers:
            if "steps" in values and "recipe" not in place:
                text = "is set by search.steps, confirm.steps and by a task's search_steps, confirm_steps; remove it"
                self.checker.mistake(f"{place}.steps", values["steps"], text)
                sound = False
            # every layer is checked alone, beside sound values for the fields that it must not leave out
            needed = {"steps": 1, "batch_size": 1, "lr": 1.0}
            sound = self.checker.section(place, TrainingOptions, needed | values) is not None and sound
            merged |= values
        merged["steps"] = entry.confirm_steps or self.confirm.steps
        if "batch_size" not in merged:
            self.checker.mistakes.append("training.batch_size: is missing; add it to [training]")
            sound = False
        return merged if sound else None

    def spaces(
        self, kind: type[Cell], recipe: Recipe | None, options: Mapping[str, Any], training: Mapping[str, Any]
    ) -> tuple[dict[str, BaseDistribution], dict[str, BaseDistribution]]:
        """Return what is searched of the cell and of training: all that is not fixed; nothing without trials."""
        if recipe is not None or self.search.trials == 0:
            return {}, {}
        space = kind.search_space
        in_cell = {name: distribution for name, distribution in space.cell.items() if name not in options}
        in_training = {name: distribution for name, distribution in space.training.items() if name not in training}
        return in_cell, in_training

    def sized(
        self, j: int, cell: CellEntry, task: Task, base: Mapping[str, Any], size: int | None
    ) -> tuple[int, int] | None:
        """Return hidden size and parameter count, or None with the mistake noted."""

        def count(hidden_size: int) -> int:
            return build_model(
                base["cell"],
                hidden_size,
                input_size=task.input_size,
                output_size=task.output_size,
                readout=task.readout,
                num_layers=base["num_layers"],
                residual=base["residual"],
                dropout=base["dropout"],
                hyperparameters=base["cell_options"],
            ).parameter_count()

        place = f"cell {j}"
        try:
            if size is None:
                if self.budget.parameters is None:
                    text = f"is missing for {cell.name}; set budget.parameters, or hidden_size in its [[cell]]"
                    self.checker.mistakes.append(f"{place}.hidden_size: {text}")
                    return None
                size = solve_hidden_size(self.budget.parameters, count)
            return size, count(size)
        except (TypeError, ValueError) as error:
            self.checker.mistake(place, dict(cell.options) or cell.name, str(error))
            return None
