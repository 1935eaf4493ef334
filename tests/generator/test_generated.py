import math

import pytest
import torch

from rnnzoo.cells import CELLS
from rnnzoo.engine import compiler_is_missing, unroll
from rnnzoo.generator.operations import OPERATIONS
from rnnzoo.generator.wiring import Register, Unit
from tests.generator.drawing import GENERATED, SMALL, random_options
from tests.tolerances import GRADIENTS, SAME_MATHS

DRAWS = 200


def test_draws_run_forward_and_backward_and_every_parameter_matters() -> None:
    for seed in range(DRAWS):
        torch.manual_seed(seed)
        cell = GENERATED(2, 20, dtype=torch.float64, **random_options(seed))  # type: ignore[arg-type,call-arg]
        # some units are read through delays alone: as many steps as all of them together, so that each unit counts
        lags = [node.lag for node in cell.wiring.nodes if isinstance(node, Register)]  # type: ignore[attr-defined]
        x = torch.randn(2 + sum(lags), 2, 2, dtype=torch.float64, requires_grad=True)
        output = unroll(cell, x, engine="reference").output
        assert output is not None
        assert output.isfinite().all()
        output.square().sum().backward()
        assert x.grad is not None
        # the last input reaches the last output, as the first one does
        assert x.grad[-1].abs().max() > 0, seed
        assert x.grad[0].abs().max() > 0, seed
        for name, p in cell.named_parameters():
            assert p.grad is not None, (seed, name)
            assert p.grad.isfinite().all(), (seed, name)
            assert p.grad.abs().max() > 0, (seed, name)


def test_states_stay_between_minus_one_and_one_whatever_the_parameters() -> None:
    for seed in range(5):
        cell = GENERATED(2, 20, **random_options(seed))  # type: ignore[arg-type]
        with torch.no_grad():
            for p in cell.parameters():
                p.normal_(0, 10)
        states = unroll(cell, 10 * torch.randn(30, 4, 2), engine="reference", return_states=True).states
        assert states is not None
        units = [part for name, part in zip(cell.state_sizes, states, strict=True) if name.startswith("s_")]
        assert all(part.abs().max() <= 1 + 1e-6 for part in units)  # float32 rounding of an average
        assert max(part.abs().max() for part in units) > 0.9


def test_gradients_of_the_first_input_neither_vanish_nor_explode_at_the_start() -> None:
    length, kept = 30, []
    for seed in range(12):
        torch.manual_seed(seed)
        cell = GENERATED(2, 40, dtype=torch.float64, **random_options(1000 + seed))  # type: ignore[arg-type,call-arg]
        x = torch.randn(length, 4, 2, dtype=torch.float64, requires_grad=True)
        output = unroll(cell, x, engine="reference").output
        assert output is not None
        (gradient,) = torch.autograd.grad(output[-1].square().sum(), x)
        norms = gradient.norm(dim=(1, 2))
        assert 0.001 < norms.max() < 10  # measured over 24 draws: 0.09 to 1.5
        kept.append(float(norms[0] / norms.max()))
    # measured over 24 draws: 0.09 to 1, with a median of 0.6
    assert min(kept) > 0.001


@pytest.mark.parametrize("seed", range(12))
def test_one_unit_is_the_equation(seed: int) -> None:
    """Three blocks of one cell of three operations, transcribed from the docstring for this draw."""
    torch.manual_seed(0)
    options = {"top_nodes": 3, "middle_nodes": 1, "bottom_nodes": 3, "bottom_rewiring": 0.0, "graph_seed": seed}
    cell = CELLS["generated"](2, 5, dtype=torch.float64, **options)  # type: ignore[call-arg,arg-type]
    first = cell.wiring.nodes[0]  # type: ignore[attr-defined]
    assert isinstance(first, Unit)
    assert first.edges == ((0, 1), (0, 2), (1, 2))
    named = dict(cell.named_parameters())
    with torch.no_grad():
        named["gain_0"].normal_()
    n = cell.widths[0]  # type: ignore[attr-defined]
    x, state = torch.randn(1, 4, 2, dtype=torch.float64), [
        torch.randn(4, width, dtype=torch.float64) for width in cell.state_sizes.values()
    ]  # fmt: skip
    s, A, gain = state[0], named["A_0"], named["gain_0"]
    a = s @ A.T + (x[0] @ named["V"].T + named["b"])[:, : 2 * n]
    g, a1 = a[:, :n], a[:, n:]
    known = {
        "identity": lambda v, w: v,
        "tanh": lambda v, w: torch.tanh(v),
        "sin": lambda v, w: torch.sin(v),
        "elu": lambda v, w: torch.where(v > 0, v, v.exp() - 1),
        "leaky_relu": lambda v, w: torch.where(v > 0, v, 0.1 * v),
        "gate": lambda v, w: 2 * v / (1 + torch.exp(-w)),
        "blend": lambda v, w: w + (v - w) / (1 + torch.exp(-v)),
    }
    assert set(known) == set(OPERATIONS)

    def node(number: int, *reaching: torch.Tensor) -> torch.Tensor:
        name = first.operations[number]
        second = reaching[1] if len(reaching) > 1 else s
        single = reaching[0] if name in ("gate", "blend") else sum(reaching)
        return known[name](single, second)

    v0 = node(0, a1)
    v1 = node(1, gain[:n] * v0)
    v2 = node(2, gain[n:] * v0 / math.sqrt(2), gain[n:] * v1 / math.sqrt(2))
    expected = s + 1 / (1 + torch.exp(-g)) * (torch.tanh(v2) - s)
    new = cell.step(cell.project(x)[0], tuple(state), cell.recurrent_weights())
    SAME_MATHS.assert_close(new[0], expected)


@pytest.mark.skipif(compiler_is_missing(), reason="there is no C++ compiler to build kernels with")
@pytest.mark.parametrize("seed", range(6))
def test_a_kernel_gives_the_numbers_and_gradients_of_the_reference(seed: int) -> None:
    cell = GENERATED(2, 19, dtype=torch.float64, **SMALL, graph_seed=seed)  # type: ignore[arg-type,call-arg]
    with torch.no_grad():
        for p in cell.parameters():
            p.add_(0.2 * torch.randn_like(p))
    x = torch.randn(9, 3, 2, dtype=torch.float64)
    found = []
    for engine in ("reference", "native"):
        cell.zero_grad()
        fed = x.clone().requires_grad_()
        output = unroll(cell, fed, engine=engine).output
        assert output is not None
        (output * torch.linspace(-1, 1, output.numel(), dtype=torch.float64).view_as(output)).sum().backward()
        found.append([output.detach(), fed.grad, *(p.grad for p in cell.parameters())])
    for expected, actual in zip(*found, strict=True):
        assert expected is not None
        assert actual is not None
        GRADIENTS.assert_close(actual, expected)


def test_hyperparameters_beside_an_architecture_are_refused() -> None:
    text = CELLS["generated"](2, 3).drawn.to_text()  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match="architecture leaves nothing to draw, but top_nodes = 5 was given"):
        CELLS["generated"](2, 3, architecture=text, top_nodes=5)  # type: ignore[call-arg]


def test_a_seed_below_zero_is_an_error() -> None:
    with pytest.raises(ValueError, match="graph_seed must lie in"):
        CELLS["generated"](2, 3, graph_seed=-1)  # type: ignore[call-arg]
