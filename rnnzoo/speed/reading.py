"""The file of a speed study, read and checked as a whole: every mistake in it is found before anything is timed."""

from collections.abc import Collection, Sequence
from pathlib import Path

from rnnzoo.cells import CELLS
from rnnzoo.engine import ENGINE_CHOICES
from rnnzoo.engine.bench import FLOOR
from rnnzoo.engine.peers import PEERS
from rnnzoo.speed.plan import SpeedPlan
from rnnzoo.speed.schema import Header, Length, Memory, Sweep, Target
from rnnzoo.study.file import StudyFileError, read_toml
from rnnzoo.study.mistakes import Mistakes

TABLES = ("target", "sweep", "length", "memory")
KEYS = {*Header.model_fields, *TABLES}


def read_speed_plan(path: Path) -> SpeedPlan:
    """Read and check the file of a speed study.

    Raises:
        StudyFileError: the file cannot be read, or has mistakes; all of them are in the error.
    """
    content = read_toml(path)
    mistakes = Mistakes(path)
    for key in content.keys() - KEYS:
        mistakes.note(key, content[key], f"is unknown; the keys are {', '.join(sorted(KEYS))}")
    header = mistakes.section("", Header, {k: v for k, v in content.items() if k in Header.model_fields})
    targets = mistakes.entries(content, "target", Target) if "target" in content else []
    sweeps = mistakes.entries(content, "sweep", Sweep) if "sweep" in content else []
    lengths = mistakes.entries(content, "length", Length) if "length" in content else []
    memories = mistakes.entries(content, "memory", Memory) if "memory" in content else []
    if not content.keys() & set(TABLES):
        mistakes.missing(" or ".join(f"[[{key}]]" for key in TABLES), ", so that there is nothing to time; add one")
    for i, target in targets:
        check_target(mistakes, f"target {i}", target)
    for i, sweep in sweeps:
        check_names(mistakes, f"sweep {i}.cells", sweep.cells, CELLS)
        check_names(mistakes, f"sweep {i}.engines", sweep.engines, ENGINE_CHOICES)
        check_order(mistakes, f"sweep {i}.values", sweep.values)
    for i, length in lengths:
        check_names(mistakes, f"length {i}.cell", [length.cell], CELLS)
        check_names(mistakes, f"length {i}.engine", [length.engine], ENGINE_CHOICES)
        check_order(mistakes, f"length {i}.steps", length.steps)
    for i, memory in memories:
        check_names(mistakes, f"memory {i}.cell", [memory.cell], CELLS)
        check_names(mistakes, f"memory {i}.engines", memory.engines, ENGINE_CHOICES)
        check_names(mistakes, f"memory {i}.constant", memory.constant, memory.engines)
        check_order(mistakes, f"memory {i}.steps", memory.steps)
    mistakes.no_repeats("sweep", [(i, e.over) for i, e in sweeps], "name all cells in one of them")
    mistakes.no_repeats("length", [(i, f"{e.cell} with {e.engine}") for i, e in lengths], "leave one out")
    mistakes.no_repeats("memory", [(i, e.cell) for i, e in memories], "leave one out")
    mistakes.tell()
    if header is None:
        raise StudyFileError(path, mistakes.lines)
    return SpeedPlan(
        path,
        header,
        tuple(target for _, target in targets),
        tuple(sweep for _, sweep in sweeps),
        tuple(length for _, length in lengths),
        tuple(memory for _, memory in memories),
    )


def check_target(mistakes: Mistakes, key: str, target: Target) -> None:
    """Note names of a target that are not known, and a target against itself."""
    check_names(mistakes, f"{key}.cells", target.cells, CELLS)
    check_names(mistakes, f"{key}.engine", [target.engine], ENGINE_CHOICES)
    check_names(mistakes, f"{key}.against", [target.against], [*ENGINE_CHOICES, FLOOR, *PEERS])
    if target.against == target.engine:
        mistakes.note(f"{key}.against", target.against, "is the engine itself; name something else")


def check_names(mistakes: Mistakes, key: str, values: Sequence[str], known: Collection[str]) -> None:
    """Note names that are not known."""
    for value in values:
        if value not in known:
            mistakes.note(key, value, f"is unknown; choose one of {', '.join(known)}")


def check_order(mistakes: Mistakes, key: str, values: Sequence[int]) -> None:
    """Note values that do not ascend."""
    if list(values) != sorted(set(values)):
        mistakes.note(key, list(values), "must ascend without repeats")
