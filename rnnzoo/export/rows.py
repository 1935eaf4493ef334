"""A study's rows, one a run, in the formats that other programs read."""

import io
import json
import math
from pathlib import Path
from typing import Any, Literal

import pandas as pd

from rnnzoo.export.extras import needed
from rnnzoo.files import write_bytes, write_text

Format = Literal["csv", "parquet", "json"]
FORMATS: tuple[Format, ...] = ("csv", "parquet", "json")


def write_rows(rows: pd.DataFrame, folder: Path, form: Format) -> Path:
    """Write the rows of a study to `folder`/rows.csv, .parquet or .json, and return the path.

    CSV and JSON hold every digit of a number. A number that is none (a score that a run does not have, an infinite one)
    is an empty field in CSV and null in JSON, which knows neither NaN nor infinity; Parquet keeps it.

    Raises:
        ExtraMissing: the format is "parquet" and pyarrow is not installed.
        WriteError: the file cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"rows.{form}"
    match form:
        case "csv":
            finite = rows.replace([math.inf, -math.inf], math.nan)
            return write_text(path, finite.to_csv(index=False, lineterminator="\n"))
        case "json":
            records = [{str(k): plain(v) for k, v in row.items()} for row in rows.to_dict("records")]
            return write_text(path, json.dumps(records, ensure_ascii=False, indent=1, allow_nan=False) + "\n")
        case "parquet":
            needed("pyarrow", "export")
            content = io.BytesIO()
            uniform(rows).to_parquet(content, engine="pyarrow", index=False)
            return write_bytes(path, content.getvalue())


def plain(value: Any) -> Any:
    """Return a value as JSON has it: a number that is none, and what is absent, is None."""
    if hasattr(value, "item"):
        value = value.item()
    if value is None or value is pd.NA or (isinstance(value, float) and not math.isfinite(value)):
        return None
    return value


def uniform(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the rows with one type a column, as Parquet wants: a column of mixed values becomes text."""
    return pd.DataFrame({str(name): uniform_column(rows[name]) for name in rows.columns})


def uniform_column(column: pd.Series) -> pd.Series:
    """Return a column of numbers, of switches, or of text; an empty one is one of numbers without any."""
    known = column.infer_objects()
    if known.dtype != object:
        return known
    kinds = {type(value) for value in known.dropna()}
    if kinds <= {int, float}:
        return known.astype(float)
    return known if len(kinds) == 1 else known.map(str, na_action="ignore")
