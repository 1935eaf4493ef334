"""One run: configuration in, record out, in a folder that is either finished or can be continued."""

import shutil
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic
from typing import Any

import pandas as pd
import torch
from filelock import FileLock, Timeout

from rnnzoo.cells import Cell
from rnnzoo.configuration import RunConfig
from rnnzoo.data.errors import DataError
from rnnzoo.diagnostics.recording import COSTS, FRAMES, Recorder
from rnnzoo.diagnostics.speed import saved_bytes, step_cost
from rnnzoo.engine import choose
from rnnzoo.files import FULL, WriteError, explained, sync_folder, write_text
from rnnzoo.learning.transport import transport
from rnnzoo.model import SequenceModel, configured_model
from rnnzoo.randomness import seed_all
from rnnzoo.records import (
    ALIGNMENT,
    COST,
    CURVE,
    FEEDBACK,
    PARTIAL,
    RECORD,
    TRANSPORT,
    WEIGHTS,
    RecordError,
    RunRecord,
    environment,
    read_cost,
    read_record,
    refuse_link,
    run_folder,
    write_frame,
    write_json,
    write_tensors,
)
from rnnzoo.run_state import State
from rnnzoo.study.checkpoint import checkpoint_seconds, resume, save
from rnnzoo.study.exclusive import alone, beside_others
from rnnzoo.study.heartbeat import Heartbeat
from rnnzoo.study.memory import is_out_of_memory
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Task
from rnnzoo.tasks.kept import Kept
from rnnzoo.training import Progress, Training, evaluate, make_training, placed

CONFIG = "config.json"
ERROR = "error.txt"
LEFT = {CONFIG, RECORD, CURVE, ALIGNMENT, TRANSPORT, FEEDBACK, WEIGHTS, ERROR, COSTS, *FRAMES}
"""Files of a finished run; what else lies in the folder of one at work served the work alone."""

LONGEST_REASON = 300

KEPT = Kept()
"""Training batches of the runs that this process has done."""

Stop = Callable[[], bool]


class Interrupted(Exception):  # noqa: N818 - no error: the run was asked to stop
    """The run was stopped between two steps; its checkpoint is written."""


def make_task(config: RunConfig) -> Task:
    """Return the task of a run."""
    return TASKS[config.task](**config.task_options)


def make_model(config: RunConfig, task: Task) -> SequenceModel:
    """Return the model of a run with its initial parameters, drawn from the run's seed."""
    seed_all(config.seed)
    model = configured_model(
        config,
        input_size=task.input_size,
        output_size=task.output_size,
        readout=task.readout,
        vocabulary=task.vocabulary,
    )
    if config.training.readout == "standardised":
        first = task.train_batch(config.seed, 0, config.training.evaluation_batch)
        batch = placed(first, next(model.parameters()))
        model.standardise(batch.x, batch.lengths)
    return model


def execute(config: RunConfig, root: Path, progress: Progress | None = None, stop: Stop = lambda: False) -> RunRecord:
    """Do a run, or read its record if it is done, or go on from its checkpoint.

    Args:
        config: all that the run depends on.
        root: folder of the run folders.
        progress: called with the steps done.
        stop: asked after every step; true ends the run with a checkpoint.

    Returns:
        the record; an exception in the run becomes a record with state "out_of_memory" or "failed".

    Raises:
        Interrupted: `stop` was true.
        RecordError: there is a record that cannot be read.
        DataError: a data file is missing or damaged.
        WriteError: the disk is full; the run goes on from its last checkpoint when it is executed again.
    """
    final = run_folder(root, config)
    done = read_record(final)
    if done is not None and done.settles(config):
        return done
    partial = final.with_name(final.name + PARTIAL)
    refuse_link(partial)
    root.mkdir(parents=True, exist_ok=True)
    with _alone(run_lock(root, config), stop):
        done = read_record(final)  # another process may have done it while this one waited
        if done is not None and done.settles(config):
            return done
        partial.mkdir(exist_ok=True)
        if (done := _unpublished(partial)) is not None and done.settles(config):
            _publish(partial, final)
            return done
        torch.set_num_threads(config.threads)
        work = _Work(config, partial)
        try:
            with beside_others(), Heartbeat(partial, config.training.steps) as heartbeat:
                record = work.do(_both(heartbeat.stepped, progress), stop)
        except (Interrupted, WriteError, DataError):  # the fault is not the run's, and it would be every run's
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno in FULL:
                raise WriteError(explained(error)) from error
            record = work.broken_off(error)
        write_json(partial / RECORD, record.model_dump(mode="json"))
        _publish(partial, final)
    with suppress(OSError):
        run_lock(root, config).unlink()
    return record


def _both(first: Progress, second: Progress | None) -> Progress:
    def stepped(step: int) -> None:
        first(step)
        if second is not None:
            second(step)

    return stepped


def run_lock(root: Path, config: RunConfig) -> Path:
    """Return the file whose lock a process holds while it does a run."""
    return root / f"{config.run_id()}.lock"


def under_way_elsewhere(root: Path, config: RunConfig) -> bool:
    """Whether another process is doing a run at this moment."""
    path = run_lock(root, config)
    if not path.exists():
        return False
    try:
        with FileLock(path, timeout=0):
            return False
    except Timeout:
        return True


@contextmanager
def _alone(path: Path, stop: Stop) -> Iterator[None]:
    """Hold a lock; while another process has it, wait, but not when asked to stop."""
    lock = FileLock(path)
    while not lock.is_locked:
        try:
            lock.acquire(timeout=0.2)
        except Timeout:
            if stop():
                raise Interrupted from None
    try:
        yield
    finally:
        lock.release()


class _Work:
    """A run at work in its folder.

    Attributes:
        parameters: trained parameters, once the model is made.
        training: once it has begun.
    """

    def __init__(self, config: RunConfig, folder: Path) -> None:
        self.config = config
        self.folder = folder
        self.parameters = 0
        self.training: Training | None = None

    def do(self, progress: Progress | None, stop: Stop) -> RunRecord:
        """Train, score the best parameters, and return the record."""
        every = checkpoint_seconds()
        task = make_task(self.config)
        write_json(self.folder / CONFIG, self.config.model_dump(mode="json"))

        def begin() -> Training:
            config, options = self.config, self.config.training
            batches = KEPT.batches(task, config.seed, options.batch_size, options.steps)
            return make_training(config, make_model(config, task), task, batches)

        training, goes_on = resume(self.folder, begin)
        self.training, self.parameters = training, training.model.parameter_count()
        recorder = Recorder(self.config, task, self.folder)
        if not goes_on:
            recorder.before(training.model)
        saved_at = monotonic()

        def pause() -> bool:
            nonlocal saved_at
            if training.diverged is None:
                recorder.during(training.model, training.step)
            if stop() or self.out_of_time(training):
                return True
            if monotonic() - saved_at > every:
                save(self.folder, training)
                saved_at = monotonic()
            return False

        if not self.out_of_time(training):
            training.advance(progress, until=pause)
        if not training.ended:
            if self.out_of_time(training):
                return self.timed_out(training)
            save(self.folder, training)
            raise Interrupted
        return self.finish(training, recorder)

    def out_of_time(self, training: Training) -> bool:
        """Whether the run has taken as long as it may; a run that is done is done."""
        limit = self.config.limit_seconds
        return limit is not None and training.seconds > limit and not training.ended

    def finish(self, training: Training, recorder: Recorder) -> RunRecord:
        """Score the best parameters, write what goes beside the record, and return the record."""
        config = self.config
        self.write_curve(training)
        self.write_learning(training)
        diverged = training.diverged is not None
        result: dict[str, Any] = {}
        if not diverged:
            assert training.best is not None
            training.restore_best()
            result = {"valid": training.best["valid"], "best_step": training.best["step"]}
            if config.test:
                scores = evaluate(training.model, training.task, "test", config.training.evaluation_batch)
                result |= {"test": scores.pop("score"), "extra": scores}
                write_tensors(self.folder / WEIGHTS, training.model.state_dict())
        recorder.after(None if diverged else training.model)
        if config.weighed:
            result["memory_mib"] = weigh(config, training.task)
        state: State = "diverged" if diverged else "finished"
        return self.record(state, training.diverged or "", training.stopped_at, **result)

    def write_learning(self, training: Training) -> None:
        """Write what tells of a learning rule: angles to the true gradient, cost of its errors, fixed feedback."""
        if training.alignment:
            write_frame(self.folder / ALIGNMENT, pd.DataFrame(training.alignment))
        if self.config.learning.rule != "bptt":
            write_frame(self.folder / TRANSPORT, transport(training.rule, training.task.length))
        if training.rule.feedback:
            write_tensors(self.folder / FEEDBACK, training.rule.feedback)

    def timed_out(self, training: Training) -> RunRecord:
        """Return the record of a run that has taken longer than it may."""
        self.write_curve(training)
        reason = (
            f"took more than {self.config.limit_seconds:g} s for {training.step} of {self.config.training.steps} steps"
        )
        return self.record("timed_out", reason, training.step)

    def broken_off(self, error: Exception) -> RunRecord:
        """Return the record of a run that an exception ended; its traceback goes to a file beside it."""
        write_text(self.folder / ERROR, "".join(traceback.format_exception(error)))
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        if not is_out_of_memory(error):
            return self.record("failed", reason)
        step = self.training.step + 1 if self.training is not None else None
        return self.record("out_of_memory", reason[:LONGEST_REASON], step)

    def write_curve(self, training: Training) -> None:
        """Write the learning curve as far as it goes."""
        write_frame(self.folder / CURVE, pd.DataFrame(training.curve))

    def record(self, state: State, reason: str, stopped_at: int | None = None, **result: Any) -> RunRecord:
        """Return a record of what was done until now."""
        training = self.training
        engines = engines_of(self.config, training.model) if training is not None else {self.config.engine}
        return RunRecord(
            config=self.config,
            state=state,
            reason=reason,
            stopped_at=stopped_at,
            parameters=self.parameters,
            engine=", ".join(sorted(engines)),
            steps=training.step if training is not None else 0,
            seconds=training.seconds if training is not None else 0.0,
            environment=environment(),
            **result,
        )


def weigh(config: RunConfig, task: Task) -> float:
    """Return the MiB that are kept between the forward and the backward pass of a run's first training step.

    A model of its own takes the step, so that the number is the same however often the run was interrupted.
    """
    model = make_model(config, task)
    return saved_bytes(make_training(config.model_copy(update={"diagnostics": ()}), model, task)) / 2**20


def engines_of(config: RunConfig, model: SequenceModel) -> set[str]:
    """Return the engines that carry the cells of a model."""
    return {choose(config.engine, cell) for cell in model.recurrent.cells if isinstance(cell, Cell)}


def _unpublished(partial: Path) -> RunRecord | None:
    """Return the record of a run that was done but killed before its folder got its name."""
    try:
        return read_record(partial)
    except RecordError:
        return None


def _publish(partial: Path, final: Path) -> None:
    """Give a finished run's folder its name; what only served the work is left out."""
    for file in partial.iterdir():
        if file.is_dir() and not file.is_symlink():
            shutil.rmtree(file)
        elif file.name not in LEFT:
            file.unlink()
    if final.exists():  # a run of the same configuration that is to be replaced by this one
        shutil.rmtree(final)
    partial.rename(final)
    sync_folder(final.parent)


def measure_cost(config: RunConfig, root: Path) -> dict[str, float]:
    """Measure what a training step of a finished run costs, or read it if that was done; leave the machine alone.

    Beside the cost stands whether the machine was ours alone; see `rnnzoo.study.exclusive`.
    """
    folder = run_folder(root, config)
    known = read_cost(folder)
    if known:
        return known
    torch.set_num_threads(config.threads)
    task = make_task(config)
    model = make_model(config, task)
    with alone() as conditions:
        cost = step_cost(model, task, config).as_dict()
    cost |= conditions.as_dict()
    write_json(folder / COST, cost)
    return cost
