"""What a report is made of: pure data, already read from run records, so that a report can be built from anything."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

ROW_COLUMNS = (
    "study", "phase", "task", "cell", "seed", "trial", "state", "reason", "stopped_at", "hidden_size", "num_layers",
    "parameters", "metric", "direction", "baseline", "valid", "test", "best_step", "steps", "seconds",
    "seconds_per_step", "memory_mib", "engine", "run",
)  # fmt: skip
"""Columns of `StudyContent.rows` that are always there; settings follow as `cell.*` and `training.*`."""

CURVE_COLUMNS = ("run", "phase", "task", "cell", "seed", "trial", "step", "seconds", "train_loss", "valid")
GRADIENT_COLUMNS = ("task", "cell", "seed", "moment", "t", "median", "low", "high")
RULE_COLUMNS = ("cell", "base", "name", "rule", "density", "otherwise")
ALIGNMENT_COLUMNS = ("task", "cell", "seed", "step", "parameter", "cosine", "degrees", "ratio")
TRANSPORT_COLUMNS = ("task", "cell", "seed", "way", "multiply_adds", "backpropagation")
PUBLISHED_COLUMNS = ("task", "name", "source", "step", "valid")
RESULT_COLUMNS = ("task", "model", "cell", "units", "parameters", "metric", "value", "differs", "source")
BUDGET_COLUMNS = (
    "task", "cell", "hidden_size", "num_layers", "parameters", "residual", "search_trials", "search_steps",
    "confirm_seeds", "confirm_steps", "batch_size", "searched_settings", "sampler", "search_seconds", "confirm_seconds",
    "trial_seeds", "pruner", "objectives",
)  # fmt: skip


def empty(columns: Iterable[str]) -> pd.DataFrame:
    """Return a frame of these columns without a row: what stands for data that a study does not have."""
    return pd.DataFrame({name: pd.Series(dtype="object") for name in columns})


@dataclass(frozen=True)
class TaskContent:
    """A task of a study, as a report shows it.

    Attributes:
        label: the task's name in this study and in the frames, unique in the study.
        name: its name in the zoo, e.g. "adding".
        title: for headings, e.g. "Adding, T = 100".
        metric: name of the score, e.g. "mean squared error".
        direction: whether a small or a large score is good.
        best: score of a perfect answer.
        log: whether its axis is logarithmic.
        baseline: score of the best answer that knows nothing of the past.
        facts: what a reader must know of it: lengths, splits, whose permutation.
    """

    label: str
    name: str
    title: str
    metric: str
    direction: Literal["minimize", "maximize"]
    best: float
    log: bool
    baseline: float
    facts: dict[str, str] = field(default_factory=dict)

    @property
    def percent(self) -> bool:
        """Whether the score is a share of right answers, which is written in %."""
        return self.direction == "maximize" and self.best == 1.0

    def normalised(self, score: float) -> float:
        """Return the score on a scale where 0 is the baseline and 1 a perfect answer."""
        return (score - self.baseline) / (self.best - self.baseline)

    @property
    def factors(self) -> bool:
        """Whether scores are compared by factors: errors that span decades, where a seed is off by a factor."""
        return self.log and self.direction == "minimize" and self.best == 0.0

    @property
    def mean_name(self) -> str:
        """Name of the mean that suits the scale: the geometric one where scores differ by factors."""
        return "geometric mean" if self.factors else "mean"


@dataclass(frozen=True)
class StudyContent:
    """Everything that a report shows.

    Attributes:
        name: of the study and of its folder.
        question: what the study asks, a sentence.
        command: the exact shell command that reproduces it.
        training_seconds: time in training steps, over all runs; NaN where that is not known.
        environment: python, torch, numpy, optuna, rnnzoo and its commit, processor, cores, memory, platform, date.
        seeds: of the confirming runs.
        cells: labels, in the order of the zoo.
        tasks: in the order of the study file.
        budget: one row a (task, cell) with `BUDGET_COLUMNS`: what was equal and what was not. `residual` is in %,
            `*_seconds` are limits on the training time of a run, NaN where there was none.
        rows: one row a run with `ROW_COLUMNS` and the settings as `cell.*` and `training.*`.
        curves: one row an evaluation, with `CURVE_COLUMNS`.
        gradients: one row a (task, cell, seed, moment, t) with `GRADIENT_COLUMNS`: ‖∂L/∂h_t‖ over the batch.
        meanings: what a cell's label stands for, where it is not a name of the zoo.
        promises: what the paper of a label's cell says of its gradient, for those that promise a steady one.
        measured: name of a diagnostic → its frame over all confirm runs, with task, cell and seed; and "costs", a
            row a (task, cell, seed, diagnostic) with seconds and reason.
        measured_length: steps of the sequences of `gradients` and `measured`, where they are not the tasks' own.
        focus: "scores", or "gradients" for a study of the gradient laboratory, whose report begins there.
        rules: one row a label that stands for a cell under a learning rule, with `RULE_COLUMNS`: the cell's own label,
            the rule's name in the study, its kind, the density of its feedback and its other options as text.
        alignment: one row a (task, cell, seed, step, parameter) with `ALIGNMENT_COLUMNS`: angles to the true gradient.
        transport: one row a (task, cell, seed, way) with `TRANSPORT_COLUMNS`: multiply-adds that carry errors back.
        published: authors' reference curves with `PUBLISHED_COLUMNS`.
        results: what others published on these tasks, with `RESULT_COLUMNS`; `cell` is "" for models outside the zoo.

    Raises:
        ValueError: a frame lacks a column, or names a task or cell that the study does not have.
    """

    name: str
    question: str
    command: str
    training_seconds: float
    environment: dict[str, str]
    seeds: list[int]
    cells: list[str]
    tasks: list[TaskContent]
    rows: pd.DataFrame
    budget: pd.DataFrame = field(default_factory=lambda: empty(BUDGET_COLUMNS))
    curves: pd.DataFrame = field(default_factory=lambda: empty(CURVE_COLUMNS))
    gradients: pd.DataFrame = field(default_factory=lambda: empty(GRADIENT_COLUMNS))
    rules: pd.DataFrame = field(default_factory=lambda: empty(RULE_COLUMNS))
    alignment: pd.DataFrame = field(default_factory=lambda: empty(ALIGNMENT_COLUMNS))
    transport: pd.DataFrame = field(default_factory=lambda: empty(TRANSPORT_COLUMNS))
    published: pd.DataFrame = field(default_factory=lambda: empty(PUBLISHED_COLUMNS))
    results: pd.DataFrame = field(default_factory=lambda: empty(RESULT_COLUMNS))
    meanings: dict[str, str] = field(default_factory=dict)
    promises: dict[str, str] = field(default_factory=dict)
    measured: dict[str, pd.DataFrame] = field(default_factory=dict)
    measured_length: int | None = None
    focus: Literal["scores", "gradients"] = "scores"

    def __post_init__(self) -> None:
        """Check the frames' columns, tasks and cells."""
        labels = {task.label for task in self.tasks}
        if len(labels) != len(self.tasks):
            raise ValueError(f"StudyContent: tasks must have different labels, got {[t.label for t in self.tasks]}")
        frames = {
            "rows": (self.rows, ROW_COLUMNS),
            "budget": (self.budget, BUDGET_COLUMNS),
            "curves": (self.curves, CURVE_COLUMNS),
            "gradients": (self.gradients, GRADIENT_COLUMNS),
            "rules": (self.rules, RULE_COLUMNS),
            "alignment": (self.alignment, ALIGNMENT_COLUMNS),
            "transport": (self.transport, TRANSPORT_COLUMNS),
            "published": (self.published, PUBLISHED_COLUMNS),
            "results": (self.results, RESULT_COLUMNS),
        }
        for name, (frame, columns) in frames.items():
            missing = [column for column in columns if column not in frame.columns]
            if missing:
                raise ValueError(f"StudyContent: {name} lacks the columns {', '.join(missing)}; add them (NaN is fine)")
            for column, known in (("task", labels), ("cell", set(self.cells))):
                if (name, column) == ("results", "cell"):
                    continue  # results of the whole zoo and of models outside it
                if column in columns and (unknown := set(frame[column]) - known):
                    raise ValueError(
                        f"StudyContent: {name}.{column} has {sorted(map(str, unknown))}, which the study does not "
                        f"list; add it to {column}s or drop those rows"
                    )
