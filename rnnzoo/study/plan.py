"""What a study is once its file is checked: cells on tasks, and the configuration of every run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from optuna.distributions import BaseDistribution

from rnnzoo.cells import CELLS
from rnnzoo.configuration import RunConfig
from rnnzoo.study.objectives import MEASURED_GRADIENTS, WEIGHED
from rnnzoo.study.pruning import rungs
from rnnzoo.study.schema import Budget, Confirm, Search
from rnnzoo.study.sizing import drawn, draws
from rnnzoo.tasks.base import Task


@dataclass(frozen=True)
class Competitor:
    """A cell on a task: what is searched, and the configuration that the searched values complete.

    Attributes:
        label: the task's label in the study.
        task: the task.
        cell: the cell's label in the study; its name in the zoo is base["cell"].
        base: the confirm configuration at the first seed, with every fixed setting.
        search_steps: steps of a search trial.
        cell_space, training_space: what is searched; both empty where all settings are fixed.
        budget: `budget.parameters`, or None.
        parameters: parameters of the model.
        rule: the cell's label and the learning rule's name, where the study has `[[learning]]`; both are in `cell`.
        published_steps: steps of the authors' own training, where the settings are a recipe's, else None.
        search_seconds: time in training steps that a search trial may take, or None.
        sampler: proposes its trials, see `rnnzoo.study.schema.Search`.
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
    search_seconds: float | None = None
    sampler: str = "tpe"
    rule: tuple[str, str] | None = None
    published_steps: int | None = None

    @property
    def epoch_steps(self) -> int | None:
        """Return the steps of one pass over the training set, or None where every batch is fresh."""
        size = self.task.train_size
        return None if size is None else -(-size // int(self.base["training"]["batch_size"]))

    @property
    def searched(self) -> bool:
        """Whether there is anything to search."""
        return bool(self.cell_space or self.training_space)

    def space(self) -> dict[str, BaseDistribution]:
        """Return the search space under dotted names: cell.dt, training.lr."""
        spaces = (("cell", self.cell_space), ("training", self.training_space))
        return {f"{part}.{name}": distribution for part, space in spaces for name, distribution in space.items()}

    def trial_configs(self, values: Mapping[str, Any], search: Search) -> list[RunConfig]:
        """Return the configurations of a search trial's runs with these searched values: one a seed, or one a rung."""
        diagnostics = ["gradients"] if set(search.objectives) & set(MEASURED_GRADIENTS) else []
        changes = {"test": False, "diagnostics": diagnostics, "diagnostics_length": None}
        changes["weighed"] = bool(set(search.objectives) & set(WEIGHED))
        return [
            self._config(values, fixed, seed=seed, **changes)
            for seed in search.trial_seeds
            for fixed in (self.search_training() | {"steps": steps} for steps in rungs(search, self.search_steps))
        ]

    def confirm_config(self, values: Mapping[str, Any], seed: int) -> RunConfig:
        """Return the configuration of a confirm run with these searched values."""
        return self._config(values, self.base["training"], seed=seed)

    def search_training(self) -> dict[str, Any]:
        """Return the fixed training settings of a search trial: those of a confirm run with the trial's own length."""
        length: dict[str, Any] = {"steps": self.search_steps}
        if self.search_seconds is not None:
            length["max_seconds"] = self.search_seconds
        return dict(self.base["training"]) | length

    def _config(self, values: Mapping[str, Any], fixed: Mapping[str, Any], **changes: Any) -> RunConfig:
        cell = {name.removeprefix("cell."): v for name, v in values.items() if name.startswith("cell.")}
        training = {name.removeprefix("training."): v for name, v in values.items() if name.startswith("training.")}
        merged = dict(self.base) | changes
        merged["cell_options"] = dict(self.base["cell_options"]) | cell
        merged["training"] = dict(fixed) | training
        if draws(merged["cell"], self.base["cell_options"]):
            merged |= drawn(self.task, merged, values, self.budget)
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
        focus: where the report begins: "scores", or "gradients" for a study of the gradient laboratory.
    """

    path: Path
    name: str
    question: str
    budget: Budget
    search: Search
    confirm: Confirm
    competitors: tuple[Competitor, ...]
    focus: Literal["scores", "gradients"] = "scores"

    @property
    def labels(self) -> list[str]:
        """Return the tasks' labels in order."""
        return list(dict.fromkeys(c.label for c in self.competitors))

    @property
    def cells(self) -> list[str]:
        """Return the cells' labels in the zoo's order, those of one cell in the file's."""
        kinds = {c.cell: str(c.base["cell"]) for c in self.competitors}
        return sorted(kinds, key=lambda label: list(CELLS).index(kinds[label]))

    @property
    def runs(self) -> int:
        """Return how many runs the study has, at most: pruned trials have fewer."""
        seeds = len(self.search.trial_seeds)
        trial = [seeds * len(rungs(self.search, c.search_steps)) for c in self.competitors if c.searched]
        return sum(trial) * self.search.trials + len(self.competitors) * len(self.confirm.seeds)
