"""The study file's sections, as strict types: which keys there are and which values they take."""

from typing import Annotated, Any, Literal

from pydantic import Field

from rnnzoo.configuration import Diagnostics, DropoutMask, EmbeddingOptions, EncoderOptions, Options
from rnnzoo.strict import PositiveFloat, PositiveInt, Strict
from rnnzoo.study.objectives import Objective

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
"""A name that is safe as a folder: lower-case letters, digits, dots, dashes and underscores."""

Seed = Annotated[int, Field(ge=0, lt=2**31)]
SamplerName = Literal["tpe", "random", "gp", "nsga2"]
TrainingTable = dict[str, Any]
"""Fields of `TrainingOptions`, checked when they are merged."""


MOST_PARAMETERS = 10**12


class Budget(Strict):
    """What every model gets.

    Attributes:
        parameters: trained parameters of a model, readout included; the hidden size is solved for each cell.
        seconds: of training steps in each run, search trial or confirm run, which then ends with the best that it has;
            `steps` stays the most that it does. Left out, all runs do all their steps.
        threads: of PyTorch's operators in each run.
    """

    parameters: Annotated[int, Field(ge=1, le=MOST_PARAMETERS)] | None = None
    seconds: PositiveFloat | None = None
    threads: PositiveInt = 1


class Limits(Strict):
    """What no run may exceed; one that does ends without a score and counts as one that diverged.

    Attributes:
        seconds: in training steps, or None. It can be raised later: runs that it ended are then done again.
    """

    seconds: PositiveFloat | None = None


class Search(Strict):
    """The search phase.

    Attributes:
        trials: settings tried for each cell on each task; 0 leaves the phase out.
        steps: training steps of a trial.
        seconds: instead of `budget.seconds` for a trial.
        seed: of the sampler and of every trial's run.
        seeds: instead of one run with `seed`, a trial is a run with each of these, and its score their mean.
        sampler: Optuna's "tpe", "random", "gp" (Gaussian process) or "nsga2".
        objectives: what is optimised, see `rnnzoo.study.objectives`. "score" must be among them: the settings that are
            confirmed are those of the best score. "seconds_per_step" is read from a clock, so that a search with it
            cannot be repeated to the digit.
        pruner: stops trials that do badly between their runs, or "none". "wilcoxon" compares a trial with the best one
            over at least 8 `seeds`; "halving" (successive halving) trains a trial for `smallest_steps`, then
            `reduction` times as long and so on up to `steps`, each time from the start, and lets the best 1/`reduction`
            of each length go on; "hyperband" deals trials to several such brackets, each of which stops none before a
            later length than the one before it.
        smallest_steps, reduction: of "halving" and "hyperband".
    """

    trials: Annotated[int, Field(ge=0)] = 0
    steps: PositiveInt = 1000
    seconds: PositiveFloat | None = None
    seed: Seed = 0
    seeds: Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)] | None = None
    sampler: SamplerName = "tpe"
    objectives: Annotated[tuple[Objective, ...], Field(strict=False, min_length=1)] = ("score",)
    pruner: Literal["none", "wilcoxon", "halving", "hyperband"] = "none"
    smallest_steps: PositiveInt | None = None
    reduction: Annotated[int, Field(ge=2)] = 3

    @property
    def trial_seeds(self) -> tuple[int, ...]:
        """Return the seeds of a trial's runs."""
        return self.seeds or (self.seed,)

    @property
    def by_rungs(self) -> bool:
        """Whether a trial's runs grow in length."""
        return self.pruner in ("halving", "hyperband")


class Confirm(Strict):
    """The confirm phase.

    Attributes:
        seeds: one run a seed, with the settings that the search chose.
        steps: training steps of a run.
        diagnostics: what is measured at initialisation and after training, or along training.
        diagnostics_length: steps of the sequences on which is measured before and after training; by default, and along
            training always, those of the task.
    """

    seeds: Annotated[tuple[Seed, ...], Field(strict=False, min_length=1)]
    steps: PositiveInt
    diagnostics: Diagnostics = ("gradients",)
    diagnostics_length: PositiveInt | None = None


class TaskEntry(Strict):
    """One task of the study.

    Attributes:
        name: in `rnnzoo list`.
        label: its name in the report, where a task stands in a study more than once.
        options: of the task's constructor, e.g. { length = 100 }.
        training: fields of `TrainingOptions` for this task.
        search_steps, confirm_steps: instead of the study's.
    """

    name: str
    label: Name | None = None
    options: Options = Field(default_factory=dict)
    training: TrainingTable = Field(default_factory=dict)
    search_steps: PositiveInt | None = None
    confirm_steps: PositiveInt | None = None


class CellEntry(Strict):
    """One cell of the study.

    Attributes:
        name: in `rnnzoo list`.
        label: its name in the report, where a cell stands in a study more than once, with different settings.
        recipe: name of a recipe of the cell, whose settings are taken as fixed; nothing is searched then.
        hidden_size: instead of one solved from budget.parameters.
        num_layers, bidirectional, residual, dropout, dropout_mask: of the stack; where left out, the recipe's.
        readout_dropout: of the last layer's output; where left out, the recipe's.
        embedding: vectors for words, for tasks that give words, e.g. { output_size = 100 }; see `EmbeddingOptions`.
        encoder: convolutions ahead of the cell, e.g. { channels = [8] }; see `EncoderOptions`.
        options: fixed hyperparameters of the cell; what is fixed is not searched.
        training: fixed fields of `TrainingOptions`.
        sampler: instead of search.sampler, e.g. "random" for a control of the search itself.
    """

    name: str
    label: Name | None = None
    recipe: str | None = None
    hidden_size: PositiveInt | None = None
    num_layers: PositiveInt | None = None
    bidirectional: bool = False
    residual: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    dropout_mask: DropoutMask | None = None
    readout_dropout: Annotated[float, Field(ge=0, lt=1)] | None = None
    embedding: EmbeddingOptions | None = None
    encoder: EncoderOptions | None = None
    options: Options = Field(default_factory=dict)
    training: TrainingTable = Field(default_factory=dict)
    sampler: SamplerName | None = None
