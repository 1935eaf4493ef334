"""What a speed study times: the checked file, and the comparisons that it asks for."""

from dataclasses import dataclass
from pathlib import Path

from rnnzoo.cells import CELLS
from rnnzoo.engine import ENGINE_CHOICES
from rnnzoo.engine.bench import FLOOR, Shape
from rnnzoo.engine.peers import peers_of
from rnnzoo.speed.schema import Header, Length, Memory, Sweep, Target


@dataclass(frozen=True)
class Comparison:
    """What is timed in turns: one cell at one shape, with engines, and against what else."""

    cell: str
    shape: Shape
    engines: tuple[str, ...]
    against: tuple[str, ...]


@dataclass(frozen=True)
class SpeedPlan:
    """A checked file of a speed study; the fields are those of `rnnzoo.speed.schema`."""

    path: Path
    header: Header
    targets: tuple[Target, ...]
    sweeps: tuple[Sweep, ...]
    lengths: tuple[Length, ...]
    memories: tuple[Memory, ...]

    @property
    def name(self) -> str:
        """Of the study and of its report's folder."""
        return self.header.name

    @property
    def cells(self) -> list[str]:
        """Return the cells' names in the zoo's order."""
        named = {cell for target in self.targets for cell in target.cells}
        named |= {cell for sweep in self.sweeps for cell in sweep.cells}
        named |= {length.cell for length in self.lengths} | {memory.cell for memory in self.memories}
        return [cell for cell in CELLS if cell in named]

    def comparisons(self) -> list[Comparison]:
        """Return every comparison that targets and sweeps need, each cell and shape once, small shapes first."""
        wanted: dict[tuple[str, Shape], dict[str, None]] = {}
        for target in self.targets:
            for cell in target.cells:
                wanted.setdefault((cell, target.shape), {}).update({target.engine: None, target.against: None})
                wanted[cell, target.shape].update({FLOOR: None})
        for sweep in self.sweeps:
            for cell in sweep.cells:
                for shape in sweep.shapes():
                    names = [*sweep.engines, FLOOR, *peers_of(cell)]
                    wanted.setdefault((cell, shape), {}).update(dict.fromkeys(names))
        order = sorted(wanted, key=lambda key: (key[1][0] * key[1][1] * key[1][2] ** 2, key[1], key[0]))
        return [
            Comparison(
                cell,
                shape,
                tuple(name for name in wanted[cell, shape] if name in ENGINE_CHOICES),
                tuple(name for name in wanted[cell, shape] if name not in ENGINE_CHOICES),
            )
            for cell, shape in order
        ]

    def usual_shape(self) -> Shape | None:
        """Return the shape at which targets and sweeps compare most cells; of equals, the first."""
        counted: dict[Shape, int] = {}
        for target in self.targets:
            counted[target.shape] = counted.get(target.shape, 0) + len(target.cells)
        for sweep in self.sweeps:
            for shape in sweep.shapes():
                counted[shape] = counted.get(shape, 0) + len(sweep.cells)
        return max(counted, key=lambda shape: counted[shape]) if counted else None
