"""How far a study is, read from what its runs have left so far; no run and no trial is touched.

A run is at work if its heartbeat is young: that is all that can be known of another machine. What remains is estimated
from the cell's own training time a step on the task, else from that of the study's other runs.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import ValidationError

from rnnzoo.configuration import RunConfig
from rnnzoo.records import PARTIAL, RunRecord, read_record, run_folder
from rnnzoo.study.conduct import confirm_configs
from rnnzoo.study.heartbeat import Beat, read_beat
from rnnzoo.study.plan import Competitor, Plan
from rnnzoo.study.pruning import rungs
from rnnzoo.study.run import CONFIG
from rnnzoo.study.search import CellSearch
from rnnzoo.study.storage import Store, open_storage

MOST_BYTES = 2**20


@dataclass(frozen=True)
class Begun:
    """A run that has begun and not ended.

    Attributes:
        phase: "search" or "confirm".
        config: of the run.
        beat: its last heartbeat, or None where it stopped in an orderly way.
        alive: whether it is at work.
    """

    phase: str
    config: RunConfig
    beat: Beat | None
    alive: bool


@dataclass
class Progressed:
    """How far a cell on a task is.

    Attributes:
        competitor: the cell on the task.
        trials: that have ended.
        confirmed: confirm runs that have ended, in whatever state.
        states: how many runs ended in each state.
        begun: runs that have begun and not ended.
        remaining: estimated seconds of training; NaN where nothing is known of their speed.
    """

    competitor: Competitor
    trials: int = 0
    confirmed: int = 0
    states: Counter[str] = field(default_factory=Counter)
    begun: list[Begun] = field(default_factory=list)
    remaining: float = math.nan


@dataclass(frozen=True)
class Status:
    """How far a study is.

    Attributes:
        rows: one a cell on a task, in the order of the study file.
    """

    rows: list[Progressed]

    @property
    def at_work(self) -> int:
        """Return how many runs are at work."""
        return sum(run.alive for row in self.rows for run in row.begun)

    @property
    def remaining(self) -> float:
        """Return the estimated seconds until all is done, with as many runs at a time as are at work now."""
        return sum(row.remaining for row in self.rows) / max(1, self.at_work)


def read_status(plan: Plan, root: Path, storage: str | None = None, now: float | None = None) -> Status:
    """Return how far a study is.

    Args:
        plan: the study.
        root: folder of the run folders.
        storage: URL of the database that holds the trials, or None for the journal file among the run folders.
        now: seconds since 1970; by default the clock's.

    Raises:
        RecordError: a record cannot be read.
        StorageError: the trials cannot be read.
    """
    rows = [Progressed(competitor) for competitor in plan.competitors]
    if not root.is_dir():
        return Status(rows)
    begun = list(_begun(root, time.time() if now is None else now))
    with open_storage(root, storage) as store:
        records = {id(row): _read(plan, row, root, store) for row in rows}
    for row in rows:
        row.begun = [
            Begun(phase, config, beat, alive)
            for config, beat, alive in begun
            if (phase := phase_of(plan, row.competitor, config)) is not None
        ]
    every = [record for row in rows for record in records[id(row)]]
    lengths = {record.config.run_id(): row.competitor.task.length for row in rows for record in records[id(row)]}
    work = sum(record.steps * lengths[record.config.run_id()] for record in every)
    usual = sum(record.seconds for record in every) / work if work else math.nan
    for row in rows:
        steps = sum(record.steps for record in records[id(row)])
        own = (
            sum(record.seconds for record in records[id(row)]) / steps if steps else usual * row.competitor.task.length
        )
        row.remaining = _remaining(plan, row, own)
    return Status(rows)


def _read(plan: Plan, row: Progressed, root: Path, store: Store) -> list[RunRecord]:
    """Count what of a cell on a task has ended, and return its records."""
    search = CellSearch(plan, row.competitor, store) if row.competitor.searched else None
    tried = search.trials() if search is not None else []
    row.trials = len(tried)
    searched = [record for trial in tried for record in _records(root, trial.runs)]
    confirmed: list[RunRecord] = []
    if search is None or row.trials >= plan.search.trials:
        confirmed = _records(root, confirm_configs(plan, row.competitor, search))
    row.confirmed = len(confirmed)
    row.states.update(record.state for record in searched + confirmed)
    return searched + confirmed


def phase_of(plan: Plan, competitor: Competitor, config: RunConfig) -> str | None:
    """Return the phase of a study in which a cell on a task has this very run, or None."""
    cell, training = dict(config.cell_options), config.training.model_dump()
    known = {f"cell.{name}": value for name, value in cell.items()}
    known |= {f"training.{name}": value for name, value in training.items()}
    if config.task != competitor.base["task"] or not set(competitor.space()) <= set(known):
        return None
    values = {name: known[name] for name in competitor.space()}
    try:
        confirm = competitor.confirm_config(values, config.seed)
        trials = competitor.trial_configs(values, plan.search) if competitor.searched else []
    except ValidationError:
        return None
    run = config.run_id()
    if config.seed in plan.confirm.seeds and confirm.run_id() == run:
        return "confirm"
    return "search" if run in {trial.run_id() for trial in trials} else None


def _records(root: Path, configs: "list[RunConfig] | tuple[RunConfig, ...]") -> list[RunRecord]:
    return [record for c in configs if (record := read_record(run_folder(root, c))) is not None]


def _begun(root: Path, now: float) -> Iterator[tuple[RunConfig, Beat | None, bool]]:
    for folder in sorted(root.glob(f"*{PARTIAL}")):
        path = folder / CONFIG
        try:
            if path.stat().st_size > MOST_BYTES:
                continue
            config = RunConfig.model_validate_json(path.read_bytes())
        except (OSError, ValidationError):
            continue  # it has only just begun, or is none of ours
        beat = read_beat(folder)
        yield config, beat, beat is not None and beat.alive(now)


def _remaining(plan: Plan, row: Progressed, seconds_per_step: float) -> float:
    """Return the seconds of training that a cell on a task still needs; NaN where the time of a step is unknown."""
    competitor = row.competitor

    def seconds(steps: int, most: float | None) -> float:
        return min(steps * seconds_per_step, math.inf if most is None else most)

    training = competitor.base["training"]
    confirm = (len(plan.confirm.seeds) - row.confirmed) * seconds(int(training["steps"]), training.get("max_seconds"))
    trial = sum(seconds(steps, competitor.search_seconds) for steps in rungs(plan.search, competitor.search_steps))
    trials = plan.search.trials - row.trials if competitor.searched else 0
    done = sum(run.beat.step for run in row.begun if run.beat is not None) * seconds_per_step
    total = confirm + max(0, trials) * len(plan.search.trial_seeds) * trial
    # max would take NaN, which compares with nothing, for 0
    return total if math.isnan(total) or not total else max(0.0, total - done)
