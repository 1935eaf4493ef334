"""Holds the engines against each other: outputs, states and every gradient of a cell, as a table for a bug report."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine import ENGINES, NativeEngineError, Unrolled, carry, resolve
from rnnzoo.engine.base import Engine

HIDDEN_SIZES = (1, 7, 65)
STEPS = (1, 2, 63)
BATCH_SIZES = (1, 3)
INPUT_SIZE = 3
TOLERANCES = {torch.float64: 1e-9, torch.float32: 1e-4}
"""Largest allowed difference, as a share of the largest entry of the reference's tensor."""

COLUMNS = (
    "cell",
    "engine",
    "dtype",
    "steps",
    "batch",
    "hidden",
    "quantity",
    "difference",
    "tolerance",
    "agrees",
    "reason",
)


@dataclass(frozen=True)
class Example:
    """One sequence to run a cell on: input, u, state and recurrent weights, each a leaf of its own."""

    x: Tensor
    u: Tensor
    state: State
    w: Weights


def verify(
    cell_class: type[Cell],
    *,
    engines: Sequence[str] = tuple(ENGINES),
    hidden_sizes: Sequence[int] = HIDDEN_SIZES,
    steps: Sequence[int] = STEPS,
    batch_sizes: Sequence[int] = BATCH_SIZES,
    dtypes: Sequence[torch.dtype] = tuple(TOLERANCES),
    seed: int = 0,
    **hyperparameters: Any,
) -> pd.DataFrame:
    """Compare engines with the reference at odd sizes, on strided input and a random initial state.

    Args:
        cell_class: the cell, of the zoo or of your own.
        engines: names of the engines; the reference itself is left out.
        hidden_sizes, steps, batch_sizes, dtypes: every combination is compared.
        seed: of parameters, inputs and the weights of the loss.
        hyperparameters: of the cell.

    Returns:
        A row for each engine, size and quantity: "output", "state NAME", "states NAME", and "gradient of" u, a part of
        the initial state, or a recurrent weight (of a complex one, by real and imaginary part); and all of them again
        "from x", where the engine begins with the input, with the gradients of x and of the parameters that project it.
        `difference` is max |a − b| / max |b|, infinite where one is NaN and the other is not. An engine that cannot run
        has one row, with the reason.
    """
    rows: list[dict[str, Any]] = []
    for dtype in dtypes:
        for hidden in hidden_sizes:
            torch.manual_seed(seed)
            cell = cell_class(INPUT_SIZE, hidden, **hyperparameters).to(dtype)
            for count in steps:
                for batch in batch_sizes:
                    example = draw(cell, count, batch)
                    expected = everything(resolve("reference"), cell, example)
                    for engine in engines:
                        if engine == "reference":
                            continue
                        known: dict[str, Any] = {
                            "cell": cell_class.__name__,
                            "engine": engine,
                            "dtype": str(dtype).removeprefix("torch."),
                            "steps": count,
                            "batch": batch,
                            "hidden": hidden,
                            "tolerance": TOLERANCES[dtype],
                        }
                        rows += [known | row for row in _compare(engine, cell, example, expected, TOLERANCES[dtype])]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def draw(cell: Cell, steps: int, batch_size: int) -> Example:
    """Return a random example whose input does not lie densely in memory on any axis."""
    like = next(cell.parameters())
    x = torch.randn(batch_size, steps, 2 * cell.input_size, dtype=like.dtype)[..., ::2].transpose(0, 1)
    with torch.no_grad():
        u, w = cell.project(x), cell.kernel_weights()
    state = tuple(torch.randn(width, batch_size, dtype=like.dtype).t() for width in cell.state_sizes.values())
    strided = torch.empty(*u.shape[1::-1], 2 * u.shape[2], dtype=u.dtype)[..., ::2].transpose(0, 1).copy_(u)
    return Example(
        x.requires_grad_(),
        strided.requires_grad_(),
        tuple(part.requires_grad_() for part in state),
        {name: weight.clone().requires_grad_() for name, weight in w.items()},
    )


def everything(engine: Engine, cell: Cell, example: Example) -> dict[str, Tensor]:
    """Return all that an engine computes: outputs, states, and the gradients of a loss in which every entry counts."""
    shared = {**dict(zip(cell.state_sizes, example.state, strict=True)), **example.w}
    from_u = engine(cell, example.u, example.state, example.w, outputs=True, states=True)
    from_x = carry(engine, cell, example.x, example.state, example.w, outputs=True, states=True)
    projecting = dict(cell.named_parameters(prefix="parameter"))
    values = _values_and_gradients(cell, from_u, {"u": example.u, **shared})
    more = _values_and_gradients(cell, from_x, {"x": example.x, **shared, **projecting})
    return values | {f"from x: {name}": value for name, value in more.items()}


def _values_and_gradients(cell: Cell, run: Unrolled, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
    assert run.output is not None
    assert run.states is not None
    values = {"output": run.output}
    values |= {f"state {name}": part for name, part in zip(cell.state_sizes, run.state, strict=True)}
    values |= {f"states {name}": part for name, part in zip(cell.state_sizes, run.states, strict=True)}
    generator = torch.Generator().manual_seed(1)
    loss = torch.stack(
        [(v * torch.randn(v.shape, generator=generator, dtype=v.dtype)).sum() for v in values.values()]
    ).sum()
    gradients = torch.autograd.grad(loss, list(inputs.values()), allow_unused=True, materialize_grads=True)
    found = dict(zip(inputs, gradients, strict=True))
    found |= {name: _by_parts(found[name]) for name in cell.complex_weights if name in found}
    named = {f"gradient of {name}": g for name, g in found.items()}
    return {name: value.detach() for name, value in (values | named).items()}


def _by_parts(gradient: Tensor) -> Tensor:
    """Return the gradient of a real form as that of the complex matrix: by its real part, and by its imaginary part."""
    (top_left, top_right), (bottom_left, bottom_right) = (half.chunk(2, dim=1) for half in gradient.chunk(2))
    return torch.stack((top_left + bottom_right, top_right - bottom_left))


def _compare(
    engine: str, cell: Cell, example: Example, expected: dict[str, Tensor], tolerance: float
) -> Iterator[dict[str, Any]]:
    try:
        actual = everything(resolve(engine), cell, example)
    except NativeEngineError as error:
        yield {"quantity": "", "difference": float("nan"), "agrees": False, "reason": str(error)}
        return
    for quantity, value in expected.items():
        difference = distance(actual[quantity], value)
        yield {"quantity": quantity, "difference": difference, "agrees": difference <= tolerance, "reason": ""}


def distance(actual: Tensor, expected: Tensor) -> float:
    """Return max |actual − expected| / max |expected|; infinite where a NaN stands in one of them alone."""
    if actual.shape != expected.shape or not torch.equal(actual.isnan(), expected.isnan()):
        return float("inf")
    apart = (actual - expected).nan_to_num(nan=0.0).abs()
    scale = expected.nan_to_num(nan=0.0).abs()
    if apart.numel() == 0 or apart.max() == 0:
        return 0.0
    return float(apart.max() / scale.max()) if scale.max() > 0 else float("inf")
