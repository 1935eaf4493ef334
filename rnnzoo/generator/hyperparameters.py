"""The eight numbers that say how networks are drawn, and their ranges."""

from dataclasses import dataclass, fields
from typing import Any

from rnnzoo.checks import integer_in, number_in

MOST_NODES = 10
"""Most nodes of one graph, as in the search space of the authors' release."""

OWNER = "Generated"


@dataclass(frozen=True)
class Hyperparameters:
    """How a network is drawn: a graph of blocks, in each block a graph of cells, in each cell a graph of operations.

    Attributes:
        top_nodes, top_neighbours, top_rewiring: N, K and P of the Watts–Strogatz graph of blocks: a ring of N nodes,
            each joined to its K nearest (K // 2 on each side), each edge moved elsewhere with probability P.
        middle_nodes, middle_edges: N and P of the Erdős–Rényi graph of cells in a block: every pair is joined with
            probability P; a single cell is a block too.
        bottom_nodes, bottom_neighbours, bottom_rewiring: N, K and P of the Watts–Strogatz graph of operations in a
            cell.

    Ranges: N in 1 … 10 (a Watts–Strogatz graph needs 3), K in 2 … N − 1, P in [0, 1].

    Raises:
        TypeError, ValueError: a value is of another type or outside its range, or leaves a graph without edges.

    Source: Ru, Esperança and Carlucci, Neural Architecture Generator Optimization, NeurIPS 2020, with the ranges of the
    authors' release (github.com/rubinxin/vega_NAGO, commit ceb30f3, examples/nas/nago/nago.yml): N in 3 … 10,
    K in 2 … 5, P in [0.1, 1] at top and bottom and [0.2, 1] in the middle.
    """

    top_nodes: int = 4
    top_neighbours: int = 2
    top_rewiring: float = 0.5
    middle_nodes: int = 2
    middle_edges: float = 0.6
    bottom_nodes: int = 4
    bottom_neighbours: int = 2
    bottom_rewiring: float = 0.5

    def __post_init__(self) -> None:
        """Check every value and what they mean together."""
        for level in ("top", "bottom"):
            nodes = integer_in(OWNER, f"{level}_nodes", getattr(self, f"{level}_nodes"), 3, MOST_NODES)
            neighbours = integer_in(OWNER, f"{level}_neighbours", getattr(self, f"{level}_neighbours"), 2, MOST_NODES)
            if neighbours >= nodes:
                raise ValueError(
                    f"{OWNER}: {level}_neighbours must be below {level}_nodes, got {level}_neighbours = {neighbours} "
                    f"and {level}_nodes = {nodes}; choose {level}_neighbours in [2, {nodes - 1}] or more nodes"
                )
            number_in(OWNER, f"{level}_rewiring", getattr(self, f"{level}_rewiring"), 0.0, 1.0)
        integer_in(OWNER, "middle_nodes", self.middle_nodes, 1, MOST_NODES)
        number_in(OWNER, "middle_edges", self.middle_edges, 0.0, 1.0)
        if self.middle_nodes > 1 and self.middle_edges == 0:
            raise ValueError(
                f"{OWNER}: middle_edges must lie in (0, 1] for middle_nodes = {self.middle_nodes}, got 0, which leaves "
                "the graph empty; raise it, or set middle_nodes = 1"
            )

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the eight names in order."""
        return tuple(field.name for field in fields(cls))

    def as_dict(self) -> dict[str, Any]:
        """Return name → value."""
        return {name: getattr(self, name) for name in self.names()}
