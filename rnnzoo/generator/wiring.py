"""An architecture without its levels: units and registers in the order in which a step computes them."""

from dataclasses import dataclass

from rnnzoo.generator.architecture import Architecture, CellGraph, Delay
from rnnzoo.generator.graphs import Edges, predecessors, sinks, sources


@dataclass(frozen=True)
class Unit:
    """A cell of the graph: a state and the operations that propose its next value.

    Attributes:
        inputs: numbers of the nodes whose values it reads, lower than its own; none where it reads the input.
        operations, edges: its graph.
    """

    inputs: tuple[int, ...]
    operations: tuple[str, ...]
    edges: Edges

    @property
    def sources(self) -> tuple[int, ...]:
        """Operations that read a pre-activation of their own."""
        return sources(self.edges, len(self.operations))

    @property
    def sinks(self) -> tuple[int, ...]:
        """Operations whose values are the proposal."""
        return sinks(self.edges, len(self.operations))

    @property
    def gates(self) -> int:
        """Pre-activations: one a source, and one for the update gate."""
        return len(self.sources) + 1


@dataclass(frozen=True)
class Register:
    """A delay: all that it reads, side by side, `lag` steps later.

    Attributes:
        inputs: numbers of the nodes whose values it reads.
        lag: steps.
    """

    inputs: tuple[int, ...]
    lag: int


@dataclass(frozen=True)
class Wiring:
    """A network, flat.

    Attributes:
        nodes: units and registers; each reads nodes of lower numbers.
        outputs: numbers of the units whose states are the output.
    """

    nodes: tuple[Unit | Register, ...]
    outputs: tuple[int, ...]

    @property
    def units(self) -> int:
        """How many units there are."""
        return sum(isinstance(node, Unit) for node in self.nodes)

    def widths(self, hidden_size: int) -> list[int]:
        """Return the width of each node's value: one for each unit, and hidden_size − 1 more shared out evenly.

        The first units come first where it leaves a rest, so that the number of parameters grows with the hidden size
        in the smallest possible pieces.
        """
        each, rest = divmod(hidden_size - 1, self.units)
        widths: list[int] = []
        seen = 0
        for node in self.nodes:
            if isinstance(node, Unit):
                widths.append(1 + each + (seen < rest))
                seen += 1
            else:
                widths.append(sum(widths[k] for k in node.inputs))
        return widths


def flatten(architecture: Architecture) -> Wiring:
    """Return the wiring: what enters a block enters its sources, and a block puts out its sinks."""
    nodes: list[Unit | Register] = []
    put_out: list[tuple[int, ...]] = []
    for number, top in enumerate(architecture.nodes):
        entering = tuple(k for before in predecessors(architecture.edges, number) for k in put_out[before])
        if isinstance(top, Delay):
            nodes.append(Register(entering, top.lag))
            put_out.append((len(nodes) - 1,))
            continue
        first = len(nodes)
        for inner, node in enumerate(top.nodes):
            inputs = tuple(first + k for k in predecessors(top.edges, inner)) or entering
            match node:
                case CellGraph():
                    nodes.append(Unit(inputs, node.operations, node.edges))
                case Delay():
                    nodes.append(Register(inputs, node.lag))
        put_out.append(tuple(first + k for k in sinks(top.edges, len(top.nodes))))
    ends = sinks(architecture.edges, len(architecture.nodes))
    return Wiring(tuple(nodes), tuple(k for end in ends for k in put_out[end]))
