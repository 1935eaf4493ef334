"""One loop of a generated step: elementwise operations over the rows of a thread and the columns of a width."""

from collections.abc import Mapping, Sequence

from rnnzoo.engine.native.graph import Node
from rnnzoo.engine.native.naming import Naming, factor, indent
from rnnzoo.engine.native.operators import CONDITIONS, EXPRESSIONS
from rnnzoo.engine.native.schedule import Place, Store


def loop(
    names: Naming,
    stores: Sequence[Store],
    there: Mapping[Node, Place],
    width: int,
    *,
    scratch: dict[str, int],
    prefix: str,
    ahead_of: dict[str, str],
) -> list[str]:
    """Return the loop that computes and writes `stores`, all of one width.

    Args:
        names: of the source.
        stores: what to write.
        there: what can be read, and where.
        width: columns; with 0 it is a loop over rows that writes a single column of each.
        scratch: name → width of the buffers within a step, called `prefix` and the name.
        prefix: see scratch.
        ahead_of: buffer → how far from a row of this step the row of the next one computed lies, to be prefetched;
            what is prefetched here is taken out.
    """
    rows: dict[str, str] = {}
    ahead: list[str] = []
    statements: list[str] = []
    known: dict[Node, str] = {}
    counts: dict[str, int] = {}

    def row(buffer: str, *, written: bool) -> str:
        if buffer == "column_sums":
            return buffer
        pointer, stride = names.buffer(buffer, scratch, prefix)
        name = f"{pointer.removesuffix('_t')}_i"
        if written or name not in rows:
            rows[name] = f"{'' if written else 'const '}real* const {name} = {pointer} + i * {factor(stride)};"
        if buffer in ahead_of:
            ahead.append(f"prefetch({name} {ahead_of.pop(buffer)}, {names.row_width(buffer)});")
        return name

    def column(place: Place, node_width: int) -> str:
        start = names.offset(place)
        if node_width != width or names.single(place):
            return start
        return "j" if start == "0" else f"{start} + j"

    def assign(node: Node, expression: str, label: str) -> str:
        counts[label] = counts.get(label, 0) + 1
        name = label if counts[label] == 1 and label not in EXPRESSIONS else f"{label}_{counts[label]}"
        kind = "bool" if node.op in CONDITIONS else "real"
        statements.append(f"const {kind} {name} = {expression};")
        return name

    def load(place: Place, node: Node) -> str:
        pointer = row(place.buffer, written=False)
        return assign(node, f"{pointer}[{column(place, node.width)}]", names.label(place, node))

    def value(node: Node) -> str:
        if node not in known:
            known[node] = find(node)
        return known[node]

    def find(node: Node) -> str:
        if node in there:
            return load(there[node], node)
        if node.op == "constant":
            return names.constant(node.extra)
        if node.op == "vector":
            return assign(node, f"{names.vector(node)}[{column(Place('', 0), node.width)}]", f"{names.vector(node)}_j")
        if node.op == "slice":
            inside, start = node.args[0], node.extra
            assert isinstance(start, int)
            if inside.op == "vector":
                return assign(node, f"{names.vector(inside)}[{column(Place('', start), node.width)}]", "part")
            place = there[inside]
            return load(Place(place.buffer, place.column + start), node)
        if node.op == "expand":
            return value(node.args[0])
        operands = [value(a) for a in node.args]
        return assign(node, EXPRESSIONS[node.op].format(*operands), node.op)

    results = [(store, value(store.node)) for store in stores]
    totals: list[str] = []
    after: list[str] = []
    for store, name in results:
        target = row(store.place.buffer, written=True)
        if store.how == "row_sum":
            totals.append(f"total_{len(totals)}")
            statements.append(f"{totals[-1]} += {name};")
            after.append(f"{target}[{names.offset(store.place)}] = {totals[-1]};")
        else:
            sign = "+=" if store.how == "column_sum" else "="
            statements.append(f"{target}[{column(store.place, store.node.width)}] {sign} {name};")
    inner = [f"real {' = 0, '.join(totals)} = 0;"] if totals else []
    reduced = f" reduction(+ : {', '.join(totals)})" if totals else ""
    inner.append(f"#pragma omp simd{reduced}")
    start = ["for (long i = 0; i < rows; ++i) {", *indent([*rows.values(), *ahead])]
    if width == 0:
        return [*start, *indent(statements), "}"]
    return [
        *start,
        *indent(inner),
        f"    for (long j = 0; j < {names.sizes(width)}; ++j) {{",
        *indent(indent(statements)),
        "    }",
        *indent(after),
        "}",
    ]
