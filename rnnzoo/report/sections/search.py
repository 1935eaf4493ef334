"""What the search found: its trials, the best values, what mattered, and the runs that did not finish."""

import math
from functools import partial

import pandas as pd

from rnnzoo.report import formats, searched, tables
from rnnzoo.report.blocks import Block, Bullets, Heading, Paragraph, Section, Table
from rnnzoo.report.content import StudyContent, TaskContent
from rnnzoo.report.control import controls, search_costs
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.search import importance_figure, trial_figure
from rnnzoo.report.sections.parts import missing, picture
from rnnzoo.report.tables import LEVEL

STATE_WORDS = {"out_of_memory": "ran out of memory", "timed_out": "ran out of time"}
"""How a report writes the states that do not read as they are."""


def search_section(content: StudyContent, drawn: Drawings) -> Section:
    """What the search found: best values, importance, trials that were lost."""
    title, found = "What the search found", searched.trials(content)
    blocks: list[Block] = []
    if found.empty:
        blocks.append(missing("This study has no search phase: its settings were fixed beforehand."))
    else:
        blocks += search_blocks(content, found, drawn)
    stopped = tables.stopped_runs(content)
    blocks.append(Heading("Runs that did not finish"))
    if stopped.empty:
        blocks.append(Paragraph(f"All {len(content.rows)} runs finished; none was lost and none failed."))
    else:
        counts = stopped["state"].value_counts().to_dict()
        said = formats.listing([f"{n} {STATE_WORDS.get(str(state), state)}" for state, n in sorted(counts.items())])
        blocks.append(
            Paragraph(f"Of {len(content.rows)} runs {said}. To lose a run is a result: it is counted, not dropped.")
        )
        rows = tuple(
            (
                str(row["phase"]), str(row["task"]), str(row["cell"]),
                f"trial {row['trial']:.0f}" if row["phase"] == "search" else f"seed {row['seed']}",
                STATE_WORDS.get(str(row["state"]), str(row["state"])),
                formats.count(formats.number_or_nan(row["stopped_at"])),
                formats.setting(row["reason"]),
            )
            for _, row in stopped.iterrows()
        )  # fmt: skip
        columns = ("phase", "task", "cell", "run", "state", "at step", "reason")
        blocks.append(Table("Runs without a score.", columns, rows, frozenset({"at step"}), folded=len(rows) > 12))
    return Section("search", title, "Search", tuple(blocks))


def cost_blocks(content: StudyContent) -> list[Block]:
    """Return what the search cost, and how it did against a random control where the study has one."""
    costs = search_costs(content)
    rows = tuple(
        (
            str(row["task"]),
            str(row["cell"]),
            f"{row['trials']}",
            f"{row['runs']}",
            formats.duration(float(row["seconds"])),
        )
        for _, row in costs.iterrows()
    )
    columns = ("task", "cell", "trials", "runs", "core time")
    note = "What the search cost: time in training steps over all trials, one core each; evaluations and the making of "
    note += "batches are not in it."
    blocks: list[Block] = [Table(note, columns, rows, frozenset(columns[2:]), folded=len(rows) > 12)]
    against = controls(content)
    if len(against):
        tasks = {task.label: task for task in content.tasks}
        told = [(row, tasks[str(row["task"])]) for _, row in against.iterrows()]
        said = tuple((f"{task.title}.", control_sentence(row, task)) for row, task in told)
        beaten = [task.label for row, task in told if better(row, task) and row["holm"] < LEVEL]
        answer = f"beats random settings on {formats.listing(beaten)}" if beaten else "beats random settings on no task"
        note = (
            f"At equal cost the search {answer}. Welch's test over the seeds at the 5% level, corrected by Holm's "
            "method over all comparisons; both sides had as many trials."
        )
        head = Heading("Does the search beat settings taken at random?")
        blocks = [head, Paragraph(note), Bullets(said), *blocks]
    return blocks


def better(row: "pd.Series[float]", task: TaskContent) -> bool:
    """Whether the search's mean is the better one."""
    return float(row["difference"]) > (1.0 if task.factors else 0.0)


def control_sentence(row: "pd.Series[float]", task: TaskContent) -> str:
    """Say how the searched settings do against random ones."""
    low, high, value = float(row["low"]), float(row["high"]), float(row["difference"])
    if task.factors:
        lead = f"{formats.number(value)} times smaller" if value >= 1 else f"{formats.number(1 / value)} times larger"
        span = f"{formats.number(low)} to {formats.number(high)}"
        amount = f"its error is {lead} than that of {row['control']} (95% interval of the ratio {span})"
    else:
        sign = "better" if value >= 0 else "worse"
        span = formats.interval(low, high, task, points=True)
        amount = f"it is {formats.difference(abs(value), task)} {sign} than {row['control']} (95% interval {span})"
    verdict = "the difference is real" if float(row["holm"]) < LEVEL else "the two cannot be told apart"
    return f"{row['cell']}: {amount}, {formats.probability(float(row['holm']))}: {verdict}."


def search_blocks(content: StudyContent, found: pd.DataFrame, drawn: Drawings) -> list[Block]:
    """Return trials, best values and importance."""
    kept = ["task", "cell", "trial", "state", "valid", "chosen", *searched.setting_columns(found)]
    per_cell = sorted({len(group) for _, group in found.groupby(["task", "cell"])})
    amount = f"{per_cell[0]}" if len(per_cell) == 1 else f"{per_cell[0]} to {per_cell[-1]}"
    caption = (
        f"Validation score of every trial, {amount} a cell and task; the ringed one was chosen. A wide row "
        "means that the "
        "settings matter. Trials far worse than the baseline stand at the edge; the number at the right "
        "counts those that "
        "diverged or ran out of memory or time. Hollow marks are trials that were pruned."
    )
    alt = "Validation scores of the search's trials by cell and task; best values are in the table below."
    blocks: list[Block] = [picture(drawn, "trials", partial(trial_figure, content, found), caption, alt, found[kept])]
    blocks += cost_blocks(content)
    best = searched.best_settings(content)
    if best.empty:
        blocks.append(missing("No setting took more than one value in the search."))
    else:
        blocks += [Heading("Best values"), best_table(content, best)]
    blocks.append(Heading("Which settings mattered"))
    shares = searched.importance(content)
    rule = (
        f"fewer than {searched.FEWEST_TRIALS} trials (or {searched.GOOD_TRIALS} finished ones) of at least two settings"
    )
    if shares.empty:
        blocks.append(missing(f"Too few finished trials to weigh the settings: every cell has {rule}."))
        return blocks
    caption = (
        "Importance of each setting by PED-ANOVA (Optuna's PedAnovaImportanceEvaluator): how much the "
        "values of the best "
        "trials differ from those of all. Shares of a cell on a task add up to 100%. Lost trials "
        "count as the worst. From "
        f"{int(shares['trials'].min())} trials a cell these are hints, not measurements."
    )
    alt = "Importance of settings. " + " ".join(
        f"{row['cell']} on {row['task']}: {row['setting']} {formats.percent(float(row['importance']))}."
        for _, row in shares.iterrows()
    )
    blocks.append(picture(drawn, "importance", partial(importance_figure, content, shares), caption, alt, shares))
    weighed = set(zip(shares["task"], shares["cell"], strict=True))
    left_out = [f"{c} on {t.label}" for t in content.tasks for c in content.cells if (t.label, c) not in weighed]
    if left_out:
        blocks.append(missing(f"Not weighed, for {rule}: {formats.listing(left_out)}."))
    return blocks


def best_table(content: StudyContent, best: pd.DataFrame) -> Table:
    """Return the best values, a row a (cell, setting) and a column a task, with the range that was tried."""
    tasks = [task for task in content.tasks if (best["task"] == task.label).any()]
    rows = []
    for cell in content.cells:
        own = best[best["cell"] == cell]
        for setting in dict.fromkeys(own["setting"]):
            entries = own[own["setting"] == setting].set_index("task")
            found = [entries["value"].get(task.label) for task in tasks]
            low, high = float(entries["low"].min()), float(entries["high"].max())
            # a column of rows.csv holds floats as soon as another cell lacks the setting
            whole = all(formats.number_or_nan(value).is_integer() for value in (low, high, *entries["value"]))
            values = [formats.count(formats.number_or_nan(v)) if whole else formats.setting(v) for v in found]
            written = formats.count if whole else formats.number
            tried = formats.MISSING if math.isnan(low) else f"{written(low)} to {written(high)}"
            rows.append((cell, str(setting), *values, tried))
    columns = ("cell", "setting", *(task.label for task in tasks), "range tried")
    return Table(
        "Settings of the chosen trial of each cell on each task.", columns, tuple(rows), frozenset(columns[2:])
    )
