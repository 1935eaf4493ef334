"""The journal of trials after a write that was cut off: nothing that was written is lost, and more can follow."""

import errno
import os

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from rnnzoo.study.journal import Journal


@pytest.fixture(autouse=True)
def _silent():
    optuna.logging.set_verbosity(optuna.logging.ERROR)


def names(backend):
    return sorted(study.study_name for study in JournalStorage(backend).get_all_studies())


def create(backend, name):
    optuna.create_study(storage=JournalStorage(backend), study_name=name)


def torn(path):
    create(Journal(str(path)), "first")
    with path.open("ab") as file:
        file.write(b'{"op_code":0,"worker_id":"cut o')


def test_after_a_cut_line_the_journal_goes_on(tmp_path):
    torn(tmp_path / "journal.log")
    assert names(Journal(str(tmp_path / "journal.log"))) == ["first"]
    create(Journal(str(tmp_path / "journal.log")), "second")
    assert names(Journal(str(tmp_path / "journal.log"))) == ["first", "second"]


def test_optuna_alone_loses_the_journal_then(tmp_path):
    torn(tmp_path / "journal.log")
    with pytest.raises(AssertionError):
        create(JournalFileBackend(str(tmp_path / "journal.log")), "second")
    assert names(JournalFileBackend(str(tmp_path / "journal.log"))) == ["first"]


def test_a_full_disk_leaves_the_journal_as_it_was(tmp_path, monkeypatch):
    path = tmp_path / "journal.log"
    journal = Journal(str(path))
    create(journal, "first")
    before = path.read_bytes()

    def full(_descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", full)
        with pytest.raises(OSError, match="No space left"):
            create(journal, "second")
    assert path.read_bytes()[: len(before)] == before
    create(journal, "third")
    assert {"first", "third"} <= set(names(Journal(str(path))))
