"""The sections of a speed study's file, as strict types."""

from typing import Annotated, Literal

from pydantic import Field

from rnnzoo.strict import PositiveFloat, PositiveInt, Strict
from rnnzoo.study.schema import Name

Names = Annotated[tuple[str, ...], Field(strict=False, min_length=1)]
Sizes = Annotated[tuple[PositiveInt, ...], Field(strict=False, min_length=2)]
Triple = Annotated[tuple[PositiveInt, PositiveInt, PositiveInt], Field(strict=False)]
"""Steps, batch size, hidden size."""


class Header(Strict):
    """The keys outside any table.

    Attributes:
        name: of the study and of its report's folder.
        kind: "speed", which tells this file from a training study's.
        question: what it asks, for the report's first line.
        repetitions: rounds of each comparison; in a round each side has its turn.
        at_most: seconds for the rounds of one comparison, so that the whole is bounded; three rounds are always done.
        threads: of PyTorch and of the kernels; by default PyTorch's own choice.
        input_size: features of the input.
        flush_denormals: whether PyTorch takes denormal numbers for zero, as kernels do.
    """

    name: Name
    kind: Literal["speed"]
    question: str
    repetitions: PositiveInt = 7
    at_most: PositiveFloat = 5.0
    threads: PositiveInt | None = None
    input_size: PositiveInt = 1
    flush_denormals: bool = True


class Target(Strict):
    """A ratio that must be reached.

    Attributes:
        cells: one row of the report for each.
        shape: [steps, batch, hidden].
        against: "floor", an engine, or a layer such as "torch.nn.LSTM".
        at_least: how many times faster than `against`; below 1 for a share of the floor.
        engine: the one that must reach it.
    """

    cells: Names
    shape: Triple
    against: str
    at_least: PositiveFloat
    engine: str = "native"


class Sweep(Strict):
    """Times along one axis, for a figure.

    Attributes:
        over: the axis.
        values: along it, ascending.
        shape: [steps, batch, hidden] of the other axes; the swept one's entry is not used.
        cells, engines: what is timed; the floor and the layers of the cells' own kinds come with them.
    """

    over: Literal["steps", "batch", "hidden"]
    values: Sizes
    shape: Triple
    cells: Names
    engines: Names = ("reference", "native")

    def shapes(self) -> list[Triple]:
        """Return (steps, batch, hidden) at each value."""
        steps, batch, hidden = self.shape
        match self.over:
            case "steps":
                return [(value, batch, hidden) for value in self.values]
            case "batch":
                return [(steps, value, hidden) for value in self.values]
            case "hidden":
                return [(steps, batch, value) for value in self.values]


class Length(Strict):
    """The time of a step as sequences grow, all else equal.

    Attributes:
        cell, engine, batch, hidden: what is run.
        steps: lengths, ascending. Each is repeated until `total` steps are done, so that the work is the same; a longer
            one is done once.
        total: steps of each measurement; by default the longest length.
        within: largest difference from the median over the lengths, as a share of it.
    """

    cell: str
    steps: Sizes
    batch: PositiveInt
    hidden: PositiveInt
    engine: str = "native"
    total: PositiveInt | None = None
    within: PositiveFloat = 0.1

    def passes(self, steps: int) -> int:
        """Return how many passes over sequences of this length make the total."""
        return max(1, round((self.total or max(self.steps)) / steps))


class Memory(Strict):
    """What is kept for the backward pass as sequences grow, beyond the input.

    Attributes:
        cell, batch, hidden: what is run.
        steps: lengths, ascending.
        engines: what is weighed.
        constant: the engines whose memory must not grow with the length.
    """

    cell: str
    steps: Sizes
    batch: PositiveInt
    hidden: PositiveInt
    engines: Names = ("reference", "native", "reversible")
    constant: Names = ("reversible",)
