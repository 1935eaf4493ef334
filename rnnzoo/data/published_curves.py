"""Learning curves that authors published, to set one's own beside."""

from importlib.resources import files

import pandas as pd

from rnnzoo.checks import one_of

TASKS_WITH_CURVES = ("smnist", "psmnist")


def published_curves(task: str) -> pd.DataFrame:
    """Return the published validation curves of a task.

    One logged curve is one draw: the same script with the same seed on another version of torch gives another curve,
    as the second source of psmnist shows.

    Args:
        task: "smnist" or "psmnist".

    Returns:
        one row an epoch: task, model (a cell's name), epoch (completed, from 1), valid (accuracy from 0 to 1), source.

    Raises:
        ValueError: no curve is known for the task.
    """
    one_of("published_curves", "task", task, TASKS_WITH_CURVES)
    with (files("rnnzoo.data") / "curves.csv").open(encoding="utf-8") as table:
        curves = pd.read_csv(table)
    return curves[curves["task"] == task].reset_index(drop=True)
