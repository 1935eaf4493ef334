"""What a conductor begins next: everybody's next turn before anybody's one after, and of equals what takes longest.

So a study that is stopped has come equally far with all cells, and at its end no worker waits for a slow cell's run
that was begun last.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from rnnzoo.configuration import RunConfig
from rnnzoo.records import RunRecord
from rnnzoo.study.plan import Competitor
from rnnzoo.study.search import Attempt


@dataclass(frozen=True)
class Job:
    """A run and what it is for.

    Attributes:
        competitor: the cell on the task.
        phase: "search" or "confirm".
        config: of the run.
        attempt: in search, the trial that the run belongs to.
    """

    competitor: Competitor
    phase: str
    config: RunConfig
    attempt: Attempt | None = None

    @property
    def title(self) -> str:
        """Return a short description for a progress bar."""
        return f"{self.competitor.label} · {self.competitor.cell} · {self.phase}"


Item: TypeAlias = "Competitor | Job"
"""A competitor whose next trial or confirm runs are due, or a run."""

NOW = -1
"""The turn of what goes before all else: the next run of a trial that is under way."""


@dataclass(frozen=True, eq=False)
class Turn:
    """What waits, and for which turn: a search goes through one a trial, its confirm runs through one a seed."""

    number: int
    item: Item


class Turns:
    """What waits to be begun."""

    def __init__(self, competitors: Iterable[Competitor]) -> None:
        self._waiting = [Turn(0, competitor) for competitor in competitors]
        self._pace: dict[int, float] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def add(self, turn: Turn) -> None:
        """Let something wait."""
        self._waiting.append(turn)

    def take(self) -> Turn:
        """Return what is to be begun next; something must wait."""
        turn = min(self._waiting, key=lambda turn: (turn.number, -self._seconds(turn.item)))  # of equals the first
        self._waiting.remove(turn)
        return turn

    def learn(self, competitor: Competitor, record: RunRecord) -> None:
        """Note how long a step of a competitor takes."""
        if record.steps:
            self._pace[id(competitor)] = record.seconds / record.steps

    def _seconds(self, item: Item) -> float:
        """Return how long a run is likely to take; 0 where nothing is known."""
        if isinstance(item, Competitor):
            return self._pace.get(id(item), 0.0) * item.search_steps
        return self._pace.get(id(item.competitor), 0.0) * item.config.training.steps
