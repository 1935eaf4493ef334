"""What a run records beside its scores: measures before, along and after training, in files of its folder.

Every measure is timed by itself, and its time goes to a file of its own: a run's `seconds` and the cost of a step know
nothing of it. A measure that fails leaves its reason there and never takes the run with it. All of it survives a kill:
what was measured before stands in the folder, and rows of a step that is done again are replaced.
"""

import json
import time
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from rnnzoo.configuration import Diagnostic, RunConfig
from rnnzoo.diagnostics.measuring import ALONG, MEASURES, Measure, measured_on
from rnnzoo.files import read_bytes
from rnnzoo.model import SequenceModel
from rnnzoo.records import read_table, write_frame, write_json
from rnnzoo.tasks import TASKS
from rnnzoo.tasks.base import Task

INITIAL = "_initial.csv"
"""Ending of a frame that was measured before training, in the folder of a run under way."""

COSTS = "diagnostics.json"
"""Measure → seconds that it took in all, and the reason where it failed."""

MOST_BYTES = 2**16
"""Largest size of that file."""

FRAMES = frozenset(f"{name}.csv" for name in (*MEASURES, *ALONG))
"""Files that a finished run may have."""

MOMENTS_ALONG = 20
"""How often what is measured along training is measured, at even distances; and before the first step."""


class Recorder:
    """Measures a run before, along and after training.

    Args:
        config: of the run.
        task: of the run. What is measured along training is measured on it; what is measured before and after, on one
            of another length where the run asks for that.
        folder: where the files go.
    """

    def __init__(self, config: RunConfig, task: Task, folder: Path) -> None:
        self.folder = folder
        self.own = task
        self.task = measured_on(task, TASKS[config.task], config.diagnostics_length) if config.diagnostics else task
        self.ends = [(name, MEASURES[name]) for name in config.diagnostics if name in MEASURES]
        self.along = [(name, ALONG[name]) for name in config.diagnostics if name in ALONG]
        steps = config.training.steps
        self.moments = {round(i * steps / MOMENTS_ALONG) for i in range(MOMENTS_ALONG + 1)}

    def before(self, model: SequenceModel) -> None:
        """Measure the model at initialisation."""
        (self.folder / COSTS).unlink(missing_ok=True)
        for name, measure in self.ends:
            frame = self._measured(name, measure, model, self.task)
            if frame is not None:
                write_frame(self.folder / f"{name}{INITIAL}", frame)
        for name, _ in self.along:
            (self.folder / f"{name}.csv").unlink(missing_ok=True)
        self.during(model, 0)

    def during(self, model: SequenceModel, step: int) -> None:
        """Measure the model after an optimiser step, if it is one at which that is due."""
        if step not in self.moments:
            return
        for name, measure in self.along:
            frame = self._measured(name, measure, model, self.own)
            if frame is None or frame.empty:
                continue
            path = self.folder / f"{name}.csv"
            known = read_table(path) if path.exists() else pd.DataFrame({"step": []})
            rows = [known[known["step"] < step], frame.assign(step=step)]
            write_frame(path, pd.concat([part for part in rows if len(part)], ignore_index=True))

    def after(self, model: SequenceModel | None) -> None:
        """Measure the trained model, or none if training diverged, and put both moments into one file a measure."""
        for name, measure in self.ends:
            initial = self.folder / f"{name}{INITIAL}"
            frames = [read_table(initial).assign(moment="initial")] if initial.exists() else []
            trained = self._measured(name, measure, model, self.task) if model is not None else None
            if trained is not None:
                frames.append(trained.assign(moment="trained"))
            if frames := [frame for frame in frames if len(frame)]:
                write_frame(self.folder / f"{name}.csv", pd.concat(frames, ignore_index=True))

    def _measured(self, name: Diagnostic, measure: Measure, model: SequenceModel, task: Task) -> pd.DataFrame | None:
        began, reason = time.perf_counter(), ""
        frame: pd.DataFrame | None = None
        try:
            # measures that draw numbers must leave those of training alone
            with torch.random.fork_rng(devices=[]):
                frame = measure(model, task)
        except OSError:
            raise  # a full disk is for the run to report
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
        costs = read_costs(self.folder)
        seconds = float(costs.get(name, {}).get("seconds", 0.0)) + time.perf_counter() - began
        costs[name] = {"seconds": seconds, "reason": reason or costs.get(name, {}).get("reason", "")}
        write_json(self.folder / COSTS, costs)
        return frame


def read_costs(folder: Path) -> dict[str, dict[str, Any]]:
    """Return measure → seconds and reason for a run, empty where nothing was measured or the file cannot be read."""
    try:
        found = json.loads(read_bytes(folder / COSTS, MOST_BYTES))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
