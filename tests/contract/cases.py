"""Every cell of the zoo in every variant that changes its equation, at test size."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
import torch
from torch import Tensor

from rnnzoo.cells import CELLS, Cell, State
from rnnzoo.engine import ENGINES, Unrolled, compiler_is_missing

VARIANTS: dict[str, list[dict[str, Any]]] = {
    "cornn": [{}, {"damping": "implicit"}],
    # two units and a delay: a step and a kernel of more nodes take seconds
    "generated": [{"top_nodes": 3, "middle_nodes": 1, "bottom_nodes": 3, "graph_seed": 22}],
    "exprnn": [{}, {"initialisation": "henaff"}],
    "spectral": [
        {},
        {"margin": 0.0, "nonlinearity": "modrelu"},
        {"margin": 0.3, "nonlinearity": "identity"},
        {"margin": None, "nonlinearity": "relu"},
    ],
}
"""Hyperparameters to test beside the defaults; a cell that is not listed is tested with its defaults."""


@dataclass(frozen=True)
class Case:
    """A cell of the zoo with some hyperparameters."""

    name: str
    options: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return "-".join([self.name, *(f"{name}={value}" for name, value in self.options.items())])

    def make(self, input_size: int = 2, hidden_size: int = 3, dtype: torch.dtype = torch.float64) -> Cell:
        """Return a cell whose parameters are stirred, so that none has a special value such as zero."""
        cell = CELLS[self.name](input_size, hidden_size, dtype=dtype, **self.options)  # type: ignore[call-arg]
        with torch.no_grad():
            for p in cell.parameters():
                p.add_(0.2 * torch.randn_like(p))
        return cell


CASES = [Case(name, options) for name in CELLS for options in VARIANTS.get(name, [{}])]

each_case = pytest.mark.parametrize("case", CASES, ids=str)
NEEDS_COMPILER = pytest.mark.skipif(compiler_is_missing(), reason="there is no C++ compiler to build kernels with")
each_engine = pytest.mark.parametrize(
    "engine", [pytest.param(name, marks=NEEDS_COMPILER if name == "native" else ()) for name in ENGINES]
)


def draw_state(cell: Cell, batch_size: int) -> State:
    """Return a random state of order 1, each part a transposed, so strided, view."""
    return tuple(torch.randn(width, batch_size, dtype=torch.float64).t() for width in cell.state_sizes.values())


def by_hand(cell: Cell, x: Tensor, state: State) -> Unrolled:
    """Carry a cell through x (time, batch, input_size) with nothing but the cell's own four methods."""
    states: list[State] = []
    for t in range(x.shape[0]):
        state = cell.step(cell.project(x[t : t + 1])[0], state, cell.recurrent_weights())
        states.append(state)
    output = torch.stack([cell.output(s) for s in states])
    return Unrolled(output, state, tuple(torch.stack(part) for part in zip(*states, strict=True)))


def twin(cell: Cell) -> Cell:
    """Return a copy that shares nothing, for gradients of its own."""
    return copy.deepcopy(cell)


def weighted_sum(tensors: Sequence[Tensor]) -> Tensor:
    """Return a scalar in which every entry has a weight of its own, the same at every call."""
    generator = torch.Generator().manual_seed(1)
    terms = [(t * torch.randn(t.shape, generator=generator, dtype=t.dtype)).sum() for t in tensors]
    return torch.stack(terms).sum()
