"""From run records to the frames that a report is made of. Nothing is computed here that a record does not hold."""

import json
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from rnnzoo.cells import CELLS
from rnnzoo.configuration import digest
from rnnzoo.records import (
    ALIGNMENT,
    CURVE,
    GRADIENTS,
    TRANSPORT,
    RunRecord,
    environment,
    read_cost,
    read_frame,
    read_record,
    run_folder,
)
from rnnzoo.report.content import (
    ALIGNMENT_COLUMNS,
    CURVE_COLUMNS,
    GRADIENT_COLUMNS,
    ROW_COLUMNS,
    RULE_COLUMNS,
    TRANSPORT_COLUMNS,
    StudyContent,
    TaskContent,
    empty,
)
from rnnzoo.study.conduct import confirm_configs
from rnnzoo.study.measured import measured_frames
from rnnzoo.study.plan import Competitor, Plan
from rnnzoo.study.published import curves_of_others, results_of_others
from rnnzoo.study.rules import RULES
from rnnzoo.study.search import CellSearch, Tried
from rnnzoo.study.sizing import draws
from rnnzoo.study.storage import open_storage

NUMBERS = {CURVE: ("step", "seconds", "valid"), GRADIENTS: ("t", "median", "low", "high")}
"""Columns of numbers that a run's tables must have for the report."""


class Found(NamedTuple):
    """A run of the study that has a record.

    Attributes:
        competitor: the cell on the task.
        phase: "search" or "confirm".
        trial: its number, NaN in confirm.
        record: what the run left.
        folder: where it left it.
        cost: of a training step with the confirmed settings, measured on the first seed's run; empty in search.
        tried: in search, the trial that the run belongs to.
    """

    competitor: Competitor
    phase: str
    trial: float
    record: RunRecord
    folder: Path
    cost: dict[str, float]
    tried: Tried | None = None


def collect(plan: Plan, root: Path, storage: str | None = None) -> StudyContent:
    """Return everything that the study's report shows, from the runs that are done.

    Args:
        plan: the study.
        root: folder of the run folders.
        storage: URL of the database that holds the trials, or None for the journal file among the run folders.

    Raises:
        RecordError: a record cannot be read.
        StorageError: the trials cannot be read.
    """
    found = list(finished_runs(plan, root, storage))
    rows = pd.DataFrame([row(plan, run) for run in found]) if found else empty(ROW_COLUMNS)
    environments = [run.record.environment for run in found] or [environment()]
    return StudyContent(
        name=plan.name,
        question=plan.question,
        command=f"rnnzoo run {shlex.quote(plan.path.as_posix())}" if not plan.path.is_absolute() else _command(plan),
        training_seconds=float(rows["seconds"].sum()) if len(rows) else 0.0,
        environment=environments[-1] | {"commit": commit(), "threads per run": str(plan.budget.threads)},
        seeds=list(plan.confirm.seeds),
        cells=plan.cells,
        tasks=[task_content(plan, label) for label in plan.labels],
        budget=pd.DataFrame([budget_row(plan, c, found) for c in plan.competitors]),
        rows=rows,
        curves=_frames(found, CURVE, CURVE_COLUMNS),
        gradients=_frames(found, GRADIENTS, GRADIENT_COLUMNS),
        rules=rule_table(plan),
        alignment=_frames(found, ALIGNMENT, ALIGNMENT_COLUMNS),
        transport=_frames([run for run in found if run.phase == "confirm"], TRANSPORT, TRANSPORT_COLUMNS),
        published=curves_of_others(plan),
        results=results_of_others(plan),
        meanings=meanings(plan),
        promises=promises(plan),
        measured=measured_frames(found, plan.confirm.diagnostics),
        measured_length=plan.confirm.diagnostics_length,
        focus=plan.focus,
    )


def finished_runs(plan: Plan, root: Path, storage: str | None = None) -> Iterator[Found]:
    """Yield the study's runs that have a record, in the order of the study file."""
    with open_storage(root, storage) as store:
        for competitor in plan.competitors:
            search = CellSearch(plan, competitor, store) if competitor.searched else None
            for tried in search.trials() if search is not None else []:
                for config in tried.runs:
                    folder = run_folder(root, config)
                    if (record := read_record(folder)) is not None:
                        yield Found(competitor, "search", float(tried.slot), record, folder, {}, tried)
            confirm = confirm_configs(plan, competitor, search)
            cost = read_cost(run_folder(root, confirm[0])) if confirm else {}
            for config in confirm:
                folder = run_folder(root, config)
                if (record := read_record(folder)) is not None:
                    yield Found(competitor, "confirm", float("nan"), record, folder, cost)


def row(plan: Plan, run: Found) -> dict[str, Any]:
    """Return one row of rows.csv; what was timed stands in the last columns."""
    competitor, record, config = run.competitor, run.record, run.record.config
    metric = competitor.task.metric
    settings = cell_settings(config.cell, config.cell_options)
    settings |= {f"training.{name}": getattr(config.training, name) for name in _shown_training(competitor)}
    return {
        "study": plan.name,
        "phase": run.phase,
        "task": competitor.label,
        "cell": competitor.cell,
        "seed": config.seed,
        "trial": run.trial,
        "state": record.state,
        "reason": record.reason,
        "stopped_at": record.stopped_at,
        "hidden_size": config.hidden_size,
        "num_layers": config.num_layers,
        "parameters": record.parameters,
        "metric": metric.name,
        "direction": metric.direction,
        "baseline": competitor.task.baseline,
        "valid": record.valid,
        "test": record.test,
        **{f"test {name}": value for name, value in record.extra.items()},
        "best_step": record.best_step,
        "steps": record.steps,
        "engine": record.engine,
        "run": config.run_id(),
        **settings,
        "seconds": record.seconds,
        "seconds_per_step": run.cost.get("seconds_per_step"),
        "memory_mib": run.cost.get("memory_mib"),
        "exclusive": run.cost.get("exclusive"),
    } | trial_columns(plan, run.tried)


def cell_settings(cell: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return a row's settings of the cell; which wiring was drawn is none that is searched, it stands in `draw`."""
    how = CELLS[cell].construction
    names = {} if how is None else {how.seed: "draw", how.file: "wiring"}
    # of a wiring given whole a row says which one it is; the run's record holds it
    found = {names.get(name, f"cell.{name}"): _plain(value) for name, value in options.items()}
    return {name: digest(value) if name == "wiring" else value for name, value in found.items()}


TIMED_COLUMNS = ("seconds", "seconds_per_step", "exclusive")
"""Columns of rows.csv that a clock or the machine's other work decides; all others are the same every time, unless a
search has an objective that is measured with a clock too."""


def trial_columns(plan: Plan, tried: Tried | None) -> dict[str, Any]:
    """Return what a row says of its whole trial, where that is more than the row's own run.

    `trial_state` ("complete", "pruned" or "failed") and `trial_score` stand in a study whose trials have several runs;
    `objective.<name>` for each objective in one with several.
    """
    names, single = plan.search.objectives, plan.search.pruner == "none" and len(plan.search.trial_seeds) == 1
    columns: dict[str, Any] = {}
    values = tried.values if tried is not None and tried.values else (None,) * len(names)
    if not single:
        columns |= {"trial_state": tried.state if tried is not None else None}
        columns |= {"trial_score": values[names.index("score")]}
    if len(names) > 1:
        columns |= {f"objective.{name}": value for name, value in zip(names, values, strict=True)}
    return columns


def model_size(competitor: Competitor, found: list[Found]) -> tuple[int, int]:
    """Return hidden size and parameters of a competitor's models: of drawn ones, the smallest that was confirmed."""
    own = [run for run in found if run.competitor is competitor and run.phase == "confirm" and run.record.parameters]
    if not own or not draws(competitor.base["cell"], competitor.base["cell_options"]):
        return competitor.base["hidden_size"], competitor.parameters
    smallest = min((run.record for run in own), key=lambda record: record.parameters)
    return smallest.config.hidden_size, smallest.parameters


def budget_row(plan: Plan, competitor: Competitor, found: list[Found]) -> dict[str, Any]:
    """Return what a cell on a task was given."""
    training = competitor.base["training"]
    given = competitor.budget
    hidden_size, parameters = model_size(competitor, found)
    return {
        "task": competitor.label,
        "cell": competitor.cell,
        "hidden_size": hidden_size,
        "num_layers": competitor.base["num_layers"],
        "parameters": parameters,
        "residual": 100 * (parameters / given - 1) if given else float("nan"),
        "search_trials": plan.search.trials if competitor.searched else 0,
        "search_steps": competitor.search_steps if competitor.searched else 0,
        "searched_settings": len(competitor.space()),
        "confirm_seeds": len(plan.confirm.seeds),
        "confirm_steps": training["steps"],
        "batch_size": training["batch_size"],
        "sampler": competitor.sampler if competitor.searched else "",
        "trial_seeds": len(plan.search.trial_seeds) if competitor.searched else 0,
        "pruner": plan.search.pruner if competitor.searched else "",
        "objectives": ", ".join(plan.search.objectives) if competitor.searched else "",
        "search_seconds": (competitor.search_seconds if competitor.searched else None) or float("nan"),
        "confirm_seconds": training.get("max_seconds", float("nan")),
    }


def task_content(plan: Plan, label: str) -> TaskContent:
    """Return what the report says of a task."""
    competitor = next(c for c in plan.competitors if c.label == label)
    task = competitor.task
    return TaskContent(
        label=label,
        name=competitor.base["task"],
        title=f"{label}, {task.length} steps",
        metric=task.metric.name,
        direction=task.metric.direction,
        best=task.metric.best,
        log=task.metric.log,
        baseline=task.baseline,
        facts={"task": task.summary, **task.facts()},
    )


def meanings(plan: Plan) -> dict[str, str]:
    """Return what each label stands for that is not the name of a cell: the cell and its fixed settings.

    Who proposed its trials is no part of it: by the same meaning a search finds its random control.
    """
    found = {}
    for competitor in plan.competitors:
        name, options = competitor.base["cell"], competitor.base["cell_options"]
        if competitor.cell != name:
            shown = cell_settings(str(name), options)
            settings = ", ".join(f"{key.removeprefix('cell.')} = {value}" for key, value in shown.items())
            said = f"{name} with {settings}" if settings else str(name)
            found[competitor.cell] = said + fed_through(competitor) + taught_by(competitor)
    return found


def fed_through(competitor: Competitor) -> str:
    """Say which convolutions stand ahead of a competitor's cell; "" without."""
    encoder = competitor.base.get("encoder")
    if encoder is None:
        return ""
    channels = " and ".join(map(str, encoder["channels"]))
    return f" behind {encoder['kind']} of {channels} channels"


def promises(plan: Plan) -> dict[str, str]:
    """Return what the papers of the study's cells say of their gradients, by label; those that promise nothing lack.

    A claim may hang on a setting, so that a cell of that setting is asked; one that cannot be made small promises what
    its class does.
    """
    found = {}
    for competitor in plan.competitors:
        cell_class = CELLS[competitor.base["cell"]]
        options = {k: v[0] if isinstance(v, list) else v for k, v in competitor.base["cell_options"].items()}
        try:
            claims = cell_class(1, 4, **options).claims
        except (TypeError, ValueError):
            claims = cell_class.claims
        if claims.gradient:
            found[competitor.cell] = claims.gradient
    return found


def rule_table(plan: Plan) -> pd.DataFrame:
    """Return what each label means where the study crosses cells with learning rules."""
    found: dict[str, dict[str, Any]] = {}
    for competitor in plan.competitors:
        if competitor.rule is not None:
            options = dict(competitor.base["learning"])
            found[competitor.cell] = {
                "cell": competitor.cell,
                "base": competitor.rule[0],
                "name": competitor.rule[1],
                "rule": options.pop("rule"),
                "density": options.pop("density", float("nan")),
                "otherwise": json.dumps(options, sort_keys=True),
            }
    ordered = [found[cell] for cell in plan.cells if cell in found]
    return pd.DataFrame(ordered) if ordered else empty(RULE_COLUMNS)


def taught_by(competitor: Competitor) -> str:
    """Say by which rule a competitor learns, with the options that are not at their defaults; "" without rules."""
    if competitor.rule is None:
        return ""
    options = dict(competitor.base["learning"])
    rule = options.pop("rule")
    usual = {name: field.default for name, field in RULES[rule].model_fields.items()}
    options = {name: value for name, value in options.items() if value != usual[name]}
    settings = ", ".join(f"{key} = {_plain(value)}" for key, value in options.items())
    return f", learning by {rule}" + (f" with {settings}" if settings else "")


def commit() -> str:
    """Return the commit that the package was run from, or "none" where its files are not those of a checkout."""
    here = Path(__file__)
    # an installed package may lie inside some other project's checkout: this very file must be under version control
    tracked = _git(here.parent, "ls-files", "--error-unmatch", here.name)
    return (_git(here.parent, "describe", "--always", "--dirty", "--abbrev=12") if tracked else None) or "none"


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None


def _command(plan: Plan) -> str:
    return f"rnnzoo run {shlex.quote(plan.path.name)}"


def _plain(value: Any) -> Any:
    return value if not isinstance(value, list | tuple) else ", ".join(map(str, value))


def _shown_training(competitor: Competitor) -> list[str]:
    fixed = [name for name in competitor.base["training"] if name != "steps"]
    return sorted({*fixed, *competitor.training_space})


def _frames(found: list[Found], name: str, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return one table of all runs: the columns of each run's file, and what tells the runs apart."""
    tables = [(run, read_frame(run.folder, name, NUMBERS.get(name, ()))) for run in found]
    tables = [(run, table) for run, table in tables if not table.empty]
    if not tables:
        return empty(columns)
    known: dict[str, list[Any]] = {
        "run": [run.folder.name for run, _ in tables],
        "phase": [run.phase for run, _ in tables],
        "task": [run.competitor.label for run, _ in tables],
        "cell": [run.competitor.cell for run, _ in tables],
        "seed": [run.record.config.seed for run, _ in tables],
        "trial": [run.trial for run, _ in tables],
    }
    joined = pd.concat([table for _, table in tables], ignore_index=True)
    # for all runs at once: a column more takes as long in a table of ten rows as in one of thousands
    owners = np.repeat(np.arange(len(tables)), [len(table) for _, table in tables])
    return joined.assign(**{key: pd.Series(known[key]).take(owners).array for key in known if key in columns})
