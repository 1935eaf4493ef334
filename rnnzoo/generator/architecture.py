"""A drawn network as plain data: what a file holds, checked as strictly as it is written down."""

import json
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, ValidationError, model_validator

from rnnzoo.generator.graphs import Edges, sinks, sources
from rnnzoo.strict import PositiveInt, Scalar, Strict

Operation = Literal["identity", "tanh", "sin", "elu", "leaky_relu", "gate", "blend"]


class ArchitectureError(ValueError):
    """A text that is no architecture; the message says where and what is allowed."""


class Delay(Strict):
    """A node that puts out what reached it `lag` steps ago, zero before the start.

    Attributes:
        lag: time steps, at least 1.
    """

    lag: PositiveInt


class CellGraph(Strict):
    """A cell: a state, and the graph of operations that proposes its next value.

    Attributes:
        operations: name of each node's operation, in `rnnzoo.generator.operations`.
        edges: among them.
    """

    operations: Annotated[tuple[Operation, ...], Field(min_length=1)]
    edges: Edges

    @model_validator(mode="after")
    def _is_a_graph(self) -> Self:
        check_graph(self.edges, len(self.operations))
        return self


class Block(Strict):
    """A graph of cells and delays.

    Attributes:
        nodes: what each node is; a source or a sink is a cell.
        edges: among them.
    """

    nodes: Annotated[tuple[CellGraph | Delay, ...], Field(min_length=1)]
    edges: Edges

    @model_validator(mode="after")
    def _is_a_graph(self) -> Self:
        check_graph(self.edges, len(self.nodes))
        check_ends(self.edges, [isinstance(node, Delay) for node in self.nodes])
        return self


class Architecture(Strict):
    """A network: a graph of blocks and delays.

    Attributes:
        nodes: what each node is; a source or a sink is a block.
        edges: among them.
        origin: what it was drawn from, name → value; says nothing about the network itself.
    """

    nodes: Annotated[tuple[Block | Delay, ...], Field(min_length=1)]
    edges: Edges
    origin: dict[str, Scalar] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _is_a_graph(self) -> Self:
        check_graph(self.edges, len(self.nodes))
        check_ends(self.edges, [isinstance(node, Delay) for node in self.nodes])
        return self

    @classmethod
    def from_text(cls, text: str, place: str = "architecture") -> Self:
        """Read what `to_text` wrote.

        Raises:
            ArchitectureError: it is no JSON, or not that of an architecture; the message names the entries.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            found = [(".".join(map(str, e["loc"])) or "text", e["msg"]) for e in error.errors(include_url=False)]
            shown = "; ".join(f"{entry}: {said}" for entry, said in found[:5])
            raise ArchitectureError(
                f"{place} is no architecture: {shown}; write one with `rnnzoo generate`, or mend these entries"
            ) from None

    @classmethod
    def read(cls, path: Path) -> Self:
        """Read a file.

        Raises:
            ArchitectureError: the file cannot be read or holds something else.
        """
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ArchitectureError(f"{path} cannot be read: {error}; name a file of `rnnzoo generate`") from None
        return cls.from_text(text, str(path))

    def to_text(self) -> str:
        """Return JSON with one line a cell or delay, to be read by people too."""
        nodes = ",\n".join(f"    {_shown(node)}" for node in self.nodes)
        head = f'  "origin": {json.dumps(self.origin)},\n' if self.origin else ""
        return f'{{\n{head}  "edges": {json.dumps(self.edges)},\n  "nodes": [\n{nodes}\n  ]\n}}\n'

    def counts(self) -> dict[str, int]:
        """Return how many blocks, cells, delays and operations there are."""
        blocks = [node for node in self.nodes if isinstance(node, Block)]
        inner = [node for block in blocks for node in block.nodes]
        cells = [node for node in inner if isinstance(node, CellGraph)]
        delays = len(self.nodes) - len(blocks) + len(inner) - len(cells)
        operations = sum(len(cell.operations) for cell in cells)
        return {"blocks": len(blocks), "cells": len(cells), "delays": delays, "operations": operations}


def _shown(node: Block | Delay) -> str:
    if isinstance(node, Delay):
        return json.dumps(node.model_dump(mode="json"))
    inner = ",\n".join(f"      {json.dumps(part.model_dump(mode='json'))}" for part in node.nodes)
    return f'{{"edges": {json.dumps(node.edges)}, "nodes": [\n{inner}\n    ]}}'


def check_graph(edges: Edges, nodes: int) -> None:
    """Raise a ValueError unless the edges join all nodes into one graph without cycles or repeats."""
    for a, b in edges:
        if not 0 <= a < b < nodes:
            raise ValueError(f"an edge must go from a lower to a higher node of 0 … {nodes - 1}, got {[a, b]}")
    if len(set(edges)) < len(edges):
        raise ValueError(f"an edge stands twice in {[list(edge) for edge in edges]}; leave one out")
    import networkx as nx  # a quarter of a second, which who draws no network is spared

    graph: nx.Graph[int] = nx.Graph(edges)
    graph.add_nodes_from(range(nodes))
    if not nx.is_connected(graph):
        raise ValueError(f"the edges {[list(edge) for edge in edges]} must join all {nodes} nodes; add some")


def check_ends(edges: Edges, delays: list[bool]) -> None:
    """Raise a ValueError if a source or a sink is a delay."""
    nodes = len(delays)
    wrong = [node for node in sorted({*sources(edges, nodes), *sinks(edges, nodes)}) if delays[node]]
    if wrong:
        raise ValueError(f"a delay must have a node before and one after it; node {wrong[0]} is at an end")
