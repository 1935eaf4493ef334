"""Progress on a terminal: bars for the whole study, its runs and trials, and the steps of the runs under way."""

from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from rnnzoo.records import RunRecord
from rnnzoo.study.conduct import Watcher
from rnnzoo.study.plan import Plan
from rnnzoo.study.pruning import rungs
from rnnzoo.study.turns import Job
from rnnzoo.terminal import printable


class Quiet:
    """Says nothing but what went wrong; for pipes and tests.

    Args:
        console: where a failed run is told, or None.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console

    def began(self, job: Job) -> None:
        """Say nothing."""

    def stepped(self, job: Job, step: int) -> None:
        """Say nothing."""

    def ended(self, job: Job, record: RunRecord) -> None:
        """Say why a run failed, or ran out of memory or time."""
        if record.state not in {"finished", "diverged"} and self.console is not None:
            state = record.state.replace("_", " ")
            self.console.print(printable(f"{job.title} {state}: {record.reason}"), markup=False, highlight=False)

    def tried(self, job: Job) -> None:
        """Say nothing."""

    def measuring(self, done: int, total: int) -> None:
        """Say nothing."""


class Bars(Quiet):
    """Draws the bars. Remaining time is estimated from the work done: steps times the length of their sequences."""

    def __init__(self, plan: Plan, progress: Progress) -> None:
        super().__init__(progress.console)
        self.progress = progress
        self.work = progress.add_task("study", total=plan_work(plan), unit="")
        self.runs = progress.add_task("runs", total=plan.runs, unit=f"of {plan.runs}")
        trials = sum(c.searched for c in plan.competitors) * plan.search.trials
        self.trials = progress.add_task("trials", total=trials, unit=f"of {trials}") if trials else None
        self.cost: TaskID | None = None
        self.steps: dict[int, TaskID] = {}
        self.done: dict[int, int] = {}

    def began(self, job: Job) -> None:
        """Add a bar for the run's steps."""
        steps = job.config.training.steps
        self.steps[id(job)] = self.progress.add_task(f"  {job.title}", total=steps, unit=f"of {steps} steps")

    def stepped(self, job: Job, step: int) -> None:
        """Move the bars."""
        self.progress.update(self.steps[id(job)], completed=step)
        self.progress.advance(self.work, (step - self.done.get(id(job), 0)) * job.competitor.task.length)
        self.done[id(job)] = step

    def ended(self, job: Job, record: RunRecord) -> None:
        """Take the run's bar away and count the run."""
        super().ended(job, record)
        self.stepped(job, job.config.training.steps)
        self.progress.remove_task(self.steps.pop(id(job)))
        self.progress.advance(self.runs)

    def tried(self, job: Job) -> None:
        """Count the trial, and with it the runs that a pruner spared."""
        assert job.attempt is not None
        for spared in job.attempt.runs[len(job.attempt.records) :]:
            self.progress.advance(self.work, spared.training.steps * job.competitor.task.length)
            self.progress.advance(self.runs)
        if self.trials is not None:
            self.progress.advance(self.trials)

    def measuring(self, done: int, total: int) -> None:
        """Move the bar of the last phase."""
        if self.cost is None:
            self.cost = self.progress.add_task("seconds a step", total=total, unit=f"of {total}")
        self.progress.update(self.cost, completed=done)


def plan_work(plan: Plan) -> int:
    """Return the study's work: steps times sequence length, over all runs."""
    total = 0
    for c in plan.competitors:
        trial = len(plan.search.trial_seeds) * sum(rungs(plan.search, c.search_steps))
        trials = plan.search.trials * trial if c.searched else 0
        total += (trials + len(plan.confirm.seeds) * int(c.base["training"]["steps"])) * c.task.length
    return total


class _Count(ProgressColumn):
    """How many are done, where the number says something to a reader."""

    def render(self, task: Task) -> Text:
        """Return e.g. "12 of 96"."""
        unit = task.fields["unit"]
        return Text(f"{task.completed:.0f} {unit}" if unit else "")


@contextmanager
def watching(plan: Plan, console: Console) -> Iterator[Watcher]:
    """Return bars on a terminal, and a quiet watcher elsewhere."""
    if not console.is_terminal:
        yield Quiet(console)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        _Count(),
        TextColumn("remaining"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console) as progress:
        yield Bars(plan, progress)
