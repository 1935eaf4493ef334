"""Random graphs as directed ones: drawn until connected, every edge from the lower to the higher node."""

from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING

from rnnzoo.generator.hyperparameters import OWNER

if TYPE_CHECKING:
    import networkx as nx  # imported where it is used: a quarter of a second, which who draws no network is spared

Edges = tuple[tuple[int, int], ...]
"""Edges (from, to), from < to, in ascending order: a graph without cycles."""

MOST_DRAWS = 1000
"""Draws after which a connected graph is given up."""


class Disconnected(ValueError):  # noqa: N818 - says what is the case
    """No draw was connected; the message names the hyperparameters."""


def watts_strogatz(level: str, nodes: int, neighbours: int, rewiring: float, rng: Random) -> Edges:
    """Return a connected small-world graph; see `Hyperparameters` for N, K and P.

    Raises:
        Disconnected: `MOST_DRAWS` draws were all disconnected.
    """
    import networkx as nx

    said = f"{level}_nodes = {nodes}, {level}_neighbours = {neighbours} and {level}_rewiring = {rewiring}"
    remedy = f"raise {level}_neighbours or lower {level}_rewiring"
    return _connected(lambda seed: nx.watts_strogatz_graph(nodes, neighbours, rewiring, seed=seed), rng, said, remedy)


def erdos_renyi(level: str, nodes: int, edges: float, rng: Random) -> Edges:
    """Return a connected graph in which each pair is joined with the same probability.

    Raises:
        Disconnected: `MOST_DRAWS` draws were all disconnected.
    """
    import networkx as nx

    said = f"{level}_nodes = {nodes} and {level}_edges = {edges}"
    remedy = f"raise {level}_edges or lower {level}_nodes"
    return _connected(lambda seed: nx.gnp_random_graph(nodes, edges, seed=seed), rng, said, remedy)


def _connected(draw: Callable[[int], "nx.Graph[int]"], rng: Random, said: str, remedy: str) -> Edges:
    import networkx as nx

    for _ in range(MOST_DRAWS):
        graph = draw(rng.getrandbits(32))
        if nx.is_connected(graph):
            return tuple(sorted((min(edge), max(edge)) for edge in graph.edges))
    raise Disconnected(f"{OWNER}: no connected graph among {MOST_DRAWS} draws with {said}; {remedy}")


def predecessors(edges: Edges, node: int) -> tuple[int, ...]:
    """Return the nodes with an edge to `node`, in ascending order."""
    return tuple(a for a, b in edges if b == node)


def sources(edges: Edges, nodes: int) -> tuple[int, ...]:
    """Return the nodes without a predecessor."""
    return tuple(node for node in range(nodes) if not any(b == node for _, b in edges))


def sinks(edges: Edges, nodes: int) -> tuple[int, ...]:
    """Return the nodes without a successor."""
    return tuple(node for node in range(nodes) if not any(a == node for a, _ in edges))
