"""`rnnzoo status`: what of a study is done, at work, failed and still to come; once, or as it goes on."""

import math
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from rnnzoo.cli.console import BAD_INPUT, fail, out
from rnnzoo.cli.studies import Runs, Storage, StudyFile, times_speed
from rnnzoo.terminal import printable

if TYPE_CHECKING:
    from rnnzoo.study.plan import Plan
    from rnnzoo.study.status import Begun, Status

WATCH_SECONDS = 2.0


def status(
    study: StudyFile,
    runs: Runs = Path("runs"),
    storage: Storage = None,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until all is done, or Ctrl-C.")] = False,
) -> None:
    """Say how far a study is: what is done, at work, failed, and the time that remains.

    A run is at work if its folder has a heartbeat of the last minute, on whatever machine. No run is touched.
    """
    if times_speed(study):
        fail(BAD_INPUT, f"{study} is of kind speed, which is timed in one go and keeps no records")
    from rnnzoo.records import RecordError
    from rnnzoo.study.file import StudyFileError
    from rnnzoo.study.reading import read_plan
    from rnnzoo.study.status import read_status
    from rnnzoo.study.storage import StorageError

    try:
        plan = read_plan(study)
        now = read_status(plan, runs, storage)
        if not watch:
            out.print(drawn(plan, now))
            return
        with Live(drawn(plan, now), console=out, auto_refresh=False) as live:
            while ended(now) < plan.runs and not complete(plan, now):
                time.sleep(WATCH_SECONDS)
                now = read_status(plan, runs, storage)
                live.update(drawn(plan, now), refresh=True)
    except (StudyFileError, RecordError, StorageError, OSError) as error:
        fail(BAD_INPUT, error)


def complete(plan: "Plan", now: "Status") -> bool:
    """Whether all trials and confirm runs have ended."""
    trials = plan.search.trials
    return all(
        (row.trials >= trials or not row.competitor.searched) and row.confirmed >= len(plan.confirm.seeds)
        for row in now.rows
    )


def ended(now: "Status") -> int:
    """Return how many runs have ended, in whatever state."""
    return sum(sum(row.states.values()) for row in now.rows)


def drawn(plan: "Plan", now: "Status") -> Group:
    """Return the table and the lines below it."""
    from rnnzoo.report.formats import MISSING, duration

    table = Table(box=None, padding=(0, 1), header_style="bold")
    for column in ("task", "cell"):
        table.add_column(column)
    for column in ("trials", "confirmed", "at work", "remaining"):
        table.add_column(column, justify="right")
    table.add_column("ended otherwise")
    for row in now.rows:
        trials = f"{row.trials} of {plan.search.trials}" if row.competitor.searched else MISSING
        others = ", ".join(
            f"{count} {state.replace('_', ' ')}" for state, count in sorted(row.states.items()) if state != "finished"
        )
        table.add_row(
            printable(row.competitor.label),
            printable(row.competitor.cell),
            trials,
            f"{row.confirmed} of {len(plan.confirm.seeds)}",
            str(sum(run.alive for run in row.begun) or ""),
            "done" if row.remaining == 0 else duration(round(row.remaining) if row.remaining >= 10 else row.remaining),
            others,
        )
    lines = [Text(_line(run)) for row in now.rows for run in row.begun]
    return Group(table, Text(), *lines, Text(summary(plan, now), style="bold"))


def _line(run: "Begun") -> str:
    config = run.config
    what = f"{config.task} · {config.cell} · {run.phase}, seed {config.seed}"
    if run.beat is None:
        return f"  {what}: stopped, goes on from its checkpoint when the study is run again"
    where = f"step {run.beat.step:,} of {run.beat.steps:,} on {run.beat.host}"
    age = max(0.0, time.time() - run.beat.time)
    told = (
        f"heard of {age:.0f} s ago"
        if age < 3600
        else f"last heard of {time.strftime('%d %b %H:%M', time.localtime(run.beat.time))}"
    )
    return printable(f"  {what}: {where}, {told}" + ("" if run.alive else ": not at work any more"))


def summary(plan: "Plan", now: "Status") -> str:
    """Return a sentence on the whole study."""
    from rnnzoo.report.formats import duration

    done = f"{plan.name}: {ended(now)} of {plan.runs} runs ended"
    if failed := sum(row.states["failed"] for row in now.rows):
        done += f", {failed} of them failed"
    if complete(plan, now):
        return f"{done}; all is done"
    left = now.remaining
    if now.at_work:
        work = f"{now.at_work} at work"
        known = "" if math.isnan(left) else f"; about {duration(max(1, round(left)))} of training remain at this pace"
        return f"{done}, {work}{known}"
    known = "" if math.isnan(left) else f" (about {duration(max(1, round(left)))} of training, one run at a time)"
    return f"{done}, none is at work; go on with: rnnzoo run {printable(plan.path.as_posix())}{known}"
