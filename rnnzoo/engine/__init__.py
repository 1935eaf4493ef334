"""Engines by name, and `unroll`, which carries a cell through a sequence with one of them."""

from torch import Tensor

from rnnzoo.cells.base import Cell, State
from rnnzoo.checks import one_of
from rnnzoo.engine.automatic import SlowEngineWarning, automatic, fastest
from rnnzoo.engine.base import Engine, Unrolled
from rnnzoo.engine.carry import carry, weights_for
from rnnzoo.engine.compiled import compiled
from rnnzoo.engine.native import (
    NativeEngineError,
    compiler_is_missing,
    native,
    reconstruction_error,
    release,
    reversible,
)
from rnnzoo.engine.reference import reference

ENGINES: dict[str, Engine] = {
    "reference": reference,
    "native": native,
}
"""Engine name → engine, slowest and most general first."""

SPECIAL_ENGINES: dict[str, Engine] = {
    "compiled": compiled,
    "reversible": reversible,
}
"""Engines that "auto" never takes: one for GPUs that takes minutes to compile, one for invertible cells alone."""

ENGINE_CHOICES = ("auto", *ENGINES, *SPECIAL_ENGINES)


def choose(name: str, cell: Cell | None = None) -> str:
    """Return the engine that `name` stands for: itself, or for "auto" the fastest that can run.

    Args:
        name: one of `ENGINE_CHOICES`.
        cell: the cell to run, where it is now; without it the answer is that for a cell which can have a kernel.

    Raises:
        ValueError: there is no engine of that name.
    """
    one_of("unroll", "engine", name, ENGINE_CHOICES)
    if name != "auto":
        return name
    if cell is not None:
        return fastest(cell)
    return "reference" if compiler_is_missing() else "native"


def resolve(engine: str | Engine) -> Engine:
    """Return the engine that a name stands for; an engine of the caller's own is returned as it is."""
    if not isinstance(engine, str):
        return engine
    one_of("unroll", "engine", engine, ENGINE_CHOICES)
    return {"auto": automatic, **ENGINES, **SPECIAL_ENGINES}[engine]


def unroll(
    cell: Cell, x: Tensor, state: State | None = None, *, engine: str | Engine = "auto", return_states: bool = False
) -> Unrolled:
    """Carry a cell through a sequence: state_t = step(project(x_t), state_{t−1}, w).

    Args:
        cell: any cell.
        x: input (time, batch, input_size), in the dtype and on the device of the cell's parameters.
        state: the state before the first step, a (batch, width) tensor a part; `cell.initial_state` by default.
        engine: a name in `ENGINES`, "auto", or an engine of your own.
        return_states: whether to keep the state after every step.

    Returns:
        output (time, batch, output_size), the final state, and the states if asked for.

    Raises:
        TypeError: `x` is not a tensor, or of another dtype than the parameters.
        ValueError: a shape does not fit, there is no time step, or the engine is unknown.
    """
    check_input(cell, x)
    state = cell.initial_state(x.shape[1]) if state is None else check_state(cell, state, x.shape[1])
    runner = resolve(engine)
    return carry(runner, cell, x, state, weights_for(runner, cell, x), outputs=True, states=return_states)


def check_input(cell: Cell, x: Tensor) -> None:
    """Raise a TypeError or ValueError that says what to do unless `x` is (time, batch, input_size) for `cell`."""
    owner = type(cell).__name__
    if not isinstance(x, Tensor):
        raise TypeError(f"{owner}: x must be a tensor (time, batch, {cell.input_size}), got {type(x).__name__}")
    if x.dim() != 3 or x.shape[2] != cell.input_size:
        raise ValueError(f"{owner}: x must be (time, batch, {cell.input_size}), got {tuple(x.shape)}")
    if x.shape[0] == 0 or x.shape[1] == 0:
        raise ValueError(f"{owner}: x must hold at least one time step and one sequence, got {tuple(x.shape)}")
    like = next(cell.parameters())
    if x.dtype != like.dtype or x.device != like.device:
        raise TypeError(
            f"{owner}: x is {x.dtype} on {x.device}, the parameters are {like.dtype} on {like.device}; "
            f"convert one, e.g. x.to({str(like.device)!r}, {like.dtype})"
        )


def check_state(cell: Cell, state: State, batch_size: int) -> State:
    """Return `state` as a tuple if it has the parts, shapes and dtype that `cell` wants for this batch."""
    owner, sizes = type(cell).__name__, cell.state_sizes
    given: object = state  # callers without type checks pass a bare tensor
    if not isinstance(given, tuple | list) or len(given) != len(sizes):
        found = f"{len(given)} parts" if isinstance(given, tuple | list) else type(given).__name__
        raise ValueError(f"{owner}: state must be a tuple ({', '.join(sizes)},), got {found}")
    like = next(cell.parameters())
    for (name, width), part in zip(sizes.items(), state, strict=True):
        if part.shape != (batch_size, width):
            raise ValueError(f"{owner}: state {name} must be {(batch_size, width)}, got {tuple(part.shape)}")
        if part.dtype != like.dtype or part.device != like.device:
            raise TypeError(
                f"{owner}: state {name} is {part.dtype} on {part.device}, the parameters are {like.dtype} on "
                f"{like.device}; convert one"
            )
    return tuple(state)


__all__ = [
    "ENGINES",
    "ENGINE_CHOICES",
    "SPECIAL_ENGINES",
    "Engine",
    "NativeEngineError",
    "SlowEngineWarning",
    "Unrolled",
    "carry",
    "check_input",
    "check_state",
    "choose",
    "reconstruction_error",
    "release",
    "resolve",
    "unroll",
    "weights_for",
]
