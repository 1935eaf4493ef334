"""Results that others published, each with its source and the conditions under which it was reached."""

from importlib.resources import files

import pandas as pd

from rnnzoo.checks import one_of

NUMBERS = ("length", "parameters", "value")


def tasks_with_results() -> list[str]:
    """Return the tasks for which results are known, in the order of the table."""
    return list(dict.fromkeys(_table()["task"]))


def published_results(task: str) -> pd.DataFrame:
    """Return the published results on a task.

    A number is comparable with another only under the same conditions: five permutations go by the name psMNIST, and
    a best test score over epochs is not a test score at the best validation. What a source does not say is empty here.

    Args:
        task: a name from `tasks_with_results`.

    Returns:
        one row a result: task; length in steps; model, the source's name of it; cell, its name in this zoo or "";
        hidden_size, "3 x 256" for three layers; parameters; metric; value, NaN where the source says that a threshold
        was not reached; permutation, a name in `rnnzoo.tasks.permutations` or ""; selection, which epoch's score it
        is; remark; source.

    Raises:
        ValueError: no result is known for the task.
    """
    one_of("published_results", "task", task, tuple(tasks_with_results()))
    table = _table()
    return table[table["task"] == task].reset_index(drop=True)


def _table() -> pd.DataFrame:
    with (files("rnnzoo.data") / "published.csv").open(encoding="utf-8") as file:
        table = pd.read_csv(file, dtype=str, keep_default_na=False)
    return table.assign(**{name: pd.to_numeric(table[name].replace("", None)) for name in NUMBERS})
