"""Rows in every format hold the same numbers."""

import json
import math

import pandas as pd

from rnnzoo.export import extras
from rnnzoo.export.rows import write_rows
from rnnzoo.records import read_table
from tests.export.conftest import rnnzoo


def test_every_format_holds_the_report_s_rows(study, tmp_path):
    file, runs, report = study
    formats = [part for name in ("csv", "parquet", "json") for part in ("--format", name)]
    assert rnnzoo("export", file, "--runs", runs, "--to", tmp_path, *formats).exit_code == 0
    expected = read_table(report / "rows.csv")
    place = tmp_path / "tiny"
    assert (place / "rows.csv").read_bytes() == (report / "rows.csv").read_bytes()
    for found in (pd.read_parquet(place / "rows.parquet"), pd.DataFrame(json.loads((place / "rows.json").read_text()))):
        assert list(found.columns) == list(expected.columns)
        for name in expected.columns:
            column = found[name].where(found[name].notna(), None) if found[name].dtype == object else found[name]
            left = [None if pd.isna(v) or v == "" else v for v in column]
            right = [None if pd.isna(v) else v for v in expected[name]]
            assert left == right, name


def test_numbers_that_are_none_are_null(tmp_path):
    rows = pd.DataFrame(
        {
            "score": [0.1, math.inf, math.nan],
            "mixed": [1, "a", None],
            "none": [None, None, None],
            "yes": [True, None, False],
        }
    )
    found = json.loads(write_rows(rows, tmp_path, "json").read_text())
    assert [row["score"] for row in found] == [0.1, None, None]
    assert [row["yes"] for row in found] == [True, None, False]
    table = pd.read_parquet(write_rows(rows, tmp_path, "parquet"))
    assert table["score"].tolist()[:2] == [0.1, math.inf]
    assert table["mixed"].tolist()[:2] == ["1", "a"]
    assert table["mixed"].isna().tolist() == [False, False, True]
    assert table["none"].isna().all()
    assert pd.read_csv(write_rows(rows, tmp_path, "csv"))["score"].isna().tolist() == [False, True, True]


def test_rows_are_csv_where_nothing_was_asked_for(study, tmp_path):
    file, runs, _ = study
    assert rnnzoo("export", file, "--runs", runs, "--to", tmp_path).exit_code == 0
    assert [path.name for path in (tmp_path / "tiny").iterdir()] == ["rows.csv"]


def test_a_study_without_runs_says_what_to_do(study, tmp_path):
    result = rnnzoo("export", study[0], "--runs", tmp_path / "none", "--to", tmp_path)
    assert result.exit_code == 2
    assert "do them with: rnnzoo run" in result.stderr


def test_a_missing_package_is_named_with_its_remedy(study, tmp_path, monkeypatch):
    def absent(name):
        raise ModuleNotFoundError(f"No module named {name!r}")

    monkeypatch.setattr(extras, "import_module", absent)
    for options, extra in ((["--format", "parquet"], "export"), (["--tensorboard", tmp_path], "tensorboard")):
        result = rnnzoo("export", study[0], "--runs", study[1], "--to", tmp_path, *options)
        assert result.exit_code == 2
        assert f"pip install 'rnnzoo[{extra}]'" in result.stderr
