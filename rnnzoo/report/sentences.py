"""The answers in words: who won where, by how much, and whether the difference is real; all from the numbers."""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math
from dataclasses import dataclass

import pandas as pd

from rnnzoo.report import formats
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.gradients import FACTOR
from rnnzoo.report.tables import comparisons, scores

FLAT = "no cell beats the baseline"

NEGLIGIBLE = 0.02
"""A cell that comes no further than this from the baseline (0) towards a perfect answer (1) has not learned."""


@dataclass(frozen=True)
class Verdict:
    """The answer for one task.

    Attributes:
        task: label of the task.
        title: for a heading.
        winner: the cell in first place, or None where no cell has a score or none has learned.
        headline: the answer in a few words.
        sentences: the answer in full.
        apart: whether the winner differs from the runner-up beyond what chance explains; None where there was no test.
        alone: whether the study has one cell only, so that there is no one to win against.
    """

    task: str
    title: str
    winner: str | None
    headline: str
    sentences: tuple[str, ...]
    apart: bool | None
    alone: bool = False


def verdicts(content: StudyContent) -> list[Verdict]:
    """Return the answer for each task, in the order of the study."""
    table, compared = scores(content), comparisons(content)
    return [verdict(task, table[table["task"] == task.label], compared[compared["task"] == task.label])
            for task in content.tasks]  # fmt: skip


def verdict(task: TaskContent, table: pd.DataFrame, compared: pd.DataFrame) -> Verdict:
    """Return the answer for one task from its rows of `scores` and `comparisons`."""
    placed, alone = table[table["n"] > 0].sort_values("place", kind="stable"), len(table) == 1
    if placed.empty:
        text = f"No confirming run has a test score on this task{'' if alone else ', so there is nothing to compare'}."
        return Verdict(task.label, task.title, None, "no test score", (text,), None, alone)
    first = placed.iloc[0]
    winner, mean, n = str(first["cell"]), float(first["mean"]), int(first["n"])
    value = f"{formats.score(mean, task)}"
    spread = f", 95% interval {formats.interval(float(first['low']), float(first['high']), task)}" if n > 1 else ""
    over = f"{task.mean_name} of {n} seeds" if n > 1 else "one seed"
    shown = f"a test {task.metric} of {value} ({over}{spread})"
    baseline = formats.score(task.baseline, task)
    lost = casualties(table)
    if bool((placed["lost"] == placed["n"]).all()):
        text = (
            f"Every run diverged or ran out of memory or time, so {winner if alone else 'every cell'} counts with the "
            f"baseline's score, {baseline}."
        )
        return Verdict(task.label, task.title, None, FLAT, (text, *lost), None, alone)
    if float(first["normalised"]) <= NEGLIGIBLE:
        text = (
            f"{winner} does not beat the baseline of {baseline}, the best score without any memory: it has {shown}. "
            "It needs more steps, other settings or a shorter lag."
            if alone
            else f"No cell beats the baseline of {baseline}, the best score without any memory: the nearest is "
            f"{winner} with {shown}. On this task the study separates nothing; it needs more steps, other settings or "
            "a shorter lag."
        )
        return Verdict(task.label, task.title, None, FLAT, (text, *lost), None, alone)
    does = "reaches" if alone else "comes first with"
    sentences = [f"{winner} {does} {shown}; the memoryless baseline is {baseline}."]
    if n > 1 and reaches_baseline(first, task):
        sentences.append("Its own interval still reaches the baseline: not every seed learned.")
    apart: bool | None = None
    if compared.empty and not alone:
        sentences.append("No other cell has a score here, so there is no comparison.")
    elif not alone:
        apart, found = margins(task, compared, placed)
        sentences += found
    return Verdict(task.label, task.title, winner, f"{winner} · {value}", (*sentences, *lost), apart, alone)


def margins(task: TaskContent, compared: pd.DataFrame, placed: pd.DataFrame) -> tuple[bool | None, list[str]]:
    """Say how far the winner is ahead of the runner-up and of which cells it can be told apart."""
    second, glue = compared.iloc[0], formats.GLUE
    runner_up = str(second["cell"])
    runner_up_mean = formats.score(float(placed.loc[placed["cell"] == runner_up, "mean"].iloc[0]), task)
    known = int(compared["p_holm"].notna().sum())
    fewest = int(placed["n"].min())
    if float(placed["place"].iloc[1]) == 1.0:
        sentences = [f"It shares first place with {runner_up}: the same {task.mean_name}, {runner_up_mean}."]
    else:
        sentences = [
            f"The runner-up is {runner_up} with {runner_up_mean}, {advantage(second, task)}"
            + (f" ({test_of(second, task)})." if not math.isnan(float(second["p_holm"])) else ".")
        ]
    if known == 0:
        why = "With one seed a cell" if fewest == 1 else "As no score varies over the seeds,"
        return None, [*sentences, f"{why} there is no test: the order may be chance."]
    apart = [str(cell) for cell in compared.loc[compared["apart"], "cell"]]
    unclear = [str(cell) for cell in compared.loc[compared["p_holm"].notna() & ~compared["apart"], "cell"]]
    untested = [str(cell) for cell in compared.loc[compared["p_holm"].isna(), "cell"]]
    holm = f"Welch's test at the 5% level, corrected for {formats.plural(known, 'comparison')}"
    seeds = (
        f"n{glue}={glue}{fewest} seeds"
        if placed["n"].nunique() == 1
        else f"n{glue}={glue}{fewest} to {int(placed['n'].max())} seeds"
    )
    if not unclear:
        which = "every other cell" if not untested and len(apart) > 1 else formats.listing(apart)
        sentences.append(f"The difference from {which} is real ({holm}).")
    elif not apart:
        which = "any other cell" if not untested and len(unclear) > 1 else formats.listing(unclear)
        sentences.append(f"It cannot be told apart from {which} with {seeds} ({holm}).")
    else:
        sentences.append(
            f"It cannot be told apart from {formats.listing(unclear)} with {seeds}; "
            f"the difference from {formats.listing(apart)} is real ({holm})."
        )
    if untested:
        sentences.append(
            f"There is no test against {formats.listing(untested)}: too few seeds, or no spread over them."
        )
    return (None if math.isnan(float(second["p_holm"])) else bool(second["apart"])), sentences


def advantage(row: pd.Series, task: TaskContent) -> str:
    """Say by how much the winner is better than the cell of this row of `comparisons`."""
    value = float(row["advantage"])
    if row["kind"] == "factor":
        return f"{formats.number(value)} times the error"
    return f"{formats.difference(value, task)} {'more' if task.direction == 'minimize' else 'less'}"


def test_of(row: pd.Series, task: TaskContent) -> str:
    """Give the interval and the corrected p-value of a row of `comparisons`."""
    low, high = float(row["low"]), float(row["high"])
    return f"95% interval {formats.interval(low, high, task, points=True, factor=row['kind'] == 'factor')}, " + (
        formats.probability(float(row["p_holm"]))
    )


def reaches_baseline(row: pd.Series, task: TaskContent) -> bool:
    """Whether the interval of a row of `scores` holds the baseline."""
    if task.direction == "minimize":
        return float(row["high"]) >= task.baseline
    return float(row["low"]) <= task.baseline


def casualties(table: pd.DataFrame) -> list[str]:
    """Say which cells had seeds that were lost or failed."""
    sentences = []
    lost = table[table["lost"] > 0]
    if len(lost):
        named = [f"{row['cell']} ({row['lost']} of {row['n'] + row['failed']})" for _, row in lost.iterrows()]
        sentences.append(
            f"Seeds diverged, or ran out of memory or time, in {formats.listing(named)}; each counts with the "
            "baseline's score."
        )
    failed = table[table["failed"] > 0]
    if len(failed):
        named = [f"{row['cell']} ({row['failed']})" for _, row in failed.iterrows()]
        sentences.append(f"Runs without a result, left out of the means: {formats.listing(named)}.")
    absent = [str(cell) for cell in table.loc[(table["n"] == 0) & (table["failed"] == 0), "cell"]]
    if absent and len(absent) < len(table):
        sentences.append(f"Not confirmed on this task: {formats.listing(absent)}.")
    return sentences


def headline(found: list[Verdict], *, alone: bool = False) -> str:
    """Return the answer of the whole study in a sentence or two; `alone` says that it has one cell only."""
    wins: dict[str, list[str]] = {}
    for verdict in found:
        if verdict.winner is not None:
            wins.setdefault(verdict.winner, []).append(verdict.task)
    flat = [v.task for v in found if v.winner is None and v.headline == FLAT]
    at_a_loss = [f"No cell beats the baseline on {formats.listing(flat)}."] if flat else []
    if alone and wins:
        ((cell, titles),) = wins.items()
        return " ".join([f"{cell}, the only cell, beats the baseline on {formats.listing(titles)}.", *at_a_loss])
    parts = [f"{cell} on {formats.listing(titles)}" for cell, titles in wins.items()]
    if alone and found:
        return " ".join(at_a_loss) or "The only cell has no test score."
    sentences = [f"First place: {'; '.join(parts)}." if parts else "No cell won anywhere."]
    clear = [verdict.task for verdict in found if verdict.apart]
    if wins:
        if len(clear) == len(found):
            sentences.append(f"The lead over the runner-up is real{' on every task' if len(found) > 1 else ''}.")
        elif clear:
            sentences.append(f"The lead over the runner-up is real on {formats.listing(clear)} only.")
        elif any(verdict.apart is False for verdict in found):
            where = "on any task" if len(found) > 1 else "at the 5% level"
            sentences.append(f"The first two cannot be told apart {where}.")
        else:
            sentences.append("Nothing could be tested: the order may be chance.")
    return " ".join([*sentences, *at_a_loss])


def gradient_sentences(fates: pd.DataFrame, task: TaskContent) -> list[str]:
    """Say in which cells the gradient vanishes, explodes or stays level, at initialisation and after training."""
    own = fates[fates["task"] == task.label]
    before, after = (fate_clauses(own[own["moment"] == moment]) for moment in ("initial", "trained"))
    found = [("At initialisation", before), ("After training", after)]
    if before == after:
        found = [("At initialisation and after training", before)]
    return [f"{words} {'; '.join(clauses)}." for words, clauses in found if clauses]


def fate_clauses(group: pd.DataFrame) -> list[str]:
    """Return a clause for each fate that some cell's gradient meets; how far it went only where it went far."""
    clauses = []
    for kind, words in (("vanishes", "it vanishes in"), ("explodes", "explodes in"), ("stays level", "stays level in")):
        cells = group[group["fate"] == kind].sort_values("ratio", kind="stable")
        far = kind != "stays level"
        named = [
            f"{row['cell']} ({change(float(row['ratio']))})" if far else str(row["cell"]) for _, row in cells.iterrows()
        ]
        if named:
            clauses.append(f"{words} {formats.listing(named)}")
    unknown = [str(cell) for cell in group.loc[group["fate"] == "not measured", "cell"]]
    if unknown:
        clauses.append(f"there is no usable norm (zero or NaN throughout) for {formats.listing(unknown)}")
    if clauses and not clauses[0].startswith(("it ", "there ")):
        clauses[0] = f"it {clauses[0]}"
    return clauses


def change(ratio: float) -> str:
    """Write the norm in the first tenth of the sequence as a multiple of that in the last."""
    if ratio == 0:
        return "underflow to 0"
    return "overflow" if math.isinf(ratio) else f"×{formats.GLUE}{formats.number(ratio, 2)}"


GRADIENT_RULE = (
    "Vanishing and exploding mean that the median norm in the first tenth of the sequence is under "
    f"1/{FACTOR:g} or over "
    f"{FACTOR:g} times the largest in the last tenth; the number in brackets is that ratio."
)
