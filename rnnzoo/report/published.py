"""A study's own results in the units in which others published theirs, and both in one frame."""

import math

import pandas as pd

from rnnzoo.report.content import StudyContent, TaskContent

OWN = "this study"
THRESHOLD = "steps to test MSE below "


def beside_published(content: StudyContent) -> pd.DataFrame:
    """Return own and published results, task by task and metric by metric.

    Returns:
        task, metric, model, cell, units, parameters, value, low, high (worst and best seed of ours), n (our seeds),
        differs, source; `source` is `OWN` for ours. A threshold is judged by our validation score.
    """
    published = content.results
    rows = []
    for task in content.tasks:
        here = published[published["task"] == task.label]
        for metric in dict.fromkeys(here["metric"]):
            ours = own_results(content, task, str(metric))
            if ours:
                rows += ours
                rows += here[here["metric"] == metric].assign(low=math.nan, high=math.nan, n=0).to_dict("records")
    columns = [
        "task",
        "metric",
        "model",
        "cell",
        "units",
        "parameters",
        "value",
        "low",
        "high",
        "n",
        "differs",
        "source",
    ]
    return pd.DataFrame(rows, columns=columns)


def own_results(content: StudyContent, task: TaskContent, metric: str) -> list[dict[str, object]]:
    """Return a row a cell in a published metric; none where the study does not measure it."""
    runs = content.rows[(content.rows["phase"] == "confirm") & (content.rows["task"] == task.label)]
    runs = runs[runs["test"].notna()]
    curriculum = [f"a curriculum: {task.facts['curriculum']}"] if "curriculum" in task.facts else []
    rows = []
    for cell, own in runs.groupby("cell", sort=False):
        values = in_metric(content, task, own, metric)
        if values is None:
            return []
        finite = values.dropna()
        readout = "training.readout" in own and (own["training.readout"] == "standardised").any()
        standardised = ["a standardised readout"] if readout else []
        rows.append(
            {
                "task": task.label,
                "metric": metric,
                "model": cell,
                "cell": content.meanings.get(str(cell), str(cell)).split()[0],  # a label's meaning begins with its cell
                "units": units(own.iloc[0]),
                "parameters": own["parameters"].iloc[0],
                "value": finite.mean() if len(finite) == len(values) else math.nan,
                "low": finite.min(),
                "high": finite.max(),
                "n": len(values),
                "differs": "; ".join([f"{int(own['steps'].max()):,} training steps", *curriculum, *standardised]),
                "source": OWN,
            }
        )
    return rows


def in_metric(content: StudyContent, task: TaskContent, own: pd.DataFrame, metric: str) -> "pd.Series[float] | None":
    """Return each run's result in a published metric, NaN where it was not reached, None where it is not comparable."""
    if metric == "test accuracy (%)" and task.percent:
        return 100 * own["test"].astype(float)
    if metric == "test MSE" and task.metric == "mean squared error":
        return own["test"].astype(float)
    if metric == "test RMSE" and task.metric == "mean squared error":
        return own["test"].astype(float) ** 0.5
    if metric.startswith(THRESHOLD) and task.metric == "mean squared error":
        bound = float(metric.removeprefix(THRESHOLD))
        curves = content.curves[content.curves["run"].isin(own["run"])]
        reached = curves[curves["valid"].astype(float) < bound].groupby("run")["step"].min()
        return own["run"].map(reached).astype(float)
    return None


def units(row: pd.Series) -> str:
    """Write layers and units as the table of published results does."""
    layers = int(str(row["num_layers"]))
    return f"{row['hidden_size']}" if layers == 1 else f"{layers} x {row['hidden_size']}"
