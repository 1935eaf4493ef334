"""What `verify` found, short enough for a bug report: the worst difference of each quantity, and the versions."""

import subprocess
from collections.abc import Sequence

import pandas as pd
import torch

from rnnzoo.engine.native.build import find_compiler, flags_for
from rnnzoo.engine.native.graph import Unsupported
from rnnzoo.records import environment


def worst(table: pd.DataFrame) -> pd.DataFrame:
    """Return one row a (engine, dtype, quantity) of `verify`'s table: the size at which the difference is largest.

    Columns: engine, dtype, quantity, difference, at ("T × batch × hidden"), tolerance, verdict ("pass", "FAIL" or
    "cannot run"), reason. A quantity that fails anywhere fails.
    """
    rows = []
    for (engine, dtype), group in table.groupby(["engine", "dtype"], sort=False):
        failed = group[group["reason"] != ""]
        first = failed.drop_duplicates("reason")
        rows += [_row(engine, dtype, row, "cannot run") for _, row in first.iterrows()]
        compared = group[group["reason"] == ""]
        for _, own in compared.groupby("quantity", sort=False):
            top = own.iloc[int(own["difference"].to_numpy(dtype=float).argmax())]
            rows.append(_row(engine, dtype, top, "pass" if own["agrees"].all() else "FAIL"))
    columns = ["engine", "dtype", "quantity", "difference", "at", "tolerance", "verdict", "reason"]
    return pd.DataFrame(rows, columns=columns)


def _row(engine: object, dtype: object, found: pd.Series, verdict: str) -> dict[str, object]:
    size = " x ".join(str(found[name]) for name in ("steps", "batch", "hidden"))
    known = {"engine": engine, "dtype": dtype, "at": size, "verdict": verdict}
    return known | {name: found[name] for name in ("quantity", "difference", "tolerance", "reason")}


def facts() -> dict[str, str]:
    """Return versions, machine, threads, compiler and its flags: what a bug report must say."""
    try:
        flags = " ".join(flags_for(find_compiler(), ""))
    except Unsupported:
        flags = "none"
    return environment() | {"threads": str(torch.get_num_threads()), "compiler": compiler(), "flags": flags}


def compiler() -> str:
    """Return the compiler of kernels with its version, or why there is none."""
    try:
        path = find_compiler()
        told = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    except (Unsupported, OSError, subprocess.TimeoutExpired) as error:
        return f"none: {error}"
    return f"{path}: {told.splitlines()[0]}" if told else path


def pipe_table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table that is aligned in a terminal and is Markdown when it is pasted."""
    clean = [[" ".join(str(text).split()).replace("|", "\\|") for text in row] for row in (columns, *rows)]
    widths = [max(len(row[i]) for row in clean) for i in range(len(columns))]
    lines = [" | ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)) for row in clean]
    lines.insert(1, "-|-".join("-" * width for width in widths))
    return "\n".join(f"| {line} |" if i != 1 else f"|-{line}-|" for i, line in enumerate(lines))
