"""Who is at work on a search: a search is sequential, so that one conductor at a time may take its next trial.

Among the run folders a file lock says so, and a kill releases it. In a database the running trial itself says so, with
the signs of life of its conductor: when they stay away, the trial is closed and its place asked for anew.
"""

import datetime
import os
import socket
import threading
import uuid
from typing import Protocol

from filelock import FileLock, Timeout
from optuna.exceptions import StorageInternalError, UpdateFinishedTrialError
from optuna.storages import RDBStorage, fail_stale_trials
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState
from sqlalchemy.exc import SQLAlchemyError

from rnnzoo.study import storage as storage_module
from rnnzoo.study.storage import Store

CONDUCTOR = "conductor"
"""User attribute of a trial: host and process that runs it."""

ALIVE = "alive"
"""User attribute of a trial in a database: it has given its first sign of life."""

FOLDER = ".claims"


class Claim(Protocol):
    """The right to take a search's next trial."""

    name: str

    def take(self) -> bool:
        """Whether nobody else is at work on the search; trials that were left behind are closed."""

    def begin(self, trial_id: int, number: int) -> bool:
        """Whether a trial that was just made is to be run; if not, another conductor was faster."""

    def end(self, trial_id: int) -> None:
        """Note that a trial is over."""

    def release(self) -> None:
        """Let others take the search."""


def make_claim(store: Store, study: Study) -> Claim:
    """Return the claim on a search."""
    return SignsOfLife(store, study) if store.shared else LockedFile(store, study)


class LockedFile:
    """A claim by a lock on a file: held from the first trial to the last, released when the process ends."""

    def __init__(self, store: Store, study: Study) -> None:
        self.name = conductor_name()
        self.study = study
        folder = store.root / FOLDER
        folder.mkdir(parents=True, exist_ok=True)
        self.lock = FileLock(folder / f"{study.study_name.rpartition('/')[2]}.lock")

    def take(self) -> bool:
        """Whether the lock is ours."""
        if self.lock.is_locked:
            return True
        try:
            self.lock.acquire(timeout=0)
        except Timeout:
            return False
        for trial in unfinished(self.study):
            self.study.tell(trial.number, state=TrialState.FAIL)
        return True

    def begin(self, trial_id: int, number: int) -> bool:  # noqa: ARG002 - the interface's
        """Return true: the lock is ours."""
        return True

    def end(self, trial_id: int) -> None:
        """Do nothing: the lock stays."""

    def release(self) -> None:
        """Release the lock."""
        self.lock.release()


class SignsOfLife:
    """A claim by running trials in a database: of several made at once, the one with the lowest number is run."""

    def __init__(self, store: Store, study: Study) -> None:
        assert isinstance(store.storage, RDBStorage)
        self.storage = store.storage
        self.study = study
        self.heart = heart_of(store)
        self.name = self.heart.name

    def take(self) -> bool:
        """Whether no trial of a live conductor is running."""
        fail_stale_trials(self.study)
        others = False
        for trial in unfinished(self.study):
            ours = trial.user_attrs.get(CONDUCTOR) == self.name
            if ours or never_alive(trial):
                # made in a try that the database did not answer, or by a process killed between two statements
                self.close(trial.number)
            else:
                others = True
        return not others

    def begin(self, trial_id: int, number: int) -> bool:
        """Give the first sign of life, and see whether a lower number runs."""
        self.storage.record_heartbeat(trial_id)
        self.storage.set_trial_user_attr(trial_id, ALIVE, True)
        if any(trial.number < number for trial in unfinished(self.study)):
            self.close(number)
            return False
        self.heart.add(trial_id)
        return True

    def end(self, trial_id: int) -> None:
        """Stop its signs of life."""
        self.heart.remove(trial_id)

    def release(self) -> None:
        """Close the trials that are under way here, so that others need not wait for them to grow stale."""
        for trial in unfinished(self.study):
            if trial.user_attrs.get(CONDUCTOR) == self.name:
                self.close(trial.number)

    def close(self, number: int) -> None:
        """End a trial without a result; its place is asked for anew."""
        self.study.tell(number, state=TrialState.FAIL, skip_if_finished=True)


class Heart:
    """Gives signs of life for the trials that this process runs, in a thread of its own.

    Args:
        storage: a database.
    """

    def __init__(self, storage: RDBStorage) -> None:
        self.name = conductor_name()
        self.storage = storage
        self.trials: set[int] = set()
        self.stopping = threading.Event()
        self.thread: threading.Thread | None = None

    def add(self, trial_id: int) -> None:
        """Give signs of life for a trial from now on."""
        self.trials.add(trial_id)
        if self.thread is None:
            self.thread = threading.Thread(target=self.beat, name="signs of life", daemon=True)
            self.thread.start()

    def remove(self, trial_id: int) -> None:
        """Give no more signs of life for a trial."""
        self.trials.discard(trial_id)

    def beat(self) -> None:
        """Give a sign of life for every trial, again and again."""
        while not self.stopping.wait(storage_module.HEARTBEAT_SECONDS):
            for trial_id in tuple(self.trials):
                try:
                    self.storage.record_heartbeat(trial_id)
                except (SQLAlchemyError, StorageInternalError, UpdateFinishedTrialError):
                    break  # the database is away: whoever asks it for something waits and says so

    def stop(self) -> None:
        """End the thread."""
        self.stopping.set()
        if self.thread is not None:
            self.thread.join()


def heart_of(store: Store) -> Heart:
    """Return the one heart of a store."""
    if store.heart is None:
        assert isinstance(store.storage, RDBStorage)
        store.heart = Heart(store.storage)
    return store.heart


def conductor_name() -> str:
    """Return a name that no other conductor has."""
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


def unfinished(study: Study) -> list[FrozenTrial]:
    """Return the trials that run or wait."""
    return study.get_trials(deepcopy=False, states=(TrialState.RUNNING, TrialState.WAITING))


def never_alive(trial: FrozenTrial) -> bool:
    """Whether a trial never gave a sign of life in all the time that it had for one."""
    if ALIVE in trial.user_attrs or trial.datetime_start is None:
        return False
    return datetime.datetime.now() - trial.datetime_start > datetime.timedelta(seconds=storage_module.GRACE_SECONDS)
