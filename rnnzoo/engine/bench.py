"""Times cells × engines × shapes in one process, interleaved, against `torch.nn` and against the floor.

The floor is what PyTorch's matrix products take if all else costs nothing: those of the steps, forward and backward,
and those of the weight gradients; for a cell without products, one read and one write of u and of its gradient.
"""

import math
import statistics
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd
import torch
from torch import nn

from rnnzoo.cells.base import Cell
from rnnzoo.engine import ENGINES, NativeEngineError, carry, resolve, weights_for
from rnnzoo.engine.peers import USUAL, MissingPeerError, make_peer, peers_of

Shape = tuple[int, int, int]
"""Steps, batch size, hidden size."""

SHAPES: tuple[Shape, ...] = ((500, 32, 64), (500, 50, 128), (784, 120, 128))
FLOOR = "floor"
FEWEST = 3
"""Rounds that are done however long they take: a median of fewer says nothing."""
BURST = 0.03
"""Seconds of passes in a turn, at least one."""
COLUMNS = ("cell", "engine", "steps", "batch", "hidden", "seconds", "fastest", "memory_mib", "repetitions", "reason")

Key = TypeVar("Key", bound=Hashable)


def bench(
    cells: Mapping[str, type[Cell]],
    *,
    engines: Sequence[str] = tuple(ENGINES),
    shapes: Sequence[Shape] = SHAPES,
    against: Sequence[str] | None = None,
    repetitions: int = 7,
    at_most: float = math.inf,
    input_size: int = 1,
    report: Callable[[str], None] | None = None,
    **hyperparameters: Any,
) -> pd.DataFrame:
    """Time a training pass, forward and backward of a loss on the last output, in float32.

    Args:
        cells: name → class.
        engines: names of engines; one that cannot run a cell has a row with the reason.
        shapes: (steps, batch, hidden) to time at.
        against: what else to time: "floor" and names of `rnnzoo.engine.peers.PEERS`; by default the floor,
            `torch.nn.LSTM` and `torch.nn.GRU`, and the layers of the cell's own kind.
        repetitions: rounds; in each, everything has one `turn`, so that a disturbance hits all alike.
        at_most: seconds for a cell and shape, after which no further round begins; three are always done.
        input_size: features of the input.
        report: called with a line before each cell and shape.
        hyperparameters: of every cell.

    Returns:
        A row for each cell, engine and shape, with `seconds` of a pass, the median, and `fastest`, the least of the
        turns, and `memory_mib` what autograd keeps between forward and backward, parameters left out. In the place of
        an engine, "floor" is the floor, and "torch.nn.LSTM" and the like are layers of other packages, which take the
        same steps with a cell of their own.
    """
    rows: list[dict[str, Any]] = []
    for name, cell_class in cells.items():
        for shape in shapes:
            if report is not None:
                report(f"{name}, {described(shape)}")
            layers = [FLOOR, *dict.fromkeys([*USUAL, *peers_of(name)])] if against is None else against
            runs, failed = _candidates(cell_class, engines, layers, shape, input_size, hyperparameters)
            memory = {key: kept(run) for key, run in runs.items()}  # also warms up
            times = interleaved({key: turn(run) for key, run in runs.items()}, repetitions, at_most)
            known = {"cell": name, "steps": shape[0], "batch": shape[1], "hidden": shape[2]}
            rows += [
                known
                | {
                    "engine": key,
                    "seconds": statistics.median(seconds),
                    "fastest": min(seconds),
                    "memory_mib": memory[key],
                    "repetitions": len(seconds),
                    "reason": "",
                }
                for key, seconds in times.items()
            ]
            rows += [known | {"engine": key, "reason": reason} for key, reason in failed.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def interleaved(
    turns: Mapping[Key, Callable[[], float]], repetitions: int, at_most: float = math.inf
) -> dict[Key, list[float]]:
    """Return what every turn of every round returned; in a round each has one, so that a disturbance hits all alike.

    Args:
        turns: what to time, by name; each returns seconds.
        repetitions: rounds, at least 1.
        at_most: seconds after which no further round begins once `FEWEST` are done.
    """
    times: dict[Key, list[float]] = {key: [] for key in turns}
    until = time.perf_counter() + at_most
    for done in range(repetitions):
        if done >= FEWEST and time.perf_counter() > until:
            break
        for key, its_turn in turns.items():
            times[key].append(its_turn())
    return times


def turn(run: Callable[[], None]) -> Callable[[], float]:
    """Return a function that does a pass without timing it, then passes for `BURST` seconds, and returns their mean.

    In training, a pass follows its like. Right after a pass of something else, its code and data are no longer in the
    processor's caches, which costs a short pass a tenth.
    """

    def timed() -> float:
        run()
        began, passes, taken = time.perf_counter(), 0, 0.0
        while not passes or taken < BURST:
            run()
            passes, taken = passes + 1, time.perf_counter() - began
        return taken / passes

    return timed


def described(shape: Shape) -> str:
    """Return a shape in words: "T = 500, batch 32, hidden 64"."""
    return f"T = {shape[0]:,}, batch {shape[1]:,}, hidden {shape[2]:,}"


def relative(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with `over_NAME` for each row: how many times longer NAME took, as a share of this row."""
    keys = ["cell", "steps", "batch", "hidden"]
    wide = table.pivot_table(index=keys, columns="engine", values="seconds").add_prefix("over_").reset_index()
    joined = table.merge(wide, on=keys)
    for column in [c for c in joined.columns if c.startswith("over_")]:
        joined[column] = joined[column] / joined["seconds"]
    return joined


def _candidates(
    cell_class: type[Cell],
    engines: Sequence[str],
    against: Sequence[str],
    shape: Shape,
    input_size: int,
    hyperparameters: Mapping[str, Any],
) -> tuple[dict[str, Callable[[], None]], dict[str, str]]:
    steps, batch, hidden = shape
    x = torch.randn(steps, batch, input_size)
    cell = cell_class(input_size, hidden, **hyperparameters)
    runs: dict[str, Callable[[], None]] = {}
    failed: dict[str, str] = {}
    for engine in engines:
        run = with_engine(cell, x, engine)
        try:
            run()
        except NativeEngineError as error:
            failed[engine] = str(error)
            continue
        runs[engine] = run
    for name in against:
        if name == FLOOR:
            runs[name] = floor(cell, steps, batch)
            continue
        try:
            runs[name] = _with_layer(make_peer(name, input_size, hidden), x)
        except MissingPeerError as error:
            failed[name] = str(error)
    return runs, failed


def with_engine(cell: Cell, x: torch.Tensor, engine: str) -> Callable[[], None]:
    """Return a training pass of a cell over x (time, batch, input_size) with an engine."""
    unroll, parameters = resolve(engine), list(cell.parameters())

    def run() -> None:
        for parameter in parameters:
            parameter.grad = None
        state, w = cell.initial_state(x.shape[1]), weights_for(unroll, cell, x)
        end = carry(unroll, cell, x, state, w, outputs=False, states=False).state
        torch.autograd.backward(cell.output(end).sum())

    return run


def _with_layer(layer: nn.Module, x: torch.Tensor) -> Callable[[], None]:
    parameters = list(layer.parameters())

    def run() -> None:
        for parameter in parameters:
            parameter.grad = None
        torch.autograd.backward(layer(x)[0][-1].sum())

    return run


def floor(cell: Cell, steps: int, batch: int) -> Callable[[], None]:
    """Return the work that is left of a cell if all but its matrix products, or its memory traffic, costs nothing."""
    with torch.no_grad():
        weights = [w.detach() for w in cell.recurrent_weights().values() if w.dim() == 2]
        u = cell.project(torch.randn(steps, batch, cell.input_size))
    if not weights:
        adjoint = torch.empty_like(u)

        def copy() -> None:
            adjoint.copy_(u)
            adjoint.copy_(u)

        return copy
    pieces = []
    for w in weights:
        left, right = torch.randn(steps * batch, w.shape[0]), torch.randn(steps * batch, w.shape[1])
        pieces.append((w.contiguous(), w.t().contiguous(), left, right, torch.empty_like(w)))
    forward = [torch.empty(batch, w.shape[1]) for w in weights]
    backward = [torch.empty(batch, w.shape[0]) for w in weights]

    def products() -> None:
        for (w, w_t, left, right, gradient), ahead, back in zip(pieces, forward, backward, strict=True):
            for _ in range(steps):
                torch.mm(left[:batch], w, out=ahead)
            for _ in range(steps):
                torch.mm(right[:batch], w_t, out=back)
            torch.mm(left.t(), right, out=gradient)

    return products


def kept(run: Callable[[], None]) -> float:
    """Return how many MiB autograd keeps between the forward and the backward pass of `run`, memory counted once."""
    sizes: dict[int, int] = {}

    def pack(tensor: torch.Tensor) -> torch.Tensor:
        if not isinstance(tensor, nn.Parameter):
            storage = tensor.untyped_storage()
            sizes[storage.data_ptr()] = storage.nbytes()
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda tensor: tensor):
        run()
    return sum(sizes.values()) / 2**20
