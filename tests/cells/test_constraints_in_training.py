"""Recurrent matrices must keep their constraint through training in float32, gently and roughly trained alike."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from rnnzoo import unroll
from rnnzoo.cells import CELLS
from rnnzoo.cells.base import Cell
from rnnzoo.orthogonal import orthogonality_error
from rnnzoo.unitary import unitarity_error

STEPS = 200


def outside(margin: float) -> Callable[[Tensor], Tensor]:
    """How far the singular values leave [1 − margin, 1 + margin]."""
    return lambda W: ((torch.linalg.svdvals(W.double()) - 1).abs() - margin).amax().clamp(min=0)


CONSTRAINTS = {
    "urnn": ("urnn", {}, unitarity_error, 1e-6),
    "exprnn-cayley": ("exprnn", {"initialisation": "cayley"}, orthogonality_error, 1e-5),
    "exprnn-henaff": ("exprnn", {"initialisation": "henaff"}, orthogonality_error, 1e-5),
    "spectral-0": ("spectral", {"margin": 0}, orthogonality_error, 1e-5),
    "spectral-0.1": ("spectral", {"margin": 0.1}, outside(0.1), 1e-5),
}
"""Name → cell, hyperparameters, error of its matrix, the error allowed by the issue's table."""


def train(cell: Cell, optimizer: torch.optim.Optimizer, steps: int) -> list[Tensor]:
    """Fit random targets and return the recurrent matrix at the start and after every 50 steps."""
    x = torch.randn(8, 8, cell.input_size)
    target = torch.randn(8, cell.output_size)
    matrices = [cell.recurrent_weights()["W"].detach()]
    for step in range(1, steps + 1):
        optimizer.zero_grad()
        loss = (cell.output(unroll(cell, x, engine="reference").state) - target).square().mean()
        loss.backward()
        optimizer.step()
        if step % 50 == 0:
            matrices.append(cell.recurrent_weights()["W"].detach())
    assert loss.isfinite()
    return matrices


@pytest.mark.parametrize("name", CONSTRAINTS)
@pytest.mark.parametrize("optimizer", [torch.optim.Adam, torch.optim.RMSprop])
@pytest.mark.parametrize(("lr", "scale", "moved"), [(1e-3, 0.1, 1e-3), (0.1, 1.0, 0.3)])
def test_the_constraint_holds_throughout(name: str, optimizer, lr: float, scale: float, moved: float) -> None:
    torch.manual_seed(0)
    kind, hyperparameters, error, allowed = CONSTRAINTS[name]
    cell = CELLS[kind](3, 20, **hyperparameters)
    groups = cell.parameter_groups(lr, constrained_lr_scale=scale)
    matrices = train(cell, optimizer(groups), STEPS)
    assert torch.linalg.matrix_norm(matrices[-1] - matrices[0], ord=2) > moved  # else nothing was tested
    assert max(error(W).item() for W in matrices) < allowed


@pytest.mark.parametrize("name", CONSTRAINTS)
def test_the_constraint_holds_in_a_wide_cell_far_from_its_start(name: str) -> None:
    torch.manual_seed(0)
    kind, hyperparameters, error, allowed = CONSTRAINTS[name]
    cell = CELLS[kind](3, 192, **hyperparameters)
    with torch.no_grad():
        for values in cell.parameters():
            values.copy_(3 * torch.randn_like(values))
    assert error(cell.recurrent_weights()["W"]).item() < allowed
