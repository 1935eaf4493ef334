"""The run record: what a run leaves behind, how it is written so that nothing is ever half there, how it is read.

A run's folder, named by the hash of its configuration, holds record.json, curve.csv (one row an evaluation),
gradients.csv and alignment.csv (if measured), weights.pt (if the run was scored on the test set) and cost.json (if its
speed was measured); for a learning rule other than backpropagation also transport.csv (what it costs to carry errors
back) and feedback.pt (the fixed weights that they come through, if any). While it is at work the same files stand in a
folder with the ending .partial, beside its checkpoints.

What is read may come from strangers: it is data and never code, and only plain files of a bounded size are opened.
"""

import datetime
import io
import json
import os
import platform
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Self

import pandas as pd
import torch
from pydantic import ConfigDict, Field, TypeAdapter, ValidationError, model_validator

from rnnzoo.configuration import RunConfig
from rnnzoo.files import ReadError, read_bytes, write_bytes, write_text
from rnnzoo.run_state import State
from rnnzoo.strict import Strict

RECORD = "record.json"
CURVE = "curve.csv"
GRADIENTS = "gradients.csv"
ALIGNMENT = "alignment.csv"
TRANSPORT = "transport.csv"
FEEDBACK = "feedback.pt"
WEIGHTS = "weights.pt"
COST = "cost.json"
PARTIAL = ".partial"

MOST_BYTES = {RECORD: 2**20, COST: 2**16}
"""Largest size of each file that is read."""

MOST_FRAME_BYTES = 2**28
"""Largest size of a table that is read."""

COSTS = TypeAdapter(dict[str, float], config=ConfigDict(allow_inf_nan=False))


class RecordError(ValueError):
    """A record that cannot be read; the message names the file and what to do."""


class RunRecord(Strict):
    """The result of a run.

    Attributes:
        config: all that the run depends on.
        state: "finished"; "diverged", "out_of_memory" or "timed_out" (results, without a score); or "failed" (an error,
            tried again when the study is run again).
        reason: why it did not finish, else "".
        stopped_at: the step at which it diverged, ran out of memory or of time, or None.
        parameters: number of trained parameters.
        engine: the engine that did the work.
        valid, best_step: best validation score and its step; None unless finished.
        test: the task's score on the test set at `best_step`; None unless asked for.
        extra: further test scores by name.
        memory_mib: what is kept between the forward and the backward pass of the first training step, parameters
            left out, in MiB; None unless asked for.
        steps: optimiser steps done.
        seconds: time in training steps, see `rnnzoo.training.Training`.
        environment: versions and machine.
    """

    config: RunConfig
    state: State
    reason: str = ""
    stopped_at: int | None = None
    parameters: int
    engine: str
    valid: float | None = None
    best_step: int | None = None
    test: float | None = None
    extra: dict[str, float] = Field(default_factory=dict)
    memory_mib: float | None = None
    steps: int
    seconds: float
    environment: dict[str, str]

    @model_validator(mode="after")
    def _a_finished_run_has_a_score(self) -> Self:
        if self.state == "finished" and self.valid is None:
            raise ValueError("valid must be a number where state is 'finished'")
        return self

    def settles(self, config: RunConfig) -> bool:
        """Whether a run of this configuration need not be done again.

        A failed one is tried again, and so is one that ran out of time where the limit is now larger or gone.
        """
        if self.state == "timed_out" and self.config.limit_seconds is not None:
            return config.limit_seconds is not None and config.limit_seconds <= self.config.limit_seconds
        return self.state != "failed"


def run_folder(root: Path, config: RunConfig) -> Path:
    """Return the folder of a finished run."""
    return root / config.run_id()


def read_record(folder: Path) -> RunRecord | None:
    """Return the record in a run's folder, or None where there is none.

    Raises:
        RecordError: the file cannot be read as a record, or belongs to another configuration.
    """
    path = folder / RECORD
    refuse_link(folder)
    try:
        text = read_bytes(path, MOST_BYTES[RECORD])
    except FileNotFoundError:
        return None
    except OSError as error:
        raise RecordError(f"{path}: {_said(error)}; delete the folder to repeat the run") from None
    try:
        record = RunRecord.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"])) or "the file"
        raise RecordError(f"{path}: {place}: {first['msg']}; delete the folder to repeat the run") from None
    if record.config.run_id() != folder.name.removesuffix(PARTIAL):
        raise RecordError(
            f"{path}: its configuration has the hash {record.config.run_id()}, not its folder's name; "
            "delete the folder to repeat the run"
        )
    return record


def read_frame(folder: Path, name: str, numbers: Collection[str] = ()) -> pd.DataFrame:
    """Return a table of a run, such as curve.csv, empty where there is none.

    Args:
        folder: of the run.
        name: of the file.
        numbers: columns that it must have, with nothing but numbers.

    Raises:
        RecordError: the file is no table, or lacks a column of numbers.
    """
    path = folder / name
    try:
        frame = read_table(io.BytesIO(read_bytes(path, MOST_FRAME_BYTES)))
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return pd.DataFrame()
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: {_said(error)}; delete the folder to repeat the run") from None
    wrong = [c for c in numbers if c not in frame.columns or not pd.api.types.is_numeric_dtype(frame[c])]
    if wrong:
        lacks = f"has no column of numbers named {', '.join(wrong)}"
        raise RecordError(f"{path}: {lacks}; delete the folder to repeat the run")
    return frame


def read_cost(folder: Path) -> dict[str, float]:
    """Return the cost of a training step that was measured for this run, empty where it was not.

    Raises:
        RecordError: the file cannot be read as names and numbers.
    """
    path = folder / COST
    try:
        return COSTS.validate_json(read_bytes(path, MOST_BYTES[COST]))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise RecordError(f"{path}: {_said(error)}; delete the file to measure again") from None


def refuse_link(folder: Path) -> None:
    """Raise a RecordError if a run's folder is a link: its files could then be anyone's, and they are replaced."""
    if folder.is_symlink():
        raise RecordError(f"{folder}: is a symbolic link; delete it, and move the folder itself here if it is a run's")


def _said(error: Exception) -> str:
    """Return the first thing that an error says, on one line."""
    if isinstance(error, ValidationError):
        return str(error.errors()[0]["msg"])
    if isinstance(error, OSError) and not isinstance(error, ReadError):
        return error.strerror or str(error)
    return " ".join(str(error).split())


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as readable JSON, atomically."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


def read_table(source: Path | io.BytesIO) -> pd.DataFrame:
    """Read a CSV file; its numbers come back as they were before they were written, to the last digit.

    pandas does so of itself from 3.1 on; before, its default was fast and off in the last digit.
    """
    exact = tuple(int(part) for part in pd.__version__.split(".")[:2]) >= (3, 1)
    return pd.read_csv(source) if exact else pd.read_csv(source, float_precision="round_trip")


def write_frame(path: Path, frame: pd.DataFrame) -> None:
    """Write a frame as CSV with all digits, atomically."""
    write_text(path, frame.to_csv(index=False, lineterminator="\n"))


def write_tensors(path: Path, value: Any) -> None:
    """Write what `torch.load(weights_only=True)` reads, atomically."""
    content = io.BytesIO()
    torch.save(value, content)
    write_bytes(path, content.getvalue())


def environment() -> dict[str, str]:
    """Return the versions and the machine that numbers depend on."""
    import numpy
    import optuna

    import rnnzoo

    return {
        "date": datetime.date.today().isoformat(),
        "rnnzoo": rnnzoo.__version__,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numpy": numpy.__version__,
        "optuna": optuna.__version__,
        "platform": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": str(os.cpu_count()),
    }


def processor() -> str:
    """Return the processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
