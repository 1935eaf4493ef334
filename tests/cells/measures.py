"""What is measured of a cell: its distance from a plain transcription of its paper, its Jacobian, its gradients."""

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from rnnzoo.cells import Cell, State
from rnnzoo.engine import unroll

PAPER = 1e-10
"""Largest distance from the paper over 500 steps in float64: rounding of some 1e-16 a step, with room for a trajectory
that is lively and stretches it, but not for one that is chaotic."""

STEPS = 500


def assert_follows_paper(cell: Cell, transcription: Callable[[NDArray[np.float64]], NDArray[np.float64]]) -> None:
    """Hold the output over 500 steps of random input against `transcription`: x (time, d) → h (time, H)."""
    x = 2 * torch.rand(STEPS, 1, cell.input_size, dtype=torch.float64) - 1
    with torch.no_grad():
        output = unroll(cell, x, engine="reference").output
    assert output is not None
    expected = transcription(x[:, 0].numpy())
    late = expected[-100:]
    assert late.std(axis=0).max() > 1e-2, "the trajectory has died out: nothing is compared"
    assert np.abs(output[:, 0].numpy() - expected).max() < PAPER * max(1.0, np.abs(expected).max())


def jacobian(cell: Cell, u: Tensor, state: State) -> Tensor:
    """Return ∂state_n/∂state_0 (all parts side by side) over the steps of u (time, width), for one sequence."""
    w = {name: value.detach() for name, value in cell.recurrent_weights().items()}
    sizes = list(cell.state_sizes.values())

    def carried(flat: Tensor) -> Tensor:
        parts: State = tuple(flat.unsqueeze(0).split(sizes, dim=1))
        for u_t in u.detach():
            parts = cell.step(u_t.unsqueeze(0), parts, w)
        return torch.cat(parts, dim=1)[0]

    found = torch.autograd.functional.jacobian(carried, torch.cat([part[0] for part in state]).detach())
    assert isinstance(found, Tensor)
    return found


def row_sum_norm(matrix: Tensor) -> float:
    """Return ‖matrix‖_∞."""
    return float(matrix.abs().sum(dim=1).max())


def largest_gradient(cell: Cell, x: Tensor, target: Tensor) -> float:
    """Return the largest |∂E/∂θ|, E = 1/N Σ_n ½|y_n − ȳ_n|², for x (N, 1, d) and target (N, 1, H)."""
    output = unroll(cell, x, engine="reference").output
    assert output is not None
    loss = 0.5 * ((output - target) ** 2).sum() / x.shape[0]
    return max(float(g.abs().max()) for g in torch.autograd.grad(loss, list(cell.parameters())))


def uniform(low: float, high: float) -> float:
    """Draw a number with torch's generator, which the tests seed."""
    return low + (high - low) * float(torch.rand(()))


def assert_equal_to_scale(found: Sequence[Tensor], expected: Sequence[Tensor], tolerance: float) -> None:
    """Hold tensors against each other, entry by entry, to `tolerance` times the largest entry (or 1)."""
    assert len(found) == len(expected)
    for mine, theirs in zip(found, expected, strict=True):
        scale = float(theirs.detach().abs().max())
        assert scale > 1e-3, "nothing is compared"
        assert float((mine - theirs).detach().abs().max()) <= tolerance * max(1.0, scale)
