"""What a cell carries beside its equation: the space in which its settings are searched, and its paper's recipes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from optuna.distributions import BaseDistribution


@dataclass(frozen=True)
class SearchSpace:
    """The settings that a study searches for a cell; every cell gets the same number of trials in its own space.

    Attributes:
        cell: hyperparameter of the cell's constructor → Optuna distribution.
        training: field of `TrainingOptions` (`lr`, `clip_norm`, …) → Optuna distribution.
    """

    cell: Mapping[str, BaseDistribution] = field(default_factory=dict)
    training: Mapping[str, BaseDistribution] = field(default_factory=dict)


@dataclass(frozen=True)
class Recipe:
    """A published set-up for one task, as the authors' code has it.

    Attributes:
        hidden_size: units a layer.
        cell: hyperparameters of the cell's constructor; a list gives a value a layer.
        training: fields of `TrainingOptions`; an epoch is written out as steps of the authors' batch size.
        source: repository, commit or paper that the numbers were read from.
        num_layers: layers in the stack.
        dropout, dropout_mask: between layers, as in `rnnzoo.recurrent.Recurrent`.
        readout_dropout: after the last layer, as in `rnnzoo.model.SequenceModel`.
        task: options of the task that belong to the set-up, e.g. `{"permutation": "cornn"}`.
        differs: what the authors' script does that this recipe does not, and why.
    """

    hidden_size: int
    cell: Mapping[str, Any]
    training: Mapping[str, Any]
    source: str
    num_layers: int = 1
    dropout: float = 0.0
    dropout_mask: Literal["step", "sequence"] = "step"
    readout_dropout: float = 0.0
    task: Mapping[str, Any] = field(default_factory=dict)
    differs: str = ""


@dataclass(frozen=True)
class Construction:
    """How a cell whose wiring is drawn at random is told which draw it is.

    A study draws the wiring anew for every run: the seed of the draw follows from the run's seed and its searched
    settings, and the hidden size is solved for each draw.

    Attributes:
        seed: hyperparameter that seeds the draw.
        file: hyperparameter that holds a finished draw instead; in a study file, the name of a file with it.
    """

    seed: str
    file: str
