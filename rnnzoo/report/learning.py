"""What learning rules reach, cost and follow: frames and sentences, for studies that cross cells with rules."""

import math
from typing import Any

import pandas as pd

from rnnzoo.learning.together import BEFORE
from rnnzoo.report import formats
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.tables import LEVEL, Comparison, confirmed, holm, score_comparison, scores, step_seconds

CONTROL = "readout"
TRUE = "bptt"

RANDOM = 90.0
"""Degrees between the true gradient and a random direction in many dimensions."""


def rule_scores(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell with rule) that has a score.

    Columns: task, cell, base (the cell), name and rule (of the learning rule), n, mean, low, high; and against the same
    cell with its readout alone trained ("control") and by backpropagation ("true"): `control`, `control_low`,
    `control_high` (how much better, as `score_comparison` has it), `control_p` (Holm's, within the task); `true` ….
    """
    runs = confirmed(content)
    found = scores(content).merge(content.rules, on="cell")
    found = found[found["n"] > 0].reset_index(drop=True)
    for against, rule in (("control", CONTROL), ("true", TRUE)):
        tests = [_test(content, runs, found, row, rule) for _, row in found.iterrows()]
        for column, values in (
            (against, [test.difference for test in tests]),
            (f"{against}_low", [test.low for test in tests]),
            (f"{against}_high", [test.high for test in tests]),
            (f"{against}_p", [test.p for test in tests]),
        ):
            found[column] = pd.Series(values, dtype=float)
        for task in content.tasks:
            own = found["task"] == task.label
            found.loc[own, f"{against}_p"] = holm([float(p) for p in found.loc[own, f"{against}_p"]])
    kept = ["task", "cell", "base", "name", "rule", "n", "mean", "low", "high", "normalised"]
    ends = [f"{against}{end}" for against in ("control", "true") for end in ("", "_low", "_high", "_p")]
    return found[[*kept, *ends]]


def _test(content: StudyContent, runs: pd.DataFrame, found: pd.DataFrame, row: Any, rule: str) -> Comparison:
    """Return a row's scores against those of the same cell and task under a rule."""
    nothing = Comparison(math.nan, math.nan, math.nan, math.nan)
    others = found[(found["task"] == row["task"]) & (found["base"] == row["base"]) & (found["rule"] == rule)]
    if others.empty or others.iloc[0]["cell"] == row["cell"]:
        return nothing
    return compared(content, runs, row["task"], row["cell"], others.iloc[0]["cell"])


def compared(content: StudyContent, runs: pd.DataFrame, task: str, cell: str, other: str) -> Comparison:
    """Return by how much `cell` is better than `other` on a task, over the seeds."""
    chosen = next(entry for entry in content.tasks if entry.label == task)

    def values(label: str) -> list[float]:
        return [float(v) for v in runs.loc[(runs["task"] == task) & (runs["cell"] == label), "score"].dropna()]

    return score_comparison(values(cell), values(other), chosen)


def rule_costs(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell with rule): what a step costs, and what its errors pass on their way back.

    Columns: task, cell, base, name, rule, seconds_per_step, memory_mib, multiply_adds (for one sequence, all ways
    together), feedback (those of them through fixed feedback), backpropagation (those of the true gradient).
    """
    counted = content.transport.copy()
    for column in ("multiply_adds", "backpropagation"):
        counted[column] = pd.to_numeric(counted[column], errors="coerce").astype(float)
    found: list[dict[str, Any]] = []
    costs = step_seconds(content).set_index(["task", "cell"])
    for task in content.tasks:
        for _, rule in content.rules.iterrows():
            own = counted[(counted["task"] == task.label) & (counted["cell"] == rule["cell"])]
            own = own[own["seed"] == own["seed"].min()]
            siblings = set(content.rules.loc[content.rules["base"] == rule["base"], "cell"])
            like = counted[(counted["task"] == task.label) & counted["cell"].isin(siblings)]
            true = float(like.groupby(["cell", "seed"])["backpropagation"].sum().median()) if len(like) else math.nan
            cost = costs.loc[(task.label, rule["cell"])] if (task.label, rule["cell"]) in costs.index else {}
            found.append(
                {
                    "task": task.label,
                    **{name: rule[name] for name in ("cell", "base", "name", "rule")},
                    "seconds_per_step": float(cost.get("seconds_per_step", math.nan)),
                    "memory_mib": float(cost.get("memory_mib", math.nan)),
                    "multiply_adds": true if rule["rule"] == TRUE else _total(own),
                    "feedback": _total(own[own["way"] == "feedback"]) if rule["rule"] != TRUE else 0.0,
                    "backpropagation": true,
                }
            )
    return pd.DataFrame(found)


def _total(rows: pd.DataFrame) -> float:
    return float(rows["multiply_adds"].sum()) if len(rows) else math.nan


def sparse_pairs(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, base, rule with sparse feedback) that has a twin which differs in its density alone.

    Columns: task, base, dense and sparse (the rules' names), density, dense_score, sparse_score, better (how much
    better the dense one is), low, high, p, dense_products and sparse_products (through feedback, for one sequence).
    """
    runs, table, costs = confirmed(content), scores(content), rule_costs(content)
    means = table.set_index(["task", "cell"])["mean"]
    products = costs.set_index(["task", "cell"])["feedback"]
    rules = content.rules[content.rules["rule"] == "dfa"]
    found: list[dict[str, Any]] = []
    for task in content.tasks:
        for _, sparse in rules[rules["density"].astype(float) < 1].iterrows():
            twin = (rules["base"] == sparse["base"]) & (rules["otherwise"] == sparse["otherwise"])
            for _, dense in rules[twin & (rules["density"].astype(float) == 1)].iterrows():
                keys = (task.label, dense["cell"]), (task.label, sparse["cell"])
                test = compared(content, runs, task.label, dense["cell"], sparse["cell"])
                found.append(
                    {
                        "task": task.label,
                        "base": sparse["base"],
                        "dense": dense["name"],
                        "sparse": sparse["name"],
                        "density": float(sparse["density"]),
                        "dense_score": float(means[keys[0]]),
                        "sparse_score": float(means[keys[1]]),
                        "better": test.difference,
                        "low": test.low,
                        "high": test.high,
                        "p": test.p,
                        "dense_products": float(products[keys[0]]),
                        "sparse_products": float(products[keys[1]]),
                    }
                )
    columns = [
        "task",
        "base",
        "dense",
        "sparse",
        "density",
        "dense_score",
        "sparse_score",
        "better",
        "low",
        "high",
        "p",
    ]
    return pd.DataFrame(found, columns=[*columns, "dense_products", "sparse_products"])


def angles(content: StudyContent) -> pd.DataFrame:
    """Return one row a (task, cell with rule, step, parameter): the angle to the true gradient, median over the seeds.

    Columns: task, cell, base, name, step, parameter, degrees, low, high (lowest and highest seed), ratio.
    """
    columns = ["task", "cell", "base", "name", "step", "parameter", "degrees", "low", "high", "ratio"]
    frame = content.alignment
    if frame.empty:
        return pd.DataFrame(columns=columns)
    frame = frame.merge(content.rules, on="cell")
    for name in ("step", "degrees", "ratio"):
        frame[name] = pd.to_numeric(frame[name], errors="coerce").astype(float)
    grouped = frame.groupby(["task", "cell", "base", "name", "step", "parameter"], sort=False)
    found = grouped.agg(
        degrees=("degrees", "median"), low=("degrees", "min"), high=("degrees", "max"), ratio=("ratio", "median")
    ).reset_index()
    order = {cell: index for index, cell in enumerate(content.cells)}
    tasks = {task.label: index for index, task in enumerate(content.tasks)}
    keys = pd.DataFrame({"task": found["task"].map(tasks), "cell": found["cell"].map(order), "step": found["step"]})
    return found.loc[keys.sort_values(["task", "cell", "step"], kind="stable").index, columns].reset_index(drop=True)


def score_sentences(table: pd.DataFrame, task: TaskContent, base: str) -> list[str]:
    """Say what the rules taught a cell on a task: above the readout alone, and beside backpropagation."""
    own = table[(table["task"] == task.label) & (table["base"] == base)]
    control, true = (own[own["rule"] == rule] for rule in (CONTROL, TRUE))
    said = []
    if len(control):
        baseline = formats.score(task.baseline, task)
        said.append(f"Readout alone {_score(control.iloc[0], task)} (baseline {baseline}).")
        said += _sorted_out(own[own["rule"] != CONTROL], "control", task)
    else:
        said.append("The readout alone was not trained for comparison, so what the rules teach the cell is not known.")
    if len(true):
        said.append(f"Backpropagation {_score(true.iloc[0], task)}.")
        said += _sorted_out(own[~own["rule"].isin([CONTROL, TRUE])], "true", task)
    return said


def _sorted_out(rows: pd.DataFrame, against: str, task: TaskContent) -> list[str]:
    """Return a sentence each for the rules above, below and not told apart from another."""
    stands = rows.apply(lambda row: standing(row, against, task), axis=1) if len(rows) else pd.Series(dtype=object)
    said = []
    for kind, words in (("above", "Above it"), ("below", "Below it"), ("alike", "Not told apart from it"),
                        ("untested", "Not tested against it")):  # fmt: skip
        named = [f"{row['name']} ({_score(row, task)})" for _, row in rows[stands == kind].iterrows()]
        if named:
            said.append(f"{words}: {formats.listing(named)}.")
    return said


def standing(row: Any, against: str, task: TaskContent) -> str:
    """Return whether a row of `rule_scores` is "above", "below" or "alike" to another rule, or "untested"."""
    p = float(row[f"{against}_p"])
    if math.isnan(p):
        return "untested"
    if p >= LEVEL:
        return "alike"
    return "above" if float(row[against]) > (1.0 if task.factors else 0.0) else "below"


def tally(content: StudyContent, table: pd.DataFrame) -> list[tuple[str, str]]:
    """Say of every rule, by name, in how many cases it taught a cell anything, and how it stood to backpropagation."""
    tasks = {task.label: task for task in content.tasks}
    said = []
    for name in dict.fromkeys(table["name"]):
        own = table[table["name"] == name]
        if own["rule"].iloc[0] == CONTROL:
            continue
        taught = {kind: _where(own, "control", kind, tasks) for kind in ("above", "below")}
        total = int(own["control_p"].notna().sum())
        if not total:
            continue
        text = f"Above the readout alone in {len(taught['above'])} of {total} cases"
        if 0 < len(taught["above"]) < total:
            text += f" ({formats.listing(taught['above'])})"
        if taught["below"]:
            text += f", below it in {len(taught['below'])} ({formats.listing(taught['below'])})"
        if own["rule"].iloc[0] != TRUE and own["true_p"].notna().any():
            better, worse = (_where(own, "true", kind, tasks) for kind in ("above", "below"))
            text += f"; better than backpropagation in {len(better)}, worse in {len(worse)}"
        said.append((f"{name}.", f"{text}."))
    return said


def _where(rows: pd.DataFrame, against: str, kind: str, tasks: dict[str, TaskContent]) -> list[str]:
    return [
        f"{row['base']} on {row['task']}"
        for _, row in rows.iterrows()
        if standing(row, against, tasks[row["task"]]) == kind
    ]


def _score(row: Any, task: TaskContent) -> str:
    return formats.score(float(row["mean"]), task)


def sparse_sentence(row: Any, task: TaskContent) -> str:
    """Say what sparse feedback saves and what it costs."""
    dense, sparse = float(row["dense_products"]), float(row["sparse_products"])
    saved = 1 - sparse / dense if dense else math.nan
    worse = float(row["better"])
    less = "less" if (worse > 0) == (task.direction == "maximize") else "more"
    lost = f"{formats.number(worse)} times the error"
    if not task.factors:
        lost = f"{formats.difference(abs(worse), task)} {less}"
    interval = formats.interval(float(row["low"]), float(row["high"]), task, points=True, factor=task.factors)
    p = float(row["p"])
    verdict = "there is no test" if math.isnan(p) else "the loss is real" if p < LEVEL and worse > (
        1 if task.factors else 0
    ) else "the gain is real" if p < LEVEL else "the two cannot be told apart"  # fmt: skip
    return (
        f"{row['sparse']} keeps {formats.percent(float(row['density']))} of the feedback of {row['dense']}: "
        f"{formats.count(sparse)} multiply-adds of feedback for a sequence instead of {formats.count(dense)} "
        f"({formats.percent(saved)} saved). The score goes from {formats.score(float(row['dense_score']), task)} to "
        f"{formats.score(float(row['sparse_score']), task)}, {lost} (95% interval of the loss {interval}, "
        f"{formats.probability(p)}): {verdict}."
    )


def angle_sentences(found: pd.DataFrame, task: TaskContent, base: str) -> list[str]:
    """Say how each rule's gradient stands to the true one before and after training, over all but the readout."""
    own = found[(found["task"] == task.label) & (found["base"] == base) & (found["parameter"] == BEFORE)]
    said = []
    for name in dict.fromkeys(own["name"]):
        path = own[(own["name"] == name) & own["degrees"].notna()].sort_values("step")
        if path.empty:
            continue
        first, last = float(path["degrees"].iloc[0]), float(path["degrees"].iloc[-1])
        turned = "turns towards it" if last < first - 5 else "turns away from it" if last > first + 5 else "stays"
        where = "" if last < RANDOM - 5 else ", no nearer than chance" if last < RANDOM + 5 else ", against it"
        said.append(f"{name} {turned}, {first:.0f}° to {last:.0f}°{where}")
    return [f"{'; '.join(said)}."] if said else []
