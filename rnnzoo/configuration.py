"""What a run is: its configuration, strict and complete, and the hash that names it.

A run is a pure function of its `RunConfig`: same configuration, same machine, same numbers. The one exception says so
itself: with `TrainingOptions.max_seconds` the clock decides how many steps there are.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from rnnzoo.cells.base import CONSTRAINED_LR_SCALE
from rnnzoo.learning.options import BACKPROPAGATION, LearningOptions
from rnnzoo.strict import PositiveFloat, PositiveInt, Scalar, Strict
from rnnzoo.tasks import TASKS

Options = dict[str, Scalar | list[Scalar]]
"""Options of a task or a cell: plain values; a list gives a value a layer."""

DropoutMask = Literal["step", "sequence"]
"""Whether dropout draws a mask at every step or one for all steps of a sequence."""

ReadoutInitialisation = Literal["default", "kaiming_normal", "standardised"]
"""How a linear readout begins; see `rnnzoo.model.SequenceModel`."""

Diagnostic = Literal[
    "gradients",
    "jacobians",
    "lags",
    "lyapunov",
    "memory",
    "precision",
    "bounds",
    "inversion",
    "history",
    "constraints",
    "alignment",
]
"""What can be measured of a run beside its scores; see `rnnzoo.diagnostics.measuring`."""

Diagnostics = Annotated[tuple[Diagnostic, ...], Field(strict=False)]


class EmbeddingOptions(Strict):
    """Vectors for words; see `rnnzoo.embedding.WordEmbedding`.

    Attributes:
        output_size: features of a word's vector.
        dropout: probability with which a word is zero wherever it stands in a training batch.
    """

    output_size: PositiveInt
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0


class EncoderOptions(Strict):
    """A convolutional front end; see `rnnzoo.encoder.Encoder`.

    Attributes:
        kind: "conv1d", along time, or "conv2d", over time and features as over an image.
        channels: of each layer.
        kernel, stride: along every axis, in every layer.
        activation: after every layer.
    """

    kind: Literal["conv1d", "conv2d"] = "conv2d"
    channels: Annotated[tuple[PositiveInt, ...], Field(strict=False, min_length=1)]
    kernel: PositiveInt = 3
    stride: PositiveInt = 2
    activation: Literal["relu", "tanh"] = "relu"


class TrainingOptions(Strict):
    """How a model is trained.

    Attributes:
        steps: optimiser steps, at most.
        batch_size: sequences a step.
        optimizer: "adam", "adamw" or "rmsprop", with PyTorch's defaults beyond what stands here.
        lr: learning rate.
        constrained_lr_scale: factor on `lr` for a cell's constrained parameters.
        recurrent_lr_scale: factor on `lr` for all parameters of the cells, beside the readout's.
        weight_decay: on unconstrained parameters (decoupled in "adamw").
        clip_norm: largest global norm of the gradient, or None.
        clip_value: largest absolute value of a gradient entry, or None.
        milestones: steps after which the learning rate is multiplied by `milestone_factor`.
        milestone_factor: see `milestones`.
        restarts: steps after which the optimiser forgets its running means and begins them anew, as where a task's
            curriculum changes the length: scaled by the small gradients before, a first large one would throw the
            parameters far.
        evaluate_every: steps between evaluations on the validation set; the last step is always evaluated.
        patience: stop after this many evaluations without a better validation score, or None.
        target: stop at the first evaluation whose validation score is at least as good as this, or None.
        max_seconds: stop after this time in training steps, evaluation and the making of batches left out, or None. How
            far a run then comes depends on the machine and on what else it does.
        evaluation_batch: sequences a batch in evaluation, where no gradient is kept.
        readout: initialisation of the linear readout, see `rnnzoo.model.SequenceModel`; "standardised" takes its scale
            from as many sequences of the first training batch as an evaluation takes at a time.
    """

    steps: PositiveInt
    batch_size: PositiveInt
    lr: PositiveFloat
    optimizer: Literal["adam", "adamw", "rmsprop"] = "adam"
    constrained_lr_scale: PositiveFloat = CONSTRAINED_LR_SCALE
    recurrent_lr_scale: PositiveFloat = 1.0
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    clip_norm: PositiveFloat | None = None
    clip_value: PositiveFloat | None = None
    milestones: Annotated[tuple[PositiveInt, ...], Field(strict=False)] = ()
    milestone_factor: PositiveFloat = 0.1
    restarts: Annotated[tuple[PositiveInt, ...], Field(strict=False)] = ()
    evaluate_every: PositiveInt = 100
    patience: PositiveInt | None = None
    target: Annotated[float, Field(allow_inf_nan=False)] | None = None
    max_seconds: PositiveFloat | None = None
    evaluation_batch: PositiveInt = 250
    readout: ReadoutInitialisation = "default"

    @model_validator(mode="after")
    def _steps_ascend(self) -> Self:
        for name, steps in (("milestones", self.milestones), ("restarts", self.restarts)):
            if list(steps) != sorted(set(steps)):
                raise ValueError(f"{name} must ascend without repeats, got {list(steps)}")
        return self


class RunConfig(Strict):
    """Everything that a run depends on.

    Attributes:
        task, task_options: name in `TASKS` and the constructor's arguments.
        cell, cell_options: name in `CELLS` and the constructor's hyperparameters.
        hidden_size, num_layers, bidirectional, residual, dropout, dropout_mask: see `rnnzoo.recurrent.Recurrent`.
        readout_dropout: see `rnnzoo.model.SequenceModel`.
        embedding: vectors for words ahead of the cell, for tasks with a vocabulary; else None.
        encoder: convolutions ahead of the cell, or None.
        learning: how errors become gradients; see `rnnzoo.learning.options`.
        training: see `TrainingOptions`.
        seed: seeds initial parameters, training batches and dropout, each with a stream of its own.
        test: whether the test set is scored after training, with the parameters of the best validation score.
        weighed: whether the record says what a training step keeps in memory.
        diagnostics: what is measured at initialisation and after training, or along training, beside the scores.
        diagnostics_length: steps of the sequences on which is measured before and after training; by default, and along
            training always, those of the task.
        engine: name of an engine, or "auto".
        dtype, device: of parameters and data.
        threads: threads of PyTorch's operators; numbers may differ in the last digits with another count.
        limit_seconds: time in training steps after which the run is given up, or None. It is no part of what the run
            is, as it changes no number of a run that finishes, and so no part of the hash.
    """

    task: str
    task_options: Options
    cell: str
    cell_options: Options
    hidden_size: PositiveInt
    training: TrainingOptions
    seed: Annotated[int, Field(ge=0, lt=2**31)]
    num_layers: PositiveInt = 1
    bidirectional: bool = False
    residual: bool = False
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    dropout_mask: DropoutMask = "step"
    readout_dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    embedding: EmbeddingOptions | None = None
    encoder: EncoderOptions | None = None
    learning: LearningOptions = BACKPROPAGATION
    test: bool = False
    weighed: bool = False
    diagnostics: Diagnostics = ()
    diagnostics_length: PositiveInt | None = None
    engine: str = "auto"
    dtype: Literal["float32", "float64"] = "float32"
    device: str = "cpu"
    threads: PositiveInt = 1
    limit_seconds: PositiveFloat | None = None

    def run_id(self) -> str:
        """Return the hash that names the run: 16 hexadecimal digits of the configuration's SHA-256.

        Settings at their defaults do not count, those of the task neither, so that a setting added later leaves the
        names of older runs alone.
        A default that changes all the same is noticed: a record holds every setting, and its hash is then another.
        """
        settings = self.model_dump(mode="json", exclude_defaults=True, exclude={"limit_seconds"})
        defaults = TASKS[self.task].default_options() if self.task in TASKS else {}
        given = settings["task_options"].items()
        settings["task_options"] = {name: value for name, value in given if defaults.get(name) != value}
        return digest(settings)


def canonical(value: Any) -> str:
    """Return a value's canonical JSON: sorted keys, no spaces."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def digest(value: Any) -> str:
    """Return 16 hexadecimal digits of the SHA-256 of a value's canonical JSON."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()[:16]
