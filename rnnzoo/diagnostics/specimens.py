"""Models under the lens: fresh cells by name or from a file, and trained ones from their run folders."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from rnnzoo.cells.base import Cell
from rnnzoo.configuration import Diagnostic
from rnnzoo.diagnostics.measuring import MEASURES, measured_on
from rnnzoo.files import read_bytes
from rnnzoo.model import SequenceModel, build_model
from rnnzoo.records import WEIGHTS, RecordError, read_record
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Task

MOST_WEIGHTS = 2**30
"""Largest size in bytes of a weights file that is read."""


class SpecimenError(ValueError):
    """There is nothing to measure; the message says what is wrong and what to do."""


@dataclass(frozen=True)
class Specimen:
    """A model at a moment, and the task on which it is measured.

    Attributes:
        label: its name in the report.
        moment: "initial" or "trained".
        seed: that its initial parameters were drawn from.
        task_name: in the zoo.
        task: gives the loss and the sequences.
        model: what is measured.
    """

    label: str
    moment: str
    seed: int
    task_name: str
    task: Task
    model: SequenceModel


def fresh(
    label: str, cell: type[Cell], hidden: int, task_name: str, task: Task, seed: int, settings: Mapping[str, Any]
) -> Specimen:
    """Return a cell with the initial parameters of a seed.

    Raises:
        SpecimenError: the cell cannot be made so.
    """
    torch.manual_seed(seed)
    known = set(cell.hyperparameter_names())
    try:
        model = build_model(
            cell,
            hidden,
            input_size=task.input_size,
            output_size=task.output_size,
            readout=task.readout,
            hyperparameters={name: value for name, value in settings.items() if name in known},
        )
    except Exception as error:  # a cell of the user's own may raise anything
        raise SpecimenError(f"{label} cannot be made: {type(error).__name__}: {error}") from error
    return Specimen(label, "initial", seed, task_name, task, model)


def from_run(folder: Path, length: int | None) -> list[Specimen]:
    """Return a finished run's model at initialisation and after training, on its own task.

    Args:
        folder: of the run, with its record and weights.
        length: steps on which is measured; those of the run's task by default.

    Raises:
        SpecimenError: the folder holds no finished run with weights, or its task has no such length.
    """
    from rnnzoo.study.run import make_model, make_task

    if not folder.is_dir():
        raise SpecimenError(f"--trained {folder} is no folder; name the folder of a run, runs/HASH")
    try:
        record = read_record(folder)
    except RecordError as error:
        raise SpecimenError(str(error)) from None
    if record is None or record.state != "finished" or not (folder / WEIGHTS).exists():
        state = f"a run that {record.state}" if record is not None else "no run"
        raise SpecimenError(
            f"--trained {folder} holds {state if record is None or record.state != 'finished' else 'no weights'}; "
            f"name a finished confirm run: its folder has record.json and {WEIGHTS}"
        )
    config = record.config
    own = make_task(config)
    try:
        task = measured_on(own, TASKS[config.task], length)
    except ValueError as error:
        raise SpecimenError(f"--length {length}: {error}") from None
    initial, trained = make_model(config, own), make_model(config, own)
    try:
        read_bytes(folder / WEIGHTS, MOST_WEIGHTS)
        trained.load_state_dict(torch.load(folder / WEIGHTS, weights_only=True, map_location=config.device))
    except Exception as error:  # a damaged file may raise anything
        said = " ".join(str(error).split())[:200]
        raise SpecimenError(f"{folder / WEIGHTS} cannot be read: {said}; delete the folder and run again") from None
    label = f"{config.cell}@{config.run_id()[:6]}"
    moments = (("initial", initial), ("trained", trained))
    return [Specimen(label, moment, config.seed, config.task, task, model) for moment, model in moments]


def measure_all(
    specimens: Sequence[Specimen], names: Sequence[Diagnostic], report: Callable[[str], None] = lambda _: None
) -> dict[str, pd.DataFrame]:
    """Measure every specimen in every way that is asked for.

    Args:
        specimens: what is measured.
        names: keys of `MEASURES`.
        report: called with a line before each measure.

    Returns:
        name → frame with task, cell, seed and moment; and "costs": seconds, and the reason where a measure failed.
    """
    frames: dict[str, list[pd.DataFrame]] = {}
    costs = []
    for number, specimen in enumerate(specimens, 1):
        known: dict[str, Any] = {"task": specimen.task_name, "cell": specimen.label, "seed": specimen.seed}
        for name in names:
            report(f"{number}/{len(specimens)}: {specimen.label}, {specimen.moment}: {name}")
            began, reason = time.perf_counter(), ""
            try:
                found = MEASURES[name](specimen.model, specimen.task)
                if len(found):
                    frames.setdefault(name, []).append(found.assign(**known, moment=specimen.moment))
            except Exception as error:  # one measure that fails must not cost the others
                reason = f"{type(error).__name__}: {error}"
            costs.append(known | {"diagnostic": name, "seconds": time.perf_counter() - began, "reason": reason})
    merged = {name: pd.concat(parts, ignore_index=True) for name, parts in frames.items()}
    return merged | {"costs": pd.DataFrame(costs)}
