"""`rnnzoo verify`, `rnnzoo bench` and speed studies as a user meets them: tables, files and exit codes."""

import json
from collections import OrderedDict

import pandas as pd
import pytest
from typer.testing import CliRunner

from rnnzoo.cli import app
from rnnzoo.engine import verify as verify_module
from rnnzoo.engine.native import build, compiler_is_missing, kernel
from rnnzoo.speed import measure
from tests.cells.test_loading import OWN, write_own
from tests.speed.files import TINY, write_speed_study

pytestmark = pytest.mark.skipif(compiler_is_missing(), reason="no C++ compiler")

SMALL = ("--hidden", 3, "--steps", 2, "--batch", 2)


def rnnzoo(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def test_verify_prints_a_table_for_a_bug_report(tmp_path):
    result = rnnzoo("verify", "unicornn", *SMALL, "--csv", tmp_path / "rows.csv")
    assert result.exit_code == 0, result.output
    for text in (
        "all engines agree",
        "| native",
        "| reversible",
        "gradient of s",
        "float64",
        "1.0e-09",
        "| torch",
        "c++",
    ):
        assert text in result.stdout
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert set(rows["engine"]) == {"native", "reversible"}
    assert rows["agrees"].all()


def test_verify_takes_a_cell_of_the_users_own_with_settings(tmp_path):
    result = rnnzoo("verify", f"{write_own(tmp_path)}:Leaky", *SMALL, "--set", "leak=0.25")
    assert result.exit_code == 0, result.output
    assert "leak = 0.25" in result.stdout


def test_a_difference_beyond_the_tolerance_ends_in_1(monkeypatch):
    monkeypatch.setattr(verify_module, "distance", lambda actual, expected: 0.5)
    result = rnnzoo("verify", "rnn", *SMALL)
    assert result.exit_code == 1
    assert "FAIL" in result.stdout
    assert "do NOT agree" in result.stdout


def test_an_engine_that_cannot_run_ends_in_1_with_the_reason():
    result = rnnzoo("verify", "rnn", *SMALL, "--engine", "reversible")
    assert result.exit_code == 1
    assert "cannot run" in result.stdout
    assert "does not claim to be invertible" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["verify", "cornnn"], "choose one of rnn"),
        (["verify", "rnn", "--engine", "fast"], "--engine fast is unknown"),
        (["verify", "rnn", "--set", "leak"], "NAME=VALUE"),
        (["verify", "rnn", "--set", "leak=1", *SMALL], "leak"),
        (["verify", "cornn", "--set", "dt=-1", *SMALL], "dt must lie in"),
        (["verify", "rnn", *SMALL, "--csv", "/no/such/folder/rows.csv"], "cannot be written"),
        (["bench", "absent.py:X"], "is no file"),
        (["bench", "rnn", "--shape", "5x4"], "--shape 5x4 must be steps x batch x hidden"),
        (["bench", "rnn", "--shape", "5x0x4"], "--shape 5x0x4"),
        (["bench", "rnn", "--engine", "fast"], "--engine fast is unknown"),
        (["run", "absent.toml"], "cannot be read"),
    ],
)
def test_bad_input_ends_in_2_and_says_what_is_wrong(arguments, said):
    result = rnnzoo(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr


def test_a_step_that_raises_ends_in_2_with_its_error(tmp_path):
    path = write_own(tmp_path, OWN.replace("(h,) = state", "raise KeyError('nothing here')"))
    result = rnnzoo("verify", f"{path}:Leaky", *SMALL)
    assert result.exit_code == 2
    assert "KeyError: 'nothing here'" in result.stderr


def test_bench_times_a_cell_of_the_users_own_against_the_floor_and_torch(tmp_path):
    path = write_own(tmp_path)
    result = rnnzoo("bench", f"{path}:Leaky", "--shape", "5x2x3", "--repetitions", 1, "--csv", tmp_path / "rows.csv")
    assert result.exit_code == 0, result.output
    rows = pd.read_csv(tmp_path / "rows.csv")
    assert list(rows["engine"]) == ["reference", "native", "floor", "torch.nn.LSTM", "torch.nn.GRU"]
    assert (rows["seconds"] > 0).all()
    assert "5 x 2 x 3" in result.stdout


def test_bench_says_why_an_engine_has_no_time(monkeypatch):
    monkeypatch.setattr(build, "COMPILERS", ())
    monkeypatch.setattr(kernel, "_shared", OrderedDict())  # whatever this process has built before
    monkeypatch.delenv("CXX", raising=False)
    result = rnnzoo("bench", "rnn", "--shape", "5x2x3", "--repetitions", 1)
    assert result.exit_code == 0, result.output
    assert "no C++ compiler" in result.stdout


def test_a_speed_study_becomes_a_report_that_can_be_written_anew(tmp_path, monkeypatch):
    study, reports = write_speed_study(tmp_path), tmp_path / "reports"
    result = rnnzoo("run", study, "--reports", reports)
    assert result.exit_code == 0, result.output
    folder = reports / "tiny-speed"
    before = {name: (folder / name).read_bytes() for name in ("report.html", "report.md", "rows.csv")}
    assert "tiny-speed" in (reports / "index.html").read_text()
    assert json.loads((folder / "summary.json").read_text())["cells"] == ["rnn", "unicornn"]
    monkeypatch.setattr(measure, "bench", lambda *_, **__: pytest.fail("something was timed"))
    assert rnnzoo("report", study, "--reports", reports).exit_code == 0
    assert {name: (folder / name).read_bytes() for name in before} == before


def test_a_report_of_a_speed_study_without_times_says_what_to_do(tmp_path):
    result = rnnzoo("report", write_speed_study(tmp_path), "--reports", tmp_path)
    assert result.exit_code == 2
    assert "rnnzoo run" in result.stderr


def test_mistakes_in_a_speed_study_end_in_2_and_time_nothing(tmp_path):
    text = TINY.replace('cell = "rnn"', 'cell = "rn"').replace("at_most = 1.0", "at_most = 0.0")
    study = write_speed_study(tmp_path, text)
    result = rnnzoo("run", study, "--reports", tmp_path / "reports")
    assert result.exit_code == 2
    assert "2 mistakes" in result.stderr
    assert not (tmp_path / "reports").exists()
