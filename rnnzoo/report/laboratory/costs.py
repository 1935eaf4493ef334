"""What the measuring took; none of it is in a run's training time or in the cost of a step."""

import pandas as pd

from rnnzoo.report import formats
from rnnzoo.report.blocks import Block, Bullets, Paragraph, Section, Table
from rnnzoo.report.content import StudyContent
from rnnzoo.report.laboratory import frames


def cost_section(content: StudyContent) -> Section | None:
    """Seconds a measure and cell, and what could not be measured; None where nothing was."""
    costs = content.measured.get("costs")
    if costs is None or costs.empty:
        return None
    seconds = pd.to_numeric(costs["seconds"], errors="coerce")
    total = float(seconds.sum())
    training = content.training_seconds
    text = f"All measures together took {formats.duration(total)}"
    text += f", beside {formats.duration(training)} of training" if training > 0 else ""
    text += ". They are timed by themselves: neither the training time of a run nor the cost of a step contains them."
    wide = costs.assign(seconds=seconds).pivot_table(
        index="diagnostic", columns="cell", values="seconds", aggfunc="sum"
    )
    cells = [cell for cell in content.cells if cell in wide]
    rows = tuple((str(name), *(formats.duration(float(wide.loc[name, cell])) for cell in cells)) for name in wide.index)
    blocks: list[Block] = [
        Paragraph(text),
        Table(
            "Time of each measure, over all runs of a cell.", ("measure", *cells), rows, frozenset(cells), folded=True
        ),
    ]
    failed = costs[frames.text(costs["reason"]) != ""]
    if len(failed):
        entries = tuple(
            (f"{row['diagnostic']} of {row['cell']} on {row['task']}, seed {row['seed']}:", f"{row['reason']}.")
            for _, row in failed.iterrows()
        )
        blocks += [Paragraph("Not measured:"), Bullets(entries)]
    return Section("measuring", "What the measuring took", "Measuring", tuple(blocks))
