"""A study from its plan to its last run: search, confirm, and the cost of a step measured alone.

The conducting process talks to Optuna and decides what runs next; workers only turn configurations into records. What
is done is read, not repeated, so that calling it again goes on where it was. Several conductors may share a study's
work: each takes the searches and runs that no other one is at.
"""

import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Protocol

from filelock import FileLock, Timeout

from rnnzoo.configuration import RunConfig
from rnnzoo.records import RunRecord, read_record, run_folder
from rnnzoo.study.plan import Competitor, Plan
from rnnzoo.study.run import Interrupted, under_way_elsewhere
from rnnzoo.study.search import HELD, CellSearch
from rnnzoo.study.storage import StorageError, Store, open_storage
from rnnzoo.study.turns import NOW, Job, Turn, Turns
from rnnzoo.study.workers import Workers, make_workers

HELD_SECONDS = 3.0
"""Time after which a conductor comes back to what another one is at work on."""

POLL_SECONDS = 0.1


class StudyLocked(RuntimeError):  # noqa: N818 - says what is the case
    """Another process conducts the same study on the same run folders."""


class Watcher(Protocol):
    """Is told what happens; draws progress bars, or does not."""

    def began(self, job: Job) -> None:
        """Note that a run starts."""

    def stepped(self, job: Job, step: int) -> None:
        """Note that a run has done so many steps."""

    def ended(self, job: Job, record: RunRecord) -> None:
        """Note that a run is done."""

    def tried(self, job: Job) -> None:
        """Note that a trial is over; the job is its last run."""

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


def conduct(
    plan: Plan,
    root: Path,
    workers: int | None,
    watcher: Watcher,
    storage: str | None = None,
    dask: str | None = None,
) -> Outcome:
    """Do every run of a study that is not done yet.

    With a database, several conductors may do so at once, on one machine or many, over the same run folders.

    Args:
        plan: the study.
        root: folder of the run folders and the journal.
        workers: runs at a time; with `dask`, at the most.
        watcher: told of progress.
        storage: URL of a database for the trials, or None for a journal file among the run folders.
        dask: where the runs are done instead of in processes of this machine: the address of a Dask scheduler, the
            path of a scheduler file, or "slurm".

    Raises:
        Interrupted: Ctrl-C or SIGTERM; checkpoints are written.
        StorageError: the trials cannot be read or written.
        StudyLocked: another process conducts this study on the same folder.
        WorkersError: the workers cannot go on.
    """
    with open_storage(root, storage) as store, only_conductor(plan, store):
        with closing(make_workers(root, workers, dask, plan.budget.threads)) as pool:
            with (
                closing(Conductor(plan, store, pool, watcher)) as conductor,
                stopping_at_signals(conductor.stop),
            ):
                outcome = conductor.conduct()
            # no run is under way any more, so that a step is timed on a machine that does nothing else of ours
            with stopping_at_signals(None):
                _measure(plan, store, pool, watcher)
        return outcome


@contextmanager
def only_conductor(plan: Plan, store: Store) -> Iterator[None]:
    """Keep others from conducting the same study on the same folder, unless a database tells who does what."""
    if store.shared:
        yield
        return
    lock = FileLock(store.root / f".{plan.name}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        text = f"another process is running the study {plan.name} in {store.root}; wait for it, choose another --runs,"
        raise StudyLocked(f"{text} or let both share the work: --storage with the URL of a database") from None
    try:
        yield
    finally:
        lock.release()


class Conductor:
    """Decides what runs next, and tells the search what came of it.

    Args:
        plan: the study.
        store: where the trials are kept.
        pool: does the runs.
        watcher: told of progress.
    """

    def __init__(self, plan: Plan, store: Store, pool: Workers, watcher: Watcher) -> None:
        self.plan = plan
        self.store = store
        self.pool = pool
        self.watcher = watcher
        self.searches = {id(c): CellSearch(plan, c, store) for c in plan.competitors if c.searched}
        self.turns = Turns(plan.competitors)
        self.held: deque[tuple[float, Turn]] = deque()
        self.under_way: dict[str, Job] = {}
        self.outcome = Outcome([], [])
        self.stopped = False

    def stop(self) -> None:
        """Let the runs under way write their checkpoints, and end."""
        self.stopped = True
        self.store.stopping.set()
        self.pool.stop()

    def conduct(self) -> Outcome:
        """Do all runs."""
        while self.turns or self.held or self.under_way:
            while not self.stopped and len(self.under_way) < self.pool.slots and (turn := self.take()) is not None:
                self.begin(turn)
            if self.under_way:
                for record in self.pool.wait(self.stepped):
                    self.end(self.under_way.pop(record.config.run_id()), record)
            elif self.stopped:
                raise Interrupted
            elif self.held:
                time.sleep(POLL_SECONDS)
        return self.outcome

    def close(self) -> None:
        """Let other conductors take what this one had begun."""
        self.store.stopping.set()  # whoever leaves does not wait for a database
        with suppress(StorageError):
            for search in self.searches.values():
                search.release()
        self.store.stopping.clear()

    def take(self) -> Turn | None:
        """Return what is to be begun next: what was held for a while waits for its turn again."""
        while self.held and self.held[0][0] <= time.monotonic():
            self.turns.add(self.held.popleft()[1])
        return self.turns.take() if self.turns else None

    def hold(self, turn: Turn) -> None:
        """Come back to what another conductor, or another job of this one, is at work on."""
        self.held.append((time.monotonic() + HELD_SECONDS, turn))

    def begin(self, turn: Turn) -> None:
        """Begin a run, or what follows for a competitor: its next trial, or its confirm runs wait for their turns."""
        item = turn.item
        if isinstance(item, Job):
            self.start(turn, item)
            return
        search = self.searches.get(id(item))
        attempt = search.next() if search is not None else None
        if attempt is HELD:
            self.hold(turn)
        elif attempt is not None:
            self.start(turn, Job(item, "search", attempt.runs[0], attempt))
        else:
            if search is not None:
                search.release()
            configs = confirm_configs(self.plan, item, search)
            if not configs:
                self.outcome.unconfirmed.append(item)
            trials = search.search.trials if search is not None else 0
            for number, config in enumerate(configs):
                self.turns.add(Turn(trials + number, Job(item, "confirm", config)))

    def start(self, turn: Turn, job: Job) -> None:
        """Start a run, or read its record if it is done, or hold it while someone else is doing the very same one."""
        run = job.config.run_id()
        record = read_record(run_folder(self.store.root, job.config))
        done = record is not None and record.settles(job.config)
        if run in self.under_way or (not done and under_way_elsewhere(self.store.root, job.config)):
            self.hold(Turn(turn.number, job))
            return
        self.watcher.began(job)
        if done and record is not None:
            self.end(job, record)
        else:
            self.under_way[run] = job
            self.pool.submit(job.config)

    def stepped(self, run: str, step: int) -> None:
        """Pass on how far a run is."""
        if run in self.under_way:
            self.watcher.stepped(self.under_way[run], step)

    def end(self, job: Job, record: RunRecord) -> None:
        """Take in a run's record."""
        self.watcher.ended(job, record)
        self.turns.learn(job.competitor, record)
        if record.state == "failed":
            self.outcome.failed.append(record)
        if job.attempt is None:
            return
        following = self.searches[id(job.competitor)].tell(job.attempt, record)
        if following is not None:
            self.turns.add(Turn(NOW, Job(job.competitor, "search", following, job.attempt)))
        else:
            self.watcher.tried(job)
            self.turns.add(Turn(job.attempt.slot + 1, job.competitor))


def confirm_configs(plan: Plan, competitor: Competitor, search: CellSearch | None) -> list[RunConfig]:
    """Return the confirm runs of a competitor; none if all its trials diverged or failed."""
    values = search.best_values() if search is not None else {}
    if values is None:
        return []
    return [competitor.confirm_config(values, seed) for seed in plan.confirm.seeds]


def _measure(plan: Plan, store: Store, pool: Workers, watcher: Watcher) -> None:
    root = store.root
    first = []
    for competitor in plan.competitors:
        search = CellSearch(plan, competitor, store) if competitor.searched else None
        first += confirm_configs(plan, competitor, search)[:1]
    # of several conductors of a study that come to an end together, one measures and the others read
    with FileLock(root / ".measuring.lock"):
        for done, config in enumerate(first):
            watcher.measuring(done, len(first))
            record = read_record(run_folder(root, config))
            if record is not None and record.state in {"finished", "diverged"}:
                pool.measure(config)
    watcher.measuring(len(first), len(first))


@contextmanager
def stopping_at_signals(stopping: Callable[[], None] | None) -> Iterator[None]:
    """Let the first Ctrl-C or SIGTERM stop the runs at their next step, and a second one break off at once."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if stopping is None:
            raise Interrupted
        stopping()

    previous = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
