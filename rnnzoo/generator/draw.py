"""From eight hyperparameters and a seed to a network: the same ones give the same network everywhere."""

from functools import lru_cache
from random import Random

from rnnzoo.generator.architecture import Architecture, Block, CellGraph, Delay
from rnnzoo.generator.graphs import Edges, erdos_renyi, predecessors, sinks, sources, watts_strogatz
from rnnzoo.generator.hyperparameters import Hyperparameters
from rnnzoo.generator.operations import OPERATIONS

DELAYS = 0.5
"""Probability, at top and middle level, that a node is a delay where it may be one."""

LAGS = (1, 2, 4)
"""Steps of a delay, each as likely as the others."""


@lru_cache(maxsize=64)  # sizing a network asks for it again and again
def draw(given: Hyperparameters, seed: int) -> Architecture:
    """Return the network of a seed.

    A Watts–Strogatz graph of blocks; in each block an Erdős–Rényi graph of cells; in each cell a Watts–Strogatz graph
    of operations. At the upper two levels a node is a delay with probability `DELAYS` if it stands between others and
    every node after it has another one before it that is none, so that each input has a way to the output without
    delay.

    Args:
        given: the hyperparameters.
        seed: of this network, at least 0.

    Raises:
        Disconnected: a graph of these hyperparameters is practically never connected.
    """
    rng = Random(seed)
    edges = watts_strogatz("top", given.top_nodes, given.top_neighbours, given.top_rewiring, rng)
    nodes = tuple(lag or _block(given, rng) for lag in _delays(edges, given.top_nodes, rng))
    return Architecture(nodes=nodes, edges=edges, origin={**given.as_dict(), "graph_seed": seed})


def _block(given: Hyperparameters, rng: Random) -> Block:
    edges = erdos_renyi("middle", given.middle_nodes, given.middle_edges, rng)
    nodes = tuple(lag or _cell(given, rng) for lag in _delays(edges, given.middle_nodes, rng))
    return Block(nodes=nodes, edges=edges)


def _cell(given: Hyperparameters, rng: Random) -> CellGraph:
    edges = watts_strogatz("bottom", given.bottom_nodes, given.bottom_neighbours, given.bottom_rewiring, rng)
    operations = tuple(rng.choice(OPERATIONS) for _ in range(given.bottom_nodes))
    return CellGraph.model_validate({"operations": operations, "edges": edges})


def _delays(edges: Edges, nodes: int, rng: Random) -> list[Delay | None]:
    """Return a delay for each node that is one, and None for each that is a block or a cell."""
    ends = {*sources(edges, nodes), *sinks(edges, nodes)}
    chosen: dict[int, Delay] = {}
    for node in range(nodes):
        wanted, lag = rng.random() < DELAYS, rng.choice(LAGS)
        after = [b for a, b in edges if a == node]
        others = all(any(k != node and k not in chosen for k in predecessors(edges, b)) for b in after)
        if wanted and node not in ends and others:
            chosen[node] = Delay(lag=lag)
    return [chosen.get(node) for node in range(nodes)]
