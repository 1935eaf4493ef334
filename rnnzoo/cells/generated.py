"""A recurrent network whose wiring is a draw of hierarchical random graphs."""

import math
from typing import final

import torch
from optuna.distributions import FloatDistribution, IntDistribution
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells.base import Cell, State, Weights, parameter
from rnnzoo.cells.settings import Construction, SearchSpace
from rnnzoo.checks import integer_in
from rnnzoo.generator.architecture import Architecture
from rnnzoo.generator.draw import draw
from rnnzoo.generator.graphs import predecessors
from rnnzoo.generator.hyperparameters import Hyperparameters
from rnnzoo.generator.operations import ONE, TWO
from rnnzoo.generator.wiring import Unit, Wiring, flatten

TIMESCALES = (1.1, 32.0)
"""Steps in which a unit forgets at the start: drawn between these on a logarithmic scale."""

DEFAULTS = Hyperparameters()


@final
class Generated(Cell):
    """A random graph of blocks, each a random graph of gated units, each a random graph of operations.

    For every unit i in the order of the graph, with x̂ the values x_j of its predecessors (x_t, where it has none):
    (a_0, a_1, …, a_k) = A_i [x̂; s_i] + b_i
    v_j = op_j(a_j) for each source j of its operations, v_j = op_j(γ_j ⊙ Σ_{l→j} v_l / √indegree_j) for the others
    c = tanh(Σ_{sinks j} v_j / √sinks),  g = σ(a_0)
    s_i ← s_i + g ⊙ (c − s_i),  x_i = (c + s_i)/√2 for the units that follow
    A delay puts out what its predecessors' values were `lag` steps ago. The output is the states of the last units.

    The state of every unit stays in [−1, 1], whatever the parameters: it is an average of numbers in that interval.

    Args:
        input_size: features d of the input.
        hidden_size: H; the network has H − 1 units of width beyond one for each unit of its graph, shared out evenly.
        top_nodes, …, bottom_rewiring: see `rnnzoo.generator.hyperparameters.Hyperparameters`.
        graph_seed: of the draw, at least 0.
        architecture: instead of a draw, the text of one, as `Architecture.to_text` writes it; in a study file, the name
            of a file that holds it.
        device, dtype: of the parameters.

    Parameters: V, b of the units that read the input; A_i, b_i of unit i; γ_i of its operations that are no sources.
    A_i and V are drawn from U(−√(3/n), √(3/n)) with n inputs, γ is 1, and b is 0 but for the gates, which make a unit
    forget in τ steps, log τ ~ U(log 1.1, log 32).

    Raises:
        TypeError, ValueError: a hyperparameter is outside its range, or one is given beside an architecture.

    Source: Ru, Esperança and Carlucci, Neural Architecture Generator Optimization, NeurIPS 2020: the hierarchy of
    graphs and its eight hyperparameters.
    Differs from the authors' code: theirs wires convolutions for images, so all that is recurrent here is ours: the
    gated state, delays, and what an operation is. They sum what enters a node, here a unit takes it side by side.
    """

    search_space = SearchSpace(
        cell={
            "top_nodes": IntDistribution(5, 7),
            "top_neighbours": IntDistribution(2, 4),
            "top_rewiring": FloatDistribution(0.1, 1.0),
            "middle_nodes": IntDistribution(1, 3),
            "middle_edges": FloatDistribution(0.2, 1.0),
            "bottom_nodes": IntDistribution(5, 7),
            "bottom_neighbours": IntDistribution(2, 4),
            "bottom_rewiring": FloatDistribution(0.1, 1.0),
        },
        training={
            "lr": FloatDistribution(1e-4, 3e-2, log=True),
            "clip_norm": FloatDistribution(0.1, 10.0, log=True),
        },
    )
    construction = Construction(seed="graph_seed", file="architecture")

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        top_nodes: int = DEFAULTS.top_nodes,
        top_neighbours: int = DEFAULTS.top_neighbours,
        top_rewiring: float = DEFAULTS.top_rewiring,
        middle_nodes: int = DEFAULTS.middle_nodes,
        middle_edges: float = DEFAULTS.middle_edges,
        bottom_nodes: int = DEFAULTS.bottom_nodes,
        bottom_neighbours: int = DEFAULTS.bottom_neighbours,
        bottom_rewiring: float = DEFAULTS.bottom_rewiring,
        graph_seed: int = 0,
        architecture: str | None = None,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size)
        given = Hyperparameters(
            top_nodes,
            top_neighbours,
            top_rewiring,
            middle_nodes,
            middle_edges,
            bottom_nodes,
            bottom_neighbours,
            bottom_rewiring,
        )
        self.top_nodes = given.top_nodes
        self.top_neighbours = given.top_neighbours
        self.top_rewiring = given.top_rewiring
        self.middle_nodes = given.middle_nodes
        self.middle_edges = given.middle_edges
        self.bottom_nodes = given.bottom_nodes
        self.bottom_neighbours = given.bottom_neighbours
        self.bottom_rewiring = given.bottom_rewiring
        self.graph_seed = integer_in("Generated", "graph_seed", graph_seed, 0, 2**63 - 1)
        self.architecture = architecture
        if architecture is not None:
            refuse_both(given)
        self.drawn = draw(given, self.graph_seed) if architecture is None else Architecture.from_text(architecture)
        self.wiring: Wiring = flatten(self.drawn)
        self.widths = self.wiring.widths(hidden_size)
        entering = 0
        for i, unit, width in self._units():
            pre = unit.gates * width
            reads = width + sum(self.widths[k] for k in unit.inputs)
            self.register_parameter(f"A_{i}", parameter(pre, reads, device=device, dtype=dtype))
            free = len(unit.operations) - len(unit.sources)
            if free:
                self.register_parameter(f"gain_{i}", parameter(free * width, device=device, dtype=dtype))
            if unit.inputs:
                self.register_parameter(f"b_{i}", parameter(pre, device=device, dtype=dtype))
            else:
                entering += pre
        self.V = parameter(entering, input_size, device=device, dtype=dtype)
        self.b = parameter(entering, device=device, dtype=dtype)
        self.reset_parameters()

    def _units(self) -> list[tuple[int, Unit, int]]:
        """Return number, unit and width of each unit."""
        nodes = zip(self.wiring.nodes, self.widths, strict=True)
        return [(i, node, width) for i, (node, width) in enumerate(nodes) if isinstance(node, Unit)]

    @property
    def state_sizes(self) -> dict[str, int]:
        """State s_i of each unit, and what a delay holds, the oldest first."""
        sizes = {}
        for i, (node, width) in enumerate(zip(self.wiring.nodes, self.widths, strict=True)):
            if isinstance(node, Unit):
                sizes[f"s_{i}"] = width
            else:
                sizes[f"delay_{i}"] = node.lag * width
        return sizes

    @property
    def output_size(self) -> int:
        """Widths of the last units together."""
        return sum(self.widths[k] for k in self.wiring.outputs)

    def reset_parameters(self) -> None:
        """Draw A and V with variance 1/n, set γ = 1 and b so that units forget in 1.1 to 32 steps."""
        if self.V.is_meta:  # there is nothing to fill, and sizing a model makes many that are thrown away
            return
        parameters = dict(self.named_parameters())
        nn.init.uniform_(self.V, -math.sqrt(3 / self.input_size), math.sqrt(3 / self.input_size))
        nn.init.zeros_(self.b)
        start = 0
        for i, unit, width in self._units():
            A = parameters[f"A_{i}"]
            nn.init.uniform_(A, -math.sqrt(3 / A.shape[1]), math.sqrt(3 / A.shape[1]))
            if f"gain_{i}" in parameters:
                nn.init.ones_(parameters[f"gain_{i}"])
            low, high = (math.log(steps) for steps in TIMESCALES)
            with torch.no_grad():
                if unit.inputs:
                    b = parameters[f"b_{i}"].zero_()
                else:
                    b = self.b[start : start + unit.gates * width]
                    start += unit.gates * width
                tau = torch.empty_like(b[:width]).uniform_(low, high).exp()
                b[:width] = -torch.log(tau - 1)

    def initial_state(self, batch_size: int) -> State:
        """All zero."""
        return self.zeros(batch_size)

    def project(self, x: Tensor) -> Tensor:
        """u = V x + b of the units that read the input, side by side."""
        return F.linear(x, self.V, self.b)

    def recurrent_weights(self) -> Weights:
        """A_i transposed, γ_i, and b_i of the units that do not read the input."""
        named = {name: p for name, p in self.named_parameters() if name not in ("V", "b")}
        return {name: p.t() if name.startswith("A_") else p for name, p in named.items()}

    def step(self, u: Tensor, state: State, w: Weights) -> State:
        """Compute node after node: a delay hands out its oldest value, a unit proposes and takes over a share."""
        values: list[Tensor] = []
        new: list[Tensor] = []
        start = 0
        for i, (node, width, old) in enumerate(zip(self.wiring.nodes, self.widths, state, strict=True)):
            reads = [values[k] for k in node.inputs]
            if not isinstance(node, Unit):
                new.append(torch.cat([old[:, width:], *reads], dim=1))
                values.append(old[:, :width])
                continue
            a = torch.cat([*reads, old], dim=1) @ w[f"A_{i}"]
            if reads:
                a = a + w[f"b_{i}"]
            else:
                a = a + u[:, start : start + a.shape[1]]
                start += a.shape[1]
            gate, *pre = torch.split(a, width, dim=1)
            proposal = torch.tanh(propose(node, pre, w.get(f"gain_{i}"), old))
            s = old + torch.sigmoid(gate) * (proposal - old)
            new.append(s)
            values.append((proposal + s) * math.sqrt(0.5))
        return tuple(new)

    def output(self, state: State) -> Tensor:
        """The states of the last units, side by side."""
        return torch.cat([state[k] for k in self.wiring.outputs], dim=-1)


def propose(unit: Unit, pre: list[Tensor], gain: Tensor | None, s: Tensor) -> Tensor:
    """Return the sum of what the last operations of a unit give, before its tanh."""
    width = s.shape[1]
    values: list[Tensor] = []
    first, used = iter(pre), 0
    for number, name in enumerate(unit.operations):
        before = [values[k] for k in predecessors(unit.edges, number)]
        if not before:
            before = [next(first)]
        else:
            assert gain is not None
            factor = gain[used * width : (used + 1) * width] / math.sqrt(len(before))
            used += 1
            before = [value * factor for value in before] if name in TWO else [total(before) * factor]
        if name in ONE:
            values.append(ONE[name](before[0]))
        else:
            values.append(TWO[name](before[0], total(before[1:]) if before[1:] else s))
    ends = [values[k] for k in unit.sinks]
    return total(ends) / math.sqrt(len(ends))


def total(values: list[Tensor]) -> Tensor:
    """Return the sum, in order."""
    result = values[0]
    for value in values[1:]:
        result = result + value
    return result


def refuse_both(given: Hyperparameters) -> None:
    """Raise a ValueError if a hyperparameter of the draw was given beside an architecture."""
    changed = [f"{name} = {value}" for name, value in given.as_dict().items() if value != getattr(DEFAULTS, name)]
    if changed:
        raise ValueError(
            f"Generated: architecture leaves nothing to draw, but {', '.join(changed)} was given; leave out one of them"
        )
