"""A drawn network as a picture: blocks with their cells in them and the operations in those, from left to right."""

from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, FancyArrowPatch, FancyBboxPatch

from rnnzoo.generator.architecture import Architecture, Block, CellGraph, Delay
from rnnzoo.generator.graphs import Edges, sinks, sources

INK, PAPER = "#1d2126", "#ffffff"
FILLS = {"block": "#f1f3f5", "cell": "#ffffff", "delay": "#fff0cc"}
LINES = {"block": "#9aa3ad", "cell": "#5f6b76", "delay": "#b07d00"}
COLOURS = {
    "identity": "#d9dde1",
    "tanh": "#8ec1e6",
    "sin": "#7fd0b0",
    "elu": "#f3c78b",
    "leaky_relu": "#ee9f7f",
    "gate": "#c9a6dd",
    "blend": "#e8b0cc",
}
SHORT = {"identity": "id", "leaky_relu": "lrelu"}
RADIUS, GAP, PAD = 0.3, 0.42, 0.26
INCHES = 0.42
"""Inches for a unit of the layout; an operation's circle is 0.6 units wide."""

Point = tuple[float, float]


@dataclass(frozen=True)
class Box:
    """Where a node lies: its centre and half its size, in layout units."""

    x: float
    y: float
    half_width: float
    half_height: float

    @property
    def left(self) -> Point:
        """Where edges enter."""
        return (self.x - self.half_width, self.y)

    @property
    def right(self) -> Point:
        """Where edges leave."""
        return (self.x + self.half_width, self.y)


def picture(architecture: Architecture, title: str = "") -> Figure:
    """Return a figure of a network.

    Boxes are blocks, white boxes in them cells, circles operations; yellow pills are delays with their steps. Time runs
    from left to right within a step: what a node reads lies left of it. The state of a cell returns to it at the next
    step and is not drawn.
    """
    sizes = [_size(node) for node in architecture.nodes]
    width, height = _extent(sizes, architecture.edges)
    figure = Figure(figsize=(INCHES * (width + 3.4), INCHES * (height + (1.4 if title else 0.8))), facecolor=PAPER)
    axes = figure.add_axes((0.0, 0.0, 1.0, 1.0))
    axes.set_axis_off()
    axes.set_aspect("equal")
    axes.set_xlim(-1.7, width + 1.7)
    axes.set_ylim(-height / 2 - 0.4, height / 2 + (1.0 if title else 0.4))
    boxes = place(sizes, architecture.edges, (0.0, 0.0))
    _edges(axes, boxes, architecture.edges, 1.4, bend=0.12)
    for node, box in zip(architecture.nodes, boxes, strict=True):
        _draw(axes, node, box)
    count = len(boxes)
    for number in sources(architecture.edges, count):
        _arrow(axes, (-1.1, boxes[number].y), boxes[number].left, 1.4, 0.0)
        axes.text(-1.2, boxes[number].y, "x", ha="right", va="center", fontsize=11, color=INK, style="italic")
    for number in sinks(architecture.edges, count):
        _arrow(axes, boxes[number].right, (width + 1.1, boxes[number].y), 1.4, 0.0)
        axes.text(width + 1.2, boxes[number].y, "y", ha="left", va="center", fontsize=11, color=INK, style="italic")
    if title:
        axes.text(0.0, height / 2 + 0.6, title, ha="left", va="center", fontsize=10, color=INK)
    return figure


def layers(edges: Edges, nodes: int) -> list[list[int]]:
    """Return the nodes by the length of the longest path to them."""
    graph: nx.DiGraph[int] = nx.DiGraph(edges)
    graph.add_nodes_from(range(nodes))
    return [sorted(layer) for layer in nx.topological_generations(graph)]


def place(sizes: Sequence[Point], edges: Edges, left_middle: Point) -> list[Box]:
    """Return a box for each node: layers from left to right, the nodes of a layer above each other.

    Args:
        sizes: width and height of each node.
        edges: among them.
        left_middle: where the drawing begins: its left edge, half-way up.
    """
    boxes: dict[int, Box] = {}
    x, middle = left_middle
    for depth, layer in enumerate(layers(edges, len(sizes))):
        width = max(sizes[node][0] for node in layer)
        height = sum(sizes[node][1] for node in layer) + GAP * (len(layer) - 1)
        # edges that skip a layer pass beside its nodes, not under them
        top = middle + height / 2 + (0.2 if depth % 2 else -0.2) * (len(sizes) > 2)
        for node in layer:
            wide, high = sizes[node]
            boxes[node] = Box(x + width / 2, top - high / 2, wide / 2, high / 2)
            top -= high + GAP
        x += width + 1.6 * GAP
    return [boxes[node] for node in range(len(sizes))]


def _extent(sizes: Sequence[Point], edges: Edges) -> Point:
    boxes = place(sizes, edges, (0.0, 0.0))
    width = max(box.x + box.half_width for box in boxes)
    reach = max(abs(box.y) + box.half_height for box in boxes)
    return width, 2 * reach


def _size(node: Block | CellGraph | Delay) -> Point:
    match node:
        case Delay():
            return (1.1, 0.6)
        case CellGraph():
            inner = [(2 * RADIUS, 2 * RADIUS)] * len(node.operations)
        case Block():
            inner = [_size(part) for part in node.nodes]
    width, height = _extent(inner, node.edges)
    return (width + 2 * PAD, height + 2 * PAD)


def _draw(axes: Axes, node: Block | CellGraph | Delay, box: Box) -> None:
    kind = {Block: "block", CellGraph: "cell", Delay: "delay"}[type(node)]
    corner = (box.x - box.half_width, box.y - box.half_height)
    rounding = min(0.28, box.half_height) if kind == "delay" else 0.14
    style = f"round,pad=0,rounding_size={rounding}"
    axes.add_patch(
        FancyBboxPatch(corner, 2 * box.half_width, 2 * box.half_height, boxstyle=style, facecolor=FILLS[kind],
                       edgecolor=LINES[kind], linewidth=1.0, zorder=2 if kind == "block" else 4)
    )  # fmt: skip
    start = (box.x - box.half_width + PAD, box.y)
    match node:
        case Delay():
            axes.text(box.x, box.y, f"t \u2212 {node.lag}", ha="center", va="center", fontsize=7, color=INK, zorder=6)
        case CellGraph():
            inner = place([(2 * RADIUS, 2 * RADIUS)] * len(node.operations), node.edges, start)
            _edges(axes, inner, node.edges, 0.7, bend=0.25, zorder=5)
            for name, spot in zip(node.operations, inner, strict=True):
                axes.add_patch(Circle((spot.x, spot.y), RADIUS, facecolor=COLOURS[name], edgecolor=INK, linewidth=0.5,
                                      zorder=6))  # fmt: skip
                axes.text(spot.x, spot.y, SHORT.get(name, name), ha="center", va="center", fontsize=5.2, color=INK,
                          zorder=7)  # fmt: skip
        case Block():
            inner = place([_size(part) for part in node.nodes], node.edges, start)
            _edges(axes, inner, node.edges, 1.0, bend=0.15, zorder=3)
            for part, spot in zip(node.nodes, inner, strict=True):
                _draw(axes, part, spot)


def _edges(axes: Axes, boxes: Sequence[Box], edges: Edges, width: float, bend: float, zorder: float = 1) -> None:
    for a, b in edges:
        far = boxes[b].left[0] - boxes[a].right[0] > 2 * GAP
        _arrow(axes, boxes[a].right, boxes[b].left, width, (bend if b % 2 else -bend) if far else 0.0, zorder)


def _arrow(axes: Axes, start: Point, end: Point, width: float, bend: float, zorder: float = 1) -> None:
    axes.add_patch(
        FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=4 + 4 * width, linewidth=width, color="#45505a",
                        shrinkA=0, shrinkB=0, connectionstyle=f"arc3,rad={bend}", zorder=zorder)
    )  # fmt: skip
