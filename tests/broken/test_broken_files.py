"""Every broken file ends in exit code 2 and a message that names place and remedy; nothing else is touched."""

import shutil
import stat

import pytest
from typer.testing import CliRunner

from rnnzoo.cli import app
from rnnzoo.configuration import RunConfig
from tests.broken.cases import CASES, SPEED, STUDY
from tests.report.undrawn import undrawn

JOURNAL = "runs/journal.log"


def rnnzoo(verb, study, folder):
    options = ["--runs", folder / "runs", "--reports", folder / "reports"]
    workers = ["--workers", 1] if verb == "run" else []
    return CliRunner().invoke(app, list(map(str, [verb, study, *options, *workers])))


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    """A folder with a finished study and the file of a speed study."""
    folder = tmp_path_factory.mktemp("sound")
    (folder / "study.toml").write_text(STUDY)
    (folder / "fast.toml").write_text(SPEED)
    with undrawn():
        done = rnnzoo("run", folder / "study.toml", folder)
    assert done.exit_code == 0, done.stderr
    shutil.rmtree(folder / "reports")
    return folder


def everything(folder):
    """Return what lies in a folder, byte for byte; locks come and go."""
    found = {}
    for path in sorted(folder.rglob("*")):
        kind = path.lstat().st_mode
        name = str(path.relative_to(folder))
        if stat.S_ISLNK(kind):
            found[name] = path.readlink()
        elif stat.S_ISREG(kind) and not name.endswith("lock"):
            found[name] = path.read_bytes()
    return found


def test_there_are_fifty():
    assert len(CASES) >= 50


@pytest.mark.parametrize("case", CASES)
def test_a_broken_file_ends_in_2_with_place_and_remedy(sound, tmp_path, monkeypatch, case):
    folder = tmp_path / "copy"
    monkeypatch.setenv("RNNZOO_DATA", str(folder / "data"))
    monkeypatch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
    shutil.copytree(sound, folder)
    broken = CASES[case]
    broken.change(folder)
    before = everything(folder)
    result = rnnzoo(broken.verb, folder / broken.study, folder)
    assert result.exception is None or isinstance(result.exception, SystemExit), repr(result.exception)
    assert result.exit_code == 2, result.stderr
    assert broken.place in result.stderr
    assert broken.remedy in result.stderr
    assert "\x1b" not in result.stderr
    after = everything(folder)
    # Optuna notes in its journal that the study was opened
    if isinstance(before.get(JOURNAL), bytes):
        assert after.pop(JOURNAL).startswith(before.pop(JOURNAL))
    assert {name: after.get(name) for name in before} == before
    # a run that could not begin has written down what it is, whole
    fresh = after.keys() - before.keys()
    assert all(name.endswith(".partial/config.json") and RunConfig.model_validate_json(after[name]) for name in fresh)
