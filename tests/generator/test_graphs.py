from random import Random

import networkx as nx
import pytest

from rnnzoo.generator.graphs import Disconnected, erdos_renyi, predecessors, sinks, sources, watts_strogatz
from rnnzoo.generator.hyperparameters import Hyperparameters


@pytest.mark.parametrize("seed", range(20))
def test_graphs_are_connected_and_every_edge_goes_up(seed: int) -> None:
    rng = Random(seed)
    for nodes, edges in (
        (8, watts_strogatz("top", 8, 4, 0.9, rng)),
        (8, erdos_renyi("middle", 8, 0.25, rng)),
        (1, erdos_renyi("middle", 1, 0.0, rng)),
    ):
        assert all(a < b for a, b in edges)
        graph = nx.Graph(edges)
        graph.add_nodes_from(range(nodes))
        assert nx.is_connected(graph)
        assert len(graph) == nodes
        directed = nx.DiGraph(edges)
        directed.add_nodes_from(range(nodes))
        assert sources(edges, nodes) == tuple(n for n in range(nodes) if directed.in_degree(n) == 0)
        assert sinks(edges, nodes) == tuple(n for n in range(nodes) if directed.out_degree(n) == 0)
        assert all(predecessors(edges, n) == tuple(sorted(directed.predecessors(n))) for n in range(nodes))


def test_without_rewiring_the_graph_is_the_ring() -> None:
    assert watts_strogatz("top", 5, 2, 0.0, Random(0)) == ((0, 1), (0, 4), (1, 2), (2, 3), (3, 4))
    assert len(watts_strogatz("top", 7, 4, 0.7, Random(0))) == 14  # rewiring moves edges, it makes none


def test_the_share_of_edges_is_their_probability() -> None:
    rng = Random(0)
    drawn = [len(erdos_renyi("middle", 6, 0.8, rng)) for _ in range(200)]
    # 15 pairs, so the mean of 200 varies by sqrt(15 · 0.16 / 200) = 0.11; hardly a graph is redrawn at 0.8
    assert sum(drawn) / 200 == pytest.approx(12.0, abs=0.45)


def test_a_graph_that_is_never_connected_is_given_up_with_its_numbers() -> None:
    with pytest.raises(Disconnected, match=r"middle_nodes = 10 and middle_edges = 0\.001; raise middle_edges"):
        erdos_renyi("middle", 10, 0.001, Random(0))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"top_neighbours": 4}, "top_neighbours must be below top_nodes, got top_neighbours = 4 and top_nodes = 4"),
        ({"bottom_nodes": 3, "bottom_neighbours": 3}, r"bottom_neighbours in \[2, 2\] or more nodes"),
        ({"top_nodes": 2}, r"top_nodes must lie in \[3, 10\], got 2"),
        ({"bottom_nodes": 11}, r"bottom_nodes must lie in \[3, 10\], got 11"),
        ({"middle_nodes": 0}, r"middle_nodes must lie in \[1, 10\], got 0"),
        ({"middle_nodes": 2, "middle_edges": 0.0}, "leaves the graph empty; raise it, or set middle_nodes = 1"),
        ({"middle_edges": 1.5}, r"middle_edges must lie in \[0, 1\], got 1.5"),
        ({"top_rewiring": -0.1}, r"top_rewiring must lie in \[0, 1\], got -0.1"),
    ],
)
def test_impossible_hyperparameters_are_named(options: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Hyperparameters(**options)  # type: ignore[arg-type]
