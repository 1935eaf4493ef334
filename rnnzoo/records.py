"""The run record: what a run leaves behind, how it is written so that nothing is ever half there, how it is read.

A run's folder, named by the hash of its configuration, holds record.json, curve.csv (one row an evaluation),
gradients.csv (if measured), weights.pt (if the run was scored on the test set) and cost.json (if its speed was
measured). While it is at work the same files stand in a folder with the ending .partial, beside a checkpoint.
"""

import datetime
import io
import json
import os
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import torch
from pydantic import Field, ValidationError

from rnnzoo.configuration import RunConfig, Strict
from rnnzoo.files import write_bytes, write_text

RECORD = "record.json"
CURVE = "curve.csv"
GRADIENTS = "gradients.csv"
WEIGHTS = "weights.pt"
COST = "cost.json"
PARTIAL = ".partial"


class RecordError(ValueError):
    """A record that cannot be read; the message names the file and what to do."""


class RunRecord(Strict):
    """The result of a run.

    Attributes:
        config: all that the run depends on.
        state: "finished", "diverged" (a result) or "failed" (an error, tried again when the study is run again).
        reason: why it diverged or failed, else "".
        stopped_at: the step of the divergence, or None.
        parameters: number of trained parameters.
        engine: the engine that did the work.
        valid, best_step: best validation score and its step; None if diverged or failed.
        test: the task's score on the test set at `best_step`; None unless asked for.
        extra: further test scores by name.
        steps: optimiser steps done.
        seconds: time in training steps.
        environment: versions and machine.
    """

    config: RunConfig
    state: Literal["finished", "diverged", "failed"]
    reason: str = ""
    stopped_at: int | None = None
    parameters: int
    engine: str
    valid: float | None = None
    best_step: int | None = None
    test: float | None = None
    extra: dict[str, float] = Field(default_factory=dict)
    steps: int
    seconds: float
    environment: dict[str, str]


def run_folder(root: Path, config: RunConfig) -> Path:
    """Return the folder of a finished run."""
    return root / config.run_id()


def read_record(folder: Path) -> RunRecord | None:
    """Return the record in a run's folder, or None where there is none.

    Raises:
        RecordError: the file cannot be read as a record, or belongs to another configuration.
    """
    path = folder / RECORD
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
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


def read_frame(folder: Path, name: str) -> pd.DataFrame:
    """Return curve.csv or gradients.csv of a run, empty where there is none.

    Raises:
        RecordError: the file is no table of numbers.
    """
    path = folder / name
    try:
        return pd.read_csv(path)
    except (FileNotFoundError, pd.errors.EmptyDataError):
        return pd.DataFrame()
    except (ValueError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: {error}; delete the folder to repeat the run") from None


def read_cost(folder: Path) -> dict[str, float]:
    """Return the cost of a training step that was measured for this run, empty where it was not."""
    path = folder / COST
    try:
        loaded = json.loads(path.read_bytes())
        return {str(key): float(value) for key, value in loaded.items()}
    except FileNotFoundError:
        return {}
    except (ValueError, TypeError, AttributeError) as error:
        raise RecordError(f"{path}: {error}; delete the file to measure again") from None


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a mapping as readable JSON, atomically."""
    write_text(path, json.dumps(value, indent=1, sort_keys=True, allow_nan=False) + "\n")


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
