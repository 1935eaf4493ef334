"""The file of a speed study, read and checked as a whole, and the comparisons that it asks for."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rnnzoo.cells import CELLS
from rnnzoo.engine import ENGINE_CHOICES
from rnnzoo.engine.bench import FLOOR, Shape
from rnnzoo.engine.peers import PEERS, peers_of
from rnnzoo.speed.schema import Header, Length, Memory, Sweep, Target
from rnnzoo.study.checking import Checker, read_toml

KIND = "speed"


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
        named = {cell for entry in (*self.targets, *self.sweeps) for cell in entry.cells}
        named |= {entry.cell for entry in (*self.lengths, *self.memories)}
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


def is_speed_study(path: Path) -> bool:
    """Whether a study file says that it is of this kind.

    Raises:
        StudyFileError: the file cannot be read or is not TOML.
    """
    return read_toml(path).get("kind") == KIND


def read_speed_plan(path: Path) -> SpeedPlan:
    """Read and check the file of a speed study.

    Raises:
        StudyFileError: the file cannot be read, or has mistakes; all of them are in the error.
    """
    return _Checker(path).plan(read_toml(path))


class _Checker(Checker):
    """Makes the plan of a speed study."""

    def plan(self, content: dict[str, Any]) -> SpeedPlan:
        parts = {"target": Target, "sweep": Sweep, "length": Length, "memory": Memory}
        self.no_others(content, {*Header.model_fields, *parts})
        header = self.section("", Header, {k: v for k, v in content.items() if k in Header.model_fields})
        targets, sweeps, lengths, memories = (
            self.entries(content, key, kind) if key in content else [] for key, kind in parts.items()
        )
        if not content.keys() & parts.keys():
            self.mistakes.append(f"nothing is timed: add {', '.join(f'[[{key}]]' for key in parts)}, at least one")
        for i, target in targets:
            self.names(f"target {i}.cells", target.cells, CELLS)
            self.names(f"target {i}.engine", [target.engine], ENGINE_CHOICES)
            self.names(f"target {i}.against", [target.against], [*ENGINE_CHOICES, FLOOR, *PEERS])
            if target.against == target.engine:
                self.mistake(f"target {i}.against", target.against, "is the engine itself; name something else")
        for i, sweep in sweeps:
            self.names(f"sweep {i}.cells", sweep.cells, CELLS)
            self.names(f"sweep {i}.engines", sweep.engines, ENGINE_CHOICES)
            self.ascend(f"sweep {i}.values", sweep.values)
        for key, entries in (("length", lengths), ("memory", memories)):
            for i, entry in entries:
                self.names(f"{key} {i}.cell", [entry.cell], CELLS)
                self.ascend(f"{key} {i}.steps", entry.steps)
        for i, length in lengths:
            self.names(f"length {i}.engine", [length.engine], ENGINE_CHOICES)
        for i, memory in memories:
            self.names(f"memory {i}.engines", memory.engines, ENGINE_CHOICES)
            self.names(f"memory {i}.constant", memory.constant, memory.engines)
        self.no_repeats("length", [(i, f"{e.cell} with {e.engine}") for i, e in lengths], "leave one out")
        self.no_repeats("memory", [(i, e.cell) for i, e in memories], "leave one out")
        self.done()
        assert header is not None
        only = [[entry for _, entry in part] for part in (targets, sweeps, lengths, memories)]
        return SpeedPlan(self.path, header, *map(tuple, only))  # type: ignore[arg-type]

    def names(self, key: str, values: Sequence[str], known: Sequence[str] | dict[str, Any]) -> None:
        """Note the names that are not known."""
        for value in values:
            if value not in known:
                self.mistake(key, value, f"is unknown; choose one of {', '.join(known)}")

    def ascend(self, key: str, values: Sequence[int]) -> None:
        """Note values that are out of order or stand twice."""
        if list(values) != sorted(set(values)):
            self.mistake(key, list(values), "must ascend without repeats")
