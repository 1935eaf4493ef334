"""One run: configuration in, record out, in a folder that is either finished or can be continued."""

import traceback
import warnings
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import torch
from filelock import FileLock

from rnnzoo.cells import Cell
from rnnzoo.configuration import RunConfig
from rnnzoo.diagnostics.gradients import gradient_profile
from rnnzoo.diagnostics.speed import step_cost
from rnnzoo.engine import choose
from rnnzoo.files import write_text
from rnnzoo.model import SequenceModel, build_model
from rnnzoo.records import (
    COST,
    CURVE,
    GRADIENTS,
    PARTIAL,
    RECORD,
    WEIGHTS,
    RunRecord,
    environment,
    read_cost,
    read_record,
    run_folder,
    write_frame,
    write_json,
    write_tensors,
)
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Task
from rnnzoo.training import Progress, Training, evaluate

CHECKPOINT = "checkpoint.pt"
INITIAL_GRADIENTS = "gradients_initial.csv"
CHECKPOINT_SECONDS = 30.0
"""Time between checkpoints: what a kill can cost."""

Stop = Callable[[], bool]


class Interrupted(Exception):  # noqa: N818 - no error: the run was asked to stop
    """The run was stopped between two steps; its checkpoint is written."""


def make_task(config: RunConfig) -> Task:
    """Return the task of a run."""
    return TASKS[config.task](**config.task_options)


def make_model(config: RunConfig, task: Task) -> SequenceModel:
    """Return the model of a run with its initial parameters, drawn from the run's seed."""
    torch.manual_seed(config.seed)
    model = build_model(
        config.cell,
        config.hidden_size,
        input_size=task.input_size,
        output_size=task.output_size,
        readout=task.readout,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        residual=config.residual,
        dropout=config.dropout,
        dropout_mask=config.dropout_mask,
        readout_dropout=config.readout_dropout,
        readout_initialisation=config.training.readout,
        hyperparameters=config.cell_options,
        engine=config.engine,
        dtype=getattr(torch, config.dtype),
    )
    return model.to(config.device)


def execute(config: RunConfig, root: Path, progress: Progress | None = None, stop: Stop = lambda: False) -> RunRecord:
    """Do a run, or read its record if it is done, or go on from its checkpoint.

    Args:
        config: all that the run depends on.
        root: folder of the run folders.
        progress: called with the steps done.
        stop: asked after every step; true ends the run with a checkpoint.

    Returns:
        the record; an exception in the run becomes a record with state "failed".

    Raises:
        Interrupted: `stop` was true.
        RecordError: there is a record that cannot be read.
    """
    final = run_folder(root, config)
    done = read_record(final)
    if done is not None and done.state != "failed":
        return done
    partial = final.with_name(final.name + PARTIAL)
    partial.mkdir(parents=True, exist_ok=True)
    with FileLock(partial.with_suffix(".lock")):
        done = read_record(final)  # another process may have done it while this one waited
        if done is not None and done.state != "failed":
            return done
        torch.set_num_threads(config.threads)
        try:
            record = _train(config, partial, progress, stop)
        except (Interrupted, KeyboardInterrupt):
            raise
        except Exception as error:
            record = _failed(config, partial, error)
        write_json(partial / RECORD, record.model_dump(mode="json"))
        _publish(partial, final)
    with suppress(OSError):
        partial.with_suffix(".lock").unlink()
    return record


def _train(config: RunConfig, folder: Path, progress: Progress | None, stop: Stop) -> RunRecord:
    task = make_task(config)
    model = make_model(config, task)
    write_json(folder / "config.json", config.model_dump(mode="json"))
    parameters = model.parameter_count()
    training = Training(model, task, config.training, config.seed)
    if not _resume(training, folder / CHECKPOINT):
        # a checkpoint that failed half-way may have changed the model: every start from nothing draws it anew
        training = Training(make_model(config, task), task, config.training, config.seed)
        if "gradients" in config.diagnostics:
            write_frame(folder / INITIAL_GRADIENTS, gradient_profile(training.model, task))
    saved_at = monotonic()

    def pause() -> bool:
        nonlocal saved_at
        if stop():
            return True
        if monotonic() - saved_at > CHECKPOINT_SECONDS:
            write_tensors(folder / CHECKPOINT, training.state_dict())
            saved_at = monotonic()
        return False

    training.advance(progress, until=pause)
    if not training.ended:
        write_tensors(folder / CHECKPOINT, training.state_dict())
        raise Interrupted
    return _finish(config, training, folder, parameters)


def _finish(config: RunConfig, training: Training, folder: Path, parameters: int) -> RunRecord:
    """Score the best parameters, write what goes beside the record, and return the record."""
    import pandas as pd

    write_frame(folder / CURVE, pd.DataFrame(training.curve))
    diverged = training.diverged is not None
    result: dict[str, Any] = {}
    if not diverged:
        assert training.best is not None
        training.restore_best()
        result = {"valid": training.best["valid"], "best_step": training.best["step"]}
        if config.test:
            scores = evaluate(training.model, training.task, "test", config.training.evaluation_batch)
            result |= {"test": scores.pop("score"), "extra": scores}
            write_tensors(folder / WEIGHTS, training.model.state_dict())
    if "gradients" in config.diagnostics:
        initial = pd.read_csv(folder / INITIAL_GRADIENTS).assign(moment="initial")
        frames = [initial]
        if not diverged:
            frames.append(gradient_profile(training.model, training.task).assign(moment="trained"))
        write_frame(folder / GRADIENTS, pd.concat(frames, ignore_index=True))
    return RunRecord(
        config=config,
        state="diverged" if diverged else "finished",
        reason=training.diverged or "",
        stopped_at=training.stopped_at,
        parameters=parameters,
        engine=", ".join(sorted(engines_of(config, training.model))),
        steps=training.step,
        seconds=training.seconds,
        environment=environment(),
        **result,
    )


def engines_of(config: RunConfig, model: SequenceModel) -> set[str]:
    """Return the engines that carry the cells of a model."""
    return {choose(config.engine, cell) for cell in model.recurrent.cells if isinstance(cell, Cell)}


def _failed(config: RunConfig, folder: Path, error: Exception) -> RunRecord:
    """Return the record of a run that an exception ended; its traceback goes to a file beside it."""
    write_text(folder / "error.txt", "".join(traceback.format_exception(error)))
    return RunRecord(
        config=config,
        state="failed",
        reason=f"{type(error).__name__}: {error}",
        parameters=0,
        engine=config.engine,
        steps=0,
        seconds=0.0,
        environment=environment(),
    )


def _resume(training: Training, path: Path) -> bool:
    """Load the checkpoint if there is one that can be read; a damaged one is set aside and the run starts anew."""
    if not path.exists():
        return False
    try:
        training.load_state_dict(torch.load(path, weights_only=True, map_location=training.like.device))
    except Exception as error:
        warnings.warn(f"{path} cannot be read ({type(error).__name__}); the run starts anew", stacklevel=2)
        path.replace(path.with_suffix(".damaged"))
        return False
    return True


def _publish(partial: Path, final: Path) -> None:
    """Give a finished run's folder its name; what only served the work is left out."""
    for name in (CHECKPOINT, INITIAL_GRADIENTS):
        (partial / name).unlink(missing_ok=True)
    if final.exists():  # a failed run of the same configuration, tried again
        for file in final.iterdir():
            file.unlink()
        final.rmdir()
    partial.rename(final)


def measure_cost(config: RunConfig, root: Path) -> dict[str, float]:
    """Measure what a training step of a finished run costs, or read it if that was done; leave the machine alone."""
    folder = run_folder(root, config)
    known = read_cost(folder)
    if known:
        return known
    torch.set_num_threads(config.threads)
    task = make_task(config)
    cost = step_cost(make_model(config, task), task, config).as_dict()
    write_json(folder / COST, cost)
    return cost
