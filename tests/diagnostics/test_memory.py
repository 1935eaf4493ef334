"""Memory capacity: a delay line remembers just its length, and no linear cell more than its width."""

import pytest
import torch

from rnnzoo.cells import CELLS
from rnnzoo.diagnostics.memory import memory_capacity, random_input
from tests.diagnostics.systems import Linear

WIDTH = 6


def delay_line():
    cell = Linear(torch.diag(torch.ones(WIDTH - 1, dtype=torch.float64), -1), input_size=2)
    with torch.no_grad():
        cell.B.zero_()
        cell.B[0, 1] = 1.0  # it reads the second feature alone
    return cell


def test_a_delay_line_recalls_as_many_steps_as_it_has_places():
    cell = delay_line()
    frame = memory_capacity(cell, random_input(cell, 120, 8, feature=1), range(12), feature=1)
    assert list(frame["lag"]) == list(range(12))
    assert frame["capacity"][:WIDTH].min() > 1 - 1e-9
    assert frame["capacity"][WIDTH:].max() < 0.02


def test_a_linear_cell_has_just_as_much_capacity_as_its_state_has_entries():
    for seed in range(3):
        torch.manual_seed(seed)
        A = torch.randn(WIDTH, WIDTH, dtype=torch.float64)
        cell = Linear(0.95 * A / torch.linalg.eigvals(A).abs().max())
        frame = memory_capacity(cell, random_input(cell, 400, 200, seed=seed), range(60))
        # all of it, N, if no direction is out of the input's reach; of 17,000 held-out steps 60 r² are good to 0.1
        assert frame["capacity"].sum() == pytest.approx(WIDTH, abs=0.2)
    assert frame.attrs["width"] == WIDTH


def test_what_a_cell_forgets_is_not_recalled():
    cell = CELLS["rnn"](1, 4)
    with torch.no_grad():
        cell.W.zero_()
    frame = memory_capacity(cell, random_input(cell, 200, 8), [0, 1, 7])
    assert frame["capacity"][0] > 0.99
    assert frame["capacity"][1:].max() < 0.01


def test_held_out_sequences_are_not_fitted():
    # as many states as fitted steps: what is learnt by heart has capacity 1 where it is learnt, and none elsewhere
    cell = CELLS["rnn"](1, 90)
    with torch.no_grad():
        cell.W.zero_()
        cell.V.uniform_(-30, 30)
        cell.b.uniform_(-30, 30)
    frame = memory_capacity(cell, random_input(cell, 32, 4), [3])
    assert frame["capacity"][0] < 0.2


def test_random_input_is_that_of_its_seed():
    cell = delay_line()
    x = random_input(cell, 50, 4, feature=1, seed=3)
    assert x.shape == (50, 4, 2)
    assert (x[:, :, 0] == 0).all()
    assert x[:, :, 1].abs().max() <= 1
    assert x[:, :, 1].std() == pytest.approx(3**-0.5, rel=0.1)
    assert torch.equal(x, random_input(cell, 50, 4, feature=1, seed=3))
    assert not torch.equal(x, random_input(cell, 50, 4, feature=1, seed=4))


def test_mistakes_are_named():
    cell = delay_line()
    x = random_input(cell, 20, 4)
    with pytest.raises(ValueError, match=r"lags must lie in \[0, 18\], got 19"):
        memory_capacity(cell, x, [19])
    with pytest.raises(ValueError, match=r"washout must lie in \[5, 18\], got 3"):
        memory_capacity(cell, x, [5], washout=3)
    with pytest.raises(ValueError, match="constant"):
        memory_capacity(cell, x, [5], feature=1)
    with pytest.raises(ValueError, match="at least 2 sequences"):
        memory_capacity(cell, x[:, :1], [5])
    with pytest.raises(ValueError, match=r"feature must lie in \[0, 1\]"):
        memory_capacity(cell, x, [5], feature=2)
    with pytest.raises(ValueError, match="at least one lag"):
        memory_capacity(cell, x, [])
