"""Runs in this very process."""

from pathlib import Path

from rnnzoo.configuration import RunConfig
from rnnzoo.records import RunRecord
from rnnzoo.study.run import execute, measure_cost
from rnnzoo.study.workers.base import Stepped


class ThisProcess:
    """Does one run at a time in this very process."""

    slots = 1

    def __init__(self, root: Path) -> None:
        self.root = root
        self.waiting: list[RunConfig] = []
        self.stopped = False

    def submit(self, config: RunConfig) -> None:
        """Note a run; it is done in `wait`."""
        self.waiting.append(config)

    def wait(self, stepped: Stepped) -> list[RunRecord]:
        """Do the run."""
        config = self.waiting.pop()
        run = config.run_id()
        return [execute(config, self.root, lambda step: stepped(run, step), lambda: self.stopped)]

    def measure(self, config: RunConfig) -> None:
        """Measure in this process."""
        measure_cost(config, self.root)

    def stop(self) -> None:
        """Stop before the next step."""
        self.stopped = True

    def close(self) -> None:
        """Do nothing: there is no other process."""
