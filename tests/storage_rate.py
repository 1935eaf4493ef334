"""Measure how many trials a second each storage takes, from one process and from several at once.

    python -m tests.storage_rate --csv studies/storage_rate.csv

A trial is what a study asks of its storage for one: its search is read, settings are proposed, the trial is made and
claimed, and its result is told. No network is trained. Every writer carries out searches of its own, of 100 trials,
one after the other, as a conductor does. Settings are proposed at random, which costs next to nothing; a single writer
is timed with the default sampler too, for that is what one conductor can do. The clock runs from the moment at which
all writers are ready. PostgreSQL is started for this on loopback, and waits for its disk as a real one does;
`--storage URL` takes another one instead. Measure on a machine that does nothing else.
"""

import argparse
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pandas as pd

from rnnzoo.records import RunRecord, write_frame
from rnnzoo.study.reading import read_plan
from rnnzoo.study.search import HELD, CellSearch
from rnnzoo.study.storage import open_storage
from tests.study.postgres import binaries, running_server

STUDY = """
name = "rate"
question = "How many trials a second?"
[budget]
parameters = 2_000
[search]
trials = 100
sampler = "{sampler}"
seed = 100
[confirm]
seeds = [1]
steps = 1
[training]
batch_size = 1
[[task]]
name = "adding"
[[cell]]
name = "cornn"
"""

STARTING_SECONDS = 120.0
"""How long the writers may take until all of them are ready."""


def write_trials(
    folder: Path,
    url: str | None,
    sampler: str,
    writer: int,
    writers: int,
    seconds: float,
    ready: Barrier,
    done: "multiprocessing.Queue[int]",
) -> None:
    """Ask for trials and tell results for a while, in searches of its own, and say how many there were."""
    study = folder / f"{writer}.toml"
    study.write_text(STUDY.format(sampler=sampler))
    plan = read_plan(study)
    seeds = count(1_000_000 * writers + 10_000 * writer)
    trials = 0
    with open_storage(folder / "runs", url) as store:
        ready.wait(STARTING_SECONDS)
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            fresh = replace(plan, search=plan.search.model_copy(update={"seed": next(seeds)}))
            search = CellSearch(fresh, fresh.competitors[0], store)
            trials += carry_out(search, until)
    done.put(trials)


def carry_out(search: CellSearch, until: float) -> int:
    """Carry out a search, or what of it there is time for, and return how many trials that were."""
    trials = 0
    while time.monotonic() < until and (attempt := search.next()) is not None:
        assert attempt is not HELD
        result = RunRecord(
            config=attempt.runs[0],
            state="finished",
            valid=attempt.runs[0].training.lr,
            parameters=1,
            engine="none",
            steps=1,
            seconds=0.0,
            environment={},
        )
        search.tell(attempt, result)
        trials += 1
    search.release()
    return trials


def rate(url: str | None, folder: Path, sampler: str, writers: int, seconds: float) -> dict[str, float]:
    """Return trials a second, their number, and the time that opening the storage takes with all of them in it."""
    with open_storage(folder / "runs", url):
        pass  # the tables are made before the clock runs
    context = multiprocessing.get_context("forkserver")  # a fork of this process could inherit a lock that is held
    context.set_forkserver_preload(["rnnzoo.study.search", "rnnzoo.study.reading"])
    done, ready = context.Queue(), context.Barrier(writers + 1)
    processes = [
        context.Process(target=write_trials, args=(folder, url, sampler, writer, writers, seconds, ready, done))
        for writer in range(writers)
    ]
    for process in processes:
        process.start()
    ready.wait(STARTING_SECONDS)
    began = time.monotonic()
    trials = sum(done.get(timeout=60 + 10 * seconds) for _ in processes)
    took = time.monotonic() - began
    for process in processes:
        process.join()
    began = time.monotonic()
    with open_storage(folder / "runs", url):
        pass
    return {"trials": trials, "trials_per_second": trials / took, "seconds_to_open": time.monotonic() - began}


@contextmanager
def storages(folder: Path, given: str | None) -> Iterator[dict[str, str | None]]:
    """Yield the storages by name, each with its URL; PostgreSQL only where there is one."""
    found: dict[str, str | None] = {"journal": None, "sqlite": f"sqlite:///{folder / 'study.db'}"}
    if given is not None:
        yield found | {"postgresql": given}
    elif binaries() is not None:
        with running_server(durable=True) as server:
            yield found | {"postgresql": server.url}
    else:
        print("PostgreSQL's programs are not installed (Debian: postgresql): it is left out")
        yield found


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--writers", type=int, nargs="+", default=[1, 4, 16], help="processes at once")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each measurement")
    parser.add_argument("--storage", help="URL of a PostgreSQL, instead of one that is started here")
    parser.add_argument("--csv", type=Path, help="file for the table")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as name, storages(Path(name), given.storage) as found:
        for storage, url in found.items():
            for sampler, writers in [("tpe", 1), *(("random", writers) for writers in given.writers)]:
                folder = Path(name) / f"{storage}-{sampler}-{writers}"
                folder.mkdir()
                row: dict[str, object] = {"storage": storage, "sampler": sampler, "writers": writers}
                rows.append(row | rate(url, folder, sampler, writers, given.seconds))
    table = pd.DataFrame(rows).sort_values(["storage", "sampler", "writers"], ignore_index=True)
    print(table.to_string(index=False, float_format=lambda value: f"{value:.3g}"))
    if given.csv is not None:
        write_frame(given.csv, table)


if __name__ == "__main__":
    main()
