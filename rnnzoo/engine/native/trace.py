"""From a cell's `step` to nodes: the step and its vector-Jacobian product, traced once on tensors without data.

Values with a batch dimension become nodes. What has none stays with PyTorch: a *prologue* computed from w before the
loop (a transposed matrix, a vector of gains), and an *epilogue* computed after it from sums over batch and time (the
gradients of w). Since the vector-Jacobian product is linear, the epilogue of the sums is the sum of the epilogues.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor, fx
from torch.utils._pytree import tree_leaves

from rnnzoo.cells.base import Cell, State
from rnnzoo.engine.native.complex_products import ThreeProducts
from rnnzoo.engine.native.graph import Builder, Node, Unsupported
from rnnzoo.engine.native.reader import Reader, Sum, operator_name
from rnnzoo.engine.native.recorder import Recorder
from rnnzoo.engine.native.structures import check_structures
from rnnzoo.engine.projection import projecting

BATCH_SIZES = (10_007, 20_011)
"""Example batch sizes: primes, so that a dimension of this size is the batch; the second if a width is the first."""


@dataclass
class Trace:
    """A step as nodes.

    Attributes:
        new_state: the state after the step.
        adjoint_u, adjoint_state: gradients with respect to u and the state before the step.
        sums: what the epilogue starts from, by its name in the epilogue.
        prologue, epilogue: PyTorch operations in order.
        weights: name in the prologue of each entry of w.
        adjoint_weights: name in the epilogue of each gradient of w, None where w does not matter.
        old_state: the state before the step from the one after it, where the inverse was traced.
    """

    new_state: tuple[Node, ...]
    adjoint_u: Node | None = None
    adjoint_state: tuple[Node | None, ...] = ()
    sums: dict[str, Sum] = field(default_factory=dict)
    prologue: list[fx.Node] = field(default_factory=list)
    epilogue: list[fx.Node] = field(default_factory=list)
    weights: dict[str, str] = field(default_factory=dict)
    adjoint_weights: dict[str, str | None] = field(default_factory=dict)
    old_state: tuple[Node, ...] = ()


def trace(cell: Cell, u: Tensor, w: Mapping[str, Tensor], *, inverse: bool = False) -> tuple[Trace, Builder]:
    """Trace `cell.step` and its vector-Jacobian product, and `cell.inverse_step` if asked for.

    Args:
        cell: the cell.
        u: (…, width), its shape and dtype matter alone; x where the step is to project.
        w: the cell's recurrent weights, and those of the projection where the step is to project.
        inverse: whether to trace the inverse too.

    Returns:
        The trace, and the builder that made its nodes.

    Raises:
        Unsupported: an operator, shape or dtype has no place in a kernel, or a weight is not of the structure that the
            cell declares; the message names it.
    """
    for name, tensor in w.items():
        if tensor.dtype != u.dtype or tensor.device.type != "cpu":
            raise Unsupported(f"w[{name!r}] is {tensor.dtype} on {tensor.device}; a kernel holds {u.dtype} on the CPU")
    check_structures(cell.structured_weights, w)
    widths = {u.shape[-1], *cell.state_sizes.values(), *(n for tensor in w.values() for n in tensor.shape)}
    batch = next(size for size in BATCH_SIZES if size not in widths)
    reader = Reader(batch, {f"w_{name}": kind for name, kind in cell.structured_weights.items() if name in w})
    names = list(w)
    step = projecting(cell.step, names)

    rows = [torch.empty(batch, n, dtype=u.dtype, device="meta") for n in cell.state_sizes.values()]
    adjoints = [torch.empty_like(row) for row in rows]
    u_row = torch.empty(batch, u.shape[-1], dtype=u.dtype, device="meta")
    matrices = [torch.empty_strided(t.shape, t.stride(), dtype=u.dtype, device="meta") for t in w.values()]

    def joint(
        u: Tensor, state: Sequence[Tensor], w: Sequence[Tensor], adjoint: Sequence[Tensor]
    ) -> tuple[State, tuple[Tensor | None, ...]]:
        with torch.enable_grad():
            u = u.detach().requires_grad_()
            state = tuple(part.detach().requires_grad_() for part in state)
            w = [matrix.detach().requires_grad_() for matrix in w]
            given = dict(zip(names, w, strict=True))
            with ThreeProducts(given[name] for name in cell.complex_weights if name in given):
                new = tuple(step(u, state, given))
            used = [(part, a) for part, a in zip(new, adjoint, strict=True) if part.requires_grad]
            grads = torch.autograd.grad(
                [part for part, _ in used], [u, *state, *w], [a for _, a in used], allow_unused=True
            )
        return new, grads

    parts = range(len(rows))
    reader.read(
        _record(cell, joint, u_row, rows, matrices, adjoints),
        [
            reader.source("u", 0, u_row),
            *(reader.source("state", k, rows[k]) for k in parts),
            *(f"w_{name}" for name in names),
            *(reader.source("adjoint", k, rows[k]) for k in parts),
        ],
    )
    results = list(reader.results)
    new, (u_grad, *grads) = results[: len(rows)], results[len(rows) :]
    for name, width, node in zip(cell.state_sizes, cell.state_sizes.values(), new, strict=True):
        if not isinstance(node, Node) or node.width != width:
            raise Unsupported(f"the new state {name} is not a (batch, {width}) tensor made from u, state and w")
    traced = Trace(
        new_state=tuple(reader.node(value) for value in new),
        adjoint_u=None if u_grad is None else reader.node(u_grad),
        adjoint_state=tuple(None if g is None else reader.node(g) for g in grads[: len(rows)]),
        weights={name: f"w_{name}" for name in names},
        adjoint_weights={
            name: None if g is None else reader.reduced(g) for name, g in zip(names, grads[len(rows) :], strict=True)
        },
    )
    if inverse:
        step_back = projecting(cell.inverse_step, names)  # type: ignore[arg-type]

        def backwards(u: Tensor, state: Sequence[Tensor], w: Sequence[Tensor]) -> State:
            return step_back(u, tuple(state), dict(zip(names, w, strict=True)))

        reader.read(
            _record(cell, backwards, u_row, rows, matrices),
            [
                reader.source("u", 0, u_row),
                *(reader.source("next", k, rows[k]) for k in parts),
                *(f"w_{name}" for name in names),
            ],
        )
        traced.old_state = tuple(reader.node(value) for value in reader.results)
    traced.sums, traced.prologue, traced.epilogue = reader.sums, reader.prologue, reader.epilogue
    return traced, reader.make


def _record(cell: Cell, function: Callable[..., Any], *example: Any) -> fx.Graph:
    """Return the graph of core operators that `function` is at this example."""
    recorder = Recorder()
    for k, tensor in enumerate(tree_leaves(example)):
        recorder.placeholder(f"arg_{k}", tensor)
    try:
        # Hooks of the caller's on saved tensors are not meant for the example; and where there are hooks, the recorder
        # sees autograd rename what it saves.
        with recorder, torch.autograd.graph.saved_tensors_hooks(lambda t: t, lambda t: t):
            results = function(*example)
        recorder.output(tree_leaves(results))
    except Exception as error:
        reason = str(error) if isinstance(error, Unsupported) else f"{type(error).__name__}: {error}"
        raise Unsupported(f"{type(cell).__name__}.step cannot be traced: {reason}") from error
    graph = recorder.graph
    for n in graph.nodes:
        if operator_name(n) == "clone":
            n.replace_all_uses_with(n.args[0])
    graph.eliminate_dead_code()
    return graph
