"""In which order a step is computed: stages, each some loops over (batch, width), then the products they make ready.

A value is stored where it is asked for, where a product reads its rows, or where computing it again would cost more.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rnnzoo.engine.native.graph import PRODUCTS, Node
from rnnzoo.engine.native.operators import CONDITIONS, DEAR

FEW_LOADS = 2
"""An expression of cheap operators with at most this many operands is computed twice rather than stored."""


@dataclass(frozen=True)
class Place:
    """Columns of a buffer, from `column` on.

    Buffers through time: u, state (before the step), next (after it), saved, adjoint_u. Through some steps: factors
    (of matrices' gradients). Within a step: adjoint and adjoint_next, column_sums, and numbered scratch.
    """

    buffer: str
    column: int


@dataclass(frozen=True)
class Store:
    """Write a node to its place.

    `how` is "set", "single" (it has one column whatever the cell's sizes), "column_sum" (add over the batch) or
    "row_sum" (over the width).
    """

    node: Node
    place: Place
    how: str = "set"


@dataclass(frozen=True)
class Product:
    """Rows times a matrix: out = left @ matrix, or out += left @ matrix.

    Attributes:
        left, depth: where the rows lie, and how many columns they have.
        matrix: names of the recurrent matrices that make up this one, as a grid [row block][column block].
        out, width: where the result goes, and its columns.
        add: whether it is added to what is there.
        kind: "product", or the structure of the matrix.
    """

    left: Place
    depth: int
    matrix: tuple[tuple[str, ...], ...]
    out: Place
    width: int
    add: bool
    kind: str = "product"


@dataclass
class Stage:
    """Loops, then products."""

    stores: list[Store] = field(default_factory=list)
    products: list[Product] = field(default_factory=list)


@dataclass
class Schedule:
    """All that happens in one step, in one direction.

    Attributes:
        stages: in order.
        places: where nodes can be read, from the stage on that is given with them.
        scratch: name → width of the buffers within a step.
    """

    stages: list[Stage]
    places: dict[Node, tuple[Place, int]]
    scratch: dict[str, int]


def levels(order: Iterable[Node], given: set[Node]) -> dict[Node, int]:
    """Return how many products (or sums over the width) lie one after the other under each node."""
    level: dict[Node, int] = {}
    for node in order:
        if node in given:
            level[node] = 0
            continue
        below = max((level.get(a, 0) for a in node.args), default=0)
        level[node] = below + (node.op in (*PRODUCTS, "row_sum"))
    return level


def locate(node: Node, places: dict[Node, Place]) -> Place | None:
    """Return where the columns of `node` lie side by side, if they do."""
    if node in places:
        return places[node]
    if node.op == "slice":
        inside = locate(node.args[0], places)
        assert isinstance(node.extra, int)
        return None if inside is None else Place(inside.buffer, inside.column + node.extra)
    if node.op == "cat":
        first = locate(node.args[0], places)
        if first is None:
            return None
        column = first.column
        for part in node.args:
            if locate(part, places) != Place(first.buffer, column):
                return None
            column += part.width
        return first
    return None


def _split(stores: Iterable[Store]) -> list[Store]:
    """Return the stores with parts side by side stored one by one."""
    single: list[Store] = []
    for store in stores:
        if store.node.op != "cat":
            single.append(store)
            continue
        column = store.place.column
        for part in store.node.args:
            single.append(Store(part, Place(store.place.buffer, column), store.how))
            column += part.width
    return single


def schedule(stores: Sequence[Store], given: dict[Node, Place]) -> Schedule:
    """Return the stages that write `stores`, reading what is `given`."""
    whole = {s.node: s.place for s in stores if s.node.op == "cat" and s.how == "set"}
    stores = _split(stores)
    reachable = list(_walk_until([s.node for s in stores], set(given)))
    level = levels(reachable, set(given))
    products = [n for n in reachable if n.op in PRODUCTS and n not in given]
    row_sums = [n for n in reachable if n.op == "row_sum" and n not in given]
    scratch: dict[str, int] = {}

    def scratch_place(node: Node) -> Place:
        name = f"scratch{len(scratch)}"
        scratch[name] = node.width
        return Place(name, 0)

    # Where a product finds its rows: in a buffer that is there anyway, or in scratch, side by side where possible.
    for product in products:
        written = {s.node: s.place for s in stores if s.how == "set"} | whole
        if locate_all(product.args, {**written, **given}) is not None:
            continue
        lost = [a for a in product.args if locate(a, {**written, **given}) is None]
        if not lost:
            continue
        name = f"scratch{len(scratch)}"
        scratch[name] = sum(a.width for a in lost)
        column = 0
        for argument in lost:
            whole[argument] = Place(name, column)
            stores += _split([Store(argument, Place(name, column))])
            column += argument.width
    stores += [Store(n.args[0], scratch_place(n), "row_sum") for n in row_sums]

    places: dict[Node, tuple[Place, int]] = {n: (p, 0) for n, p in given.items()}
    for store in stores:
        if store.how == "set" and store.node not in places:
            places[store.node] = (store.place, level[store.node] + 1)
    for node, place in whole.items():
        places.setdefault(node, (place, max(level[part] for part in node.args) + 1))
    for node in row_sums:
        store = next(s for s in stores if s.how == "row_sum" and s.node is node.args[0])
        places[node] = (store.place, level[node])
    stages = [Stage() for _ in range(1 + max((level[s.node] for s in stores), default=0))]
    groups: dict[tuple[Node, ...], list[Node]] = {}
    for product in products:
        of_any_matrix = product.op == "product"
        groups.setdefault(product.args if of_any_matrix else (product,), []).append(product)
    for group in groups.values():
        arguments = group[0].args
        alone = [s for s in stores if s.how == "set" and s.node is group[0]] if len(group) == 1 else []
        if alone:  # the product is what is to be stored, and is written where it belongs
            stores.remove(alone[0])
            places[group[0]] = (alone[0].place, level[group[0]])
            stage = stages[level[group[0]] - 1]
            stage.products += _pack(arguments, group, {n: p for n, (p, _) in places.items()}, alone[0].place)
            continue
        name = f"scratch{len(scratch)}"
        scratch[name] = sum(p.width for p in group)
        column = 0
        for product in group:
            places[product] = (Place(name, column), level[product])
            column += product.width
        stage = stages[level[group[0]] - 1]
        stage.products += _pack(arguments, group, {n: p for n, (p, _) in places.items()}, Place(name, 0))
    for node in _shared(stores, places, level, len(stages)):
        store = Store(node, scratch_place(node))
        stores.append(store)
        places[node] = (store.place, level[node] + 1)
    for store in stores:
        stages[level[store.node]].stores.append(store)
    return Schedule(stages, places, scratch)


def locate_all(nodes: Sequence[Node], places: dict[Node, Place]) -> list[Place] | None:
    """Return the place of every node, or None if one has none."""
    found = [locate(n, places) for n in nodes]
    return [p for p in found if p is not None] if None not in found else None


def _pack(arguments: Sequence[Node], group: Sequence[Node], places: dict[Node, Place], out: Place) -> list[Product]:
    """Return Σ arguments[k] @ matrices[k] with as few matrix products as the places of the arguments allow."""
    width = sum(p.width for p in group)
    runs: list[list[int]] = []
    for k, argument in enumerate(arguments):
        here, before = locate(argument, places), locate(arguments[k - 1], places)
        assert here is not None
        assert before is not None
        if runs and here == Place(before.buffer, before.column + arguments[k - 1].width):
            runs[-1].append(k)
        else:
            runs.append([k])
    packed = []
    for number, run in enumerate(runs):
        left = locate(arguments[run[0]], places)
        assert left is not None
        grid = tuple(tuple(p.extra[k] for p in group) for k in run)  # type: ignore[index]
        packed.append(Product(left, sum(arguments[k].width for k in run), grid, out, width, number > 0, group[0].op))
    return packed


def _walk_until(roots: Iterable[Node], given: set[Node]) -> Iterable[Node]:
    """Yield what has to be computed or read for `roots`, without looking under what is given."""
    seen: set[Node] = set()
    stack = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, ready = stack.pop()
        if ready:
            yield node
        elif node not in seen:
            seen.add(node)
            stack.append((node, True))
            if node not in given:
                stack.extend((a, False) for a in reversed(node.args))


def _shared(
    stores: Sequence[Store],
    places: dict[Node, tuple[Place, int]],
    level: dict[Node, int],
    count: int,
) -> list[Node]:
    """Return what is computed in one stage, needed in a later one, and worth keeping in between."""
    kept: list[Node] = []
    while True:
        ready = {n: since for n, (_, since) in places.items()} | {n: level[n] + 1 for n in kept}
        visited: list[list[Node]] = []
        for stage in range(count):
            roots = [s.node for s in stores if level[s.node] == stage] + [n for n in kept if level[n] == stage]
            there = {n for n, since in ready.items() if since <= stage}
            visited.append([n for n in _walk_until(roots, there) if n not in there and n.elementwise])
        found = next(
            (
                n
                for later in range(1, count)
                for n in reversed(visited[later])
                if level[n] < later
                and n.op not in CONDITIONS
                and n not in kept
                and any(n in visited[earlier] for earlier in range(later))
                and _worth_keeping(n, {m for m, since in ready.items() if since <= later})
            ),
            None,
        )
        if found is None:
            return kept
        kept.append(found)


def _worth_keeping(node: Node, there: set[Node]) -> bool:
    below = list(_walk_until([node], there))
    loads = [n for n in below if n in there or n.op in ("slice", "vector")]
    return any(n.op in DEAR for n in below if n not in there) or len(loads) > FEW_LOADS
