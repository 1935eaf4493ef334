"""What a kernel is made from: the graph that PyTorch's own tracer records, and no numbers."""

import importlib

import pytest
import torch
from torch._decomp import core_aten_decompositions
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.fx.experimental.proxy_tensor import make_fx
from torch.fx.node import map_arg
from torch.utils._pytree import tree_leaves, tree_map

from rnnzoo import unroll
from rnnzoo.cells import CELLS
from rnnzoo.engine import compiler_is_missing
from rnnzoo.engine.native import reason_against
from rnnzoo.engine.native.reader import operator_name
from rnnzoo.engine.projection import Projection, projected
from rnnzoo.engine.verify import verify
from tests.engine.cells import GatedOscillator, Made, Transformed

tracing = importlib.import_module("rnnzoo.engine.native.trace")
needs_compiler = pytest.mark.skipif(compiler_is_missing(), reason="there is no C++ compiler to build kernels with")


def by_make_fx(function, *example):
    """Return the graph of a function as PyTorch's tracer records it."""
    with FakeTensorMode():
        example = tree_map(lambda t: torch.empty_strided(t.shape, t.stride(), dtype=t.dtype), example)
        graph = make_fx(function, decomposition_table=core_aten_decompositions())(*example).graph
    for n in graph.nodes:
        if operator_name(n) in ("alias", "detach", "clone"):
            n.replace_all_uses_with(n.args[0])
    graph.eliminate_dead_code()
    return graph


def lines(graph):
    """Return what every node does, with nodes by their numbers."""
    number = {n: k for k, n in enumerate(graph.nodes)}
    *operators, end = (n for n in graph.nodes if n.op != "placeholder")
    read = [(str(n.target), str(map_arg((n.args, n.kwargs), number.get))) for n in operators]
    return [*read, [n if n is None else number[n] for n in tree_leaves(end.args)]]


class Viewing(Made):
    """Views what its derivative reads, once as it is."""

    def step(self, u, state, w):
        """y ← tanh(y W + u₁), z ← tanh(z) ⊙ k ⊙ y."""
        y = torch.tanh(state[0] @ w["W"] + u[:, : self.hidden_size])
        return y, torch.tanh(state[1]) * w["k"] * y.view(y.shape[0], self.hidden_size)


@pytest.mark.parametrize(
    ("cell_class", "hidden"),
    [
        *((CELLS[name], 5) for name in CELLS),
        (CELLS["urnn"], 64),
        (GatedOscillator, 3),
        (Transformed, 3),
        (Transformed, 1),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
def test_the_graph_is_that_of_pytorchs_tracer(cell_class, hidden, monkeypatch):
    record, compared = tracing._record, []

    def recorded(cell, function, *example):
        graph = record(cell, function, *example)
        compared.append((lines(graph), lines(by_make_fx(function, *example))))
        return graph

    monkeypatch.setattr(tracing, "_record", recorded)
    cell, x = cell_class(3, hidden), torch.randn(2, 2, 3)
    w, inverse = cell.kernel_weights(), cell.claims.invertible
    tracing.trace(cell, cell.project(x), w, inverse=inverse)
    entry = projected(cell, x)
    assert isinstance(entry, Projection)
    tracing.trace(cell, x, {**w, **entry.weights()})
    assert len(compared) == 2 + inverse
    for ours, theirs in compared:
        assert len(ours) > 10
        assert ours == theirs


def of_many_kinds(x):
    """Return what operators give that go entry by entry, for arguments that differ in one respect each."""
    over = x > 0
    numbers = [over * 1, over * 1.0, over * True, x * 1, x + True]
    return [*numbers, x.t() * 2.0, x.double() * 2.0, x[:1] * 2.0, x * x[:, :1], *torch.frexp(x), x.neg(), over.sum()]


def test_what_an_operator_gives_is_known_for_like_arguments_alone():
    expected = [(t.shape, t.stride(), t.dtype) for t in of_many_kinds(torch.randn(4, 3))]
    x, recorder = torch.empty(4, 3, device="meta"), tracing.Recorder()
    recorder.placeholder("x", x)
    for _ in range(2):
        with recorder:
            found = of_many_kinds(x)
        assert [(t.shape, t.stride(), t.dtype) for t in found] == expected


class Making(Made):
    """Makes tensors of its own in every way that says no number of the arguments'."""

    def step(self, u, state, w):
        """y ← tanh(y W + u₁ + ramp), z ← z ⊙ k + 1 + ½."""
        y, z = state
        H = self.hidden_size
        ramp = torch.arange(H, device=y.device, dtype=y.dtype) / torch.full((H,), 2.0 * H, dtype=y.dtype)
        more = torch.zeros_like(z) + torch.ones(1, H, dtype=z.dtype) + z.new_full((), 0.5).to(z.dtype)
        return torch.tanh(y @ w["W"] + u[:, :H] + ramp), z * w["k"] + more


@needs_compiler
def test_tensors_that_a_step_makes_are_made_on_the_cpu():
    table = verify(Making, engines=["native"], hidden_sizes=[1, 5], steps=[3], batch_sizes=[2])
    assert table.agrees.all(), table[~table.agrees].to_string()


def reason(step):
    """Return the reason against a kernel for a cell with this step."""
    cell = type("Stepping", (Made,), {"step": step})(3, 4)
    cell.held = torch.ones(4)
    return reason_against(cell, torch.empty(2, 2, 8), cell.recurrent_weights())


def test_a_step_that_looks_at_numbers_is_refused():
    told = reason(lambda self, u, state, w: state if state[0].sum() > 0 else (state[1], state[0]))
    assert "must do the same for all numbers" in told


@pytest.mark.parametrize("own", [lambda cell: cell.held, lambda cell: torch.tensor(0.5)])
def test_a_step_that_reads_a_tensor_of_its_own_is_refused(own):
    told = reason(lambda self, u, state, w: (state[0] * own(self), state[1]))
    assert "it must read tensors from its arguments alone" in told


@needs_compiler
def test_what_is_overwritten_is_read_as_it_is_afterwards():
    class Overwriting(Made):
        def step(self, u, state, w):
            y, z = state
            sums = y @ w["W"] + u[:, : self.hidden_size]
            sums.mul_(w["k"])
            return torch.tanh(sums), z * w["k"]

    cell, x = Overwriting(3, 4), torch.randn(3, 2, 3)
    ours, expected = (unroll(cell, x, engine=engine).output for engine in ("native", "reference"))
    torch.testing.assert_close(ours, expected)
