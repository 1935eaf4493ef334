"""Several studies of published recipes read together: what is done, what is under way, and every curve."""

from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from rnnzoo.records import PARTIAL, run_folder
from rnnzoo.report.content import CURVE_COLUMNS, StudyContent, empty
from rnnzoo.study.checkpoint import curve_so_far
from rnnzoo.study.file import StudyFileError
from rnnzoo.study.plan import Plan
from rnnzoo.study.published import curves_of_others
from rnnzoo.study.reading import read_plan
from rnnzoo.study.results import collect

PAPER_CURVE_COLUMNS = ("study", "task", "cell", "seed", "epoch", "step", "valid", "test", "seconds", "state")


@dataclass(frozen=True)
class Paper:
    """A study of published recipes, with what its runs have reached so far.

    Attributes:
        content: the study's content; its curves hold those of runs under way too.
        curves: one row an evaluation, with `PAPER_CURVE_COLUMNS`; epoch is NaN where every batch is fresh, test stands
            at the evaluation whose parameters were scored, state is "finished", "diverged" or "under way".
        logs: the published curves of the same tasks, in their whole length; those in `content` end with our runs.
        planned: (task, cell) → steps that a run is to have.
        published_steps: (task, cell) → steps of the authors' own training, where the cell's recipe says so.
        epochs: (task, cell) → steps of an epoch, where there are epochs.
        targets: (task, cell) → validation score at which a run ends before its planned steps, where there is one.
    """

    content: StudyContent
    curves: pd.DataFrame
    logs: pd.DataFrame
    planned: dict[tuple[str, str], int]
    published_steps: dict[tuple[str, str], int]
    epochs: dict[tuple[str, str], int]
    targets: dict[tuple[str, str], float]


def read_papers(folder: Path, runs: Path) -> list[Paper]:
    """Return what became of every study file in a folder, by name; those without a run are left out.

    Raises:
        StudyFileError: the folder holds no study file, or one with mistakes.
        RecordError: a record cannot be read.
    """
    files = sorted(folder.glob("*.toml"))
    if not files:
        raise StudyFileError(folder, ["holds no study file; name a folder with .toml files"])
    papers = (read_paper(read_plan(file), runs) for file in files)
    return [paper for paper in papers if len(paper.curves)]


def read_paper(plan: Plan, runs: Path) -> Paper:
    """Return what became of one study."""
    content = collect(plan, runs)
    under_way = curves_under_way(plan, runs)
    epochs = {(c.label, c.cell): c.epoch_steps for c in plan.competitors if c.epoch_steps is not None}
    curves = pd.concat([finished_curves(content), under_way.assign(test=None, state="under way")], ignore_index=True)
    pairs = zip(curves["task"].astype(str), curves["cell"].astype(str), strict=True)
    per_epoch = [epochs.get(pair) for pair in pairs]
    curves["epoch"] = [step / size if size else None for step, size in zip(curves["step"], per_epoch, strict=True)]
    joined = [frame for frame in (content.curves, under_way.reindex(columns=CURVE_COLUMNS)) if len(frame)]
    return Paper(
        content=replace(content, curves=pd.concat(joined, ignore_index=True) if joined else empty(CURVE_COLUMNS)),
        curves=curves.assign(study=plan.name)[list(PAPER_CURVE_COLUMNS)],
        logs=curves_of_others(plan, whole=True),
        planned={(c.label, c.cell): int(c.base["training"]["steps"]) for c in plan.competitors},
        published_steps={
            (c.label, c.cell): c.published_steps for c in plan.competitors if c.published_steps is not None
        },
        epochs=epochs,
        targets={
            (c.label, c.cell): float(c.base["training"]["target"])
            for c in plan.competitors
            if c.base["training"].get("target") is not None
        },
    )


def finished_curves(content: StudyContent) -> pd.DataFrame:
    """Return the curves of confirm runs that ended, each with its test score where it was scored."""
    rows = content.rows[content.rows["phase"] == "confirm"].set_index("run")
    curves = content.curves[content.curves["phase"] == "confirm"]
    scored = rows["test"].where(rows["best_step"].notna())
    at_best = curves["step"].astype(float) == curves["run"].map(rows["best_step"]).astype(float)
    return curves.assign(test=curves["run"].map(scored).where(at_best), state=curves["run"].map(rows["state"]))


def curves_under_way(plan: Plan, runs: Path) -> pd.DataFrame:
    """Return the curves in the checkpoints of confirm runs that have no record yet and whose settings are fixed."""
    rows = []
    for competitor in (c for c in plan.competitors if not c.searched):
        for seed in plan.confirm.seeds:
            config = competitor.confirm_config({}, seed)
            final = run_folder(runs, config)
            if final.exists():
                continue
            known = {"run": config.run_id(), "phase": "confirm", "task": competitor.label, "cell": competitor.cell}
            rows += [known | {"seed": seed} | row for row in curve_so_far(final.with_name(final.name + PARTIAL))]
    return pd.DataFrame(rows) if rows else empty(CURVE_COLUMNS)
