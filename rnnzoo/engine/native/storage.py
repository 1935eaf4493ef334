"""Which values of the forward pass are stored for the backward pass, and which are computed again: a minimum cut.

Every value costs its width to store and to read; states and u, which are there anyway, cost the reading alone. A value
may be computed again if all that it is made of is there, unless it is a product or dear.
"""

import math
from collections import deque
from collections.abc import Sequence

from rnnzoo.engine.native.graph import PRODUCTS, Node, Unsupported, walk
from rnnzoo.engine.native.operators import CONDITIONS, DEAR

READING = 0.3
"""What reading a value costs, as a share of storing and reading it."""


def choose_saved(
    forward: Sequence[Node], backward: Sequence[Node], *, available: set[Node], rebuild: bool
) -> list[Node]:
    """Return what to store beside `available`, in a fixed order.

    Args:
        forward: what the forward pass computes anyway.
        backward: what the backward pass computes.
        available: what can be read in the backward pass at the cost of reading.
        rebuild: whether nothing may be stored.
    """
    order = [n for n in walk([*forward, *backward]) if not n.backward and n.op not in ("constant", "vector")]
    index = {n: k for k, n in enumerate(order)}
    computed = set(walk(forward))
    products = any(n.op in PRODUCTS for n in order)
    needed = {a for n in walk(backward) if n.backward for a in n.args if not a.backward}
    needed |= {n for n in backward if not n.backward}
    source, sink = 2 * len(order), 2 * len(order) + 1
    capacity: list[dict[int, float]] = [{} for _ in range(2 * len(order) + 2)]

    def connect(a: int, b: int, size: float) -> None:
        capacity[a][b] = capacity[a].get(b, 0.0) + size
        capacity[b].setdefault(a, 0.0)

    for node in order:
        k = index[node]
        if node in available:
            size = READING * node.width
        else:
            size = math.inf if rebuild or node.op in (*CONDITIONS, "cat", "expand") else float(node.width)
        connect(2 * k, 2 * k + 1, size)
        # Without products a step is bound by memory, and a tanh computed again costs less than one stored.
        fixed = node.op in ("u", "state", *PRODUCTS, "row_sum") or (
            products and node.op in DEAR and node in computed and not available.issuperset(node.args)
        )
        if fixed:
            connect(source, 2 * k, math.inf)
        for argument in node.args:
            if argument in index:
                connect(2 * index[argument] + 1, 2 * k, math.inf)
        if node in needed:
            connect(2 * k + 1, sink, math.inf)

    reached = _saturate(capacity, source, sink)
    return [n for n in order if reached[2 * index[n]] and not reached[2 * index[n] + 1] and n not in available]


def _saturate(capacity: list[dict[int, float]], source: int, sink: int) -> list[bool]:
    """Push flow along shortest paths until none is left; return what is still reached from the source."""
    while True:
        before: dict[int, int] = {source: source}
        queue = deque([source])
        while queue and sink not in before:
            here = queue.popleft()
            for there, room in capacity[here].items():
                if room > 0 and there not in before:
                    before[there] = here
                    queue.append(there)
        if sink not in before:
            return [k in before for k in range(len(capacity))]
        path, there = [], sink
        while there != source:
            path.append((before[there], there))
            there = before[there]
        flow = min(capacity[a][b] for a, b in path)
        if math.isinf(flow):
            raise Unsupported("the derivative of step needs a value that can neither be stored nor computed again")
        for a, b in path:
            capacity[a][b] -= flow
            capacity[b][a] += flow
