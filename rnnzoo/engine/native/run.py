"""Runs kernels under autograd."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine.base import Unrolled
from rnnzoo.engine.native.graph import Unsupported
from rnnzoo.engine.native.kernel import Kernel, Owned, Wanted, kernel_for, owned
from rnnzoo.engine.projection import Projection


class NativeEngineError(RuntimeError):
    """The native engine was asked for and cannot run; the message says why and what to do."""


def native(cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
    """Carry `cell` through `u` with a kernel generated from its `step`; see `rnnzoo.engine.base.Engine`.

    Raises:
        NativeEngineError: there can be no kernel, for the reason that the message gives.
    """
    with _explained(cell):
        return _unroll(cell, u, state, w, outputs=outputs, states=states, rebuild=False)


def fused(
    cell: Cell, projection: Projection, state: State, w: Weights, *, outputs: bool, states: bool, rebuild: bool
) -> Unrolled:
    """Carry `cell` through an input with a kernel that projects it step by step.

    Args:
        cell, state, w, outputs, states: see `rnnzoo.engine.base.Engine`.
        projection: the input, and what projects it.
        rebuild: whether to do as `reversible` does.

    Raises:
        Unsupported: there can be no such kernel.
    """
    _refuse_to_rebuild(cell, rebuild)
    extended = w | projection.weights()
    return _unroll(cell, projection.x, state, extended, outputs=outputs, states=states, rebuild=rebuild)


def reversible(cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
    """Carry an invertible cell through `u` without storing its states: the backward pass rebuilds them.

    Memory for states does not grow with time, unless the states or outputs of all steps are asked for. What rounding
    does to the rebuilt states is in `reconstruction_error(cell)` after each backward pass.

    Raises:
        NativeEngineError: the cell is not invertible, or there can be no kernel.
    """
    _refuse_to_rebuild(cell, rebuild=True)
    with _explained(cell):
        return _unroll(cell, u, state, w, outputs=outputs, states=states, rebuild=True)


def _refuse_to_rebuild(cell: Cell, rebuild: bool) -> None:
    if rebuild and not cell.claims.invertible:
        raise NativeEngineError(f"{type(cell).__name__} does not claim to be invertible; use engine='native'")


def reconstruction_error(cell: Cell) -> float | None:
    """Return max |initial state − rebuilt initial state| of the last backward pass of `reversible`, None before it."""
    return owned(cell).reconstruction_error


def reason_against(cell: Cell, u: Tensor, w: Mapping[str, Tensor]) -> str | None:
    """Return why there can be no kernel for a cell, or None; a kernel that is missing is built.

    Args:
        cell: the cell.
        u, w: what `native` would be given, or x and all weights that `fused` would be.
    """
    try:
        kernel_for(cell, u, w, _wanted(u, w, rebuild=False))
    except Unsupported as reason:
        return str(reason)
    return None


def _wanted(u: Tensor, w: Mapping[str, Tensor], *, rebuild: bool) -> Wanted | None:
    """Return what gradients are wanted, or None if none are and any kernel will do."""
    wanted = frozenset(name for name, tensor in w.items() if tensor.requires_grad)
    if torch.is_grad_enabled() and (wanted or u.requires_grad):
        return Wanted(u.requires_grad, wanted, rebuild)
    return Wanted(u=True, w=frozenset(w), rebuild=True) if rebuild else None


@contextmanager
def _explained(cell: Cell) -> Iterator[None]:
    """Turn the reason against a kernel into an error that says what to do."""
    try:
        yield
    except Unsupported as reason:
        raise NativeEngineError(
            f"{type(cell).__name__}: no native kernel: {reason}; use engine='reference'"
        ) from reason


def _unroll(cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool, rebuild: bool) -> Unrolled:
    check_state(cell, u, state)
    kernel = kernel_for(cell, u, w, _wanted(u, w, rebuild=rebuild))
    whole = outputs or states
    results = _Unroll.apply(kernel, owned(cell), whole, u, *state, *w.values())  # type: ignore[no-untyped-call]
    count = len(state)
    final, trajectory = results[:count], results[count:]
    return Unrolled(cell.output(trajectory) if outputs else None, final, trajectory if states else None)


def check_state(cell: Cell, u: Tensor, state: State) -> None:
    """Raise a ValueError unless a state is what a kernel takes its memory to be."""
    for (name, width), part in zip(cell.state_sizes.items(), state, strict=True):
        wanted = (u.shape[1], width)
        if part.shape != wanted or part.dtype != u.dtype:
            raise ValueError(
                f"{type(cell).__name__}: state {name} must be {wanted} of {u.dtype}, got {tuple(part.shape)} of "
                f"{part.dtype}; look at initial_state"
            )


class _Unroll(torch.autograd.Function):
    """(u, state, w) → final state, and the state after every step if asked for."""

    @staticmethod
    def forward(ctx: Any, kernel: Kernel, mine: Owned, whole: bool, u: Tensor, *rest: Tensor) -> tuple[Tensor, ...]:
        ctx.set_materialize_grads(False)
        state, w = rest[: len(kernel.widths)], rest[len(kernel.widths) :]
        training = any(ctx.needs_input_grad)
        final, trajectory, walked = walk(kernel, mine, u, state, w, whole=whole, training=training)
        if training:
            # What is saved here a change is noticed of; the weights among what the prologue made are saved.
            ctx.save_for_backward(u, *w, walked.memory)
            made = {name: value for name, value in walked.values.items() if name not in kernel.weight_names}
            ctx.kernel, ctx.mine, ctx.made, ctx.slots = kernel, mine, made, walked.slots
        # Detached, so that they are no views of one tensor to autograd and may be changed one by one.
        return (*final, *(part.detach() for part in trajectory))

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        if torch.is_grad_enabled():
            raise NativeEngineError(
                "the native engine gives first derivatives only, but create_graph=True asks for a graph of the "
                "backward pass; use engine='reference' for double backward"
            )
        kernel = ctx.kernel
        u, *w, memory = ctx.saved_tensors
        values = dict(zip(kernel.trace.weights.values(), w, strict=True)) | ctx.made
        needs = ctx.needs_input_grad[4 : 4 + len(kernel.widths)]
        back = walk_back(kernel, ctx.mine, u, Walked(memory, ctx.slots, values), gradients, needs)
        return (None, None, None, back.u, *back.state, *(back.w.get(name) for name in kernel.trace.weights))


class Walked(NamedTuple):
    """What is kept of the way through a batch for the way back.

    Attributes:
        memory: the trajectory and what is saved of every step, or the two ends of a way whose states are rebuilt.
        slots: states in the trajectory.
        values: the recurrent weights and what the prologue made of them, by name.
    """

    memory: Tensor
    slots: int
    values: dict[str, Any]


class Back(NamedTuple):
    """What the way back gives.

    Attributes:
        u, state, w: gradients of these, None or left out where not wanted.
    """

    u: Tensor | None
    state: list[Tensor | None]
    w: dict[str, Tensor]


def walk(
    kernel: Kernel, mine: Owned, u: Tensor, state: State, w: Sequence[Tensor], *, whole: bool, training: bool
) -> tuple[State, State, Walked]:
    """Carry a batch through all steps, outside of autograd.

    Args:
        kernel, mine: of the cell.
        u, state, w: what it is called with.
        whole: whether the states after every step are wanted.
        training: whether the way back will be gone.

    Returns:
        The final state; the state after every step, views of one tensor, empty unless wanted; what `walk_back` reads.
    """
    widths, width, dtype = kernel.widths, kernel.width, u.dtype
    steps, batch = u.shape[:2]
    rebuild = kernel.wanted.rebuild
    slots = steps + 1 if whole or (training and not rebuild) else 2
    u = _walkable(u)
    # the trajectory and what is saved of every step, in one piece: it is lent in half the time of two
    states = slots * batch * width
    kept = mine.pool.lend(states + steps * batch * kernel.plan.saved_width * training, dtype=dtype)
    ends = mine.pool.lend(2 * batch * width, dtype=dtype) if training and rebuild else None
    final = tuple([u.new_empty(batch, part) for part in widths])
    values = kernel.prepare(w)
    at = kept.data_ptr()
    kernel.functions["forward" if training else "infer"](
        mine.pool,
        values,
        (u.data_ptr(), at, at + states * dtype.itemsize, 0 if ends is None else ends.data_ptr()),
        (*state, *final),
        u=u,
        slots=slots,
    )
    parts: State = ()
    if whole:
        parts = torch.split(kept[batch * width : states].view(slots - 1, batch, width), widths, dim=2)
    return final, parts, Walked(kept if ends is None else ends, slots, values)


def walk_back(
    kernel: Kernel, mine: Owned, u: Tensor, walked: Walked, gradients: Sequence[Tensor | None], needs: Sequence[bool]
) -> Back:
    """Go back through a batch.

    Args:
        kernel, mine, u: as the way there was gone with.
        walked: what it left.
        gradients: of the final state, a part each or None for zero, and then of the states after every step if any.
        needs: for each part of the state whether its gradient is wanted.
    """
    dtype, slots, kept = u.dtype, walked.slots, walked.memory
    u = _walkable(u)
    steps, batch = u.shape[:2]
    widths, width, count = kernel.widths, kernel.width, len(kernel.widths)
    ends = 0
    if kernel.wanted.rebuild:
        slots, ends = 2, kept.data_ptr()
        kept = mine.pool.lend(2 * batch * width, dtype=dtype)
    at = kept.data_ptr()
    through_time = [None if g is None else g.contiguous() for g in gradients[count:]] or [None] * count
    wanted_u = kernel.wanted.u and kernel.trace.adjoint_u is not None
    adjoint_u = mine.pool.lend(steps, batch, u.shape[2], dtype=dtype) if wanted_u else None
    adjoint = [u.new_empty(batch, n) if need else None for n, need in zip(widths, needs, strict=True)]
    results = kernel.results()
    error = kernel.functions["backward"](
        mine.pool,
        walked.values,
        (
            *(u.data_ptr(), at, at + slots * batch * width * dtype.itemsize, ends),
            *(0 if part is None else part.data_ptr() for part in (adjoint_u, *through_time)),
        ),
        (*gradients[:count], *adjoint),
        u=u,
        slots=slots,
        results=results,
    )
    if error is not None:
        mine.reconstruction_error = error
    return Back(adjoint_u, adjoint, kernel.weight_gradients(walked.values, results))


def _walkable(u: Tensor) -> Tensor:
    """Return u with the units of a step side by side, copied only if they are not."""
    return u if u.stride(2) == 1 or u.shape[2] == 1 else u.contiguous()
