"""From nodes to a plan: what is stored through time, what is rebuilt, and which sums leave the loop.

`schedule` says in which order a step is computed, `outers` which factors of matrices' gradients it leaves.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rnnzoo.engine.native.graph import PRODUCTS, Builder, Node, Unsupported, walk
from rnnzoo.engine.native.outers import Outer, aligned, group_sums, lay_out
from rnnzoo.engine.native.reader import Sum
from rnnzoo.engine.native.schedule import Place, Schedule, Store, levels, locate, schedule
from rnnzoo.engine.native.storage import choose_saved
from rnnzoo.engine.native.trace import Trace


@dataclass
class Plan:
    """The step and its derivative, scheduled.

    Attributes:
        infer: the step without a derivative.
        forward, backward: the step that stores what the derivative needs, and the derivative.
        rebuild: the schedule that makes the old state from the new one, in reversible mode.
        saved_width, factors_width, column_sums_width: row widths of these buffers.
        factor_columns: where each factor begins in its row.
        column_sums: sum in the epilogue → its first column and its width among the column sums.
        outers: the matrix products over batch and time.
    """

    infer: Schedule
    forward: Schedule
    backward: Schedule
    rebuild: Schedule | None = None
    saved_width: int = 0
    factors_width: int = 0
    factor_columns: list[int] = field(default_factory=list)
    column_sums_width: int = 0
    column_sums: dict[str, tuple[int, int]] = field(default_factory=dict)
    outers: list[Outer] = field(default_factory=list)


def plan(traced: Trace, make: Builder, *, wanted_u: bool, sums: Mapping[str, Sum], rebuild: bool) -> Plan:
    """Return the plan of a traced step.

    Args:
        traced: the step.
        make: the builder of its nodes.
        wanted_u: whether the gradient with respect to u is wanted.
        sums: those that the wanted gradients of w start from.
        rebuild: whether the backward pass rebuilds the states instead of reading them.
    """
    adjoint_state = [
        make.constant(0, new.width) if g is None else g
        for g, new in zip(traced.adjoint_state, traced.new_state, strict=True)
    ]
    roots = [*traced.new_state, *adjoint_state]
    roots += [traced.adjoint_u] if traced.adjoint_u is not None and wanted_u else []
    roots += [n for s in sums.values() for n in (s.left, s.right) if n is not None]
    merged = merge_products(roots, make)
    new_state = [merged[n] for n in traced.new_state]
    sources = {n: Place(n.op, 0) for n in walk(merged.values()) if n.op == "u"}
    offsets = [sum(n.width for n in new_state[:k]) for k in range(len(new_state))]
    for n in walk([*merged.values(), *traced.old_state]):
        if n.op in ("state", "next", "adjoint"):
            assert isinstance(n.extra, int)
            sources[n] = Place(n.op, offsets[n.extra])
    next_state = dict(zip(new_state, (Place("next", o) for o in offsets), strict=True))
    targets = [Store(n, Place("next", o)) for n, o in zip(new_state, offsets, strict=True)]
    infer = schedule(targets, sources)
    if rebuild and any(n.op in PRODUCTS for n in walk(merged.values())):
        raise Unsupported("states can be rebuilt only where step holds no matrix product")
    derived = [merged[n] for n in adjoint_state]
    adjoint_u = merged[traced.adjoint_u] if traced.adjoint_u is not None and wanted_u else None
    pairs = {
        name: Sum(None if s.left is None else merged[s.left], merged[s.right], s.shape) for name, s in sums.items()
    }
    groups, summed = group_sums(pairs, make)
    factors = list(dict.fromkeys(n for group in groups for n in (*group.lefts, *group.rights)))
    through_time = {**sources, **next_state}

    plan = Plan(infer, infer, infer)
    saved: dict[Node, Place] = {}
    for factor in factors:
        if factor.backward or factor.op == "constant":
            continue
        if locate(factor, through_time | saved) is None:
            for part in factor.args if factor.op == "cat" else (factor,):
                saved[part] = Place("saved", plan.saved_width)
                plan.saved_width += part.width
    backward_roots = [*derived, *([adjoint_u] if adjoint_u else []), *factors, *summed.values()]
    for node in choose_saved(new_state, backward_roots, available={*sources, *new_state, *saved}, rebuild=rebuild):
        saved[node] = Place("saved", plan.saved_width)
        plan.saved_width += node.width
    plan.forward = schedule(targets + [Store(n, p) for n, p in saved.items()], sources)

    stores = [Store(n, Place("adjoint_next", o)) for n, o in zip(derived, offsets, strict=True)]
    if adjoint_u is not None:
        stores.append(Store(adjoint_u, Place("adjoint_u", 0)))
    given = {**through_time, **saved}
    for group in groups:
        outer, columns = lay_out(group, plan.factors_width)
        plan.outers.append(outer)
        plan.factor_columns += columns
        for factor, column in zip((*group.lefts, *group.rights), columns, strict=True):
            stores.append(Store(factor, Place("factors", column), "single" if factor in group.narrow else "set"))
        plan.factors_width = aligned(outer.end)
    for name, node in summed.items():
        place = Place("column_sums", plan.column_sums_width)
        stores.append(Store(node, place, "column_sum"))
        plan.column_sums_width += node.width
        plan.column_sums[name] = (place.column, node.width)
    plan.backward = schedule(stores, given)
    if rebuild:
        old = [Store(n, Place("state", o)) for n, o in zip(traced.old_state, offsets, strict=True)]
        plan.rebuild = schedule(old, {n: p for n, p in sources.items() if n.op in ("u", "next")})
    return plan


def merge_products(roots: Sequence[Node], make: Builder) -> dict[Node, Node]:
    """Return root → the same value with sums of products, u + y @ W + z @ V, made one product u + [y z] @ [W; V]."""
    order = list(walk(roots))
    users: dict[Node, int] = dict.fromkeys(order, 0)
    for node in order:
        for argument in node.args:
            users[argument] += 1
    for root in roots:
        users[root] += 2  # a root is needed as it is
    level = levels(order, set())
    new: dict[Node, Node] = {}

    def terms(node: Node) -> list[Node]:
        same = node.op == "add" and all(a.width == node.width for a in node.args)
        return [
            term
            for a in (node.args if same else (node,))
            for term in (terms(a) if same and a.op == "add" and users[a] == 1 else [a])
        ]

    for node in order:
        added = terms(node) if node.op == "add" else []
        single = [t for t in added if t.op == "product" and users[t] == 1]
        deepest = [t for t in single if level[t] == max(level[s] for s in single)]
        if len(deepest) > 1:
            rest = [new[t] for t in added if t not in deepest]
            product = make.make(
                "product",
                [new[a] for t in deepest for a in t.args],
                width=node.width,
                extra=tuple(name for t in deepest for name in t.extra),  # type: ignore[attr-defined]
            )
            total = product
            for k, term in enumerate(rest):
                total = make.make("add", (term, product) if k == 0 else (total, term), width=node.width)
            new[node] = total
        elif all(new[a] is a for a in node.args):
            new[node] = node
        else:
            new[node] = make.make(node.op, [new[a] for a in node.args], width=node.width, extra=node.extra)
    return {root: new[root] for root in roots}
