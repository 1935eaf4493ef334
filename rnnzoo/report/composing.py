"""What the report says in which order: from a study's content to sections, with the figures drawn on the way.

Nothing that is absent breaks a section: it says what is missing instead.
"""

# ruff: noqa: RUF001 - numbers are written with real minus and multiplication signs

import math
from collections.abc import Mapping

import pandas as pd
from matplotlib.figure import Figure

from rnnzoo.report import canvas, figures, formats, gradients, searched, sentences, tables
from rnnzoo.report.blocks import (
    Block,
    Bullets,
    Code,
    Heading,
    Matrix,
    Paragraph,
    Picture,
    Report,
    Section,
    Shade,
    Table,
    Verdicts,
)  # fmt: skip
from rnnzoo.report.colours import cell_styles
from rnnzoo.report.content import StudyContent, TaskContent

Drawn = dict[str, Figure]
"""Stem of the file → figure."""


def compose(content: StudyContent) -> tuple[Report, Drawn]:
    """Return the report of a study and its figures by the stems of their files."""
    drawn: Drawn = {}
    with canvas.drawing():
        sections = (
            answer(content, drawn),
            score_section(content, drawn),
            curve_section(content, drawn),
            cost_section(content, drawn),
            gradient_section(content, drawn),
            search_section(content, drawn),
            reproduction(content),
        )
    found = sentences.verdicts(content)
    return Report(
        content.name,
        content.question,
        sentences.headline(found, alone=len(content.cells) == 1),
        summary(content),
        sections,
    ), drawn


def summary(content: StudyContent) -> tuple[str, ...]:
    """Return the small print under the headline."""
    phases = content.rows["phase"].value_counts().to_dict()
    parts = [
        f"{formats.plural(len(content.cells), 'cell')} on {formats.plural(len(content.tasks), 'task')}",
        f"{formats.plural(int(phases.get('search', 0)), 'search trial')} and "
        f"{formats.plural(int(phases.get('confirm', 0)), 'confirming run')}",
    ]
    if math.isfinite(content.training_seconds):
        parts.append(f"{formats.duration(content.training_seconds)} of training")
    if "date" in content.environment:
        parts.append(content.environment["date"])
    return tuple(parts)


def picture(drawn: Drawn, stem: str, figure: Figure, caption: str, alt: str, frame: pd.DataFrame) -> Picture:
    """Keep a figure under its stem and return its place in the report."""
    drawn[stem] = figure
    return Picture(stem, caption, alt, frame.reset_index(drop=True), figure.get_size_inches()[0] / canvas.WIDTH)


def answer(content: StudyContent, drawn: Drawn) -> Section:
    """Which cell won where, by how much, and is the difference real."""
    table, compared = tables.scores(content), tables.comparisons(content)
    colours = {cell: style.colour for cell, style in cell_styles(content.cells).items()}
    blocks: list[Block] = [Verdicts(tuple(sentences.verdicts(content)), colours)]
    if (table["n"] > 0).any():
        figure, matrix = overview(content, table, colours)
        drawn["overview"] = figure
        blocks.append(matrix)
        blocks.append(Bullets(comparison_notes(content)))
    if len(compared):
        blocks.append(comparison_table(content, compared))
    return Section("answer", "Which cell won, by how much, and is it real?", "The answer", tuple(blocks))


def overview(content: StudyContent, table: pd.DataFrame, colours: dict[str, str]) -> tuple[Figure, Matrix]:
    """Return the matrix cells × tasks as a figure and as a table."""
    ramp = canvas.ramp()
    rows: list[tuple[str, tuple[Shade, ...]]] = []
    labels: dict[tuple[str, str], str] = {}
    for cell in content.cells:
        shades = []
        for task in content.tasks:
            found = table[(table["task"] == task.label) & (table["cell"] == cell)].iloc[0]
            share = float(found["normalised"])
            if math.isnan(share):
                labels[task.label, cell] = formats.MISSING
                shades.append(Shade(formats.MISSING, "no score"))
                continue
            text = formats.score(float(found["mean"]), task)
            labels[task.label, cell] = f"{text}\n({normalised(share)})"
            red, green, blue, _ = ramp(min(1.0, max(0.0, share)))
            dark = 0.2126 * red**2.2 + 0.7152 * green**2.2 + 0.0722 * blue**2.2 < 0.25
            background = (
                "#f3d3bf"
                if share < -0.02
                else f"#{round(255 * red):02x}{round(255 * green):02x}{round(255 * blue):02x}"
            )
            ink = "#ffffff" if dark and share >= -0.02 else "#14181d"
            shades.append(
                Shade(
                    text,
                    normalised(share),
                    background,
                    ink,
                    float(found["place"]) == 1.0 and share > sentences.NEGLIGIBLE,
                )
            )
        rows.append((cell, tuple(shades)))
    means = {task.mean_name for task in content.tasks}
    caption = (
        "Test score of every cell on every task, and below it the same on a scale from 0, the memoryless "
        "baseline, to 1, "
        "a perfect answer; darker is better, ★ marks the best. The score is the "
        f"{' or '.join(sorted(means))} over the seeds."
    )
    columns = tuple(task.title for task in content.tasks)
    return figures.overview_figure(content, table, labels), Matrix(caption, columns, tuple(rows), colours)


def normalised(share: float) -> str:
    """Write a normalised score; two digits, more where it is nearly perfect, so that 0.998 is not 1.00."""
    text = f"{share:.3f}" if 0.985 <= share < 1 else f"{share:.2f}"
    return "0.00" if text == "-0.00" else text.replace("-", "−")


def comparison_notes(content: StudyContent) -> tuple[tuple[str, str], ...]:
    """Say how the comparison was made and what it cannot tell."""
    searched_first = bool((content.rows["phase"] == "search").any())
    chosen = "Settings were chosen on validation data alone" if searched_first else "Settings were fixed beforehand"
    notes = [
        ("Selection.", f"{chosen}; the test set was read once for each confirmed run."),
        (
            "Seeds.",
            "A seed decides initialisation and training batches. Intervals and tests are over seeds of "
            "one setting a cell: "
            "how lucky the choice of that setting was is not in them.",
        ),
        (
            "Test.",
            "Welch's t-test of the winner against each other cell, two-sided, p-values corrected by "
            "Holm's method within a "
            "task; the interval of a difference is for that comparison alone. The winner was picked by "
            "the same scores, "
            "which makes its lead look a little larger than it is.",
        ),
    ]
    if any(task.factors for task in content.tasks):
        named = formats.listing([task.label for task in content.tasks if task.factors])
        notes.append(
            (
                "Errors.",
                f"On {named} scores are compared as factors: geometric means, and intervals and tests of logarithms, "
                "because one seed's error is a factor off another's.",
            )
        )
    if bool(((content.rows["phase"] == "confirm") & (content.rows["state"] == "diverged")).any()):
        notes.append(
            ("Divergence.", "A seed that diverged counts with the baseline's score in means, intervals and tests.")
        )
    return tuple(notes)


def comparison_table(content: StudyContent, compared: pd.DataFrame) -> Table:
    """Return every comparison behind the sentences."""
    rows = []
    for task in content.tasks:
        for _, row in compared[compared["task"] == task.label].iterrows():
            factor = row["kind"] == "factor"
            lead = f"{formats.number(float(row['advantage']))} times" if factor else (
                formats.difference(float(row["advantage"]), task)
            )  # fmt: skip
            low, high = float(row["low"]), float(row["high"])
            rows.append(
                (
                    task.label, str(row["winner"]), str(row["cell"]), lead,
                    formats.interval(low, high, task, points=True, factor=factor),
                    formats.probability(float(row["p"])).removeprefix("p = ").removeprefix("p "),
                    formats.probability(float(row["p_holm"])).removeprefix("p = ").removeprefix("p "),
                    "no test" if math.isnan(float(row["p_holm"])) else "yes" if row["apart"] else "no",
                )
            )  # fmt: skip
    columns = ("task", "winner", "against", "lead", "95% interval", "p", "p, Holm", "told apart")
    right = frozenset(columns[3:])
    return Table("Every comparison of a winner with another cell.", columns, tuple(rows), right, folded=True)


def score_section(content: StudyContent, drawn: Drawn) -> Section:
    """Score per cell and task with every seed."""
    title, runs, table = "Every seed's score", tables.confirmed(content), tables.scores(content)
    if runs.empty or not (table["n"] > 0).any():
        return Section("scores", title, "Scores", (missing("No confirming run has a test score."),))
    counts = sorted({int(n) for n in table.loc[table["n"] > 0, "n"]})
    seeds = f"n = {counts[0]}" if len(counts) == 1 else f"n = {counts[0]} to {counts[-1]}"
    caption = (
        f"Test score of every confirmed run, {seeds} seeds a cell. Marks are seeds, the upright line their "
        "mean, the band its "
        "95% interval by Student's t. The dotted line is the memoryless baseline. An interval that leaves "
        "the panel is wider than it shows."
    )
    if counts == [1]:
        caption += " With one seed there is no interval."
    if int(table["diverged"].sum()):
        caption += " Crosses are seeds that diverged; they stand at the baseline and count with its score."
    alt = "Test scores by cell. " + " ".join(
        f"{task.title}: " + ", ".join(
            f"{row['cell']} {formats.score(float(row['mean']), task)}"
            for _, row in table[(table["task"] == task.label) & (table["n"] > 0)].iterrows()
        ) + "." for task in content.tasks
    )  # fmt: skip
    blocks: list[Block] = [picture(drawn, "scores", figures.score_figure(content, runs, table), caption, alt, runs)]
    rows = []
    for task in content.tasks:
        for _, row in table[table["task"] == task.label].iterrows():
            rows.append(
                (
                    task.label, str(row["cell"]), formats.score(float(row["mean"]), task),
                    formats.interval(float(row["low"]), float(row["high"]), task),
                    formats.score(float(row["best"]), task), formats.score(float(row["worst"]), task),
                    f"{row['n']}", f"{row['diverged']}", f"{row['failed']}",
                )
            )  # fmt: skip
    columns = ("task", "cell", "mean", "95% interval", "best seed", "worst seed", "seeds", "diverged", "failed")
    note = "The numbers in the figure. The mean is geometric where the axis is logarithmic."
    blocks.append(Table(note, columns, tuple(rows), frozenset(columns[2:]), folded=True))
    return Section("scores", title, "Scores", tuple(blocks))


def curve_section(content: StudyContent, drawn: Drawn) -> Section:
    """Learning curves over steps and seconds."""
    title, curves = "How they learned", tables.learning_curves(content)
    if curves.empty:
        return Section("curves", title, "Learning curves", (missing("No confirming run left a learning curve."),))
    n = int(curves["n"].max())
    caption = "Validation score while training, over steps on the left and over seconds on the right. "
    caption += (
        f"Lines are medians over up to {n} seeds, bands run from the worst to the best. " if n > 1 else "One seed. "
    )
    caption += "A run that stopped early keeps its last score; one that diverged counts as the baseline from there on."
    if bool((curves["timing"] == "clock").any()):
        caption += " Where a step was not timed alone, seconds are the runs' own, on a machine that they shared."
    sources = content.published.drop_duplicates(["task", "name", "source"])
    for _, row in sources.iterrows():
        caption += f" Dashed black: {row['name']} ({row['source']})."
    ends = curves.sort_values("step", kind="stable").groupby(["task", "cell"], sort=False).tail(1)
    alt = "Validation score over training; at the end: " + " ".join(
        f"{task.title}: " + ", ".join(
            f"{row['cell']} {formats.score(float(row['median']), task)}"
            for _, row in ends[ends["task"] == task.label].iterrows()
        ) + "." for task in content.tasks
    )  # fmt: skip
    found = picture(drawn, "curves", figures.curve_figure(content, curves), caption, alt, curves)
    return Section("curves", title, "Learning curves", (found,))


def cost_section(content: StudyContent, drawn: Drawn) -> Section:
    """Parameters, time and memory of a step, and what score they buy."""
    title, costs = "What they cost", tables.step_seconds(content)
    if costs.empty:
        return Section("cost", title, "Cost", (missing("No confirming run, so nothing was measured."),))
    blocks: list[Block] = []
    timed = costs["seconds_per_step"].notna()
    if timed.any():
        blocks.append(Paragraph(speed_sentence(content, costs)))
    else:
        blocks.append(missing("The time of a training step was not measured in this study."))
    if costs["memory_mib"].isna().all():
        blocks.append(missing("Memory was not measured in this study."))
    alt = "Cost of a training step. " + " ".join(
        f"{row['task']}, {row['cell']}: {formats.duration(float(row['seconds_per_step']))}, "
        f"{formats.number(float(row['memory_mib']))} MiB, {formats.count(float(row['parameters']))} parameters."
        for _, row in costs.iterrows()
    )
    caption = (
        "Time of one training step (forward, backward and update), the memory that it keeps for the backward pass, and "
        "trainable parameters. Times were measured one at a time on an otherwise idle machine, never in a "
        "run that shared it."
    )
    blocks.append(picture(drawn, "cost", figures.cost_figure(content, costs), caption, alt, costs))
    if (timed & costs["mean"].notna()).any():
        caption = (
            "What the time buys: test score against the time of a training step, measured alone. Better "
            "is further up (axes of "
            "errors are reversed), cheaper further left; the vertical bar is the score's 95% interval."
        )
        figure = figures.tradeoff_figure(content, costs)
        alt = "Test score against time per training step; the numbers are those of the two figures above."
        blocks.append(picture(drawn, "tradeoff", figure, caption, alt, costs))
    return Section("cost", title, "Cost", tuple(blocks))


def speed_sentence(content: StudyContent, costs: pd.DataFrame) -> str:
    """Say which cell steps fastest and slowest on each task."""
    parts = []
    for task in content.tasks:
        own = costs[(costs["task"] == task.label) & costs["seconds_per_step"].notna()]
        if len(own) > 1:
            ordered = own.sort_values("seconds_per_step", kind="stable")
            fast, slow = ordered.iloc[0], ordered.iloc[-1]
            ratio = float(slow["seconds_per_step"]) / float(fast["seconds_per_step"])
            parts.append(
                f"On {task.label}, {fast['cell']} takes {formats.duration(float(fast['seconds_per_step']))} a step; "
                f"{slow['cell']}, the slowest, takes {formats.number(ratio, 2)} times as long."
            )
        elif len(own) == 1:
            parts.append(
                f"On {task.label}, {own.iloc[0]['cell']} takes "
                f"{formats.duration(float(own.iloc[0]['seconds_per_step']))} "
                "a training step."
            )
    return " ".join(parts)


def gradient_section(content: StudyContent, drawn: Drawn) -> Section:
    """What happens to the gradient on its way back through time."""
    title, profiles = "Does the gradient reach the beginning?", gradients.gradient_profiles(content)
    if profiles.empty:
        return Section("gradients", title, "Gradients", (missing("Gradient norms were not measured in this study."),))
    fates = gradients.gradient_fates(content)
    items = [
        (f"{task.title}.", " ".join(said))
        for task in content.tasks
        if (said := sentences.gradient_sentences(fates, task))
    ]
    caption = (
        "Norm of the loss's gradient with respect to the whole state after step t, median over the batch "
        "and the seeds, with "
        "the band from the 10% to the 90% quantile. It travels from the end of the sequence, right, to its beginning, "
        "left: a falling line to the left is a vanishing gradient. A line along the lower edge is below "
        "it, or exactly zero."
    )
    alt = "Gradient norm over time steps. " + " ".join(f"{name} {text}" for name, text in items)
    blocks: tuple[Block, ...] = (
        Bullets(tuple(items)),
        Paragraph(sentences.GRADIENT_RULE),
        picture(drawn, "gradients", figures.gradient_figure(content, profiles), caption, alt, profiles),
    )
    absent = [cell for cell in content.cells if not (profiles["cell"] == cell).any()]
    if absent:
        blocks = (*blocks, missing(f"Not measured for {formats.listing(absent)}."))
    return Section("gradients", title, "Gradients", blocks)


def search_section(content: StudyContent, drawn: Drawn) -> Section:
    """What the search found: best values, importance, trials that diverged."""
    title, found = "What the search found", searched.trials(content)
    blocks: list[Block] = []
    if found.empty:
        blocks.append(missing("This study has no search phase: its settings were fixed beforehand."))
    else:
        blocks += search_blocks(content, found, drawn)
    stopped = tables.stopped_runs(content)
    blocks.append(Heading("Runs that did not finish"))
    if stopped.empty:
        blocks.append(Paragraph(f"All {len(content.rows)} runs finished; none diverged and none failed."))
    else:
        counts = stopped["state"].value_counts().to_dict()
        said = formats.listing([f"{n} {state}" for state, n in sorted(counts.items())])
        blocks.append(
            Paragraph(f"Of {len(content.rows)} runs {said}. Divergence is a result: it is counted, not dropped.")
        )
        rows = tuple(
            (
                str(row["phase"]), str(row["task"]), str(row["cell"]),
                f"trial {formats.setting(row['trial'])}" if row["phase"] == "search" else f"seed {row['seed']}",
                str(row["state"]), formats.count(number_or_nan(row["stopped_at"])), formats.setting(row["reason"]),
            )
            for _, row in stopped.iterrows()
        )  # fmt: skip
        columns = ("phase", "task", "cell", "run", "state", "at step", "reason")
        blocks.append(
            Table("Runs that diverged or failed.", columns, rows, frozenset({"at step"}), folded=len(rows) > 12)
        )
    return Section("search", title, "Search", tuple(blocks))


def number_or_nan(value: object) -> float:
    """Return a number as a float, and NaN for anything else."""
    return float(value) if isinstance(value, int | float) else math.nan


def search_blocks(content: StudyContent, found: pd.DataFrame, drawn: Drawn) -> list[Block]:
    """Return trials, best values and importance."""
    kept = ["task", "cell", "trial", "state", "valid", "chosen", *searched.setting_columns(found)]
    per_cell = sorted({len(group) for _, group in found.groupby(["task", "cell"])})
    amount = f"{per_cell[0]}" if len(per_cell) == 1 else f"{per_cell[0]} to {per_cell[-1]}"
    caption = (
        f"Validation score of every trial, {amount} a cell and task; the ringed one was chosen. A wide row "
        "means that the "
        "settings matter. Trials far worse than the baseline stand at the edge; the number at the right "
        "counts those that "
        "diverged."
    )
    alt = "Validation scores of the search's trials by cell and task; best values are in the table below."
    blocks: list[Block] = [picture(drawn, "trials", figures.trial_figure(content, found), caption, alt, found[kept])]
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
        "trials differ from those of all. Shares of a cell on a task add up to 100%. Diverged trials "
        "count as the worst. From "
        f"{int(shares['trials'].min())} trials a cell these are hints, not measurements."
    )
    alt = "Importance of settings. " + " ".join(
        f"{row['cell']} on {row['task']}: {row['setting']} {formats.percent(float(row['importance']))}."
        for _, row in shares.iterrows()
    )
    blocks.append(picture(drawn, "importance", figures.importance_figure(content, shares), caption, alt, shares))
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
            values = [formats.setting(entries["value"].get(task.label)) for task in tasks]
            low, high = float(entries["low"].min()), float(entries["high"].max())
            tried = formats.MISSING if math.isnan(low) else f"{formats.number(low)} to {formats.number(high)}"
            rows.append((cell, str(setting), *values, tried))
    columns = ("cell", "setting", *(task.label for task in tasks), "range tried")
    return Table(
        "Settings of the chosen trial of each cell on each task.", columns, tuple(rows), frozenset(columns[2:])
    )


def reproduction(content: StudyContent) -> Section:
    """What was equal, and how to get the same numbers again."""
    blocks: list[Block] = [Heading("What was equal, and what was not")]
    if content.budget.empty:
        blocks.append(missing("The study recorded no budget."))
    else:
        blocks += [Paragraph(budget_sentence(content.budget)), budget_table(content.budget)]
    blocks += [Heading("The same numbers again"), Code(content.command)]
    seeds = ", ".join(map(str, content.seeds)) or "none"
    engines = sorted({str(engine) for engine in content.rows["engine"].dropna()})
    facts: Mapping[str, str] = {
        **content.environment,
        "confirming seeds": seeds,
        "engine": ", ".join(engines) or "none",
    }
    blocks.append(Table("Versions and machine.", ("what", "value"), tuple((k, str(v)) for k, v in facts.items())))
    blocks.append(Heading("The tasks"))
    for task in content.tasks:
        known = {
            "metric": f"{task.metric}, {'smaller' if task.direction == 'minimize' else 'larger'} is better",
            "memoryless baseline": formats.score(task.baseline, task),
            **task.facts,
        }
        rows = tuple((name, str(value)) for name, value in known.items())
        blocks.append(Table(f"{task.title} ({task.name}, “{task.label}” in this study).", ("fact", "value"), rows))
    return Section("reproduce", "What was equal, and how to repeat it", "Reproduce", tuple(blocks))


BUDGET_NAMES = {
    "search_trials": "search trials", "search_steps": "steps of a trial", "confirm_seeds": "confirming seeds",
    "confirm_steps": "steps of a confirming run", "batch_size": "batch size", "parameters": "parameters",
    "hidden_size": "hidden size", "num_layers": "layers",
}  # fmt: skip


def budget_sentence(budget: pd.DataFrame) -> str:
    """Say what every cell had alike on each task, and what differed."""
    equal: list[str] = []
    unequal: list[str] = []
    for column, name in BUDGET_NAMES.items():
        alike = bool((budget.groupby("task")[column].nunique(dropna=False) <= 1).all())
        (equal if alike else unequal).append(name)
    text = f"Equal for every cell of a task: {formats.listing(equal)}. " if equal else ""
    text += f"Different: {formats.listing(unequal)}." if unequal else "Nothing differed."
    residual = pd.to_numeric(budget["residual"], errors="coerce").abs().max()
    if pd.notna(residual):
        text += f" Parameters came within {formats.number(float(residual), 2)}% of the budget."
    return text


def budget_table(budget: pd.DataFrame) -> Table:
    """Return the budget, a row a (task, cell)."""
    rows = []
    for _, row in budget.iterrows():
        residual = number_or_nan(row["residual"])
        counted = [formats.count(number_or_nan(row[name])) for name in ("search_trials", "search_steps")]
        confirmed = [
            formats.count(number_or_nan(row[name])) for name in ("confirm_seeds", "confirm_steps", "batch_size")
        ]
        rows.append(
            (
                str(row["task"]), str(row["cell"]), formats.count(number_or_nan(row["hidden_size"])),
                formats.count(number_or_nan(row["num_layers"])), formats.count(number_or_nan(row["parameters"])),
                formats.MISSING if math.isnan(residual) else f"{residual:+.2f}%".replace("-", "−"),
                " × ".join(counted), " × ".join(confirmed[:2]), confirmed[2],
            )
        )  # fmt: skip
    columns = ("task", "cell", "hidden", "layers", "parameters", "off budget", "search trials × steps",
               "confirm seeds × steps", "batch")  # fmt: skip
    return Table("The budget of every cell on every task.", columns, tuple(rows), frozenset(columns[2:]))


def missing(text: str) -> Paragraph:
    """Return a paragraph that says what the study does not have."""
    return Paragraph(text, missing=True)


__all__ = ["Drawn", "TaskContent", "compose"]
