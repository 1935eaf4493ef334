"""A study from its plan to its last run: search, confirm, and the cost of a step measured alone.

This process alone talks to Optuna and decides what runs next; workers only turn configurations into records. What is
done is read, not repeated, so that calling it again goes on where it was.
"""

import signal
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

from filelock import FileLock, Timeout
from optuna.trial import Trial

from rnnzoo.configuration import RunConfig
from rnnzoo.records import RunRecord, read_record, run_folder
from rnnzoo.study.plan import Competitor, Plan
from rnnzoo.study.run import Interrupted, measure_cost
from rnnzoo.study.search import CellSearch, open_journal
from rnnzoo.study.workers import Workers, make_workers


class StudyLocked(RuntimeError):  # noqa: N818 - says what is the case
    """Another process conducts a study on the same run folders."""


@dataclass(frozen=True)
class Job:
    """A run and what it is for.

    Attributes:
        competitor: the cell on the task.
        phase: "search" or "confirm".
        config: of the run.
        trial: in search, Optuna's trial.
    """

    competitor: Competitor
    phase: str
    config: RunConfig
    trial: Trial | None = None

    @property
    def title(self) -> str:
        """Return a short description for a progress bar."""
        return f"{self.competitor.label} · {self.competitor.cell} · {self.phase}"


class Watcher(Protocol):
    """Is told what happens; draws progress bars, or does not."""

    def began(self, job: Job) -> None:
        """Note that a run starts."""

    def stepped(self, job: Job, step: int) -> None:
        """Note that a run has done so many steps."""

    def ended(self, job: Job, record: RunRecord) -> None:
        """Note that a run is done."""

    def measuring(self, done: int, total: int) -> None:
        """Note that the cost of a step is being measured."""


@dataclass
class Outcome:
    """What became of a study.

    Attributes:
        failed: records of runs that an error ended.
        unconfirmed: competitors without a confirm run, because no trial of theirs finished.
    """

    failed: list[RunRecord]
    unconfirmed: list[Competitor]


def conduct(plan: Plan, root: Path, workers: int, watcher: Watcher) -> Outcome:
    """Do every run of a study that is not done yet.

    Args:
        plan: the study.
        root: folder of the run folders and the journal.
        workers: runs at a time.
        watcher: told of progress.

    Raises:
        Interrupted: Ctrl-C or SIGTERM; checkpoints are written.
        StudyLocked: another process is at work on the same folder.
        WorkersError: the workers cannot go on.
    """
    root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(root / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise StudyLocked(f"another process is running a study in {root}; wait for it, or choose --runs") from None
    try:
        pool = make_workers(root, workers)
        try:
            with stopping_at_signals(pool):
                outcome = _Conductor(plan, root, pool, watcher).conduct()
        finally:
            pool.close()
        # the workers are gone, so that a step is timed on a machine that does nothing else of ours
        with stopping_at_signals(None):
            _measure(plan, root, watcher)
        return outcome
    finally:
        lock.release()


class _Conductor:
    def __init__(self, plan: Plan, root: Path, pool: Workers, watcher: Watcher) -> None:
        journal = open_journal(root)
        self.plan = plan
        self.root = root
        self.pool = pool
        self.watcher = watcher
        self.searches = {id(c): CellSearch(plan, c, journal) for c in plan.competitors if c.searched}
        self.ready: deque[Job] = deque()
        self.under_way: dict[str, Job] = {}
        self.outcome = Outcome([], [])

    def conduct(self) -> Outcome:
        for competitor in self.plan.competitors:
            self.proceed(competitor)
        while self.ready or self.under_way:
            while self.ready and len(self.under_way) < self.pool.slots and self.start(self.ready[0]):
                self.ready.popleft()
            if self.under_way:
                for record in self.pool.wait(self.stepped):
                    self.end(self.under_way.pop(record.config.run_id()), record)
        return self.outcome

    def proceed(self, competitor: Competitor) -> None:
        """Put a competitor's next trial in the queue, or its confirm runs when the search is over."""
        search = self.searches.get(id(competitor))
        following = search.next() if search is not None else None
        if following is not None:
            trial, config = following
            self.ready.append(Job(competitor, "search", config, trial))
            return
        configs = confirm_configs(self.plan, competitor, search)
        if not configs:
            self.outcome.unconfirmed.append(competitor)
        self.ready.extend(Job(competitor, "confirm", config) for config in configs)

    def start(self, job: Job) -> bool:
        """Start a run, or read its record if it is done; False if the very same run is under way for another job."""
        run = job.config.run_id()
        if run in self.under_way:
            return False
        record = read_record(run_folder(self.root, job.config))
        self.watcher.began(job)
        if record is not None and record.settles(job.config):
            self.end(job, record)
        else:
            self.under_way[run] = job
            self.pool.submit(job.config)
        return True

    def stepped(self, run: str, step: int) -> None:
        if run in self.under_way:
            self.watcher.stepped(self.under_way[run], step)

    def end(self, job: Job, record: RunRecord) -> None:
        self.watcher.ended(job, record)
        if record.state == "failed":
            self.outcome.failed.append(record)
        if job.trial is not None:
            self.searches[id(job.competitor)].tell(job.trial, record)
            self.proceed(job.competitor)


def confirm_configs(plan: Plan, competitor: Competitor, search: CellSearch | None) -> list[RunConfig]:
    """Return the confirm runs of a competitor; none if all its trials diverged or failed."""
    values = search.best_values() if search is not None else {}
    if values is None:
        return []
    return [competitor.confirm_config(values, seed) for seed in plan.confirm.seeds]


def _measure(plan: Plan, root: Path, watcher: Watcher) -> None:
    journal = open_journal(root)
    first = []
    for competitor in plan.competitors:
        search = CellSearch(plan, competitor, journal) if competitor.searched else None
        first += confirm_configs(plan, competitor, search)[:1]
    for done, config in enumerate(first):
        watcher.measuring(done, len(first))
        record = read_record(run_folder(root, config))
        if record is not None and record.state in {"finished", "diverged"}:
            measure_cost(config, root)
    watcher.measuring(len(first), len(first))


@contextmanager
def stopping_at_signals(pool: Workers | None) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM stop the workers at their next step, and a second one break off at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if pool is None:
            raise Interrupted
        pool.stop()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
