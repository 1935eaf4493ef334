"""What every kind of workers can do."""

from collections.abc import Callable
from typing import Protocol

from rnnzoo.configuration import RunConfig
from rnnzoo.records import RunRecord

Stepped = Callable[[str, int], None]
"""Called with a run's hash and the steps it has done."""


class WorkersError(RuntimeError):
    """The workers cannot do runs; finished runs are kept. The message says what to do."""


class Workers(Protocol):
    """Does runs, `slots` of them at a time."""

    @property
    def slots(self) -> int:
        """Return how many runs may be under way now; on a cluster the number changes as machines come and go."""

    def submit(self, config: RunConfig) -> None:
        """Start a run; no more than `slots` may be under way."""

    def wait(self, stepped: Stepped) -> list[RunRecord]:
        """Return the records of runs that ended, or nothing after a short while.

        A run whose worker vanished is begun again elsewhere; see `rnnzoo.study.workers.vanished`.

        Raises:
            Interrupted: after `stop`.
            WorkersError: the workers cannot go on.
        """

    def measure(self, config: RunConfig) -> None:
        """Measure what a training step of a finished run costs, when no run is under way and none follows.

        A machine is chosen on which nothing else of ours is at work.
        """

    def stop(self) -> None:
        """Ask every run under way to write its checkpoint and end."""

    def close(self) -> None:
        """End the workers."""
