"""The winner of a study: of the seeds of one cell on one task, the run with the best validation score."""

from pathlib import Path
from typing import NamedTuple

import torch

import rnnzoo
from rnnzoo.export.model import SavedModel, make
from rnnzoo.files import read_bytes
from rnnzoo.model import SequenceModel
from rnnzoo.records import WEIGHTS, RunRecord, read_record, run_folder
from rnnzoo.report.tables import scores
from rnnzoo.study.conduct import confirm_configs
from rnnzoo.study.plan import Competitor, Plan
from rnnzoo.study.results import collect
from rnnzoo.study.search import CellSearch
from rnnzoo.study.storage import open_storage

MOST_BYTES = 2**34


class NoWinner(ValueError):  # noqa: N818 - says what is the case
    """There is no such model in the study; the message says what there is."""


class Winner(NamedTuple):
    """A trained model and what it is."""

    model: SequenceModel
    saved: SavedModel
    task: str
    cell: str


def winner(plan: Plan, root: Path, wanted: str, storage: str | None = None) -> Winner:
    """Return the trained model of a cell on a task.

    Args:
        plan: the study.
        root: folder of its run folders.
        wanted: "TASK/CELL", labels of the study; or "TASK" for the cell with the best mean test score on it.
        storage: URL of the database that holds the trials, or None for the journal file among the run folders.

    Raises:
        NoWinner: the study has no such task or cell, or no finished confirm run of it.
        RecordError: a record cannot be read.
        StorageError: the trials cannot be read.
    """
    competitor = find(plan, root, wanted, storage)
    best = best_run(plan, competitor, root, storage)
    task = competitor.task
    found = {"valid": best.valid, "test": best.test}
    saved = SavedModel(
        config=best.config,
        input_size=task.input_size,
        output_size=task.output_size,
        vocabulary=task.vocabulary,
        readout=task.readout,
        scores={name: value for name, value in found.items() if value is not None},
        rnnzoo=rnnzoo.__version__,
    )
    model = make(saved)
    path = run_folder(root, best.config) / WEIGHTS
    try:
        read_bytes(path, MOST_BYTES)
        model.load_state_dict(torch.load(path, weights_only=True, map_location="cpu"))
    except Exception as error:  # a stranger's file may be wrong in any way
        said = " ".join(str(error).split())[:200]
        raise NoWinner(f"{path}: cannot be read: {said}; delete the folder and run the study again") from None
    return Winner(model.eval(), saved, competitor.label, competitor.cell)


def find(plan: Plan, root: Path, wanted: str, storage: str | None) -> Competitor:
    """Return the competitor that "TASK/CELL" or "TASK" names."""
    label, _, cell = wanted.partition("/")
    on_task = {c.cell: c for c in plan.competitors if c.label == label}
    if not on_task:
        raise NoWinner(f"--winner {wanted}: the study has no task {label!r}; choose one of {', '.join(plan.labels)}")
    if not cell:
        table = scores(collect(plan, root, storage))
        placed = table[(table["task"] == label) & (table["n"] > 0)].sort_values("place", kind="stable")
        if placed.empty:
            raise NoWinner(f"--winner {wanted}: no cell has a test score on it yet; do the runs with rnnzoo run")
        cell = str(placed.iloc[0]["cell"])
    if cell not in on_task:
        raise NoWinner(f"--winner {wanted}: the study has no cell {cell!r} there; choose one of {', '.join(on_task)}")
    return on_task[cell]


def best_run(plan: Plan, competitor: Competitor, root: Path, storage: str | None) -> RunRecord:
    """Return the record of the confirm run with the best validation score; the test set has no say."""
    with open_storage(root, storage) as store:
        search = CellSearch(plan, competitor, store) if competitor.searched else None
        configs = confirm_configs(plan, competitor, search)
    records = [read_record(run_folder(root, config)) for config in configs]
    finished = [r for r in records if r is not None and r.state == "finished" and r.valid is not None]
    if not finished:
        place = f"{competitor.label}/{competitor.cell}"
        raise NoWinner(f"--winner {place}: no confirm run of it has finished; do them with rnnzoo run")
    sign = 1.0 if competitor.task.metric.direction == "minimize" else -1.0
    return min(finished, key=lambda record: sign * (record.valid or 0.0))
