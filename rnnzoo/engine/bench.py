"""Times cells × engines × shapes in one process, interleaved, against `torch.nn` and against the floor.

The floor is what no engine that multiplies matrices can beat: the bare products of the steps, forward and backward,
and those of the weight gradients; for a cell without products, one read and one write of u and of its gradient.
"""

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pandas as pd
import torch
from torch import nn

from rnnzoo.cells.base import Cell
from rnnzoo.engine import ENGINES, NativeEngineError, resolve

Shape = tuple[int, int, int]
"""Steps, batch size, hidden size."""

SHAPES: tuple[Shape, ...] = ((500, 32, 64), (500, 50, 128), (784, 120, 128))
PEERS: dict[str, type[nn.LSTM] | type[nn.GRU]] = {"torch.nn.LSTM": nn.LSTM, "torch.nn.GRU": nn.GRU}
COLUMNS = ("cell", "engine", "steps", "batch", "hidden", "seconds", "fastest", "memory_mib", "repetitions", "reason")


def bench(
    cells: Mapping[str, type[Cell]],
    *,
    engines: Sequence[str] = tuple(ENGINES),
    shapes: Sequence[Shape] = SHAPES,
    repetitions: int = 7,
    input_size: int = 1,
    report: Callable[[str], None] | None = None,
    **hyperparameters: Any,
) -> pd.DataFrame:
    """Time a training pass, forward and backward of a loss on the last output, in float32.

    Args:
        cells: name → class.
        engines: names of engines; one that cannot run a cell has a row with the reason.
        shapes: (steps, batch, hidden) to time at.
        repetitions: rounds; in each, everything is timed once, so that a disturbance hits all alike.
        input_size: features of the input.
        report: called with a line before each cell and shape.
        hyperparameters: of every cell.

    Returns:
        A row for each cell, engine and shape, with `seconds` the median and `fastest` the least of the repetitions,
        and `memory_mib` what autograd keeps between forward and backward, parameters left out. In the place of an
        engine, "floor" is the floor, and "torch.nn.LSTM" and "torch.nn.GRU" are PyTorch's own layers, which take the
        same steps with a cell of their own.
    """
    rows: list[dict[str, Any]] = []
    for name, cell_class in cells.items():
        for shape in shapes:
            if report is not None:
                report(f"{name} {' by '.join(map(str, shape))}")
            runs, failed = _candidates(cell_class, engines, shape, input_size, hyperparameters)
            times: dict[str, list[float]] = {key: [] for key in runs}
            memory = {key: _kept(run) for key, run in runs.items()}  # also warms up
            for _ in range(repetitions):
                for key, run in runs.items():
                    began = time.perf_counter()
                    run()
                    times[key].append(time.perf_counter() - began)
            known = {"cell": name, "steps": shape[0], "batch": shape[1], "hidden": shape[2], "repetitions": repetitions}
            rows += [
                known
                | {
                    "engine": key,
                    "seconds": statistics.median(seconds),
                    "fastest": min(seconds),
                    "memory_mib": memory[key],
                    "reason": "",
                }
                for key, seconds in times.items()
            ]
            rows += [known | {"engine": key, "reason": reason} for key, reason in failed.items()]
    return pd.DataFrame(rows, columns=list(COLUMNS))


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
        run = _with_engine(cell, x, engine)
        try:
            run()
        except NativeEngineError as error:
            failed[engine] = str(error)
            continue
        runs[engine] = run
    runs["floor"] = floor(cell, steps, batch)
    for name, layer in PEERS.items():
        runs[name] = _with_layer(layer(input_size, hidden), x)
    return runs, failed


def _with_engine(cell: Cell, x: torch.Tensor, engine: str) -> Callable[[], None]:
    unroll = resolve(engine)

    def run() -> None:
        cell.zero_grad(set_to_none=True)
        state, w = cell.initial_state(x.shape[1]), cell.recurrent_weights()
        end = unroll(cell, cell.project(x), state, w, outputs=False, states=False).state
        torch.autograd.backward(cell.output(end).sum())

    return run


def _with_layer(layer: nn.LSTM | nn.GRU, x: torch.Tensor) -> Callable[[], None]:
    def run() -> None:
        layer.zero_grad(set_to_none=True)
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


def _kept(run: Callable[[], None]) -> float:
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
