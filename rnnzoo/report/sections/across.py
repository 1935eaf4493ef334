"""All tasks together: which cell is best on the whole, and how sure that is."""

import importlib.util
import math
from functools import partial

import pandas as pd

from rnnzoo.report import across, formats
from rnnzoo.report.blocks import Block, Bullets, Heading, Paragraph, Section, Table
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.across import aggregate_figure, improvement_figure, places_figure, profile_figure
from rnnzoo.report.sections.answer import bare_probability
from rnnzoo.report.sections.answer import normalised as written
from rnnzoo.report.sections.parts import missing, picture
from rnnzoo.report.statistics.pairwise import least_p
from rnnzoo.report.statistics.ranks import friedman, mean_ranks
from rnnzoo.report.tables import LEVEL

TASKS_FOR_PLACES = 10
"""Fewer tasks than this make a critical-difference diagram a picture of noise."""


def across_section(content: StudyContent, drawn: Drawings) -> Section:
    """Interquartile means, profiles, probabilities of improvement, wins and places."""
    title, short = "All tasks together", "All tasks"
    table = across.aggregates(content)
    tasks = across.scored_tasks(content)
    if len(tasks) < 2 or len(table) < 2:
        lacking = "one task" if len(tasks) == 1 else "one cell" if len(table) == 1 else "too few scores"
        if len(tasks) > 1 and table.empty:
            lacking = "no cell with a score on every task"
        text = (
            f"With {lacking} there is nothing to put together: this takes two tasks and two cells with scores on both."
        )
        return Section("across", title, short, (missing(text),))
    improved = across.improvements(content)
    n = run_counts(table)
    blocks: list[Block] = [Paragraph(best_words(table, improved, n))]
    if gone := across.left_out(content):
        blocks.append(missing(f"Left out, for want of a score on every task: {formats.listing(gone)}."))
    caption = (
        f"Interquartile mean of the normalised test scores over {len(tasks)} tasks, {n}: the mean of the middle "
        "half of "
        "them, which no single run can move far. Bands are 95% intervals of a bootstrap that draws seeds anew within "
        "every task. The dotted lines are the memoryless baseline and a perfect answer."
    )
    alt = "Interquartile means. " + ", ".join(f"{row['cell']} {written(row['iqm'])}" for _, row in table.iterrows())
    blocks.append(picture(drawn, "aggregate", partial(aggregate_figure, content, table), caption, f"{alt}.", table))
    shares = across.profiles(content)
    caption = (
        "Performance profiles: the share of runs that reach a normalised score of at least τ, the mean over "
        f"{len(tasks)} "
        f"tasks, {n}. A line that lies above another's everywhere is the better cell at every level; where lines "
        "cross, the order depends on what is asked. Bands are 95% intervals of the same bootstrap, at each τ by itself."
    )
    alt = "Performance profiles; shares of runs that reach half of the way: " + ", ".join(
        f"{row['cell']} {formats.percent(float(row['share']))}"
        for _, row in shares[(shares["threshold"] - 0.5).abs() < 1e-9].iterrows()
    )
    blocks.append(picture(drawn, "profiles", partial(profile_figure, content, shares), caption, f"{alt}.", shares))
    order = [str(cell) for cell in table["cell"]]
    caption = (
        "Probability of improvement: how likely a run of the cell in the row is to beat one of the cell in the "
        "column on "
        f"a task drawn evenly from the {len(tasks)}, equal scores counting half, {n}. Bold where the bootstrap's "
        "95% interval "
        "leaves out 0.5."
    )
    alt = "Probabilities that a run of the best cell on the whole beats another's: " + ", ".join(
        f"{row['against']} {row['probability']:.2f}" for _, row in improved[improved["cell"] == order[0]].iterrows()
    )
    blocks.append(
        picture(
            drawn, "improvement", partial(improvement_figure, content, improved, order), caption, f"{alt}.", improved
        )
    )
    compared = across.pairs(content)
    blocks += [Heading("Wins, ties and losses"), Paragraph(pair_words(compared)), pair_table(compared)]
    blocks += [Heading("Places over tasks"), *place_blocks(content, drawn, compared)]
    blocks.append(Bullets(NOTES))
    return Section("across", title, short, tuple(blocks))


NOTES = (
    (
        "Scale.",
        "Scores are normalised by what each task declares: 0 is the memoryless baseline, 1 a perfect answer. A run "
        "that "
        "was lost counts as 0, one that ended worse than the baseline is negative. On this linear scale two small "
        "errors are "
        "nearly the same: which is the smaller stands in the answer for the task.",
    ),
    (
        "Few seeds.",
        "A bootstrap knows no spread but that of the seeds that were run; with fewer than five a task its intervals "
        "are too "
        "short.",
    ),
)


def run_counts(table: pd.DataFrame) -> str:
    """Say how many runs a cell's number rests on."""
    counts = sorted({int(n) for n in table["runs"]})
    shown = f"{counts[0]}" if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    return f"n{formats.GLUE}={formats.GLUE}{shown} runs a cell"


def best_words(table: pd.DataFrame, improved: pd.DataFrame, n: str) -> str:
    """Say which cell is best on the whole and how likely it beats the next."""
    first, second = table.iloc[0], table.iloc[1]
    spread = "" if math.isnan(first["low"]) else f", 95% interval {written(first['low'])} to {written(first['high'])}"
    pair = improved[(improved["cell"] == first["cell"]) & (improved["against"] == second["cell"])].iloc[0]
    chance = (
        f"A run of {first['cell']} beats one of {second['cell']} with a probability of {pair['probability']:.2f}"
        + ("" if math.isnan(pair["low"]) else f" (95% interval {pair['low']:.2f} to {pair['high']:.2f})")
    )
    sure = (
        ""
        if math.isnan(pair["low"])
        else ", so that one is better than the other beyond what the seeds explain"
        if pair["low"] > 0.5
        else ": by that measure the two are not told apart"
        if pair["high"] >= 0.5
        else ": by that measure the second is ahead"
    )
    return (
        f"Over {first['tasks']} tasks ({n}) {first['cell']} has the highest interquartile mean of normalised scores, "
        f"{written(first['iqm'])}{spread}; {second['cell']} follows with {written(second['iqm'])}. {chance}{sure}."
    )


def pair_words(compared: pd.DataFrame) -> str:
    """Say which cells the test over tasks tells apart, and whether it could."""
    tasks, least = int(compared["tasks"].iloc[0]), least_p(int(compared["tasks"].iloc[0]))
    corrected = min(1.0, least * int(compared["p"].notna().sum()))
    text = (
        "A task is a win where a cell scores better than the other and Welch's test over seeds tells the two apart "
        "there "
        "(5% level, corrected by Holm's method over all pairs on the task), else a tie. p is Wilcoxon's signed-rank "
        f"test over the {tasks} tasks, corrected over {formats.plural(len(compared), 'pair')}."
    )
    apart = compared[compared["apart"]]
    if corrected >= LEVEL:
        return (
            f"{text} With n{formats.GLUE}={formats.GLUE}{tasks} tasks it can tell no two cells apart, however clear "
            "the "
            f"results are: the smallest p-value that it has is {formats.number(least, 2)}, corrected "
            f"{formats.number(corrected, 2)}. The wins, ties and losses stand for themselves."
        )
    if apart.empty:
        return f"{text} It tells no two cells apart over n{formats.GLUE}={formats.GLUE}{tasks} tasks."
    named = [f"{row['cell']} and {row['against']}" for _, row in apart.iterrows()]
    return f"{text} It tells apart, over n{formats.GLUE}={formats.GLUE}{tasks} tasks: {'; '.join(named)}."


def pair_table(compared: pd.DataFrame) -> Table:
    """Return the pairs."""
    rows = tuple(
        (
            str(row["cell"]), str(row["against"]), f"{row['wins']}", f"{row['ties']}", f"{row['losses']}",
            bare_probability(float(row["p"])), bare_probability(float(row["p_holm"])), f"{row['tasks']}",
        )
        for _, row in compared.iterrows()
    )  # fmt: skip
    columns = ("cell", "against", "wins", "ties", "losses", "p", "p, Holm", "tasks")
    return Table("Every pair of cells over all tasks.", columns, rows, frozenset(columns[2:]), folded=len(rows) > 10)


def place_blocks(content: StudyContent, drawn: Drawings, compared: pd.DataFrame) -> list[Block]:
    """Return mean places, and from ten tasks on the critical-difference diagram."""
    wide = across.mean_scores(content)
    ranks, p = mean_ranks(wide).sort_values(kind="stable"), friedman(wide)
    named = formats.listing([f"{cell} {place:.2f}" for cell, place in ranks.items()])
    overall = "" if math.isnan(p) else f" Friedman's test that all are alike: {formats.probability(p)}."
    n = f"n{formats.GLUE}={formats.GLUE}{len(wide)} tasks"
    blocks: list[Block] = [Paragraph(f"Mean place over {n} (1 is best): {named}.{overall}")]
    if len(wide) < TASKS_FOR_PLACES:
        text = f"A critical-difference diagram takes at least {TASKS_FOR_PLACES} tasks; this study has {len(wide)}."
        return [*blocks, missing(text)]
    if importlib.util.find_spec("scikit_posthocs") is None:
        text = "The critical-difference diagram is drawn by scikit-posthocs: pip install 'rnnzoo[stats]'."
        return [*blocks, missing(text)]
    if len(ranks) < 3:
        return [*blocks, missing("A critical-difference diagram takes at least three cells.")]
    caption = (
        f"Critical-difference diagram: mean places over {n}. A bar joins cells that Wilcoxon's signed-rank test "
        "over tasks, "
        "corrected by Holm's method, does not tell apart at the 5% level."
    )
    frame = pd.DataFrame({"cell": ranks.index, "place": ranks.to_numpy(), "tasks": len(wide)})
    draw = partial(places_figure, content, ranks, p_matrix(compared, list(wide.columns)))
    return [*blocks, picture(drawn, "places", draw, caption, f"Mean places: {named}.", frame)]


def p_matrix(compared: pd.DataFrame, cells: list[str]) -> pd.DataFrame:
    """Return the corrected p-values as cells × cells; 1 where there was no test."""
    matrix = pd.DataFrame(1.0, index=cells, columns=cells)
    known = {(str(row["cell"]), str(row["against"])): float(row["p_holm"]) for _, row in compared.iterrows()}
    for (cell, against), p in known.items():
        matrix.loc[cell, against] = matrix.loc[against, cell] = 1.0 if math.isnan(p) else p
    return matrix
