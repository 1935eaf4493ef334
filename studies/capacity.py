"""What a large study costs, how it is placed on a cluster, and what saturates first: from measured times alone.

    python studies/capacity.py            # prints the section
    python studies/capacity.py --write    # puts it into studies/README.md

Step times are those of reports/speed/rows.csv, trials a second those of studies/storage_rate.csv, which
`python -m tests.storage_rate --csv studies/storage_rate.csv` measures.
"""

# ruff: noqa: RUF001 - sizes are written with the sign of multiplication

import argparse
import json
import textwrap
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

HERE = Path(__file__).parent
SPEED = HERE.parent / "reports" / "speed"
RATES = HERE / "storage_rate.csv"
README = HERE / "README.md"
BEGIN, END = "<!-- capacity -->", "<!-- /capacity -->"

CONNECTIONS = 100
"""PostgreSQL's default `max_connections`, of which it keeps 3 for its administrator."""

RESERVED, PER_CONDUCTOR = 3, 2

NAMES = {"journal": "the journal file", "sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass(frozen=True)
class Study:
    """The study that is reckoned: how many of what, and how long each run is."""

    cells: int = 20
    tasks: int = 10
    trials: int = 100
    seeds: int = 10
    trial_steps: int = 2_000
    confirm_steps: int = 10_000
    length: int = 500
    batch: int = 32
    hidden: int = 128
    cores: int = 1_000

    @property
    def searches(self) -> int:
        """Return how many searches there are; each is sequential."""
        return self.cells * self.tasks


def core_seconds(study: Study) -> pd.Series:
    """Return the core seconds of a training step by cell: forward and backward, time × threads that it was timed with.

    The optimiser's step and validation come on top. That the threads of a measurement are not all busy all the time
    makes it too much.
    """
    rows = pd.read_csv(SPEED / "rows.csv")
    threads = int(json.loads((SPEED / "measured.json").read_text())["environment"]["threads"])
    shape = (rows["steps"] == study.length) & (rows["batch"] == study.batch) & (rows["hidden"] == study.hidden)
    rows = rows[shape & (rows["part"] == "comparison") & (rows["engine"] == "native")]
    if rows.empty:
        raise SystemExit(
            f"{SPEED / 'rows.csv'} has no native engine at {study.length} x {study.batch} x {study.hidden}"
        )
    return threads * rows.groupby("cell")["seconds"].median().sort_values()


def number(value: float) -> str:
    """Return a number with two significant digits, and thousands set apart."""
    return f"{float(f'{value:.2g}'):,.10g}"


def section(study: Study) -> str:
    """Return the section as Markdown."""
    paragraphs = [what(study), table(study), order(study), *storage(study), placement(study)]
    return "\n\n".join(text if text.startswith("|") else textwrap.fill(text, 158) for text in paragraphs)


def what(study: Study) -> str:
    """Return what is reckoned, and from which times."""
    step = core_seconds(study)
    first, last = (f"{cell} {1000 * step[cell]:.0f}" for cell in (step.index[0], step.index[-1]))
    return (
        f"A study of {study.cells} cells × {study.tasks} tasks × {study.trials} trials × {study.seeds} seeds has "
        f"{study.searches * study.trials:,} trials and {study.searches * study.seeds:,} confirm runs. Let a trial have "
        f"{study.trial_steps:,} steps and a confirm run {study.confirm_steps:,}. A step at {study.length} time steps × "
        f"batch {study.batch} × hidden {study.hidden}, forward and backward, takes {1000 * step.mean():.0f} core "
        f"milliseconds in the mean of {len(step)} cells ({first}, {last}; measured, `reports/speed`)."
    )


def table(study: Study) -> str:
    """Return core hours and hours of both phases."""
    step = core_seconds(study)
    search, confirm = study.searches * study.trials, study.searches * study.seeds
    core_hours = [
        runs * steps * step.mean() / 3600
        for runs, steps in ((search, study.trial_steps), (confirm, study.confirm_steps))
    ]
    rounds = -(-confirm // study.cores)
    path = [
        length * step.iloc[-1] / 3600 for length in (study.trials * study.trial_steps, rounds * study.confirm_steps)
    ]
    return "\n".join(
        [
            f"| phase | runs | at once, at most | core hours | hours on {study.cores:,} cores, by the slowest cell |",
            "|---|---|---|---|---|",
            f"| search | {search:,} | {study.searches} | {number(core_hours[0])} | {number(path[0])} |",
            f"| confirm | {confirm:,} | {confirm:,} | {number(core_hours[1])} | {number(path[1])} |",
        ]
    )


def order(study: Study) -> str:
    """Return what the order of a search means for many cores."""
    return (
        f"**The order.** Each of the {study.searches} searches is sequential, because a proposal learns from all "
        f"trials before it. So {study.searches} of {study.cores:,} cores are busy while it lasts; `budget.threads = "
        f"{study.cores // study.searches}` or other studies over the same run folders use the others. Confirm runs "
        "depend on nothing and fill every core."
    )


def storage(study: Study) -> list[str]:
    """Return what the storages take, what the study asks of them, and which part is the first at its limit."""
    seconds = study.trial_steps * float(core_seconds(study).mean())
    asked = study.searches / seconds
    text = (
        f"**The storage.** {study.searches} searches of trials of {seconds:.0f} s end {number(asked)} trials a second"
    )
    command = "`python -m tests.storage_rate --csv studies/storage_rate.csv`"
    if not RATES.exists():
        return [f"{text}. What each storage takes is measured by {command}."]
    rates = pd.read_csv(RATES)
    used = rates_in_use(rates)
    writers = int(rates["writers"].max())
    measured = (
        f"Measured on two cores, a database's server included ({command}): the journal file, which has one conductor, "
        f"written by one process that asks the default sampler; databases by {writers} processes at once."
    )
    lines = [
        f"| storage | trials a second | searches at once that it keeps up with, at {seconds:.0f} s a trial | "
        f"shortest trials that it keeps up with, at {study.searches} searches |",
        "|---|---|---|---|",
    ]
    lines += [
        f"| {NAMES[name]} | {number(rate)} | {number(rate * seconds)} | {number(study.searches / rate)} s |"
        for name, rate in used.items()
    ]
    return [f"{text}. {measured}", "\n".join(lines), first_limit(study, used, asked)]


def rates_in_use(rates: pd.DataFrame) -> dict[str, float]:
    """Return trials a second of each storage as a study uses it: a journal has one conductor, a database many."""
    found = {}
    for name in NAMES:
        own = rates[rates["storage"] == name]
        one = own[own["sampler"] == "tpe"]
        many = own[(own["sampler"] == "random") & (own["writers"] == own["writers"].max())]
        chosen = one if name == "journal" else many
        if len(chosen):
            found[name] = float(chosen["trials_per_second"].iloc[0])
    return found


def first_limit(study: Study, used: dict[str, float], asked: float) -> str:
    """Return which part saturates first."""
    head = "**What saturates first.**"
    if short := [NAMES[name] for name, rate in used.items() if rate < asked]:
        return f"{head} {' and '.join(short)}: fewer trials a second than the searches end."
    slowest = min(used, key=lambda name: used[name])
    return (
        f"{head} The order of the searches: {study.searches} of {study.cores:,} cores have work. No storage is at its "
        f"limit; the slowest, {NAMES[slowest]}, takes {number(used[slowest] / asked)} times what is asked."
    )


def placement(study: Study) -> str:
    """Return how conductors and workers lie on the machines."""
    conductors = (CONNECTIONS - RESERVED) // PER_CONDUCTOR
    return (
        "**Placement.** One conductor a machine: `rnnzoo run STUDY --storage URL --workers N`, N the machine's cores "
        f"by `budget.threads`. Conductors alone talk to the database, over {PER_CONDUCTOR} connections each. "
        f"PostgreSQL's default of {CONNECTIONS} serves {conductors} of them, enough for {study.cores:,} cores on "
        f"machines of {-(-study.cores // conductors)} cores or more. Or one conductor with the journal file, and "
        f"{study.cores:,} Dask workers: `rnnzoo run STUDY --dask SCHEDULER`."
    )


def main() -> None:
    """Print the section, or write it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="put it into studies/README.md")
    text = section(Study())
    if not parser.parse_args().write:
        print(text)
        return
    content = README.read_text(encoding="utf-8")
    head, _, rest = content.partition(BEGIN)
    _, _, tail = rest.partition(END)
    README.write_text(f"{head}{BEGIN}\n{text}\n{END}{tail}", encoding="utf-8")


if __name__ == "__main__":
    main()
