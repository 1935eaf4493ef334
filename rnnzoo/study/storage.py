"""Where the trials of a study are kept: a journal file among the run folders, or a database that machines share.

A password in a database's URL stays in this module: whatever is printed, raised or recorded shows the URL without it.
"""

import threading
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Self, TypeVar

from optuna.exceptions import StorageInternalError
from optuna.storages import BaseStorage, JournalStorage, RDBStorage
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    IntegrityError,
    InterfaceError,
    NoSuchModuleError,
    OperationalError,
    PendingRollbackError,
    ProgrammingError,
    SQLAlchemyError,
)

from rnnzoo.study.journal import Journal
from rnnzoo.study.quiet import quiet_optuna
from rnnzoo.study.secret import VARIABLE

if TYPE_CHECKING:
    from rnnzoo.study.claims import Heart

JOURNAL = "journal.log"
MOVE = "move it away and run the study again: its trials are proposed anew, and their runs, which are kept, are read"

HEARTBEAT_SECONDS = 60
"""Time between the signs of life of a trial in a database."""

GRACE_SECONDS = 180
"""A trial that gave no sign of life for so long is given up, and its place is asked for anew."""

PATIENCE_SECONDS = 600.0
"""How long a lost database is waited for."""

FIRST_PAUSE, LONGEST_PAUSE = 0.5, 30.0
OPENINGS = 5
"""Tries to open an empty database: of several that make its tables at once, only one can succeed."""

EXAMPLE = "postgresql+psycopg://user@host/database or sqlite:////folder/study.db"

Result = TypeVar("Result")


class StorageError(RuntimeError):
    """A storage that cannot be used; the message holds no password and says what to do."""


class StorageWarning(UserWarning):
    """A database that does not answer and is waited for."""


class Store:
    """A place for trials.

    Args:
        storage: Optuna's.
        root: folder of the run folders.
        shared: whether conductors on several machines may work on it at once, and so give signs of life.
        address: how messages call it.
    """

    def __init__(self, storage: BaseStorage, root: Path, shared: bool, address: str) -> None:
        self.storage = storage
        self.root = root
        self.shared = shared
        self.address = address
        self.heart: Heart | None = None
        self.stopping = threading.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Give no more signs of life, and close the connections."""
        if self.heart is not None:
            self.heart.stop()
        if isinstance(self.storage, RDBStorage):
            self.storage.remove_session()
            self.storage.engine.dispose()

    def patiently(self, action: Callable[[], Result]) -> Result:
        """Return what the action returns; while the database is away, try again with growing pauses.

        Args:
            action: reads or writes trials, and may be done twice.

        Raises:
            StorageError: the database stayed away, or refuses what is asked.
        """
        until, pause = time.monotonic() + PATIENCE_SECONDS, FIRST_PAUSE
        while True:
            try:
                with quiet_optuna():
                    return action()
            except (SQLAlchemyError, StorageInternalError) as error:
                reason = words(error)
                if not lost(error):
                    raise StorageError(f"{self.address}: {reason}") from None
            if time.monotonic() + pause > until or self.stopping.is_set():
                raise StorageError(
                    f"{self.address} does not answer ({reason}); finished runs are kept: run the study again when "
                    "it does"
                )
            if pause == FIRST_PAUSE:
                text = (
                    f"{self.address} does not answer ({reason}); trying again for {PATIENCE_SECONDS / 60:.0f} minutes"
                )
                warnings.warn(text, StorageWarning, stacklevel=2)
            self.stopping.wait(pause)
            pause = min(2 * pause, LONGEST_PAUSE)


def open_storage(root: Path, url: str | None = None) -> Store:
    """Open the storage of a study's trials; it is made if there is none.

    Args:
        root: folder of the run folders; the journal file lies in it.
        url: of a database; None for the journal file.

    Raises:
        StorageError: it cannot be opened.
    """
    root.mkdir(parents=True, exist_ok=True)
    return open_journal(root) if url is None else open_database(root, url)


def open_journal(root: Path) -> Store:
    """Open the journal file among the run folders; it is made if there is none.

    Raises:
        StorageError: the file is damaged.
    """
    root.mkdir(parents=True, exist_ok=True)
    path = root / JOURNAL
    if path.is_symlink():
        raise StorageError(f"{path}: is a symbolic link, and a journal is written to; {MOVE}")
    try:
        storage = JournalStorage(Journal(str(path)))
    except (ValueError, LookupError, TypeError, AttributeError, AssertionError, RecursionError) as error:
        raise StorageError(f"{path}: is damaged ({type(error).__name__}: {error}); {MOVE}") from None
    return Store(storage, root, shared=False, address=str(path))


def open_database(root: Path, url: str) -> Store:
    """Open a database; its tables are made if there are none.

    Raises:
        StorageError: the URL is none, its driver is not installed, or the server cannot be reached.
    """
    parsed = database_url(url)
    address = shown(parsed)
    # one connection for what the conductor asks and one for the signs of life
    options: dict[str, object] = {"pool_pre_ping": True}
    if parsed.get_backend_name() != "sqlite":
        options |= {"pool_size": 2, "max_overflow": 2, "connect_args": {"connect_timeout": 10}}
    for opening in range(1, OPENINGS + 1):
        try:
            with quiet_optuna():
                storage = RDBStorage(
                    parsed.render_as_string(hide_password=False),
                    engine_kwargs=options,
                    heartbeat_interval=HEARTBEAT_SECONDS,
                    grace_period=GRACE_SECONDS,
                )
            return Store(storage, root, shared=True, address=address)
        except (NoSuchModuleError, ImportError):
            text = f"there is no driver for {parsed.drivername}; use {EXAMPLE}, and pip install 'rnnzoo[cluster]'"
            raise StorageError(f"--storage {address}: {text}") from None
        except (IntegrityError, ProgrammingError) as error:  # another conductor made the same tables
            if opening == OPENINGS:
                raise StorageError(f"--storage {address}: {words(error)}") from None
            time.sleep(0.2 * opening)
        except (SQLAlchemyError, StorageInternalError, RuntimeError, OSError) as error:
            text = f"{words(error)}; start the server, or correct the URL"
            raise StorageError(f"--storage {address}: {text}") from None
    raise AssertionError


def database_url(text: str) -> URL:
    """Return a database's URL; PostgreSQL is spoken to through psycopg 3 where the URL names no driver.

    Raises:
        StorageError: it is no URL of a database. The text itself is not shown: it may hold a password.
    """
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        raise StorageError(f"--storage (or {VARIABLE}) is no URL of a database; write {EXAMPLE}") from None
    if url.drivername in ("postgres", "postgresql"):
        url = url.set(drivername="postgresql+psycopg")
    if url.get_backend_name() not in ("postgresql", "mysql", "sqlite"):
        raise StorageError(f"--storage {shown(url)}: is no database that Optuna keeps studies in; write {EXAMPLE}")
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise StorageError(f"--storage {shown(url)}: names no file, so that nothing would be kept; write {EXAMPLE}")
    return url


def holds_secret(text: str) -> bool:
    """Whether a storage URL, be it sound or not, may hold a password: one of its own, or in its query."""
    try:
        url = make_url(text.strip())
    except (ArgumentError, ValueError):
        return "@" in text
    return bool(url.password or any("pass" in name.lower() for name in url.query))


def shown(url: URL) -> str:
    """Return a URL that may be shown to anyone: without password, and without its query, which can hold one."""
    return url.set(query={}).render_as_string(hide_password=True)


def words(error: BaseException) -> str:
    """Return what a database said, in one line: without the statement and its parameters."""
    cause: BaseException = error.__cause__ if isinstance(error, StorageInternalError) and error.__cause__ else error
    if isinstance(cause, DBAPIError) and cause.orig is not None:
        cause = cause.orig
    lines = [line.strip() for line in str(cause).splitlines() if line.strip()]
    return lines[0] if lines else type(cause).__name__


def lost(error: BaseException | None) -> bool:
    """Whether an error says that the connection is gone, or that the database is busy, so that it is worth a wait."""
    if isinstance(error, StorageInternalError):
        return lost(error.__cause__)
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    return isinstance(error, OperationalError | InterfaceError | PendingRollbackError)
