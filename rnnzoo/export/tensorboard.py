"""A study's learning curves as TensorBoard reads them: a folder a run, named by task, cell, and seed or trial."""

from pathlib import Path

import pandas as pd

from rnnzoo.export.extras import needed
from rnnzoo.report.content import StudyContent

NOT_DRAWN = ("run", "phase", "task", "cell", "seed", "trial", "step", "seconds")


def write_tensorboard(content: StudyContent, folder: Path) -> int:
    """Write every evaluation of every run: `tensorboard --logdir FOLDER` shows them.

    Wall time is the run's own clock, so that curves can be seen over steps and over time. What TensorBoard wrote into
    a run's folder before is replaced.

    Returns:
        how many runs were written.

    Raises:
        ExtraMissing: TensorBoard is not installed.
    """
    needed("tensorboard", "tensorboard")
    from torch.utils.tensorboard import SummaryWriter

    groups = content.curves.groupby("run", sort=False)
    for _, curve in groups:
        first = curve.iloc[0]
        name = f"trial-{first['trial']:.0f}" if first["phase"] == "search" else f"seed-{first['seed']}"
        place = folder / str(first["task"]) / str(first["cell"]) / str(first["phase"]) / name
        for old in place.glob("events.out.tfevents.*"):
            old.unlink()
        writer = SummaryWriter(str(place))
        try:
            for column in (c for c in curve.columns if c not in NOT_DRAWN):
                values = pd.to_numeric(curve[column], errors="coerce")
                for step, seconds, value in zip(curve["step"], curve["seconds"], values, strict=True):
                    if pd.notna(value):
                        writer.add_scalar(str(column), float(value), int(step), float(seconds))
        finally:
            writer.close()
    return len(groups)
