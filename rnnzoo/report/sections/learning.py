"""How the learning rules compare: what they teach beyond the readout, what they cost, and how near they come."""

import math
from functools import partial

from rnnzoo.report import formats, learning
from rnnzoo.report.blocks import Block, Bullets, Heading, Paragraph, Section, Table
from rnnzoo.report.content import StudyContent
from rnnzoo.report.drawing import Drawings
from rnnzoo.report.figures.learning import alignment_figure, bases, last_angles, parameter_figure, rule_figure
from rnnzoo.report.sections.parts import missing, picture


def learning_section(content: StudyContent, drawn: Drawings) -> Section | None:
    """Return the section, or None where the study does not cross cells with rules."""
    if content.rules.empty:
        return None
    table = learning.rule_scores(content)
    blocks: list[Block] = []
    if table.empty:
        blocks.append(missing("No confirming run has a test score."))
    else:
        items = [
            (f"{task.title}, {base}.", " ".join(learning.score_sentences(table, task, base)))
            for task in content.tasks
            for base in bases(content)
            if ((table["task"] == task.label) & (table["base"] == base)).any()
        ]
        caption = (
            "Test score of every cell under every learning rule. What a rule scores beyond the readout alone is what "
            "it taught the cell."
        )
        alt = "Test score by learning rule. " + " ".join(f"{name} {text}" for name, text in items)
        blocks += [
            Bullets(tuple(learning.tally(content, table))),
            Heading("Task by task"),
            Bullets(tuple(items)),
            Paragraph("Welch's test over the seeds at the 5% level, corrected by Holm's method within a task."),
            picture(drawn, "learning", partial(rule_figure, content, table), caption, alt, table),
        ]
    return Section(
        "learning",
        "What does each learning rule teach, and at what cost?",
        "Learning rules",
        (*blocks, *cost_blocks(content), *sparse_blocks(content), *alignment_blocks(content, drawn)),
    )


def cost_blocks(content: StudyContent) -> list[Block]:
    """Return what a step costs under each rule, beside backpropagation of the same cell."""
    costs = learning.rule_costs(content)
    rows = []
    for task in content.tasks:
        for base in bases(content):
            own = costs[(costs["task"] == task.label) & (costs["base"] == base)]
            true = own[own["rule"] == learning.TRUE]
            for _, row in own.iterrows():
                entries = []
                for name, scale, unit in (("seconds_per_step", 1e3, " ms"), ("memory_mib", 1.0, " MiB")):
                    value = float(row[name])
                    whole = float(true.iloc[0][name]) if len(true) else math.nan
                    share = f" ({formats.number(value / whole, 2)})" if whole > 0 and not math.isnan(value) else ""
                    missed = math.isnan(value)
                    entries.append(formats.MISSING if missed else f"{formats.number(scale * value)}{unit}{share}")
                products, all_of_them = float(row["multiply_adds"]), float(row["backpropagation"])
                share = formats.percent(products / all_of_them) if all_of_them > 0 else formats.MISSING
                fed = float(row["feedback"])
                rows.append(
                    (task.label, base, str(row["name"]), *entries, formats.count(products), share, formats.count(fed))
                )
    columns = ("task", "cell", "rule", "a step", "kept for backward", "multiply-adds back", "of backprop.", "feedback")
    caption = (
        "Cost of a training step; in brackets as a multiple of backpropagation's. Multiply-adds back: products with "
        "weights on the errors' way to the parameters, for one sequence; zeros of sparse feedback are not counted, and "
        "dense storage multiplies by them all the same. Feedback: those through fixed feedback to modules."
    )
    return [Heading("Cost"), Table(caption, columns, tuple(rows), frozenset(columns[3:]))]


def sparse_blocks(content: StudyContent) -> list[Block]:
    """Return what sparse feedback saves and loses."""
    pairs = learning.sparse_pairs(content)
    pairs = pairs[pairs["dense_score"].notna() & pairs["sparse_score"].notna()]
    if pairs.empty:
        return []
    tasks = {task.label: task for task in content.tasks}
    items = [
        (f"{tasks[row['task']].title}, {row['base']}.", learning.sparse_sentence(row, tasks[row["task"]]))
        for _, row in pairs.iterrows()
    ]
    return [Heading("Sparse feedback"), Bullets(tuple(items))]


def alignment_blocks(content: StudyContent, drawn: Drawings) -> list[Block]:
    """Return the angles between the rules' gradients and the true one."""
    found, title = learning.angles(content), Heading("Alignment with the true gradient")
    if found.empty:
        text = 'Angles were not measured; add diagnostics = ["alignment"] to [confirm].'
        return [title, missing(text)]
    items = [
        (f"{task.title}, {base}.", " ".join(said))
        for task in content.tasks
        for base in bases(content)
        if (said := learning.angle_sentences(found, task, base))
    ]
    blocks: list[Block] = [title]
    if items:
        caption = (
            "Angle between a rule's gradient and the true one of the same network on validation sequences, over all "
            "parameters but the readout's, whose gradient is the true one; median of the seeds, band from lowest to "
            "highest. 90° is a random direction, below it a step lowers the loss to first order."
        )
        alt = "Angle to the true gradient over training. " + " ".join(f"{name} {text}" for name, text in items)
        blocks += [
            Bullets(tuple(items)),
            picture(drawn, "alignment", partial(alignment_figure, content, found), caption, alt, found),
        ]
    last = last_angles(found)
    if len(last):
        caption = "The same angle at the last measurement, by parameter; dark is aligned, white 90° or more."
        alt = "Angles by parameter after training; the numbers are in the CSV beside the figure."
        blocks.append(
            picture(drawn, "alignment_parameters", partial(parameter_figure, content, last), caption, alt, last)
        )
    return blocks
