"""Storages: URLs that keep their passwords, a database that goes away, claims on a search, a damaged journal."""

import itertools
import math
import os
import warnings
from wsgiref.util import setup_testing_defaults

import pytest
from filelock import FileLock
from optuna.exceptions import StorageInternalError
from optuna.trial import TrialState
from sqlalchemy.exc import IntegrityError, OperationalError
from typer.testing import CliRunner

from rnnzoo.cli import app
from rnnzoo.cli.console import BAD_INPUT
from rnnzoo.records import RunRecord
from rnnzoo.study import forkserver, storage
from rnnzoo.study.claims import ALIVE
from rnnzoo.study.conduct import StudyLocked, conduct
from rnnzoo.study.progress import Quiet
from rnnzoo.study.reading import read_plan
from rnnzoo.study.results import collect
from rnnzoo.study.search import HELD, CellSearch
from rnnzoo.study.secret import VARIABLE
from rnnzoo.study.storage import (
    JOURNAL,
    StorageError,
    StorageWarning,
    database_url,
    open_database,
    open_journal,
    shown,
)
from tests.study.files import TINY, write_study

SECRET = "S3cr3t"


def record(config, valid):
    return RunRecord(
        config=config, state="finished", valid=valid, parameters=1, engine="", steps=1, seconds=0, environment={}
    )


def score(config):
    return abs(math.log(config.training.lr) + 5)


def tell(search, attempt):
    assert search.tell(attempt, record(attempt.runs[0], score(attempt.runs[0]))) is None


@pytest.fixture
def stores(tmp_path):
    """Two conductors' views of one database."""
    url = f"sqlite:///{tmp_path / 'study.db'}"
    with open_database(tmp_path, url) as a, open_database(tmp_path, url) as b:
        yield a, b


@pytest.fixture
def searches(tmp_path, stores):
    plan = read_plan(write_study(tmp_path, TINY))
    return [CellSearch(plan, plan.competitors[1], store) for store in stores]


@pytest.mark.parametrize(
    "url",
    [
        f"nonsense {SECRET}",
        f"oracle://me:{SECRET}@host/name",
        f"postgresql+nodriver://me:{SECRET}@127.0.0.1/name",
        f"postgresql+psycopg://me:{SECRET}@127.0.0.1:1/name",
        f"postgresql://me@127.0.0.1:1/name?password={SECRET}",
        f"sqlite://?key={SECRET}",
        "sqlite:////no/such/folder/study.db",
    ],
)
def test_an_unusable_storage_ends_in_exit_2_and_words_without_the_password(tmp_path, monkeypatch, url):
    if url.startswith("postgresql"):
        pytest.importorskip("psycopg", reason="psycopg is not installed (rnnzoo[cluster])")
    monkeypatch.setenv(VARIABLE, url)
    inherited = []
    monkeypatch.setattr(forkserver, "begin", lambda: inherited.append(VARIABLE in os.environ))
    study = write_study(tmp_path)
    result = CliRunner().invoke(app, ["run", str(study), "--runs", str(tmp_path / "runs"), "--workers", "2"])
    assert result.exit_code == BAD_INPUT, result.output
    assert "--storage" in result.stderr
    assert SECRET not in result.output + result.stderr
    assert inherited == [False]
    assert VARIABLE not in os.environ, "workers would inherit it"


@pytest.mark.parametrize(
    ("url", "warned"),
    [
        (f"postgresql+nodriver://me:{SECRET}@127.0.0.1/name", True),
        (f"postgresql+nodriver://me@127.0.0.1/name?password={SECRET}", True),
        (f"postgresql://me:{SECRET}@host:port/name", True),  # no URL, and yet a password
        ("postgresql+nodriver://me@127.0.0.1/name", False),
    ],
)
def test_a_password_among_the_arguments_is_warned_of_and_one_in_the_variable_is_not(tmp_path, monkeypatch, url, warned):
    study = write_study(tmp_path)

    def told(*options):
        command = ["run", study, "--runs", tmp_path / "runs", "--workers", 1, *options]
        result = CliRunner().invoke(app, list(map(str, command)))
        assert result.exit_code == BAD_INPUT, result.output
        assert SECRET not in result.output + result.stderr
        return "other users of this machine see the password" in result.stderr

    assert told("--storage", url) == warned
    monkeypatch.setenv(VARIABLE, url)
    assert not told()


def test_a_url_is_shown_without_password_and_query_and_spoken_to_by_psycopg():
    url = database_url(f"postgresql://me:{SECRET}@host:5433/name?password={SECRET}")
    assert url.password == SECRET
    assert shown(url) == "postgresql+psycopg://me:***@host:5433/name"


def lost_connection():
    return OperationalError("SELECT", {}, Exception("server closed the connection"))


def test_a_lost_database_is_waited_for(stores, monkeypatch):
    monkeypatch.setattr(storage, "FIRST_PAUSE", 0.01)
    internal = StorageInternalError("a commit failed")
    internal.__cause__ = lost_connection()
    answers = iter([lost_connection(), internal, 7])

    def ask():
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    with pytest.warns(StorageWarning, match="server closed the connection") as told:
        assert stores[0].patiently(ask) == 7
    assert len(told) == 1


def test_patience_ends_and_a_refusal_is_not_waited_for(stores, monkeypatch):
    monkeypatch.setattr(storage, "FIRST_PAUSE", 0.01)
    monkeypatch.setattr(storage, "PATIENCE_SECONDS", 0.05)
    asked = []

    def ask(error):
        asked.append(error)
        raise error

    with pytest.warns(StorageWarning), pytest.raises(StorageError, match="run the study again"):
        stores[0].patiently(lambda: ask(lost_connection()))
    assert 1 < len(asked) < 10
    asked.clear()
    with pytest.raises(StorageError, match="no such column"):
        stores[0].patiently(lambda: ask(IntegrityError("INSERT", {}, Exception("no such column"))))
    assert len(asked) == 1


def test_one_conductor_at_a_time_takes_a_searchs_trial_and_both_keep_to_the_budget(searches, tmp_path):
    plan = read_plan(tmp_path / "tiny.toml")
    alone = CellSearch(plan, plan.competitors[1], open_journal(tmp_path / "alone"))
    while (attempt := alone.next()) is not None:
        tell(alone, attempt)
    for search, other in itertools.islice(itertools.cycle([searches, searches[::-1]]), 3):
        attempt = search.next()
        assert other.next() is HELD
        tell(search, attempt)
    assert [search.next() for search in searches] == [None, None]
    assert searches[0].trials() == searches[1].trials() == alone.trials()
    assert len(searches[0].study.trials) == 3


def test_of_two_that_ask_at_once_the_lower_number_is_run(searches, monkeypatch):
    """Both have looked before either has made its trial."""
    a, b = searches
    first = []

    def take():
        if not first:
            first.append(None)
            first[0] = a.next()
        return True

    monkeypatch.setattr(b.claim, "take", take)
    assert b.next() is HELD
    assert first[0] not in (None, HELD)
    tell(a, first[0])
    assert [trial.slot for trial in b.trials()] == [0]


def test_a_slot_taken_and_ended_meanwhile_is_not_taken_twice(searches, monkeypatch):
    a, b = searches

    def take():
        tell(a, a.next())
        return True

    make = b.store.storage.create_new_trial

    def create(study_id, template):
        take()
        return make(study_id, template)

    monkeypatch.setattr(b.store.storage, "create_new_trial", create)
    assert b.next() is HELD
    assert [trial.slot for trial in b.trials()] == [0]
    assert [t.state for t in b.study.trials] == [TrialState.COMPLETE, TrialState.FAIL]


def test_a_trial_without_signs_of_life_is_closed_and_its_slot_asked_for_anew(searches, monkeypatch):
    a, b = searches
    lost = a.next()
    assert b.next() is HELD
    monkeypatch.setattr(b.store.storage, "grace_period", -1)  # the last sign of life is too old
    again = b.next()
    assert (again.slot, again.runs) == (lost.slot, lost.runs)
    assert again.number != lost.number
    tell(a, lost)  # whoever was thought dead comes too late
    tell(b, again)
    assert [trial.slot for trial in b.trials()] == [0]
    assert b.study.trials[lost.number].state == TrialState.FAIL


def test_a_trial_that_never_lived_is_closed_after_the_same_time(searches, monkeypatch):
    a, b = searches
    monkeypatch.setattr(a.claim, "begin", lambda trial_id, number: True)
    a.next()
    assert ALIVE not in a.study.trials[0].user_attrs
    assert b.next() is HELD
    monkeypatch.setattr(storage, "GRACE_SECONDS", -1)
    assert b.next().slot == 0


def test_leaving_hands_a_trial_to_others_at_once(searches):
    a, b = searches
    begun = a.next()
    a.release()
    assert b.next().runs == begun.runs


def test_a_study_runs_once_at_a_time_beside_other_studies(tmp_path):
    plan = read_plan(write_study(tmp_path))
    runs = tmp_path / "runs"
    runs.mkdir()
    with FileLock(runs / ".other.lock"), FileLock(runs / ".tiny.lock"), pytest.raises(StudyLocked, match="tiny"):
        conduct(plan, runs, 1, Quiet())


def test_a_look_at_a_study_under_way_leaves_its_trial_alone(tmp_path):
    plan = read_plan(write_study(tmp_path))
    search = CellSearch(plan, plan.competitors[1], open_journal(tmp_path / "runs"))
    attempt = search.next()
    collect(plan, tmp_path / "runs")
    tell(search, attempt)
    assert len(search.trials()) == 1


def test_a_damaged_journal_is_told_with_what_to_do(tmp_path):
    open_journal(tmp_path)
    (tmp_path / JOURNAL).write_text('{"op_code": 0, "wor\n{"op_code": 0}\n')
    with pytest.raises(StorageError, match=f"{JOURNAL}: is damaged .*; move it away and run the study again"):
        open_journal(tmp_path)


@pytest.mark.parametrize("place", ["database", "journal"])
def test_the_dashboard_shows_a_study(tmp_path, place):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dashboard = pytest.importorskip("optuna_dashboard", reason="it is not installed (rnnzoo[dashboard])")
    plan = read_plan(write_study(tmp_path))
    url = f"sqlite:///{tmp_path / 'study.db'}"
    with open_database(tmp_path, url) if place == "database" else open_journal(tmp_path) as store:
        search = CellSearch(plan, plan.competitors[1], store)
        tell(search, search.next())
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            site = dashboard.wsgi(store.storage)
            pages = {path: get(site, path) for path in ("/dashboard/", "/api/studies")}
    assert b"<title>Optuna Dashboard</title>" in pages["/dashboard/"]
    assert b"adding/cornn/" in pages["/api/studies"]


def get(site, path):
    """Return a page of a WSGI application."""
    told = []
    environment = {"PATH_INFO": path}
    setup_testing_defaults(environment)
    page = b"".join(site(environment, lambda status, headers, error=None: told.append(status)))
    assert told == ["200 OK"], told
    return page
