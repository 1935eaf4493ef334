import hashlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from rnnzoo.cells import CELLS
from rnnzoo.engine import unroll
from rnnzoo.generator.architecture import Architecture, ArchitectureError, Block, Delay
from rnnzoo.generator.draw import draw
from rnnzoo.generator.graphs import predecessors
from rnnzoo.generator.hyperparameters import Hyperparameters
from rnnzoo.generator.operations import OPERATIONS
from rnnzoo.generator.wiring import Register, Unit, flatten
from tests.generator.drawing import GENERATED, random_options
from tests.tolerances import ROUND_TRIP

GIVEN = Hyperparameters(5, 4, 0.5, 3, 0.6, 5, 4, 0.5)


def test_a_draw_has_the_asked_for_nodes_and_every_kind_of_node_occurs() -> None:
    seen: set[str] = set()
    for seed in range(40):
        drawn = draw(GIVEN, seed)
        assert len(drawn.nodes) == 5
        blocks = [node for node in drawn.nodes if isinstance(node, Block)]
        assert all(len(block.nodes) == 3 for block in blocks)
        for cell in (node for block in blocks for node in block.nodes):
            if isinstance(cell, Delay):
                seen.add(f"lag {cell.lag} in a block")
            else:
                assert len(cell.operations) == 5
                seen.update(cell.operations)
        seen.update(f"lag {node.lag}" for node in drawn.nodes if isinstance(node, Delay))
    assert set(OPERATIONS) <= seen
    assert {f"lag {lag}{place}" for lag in (1, 2, 4) for place in ("", " in a block")} <= seen


def test_every_input_has_a_way_to_the_output_without_delay() -> None:
    for seed in range(60):
        wiring = flatten(draw(GIVEN, seed))
        prompt: list[bool] = []
        for node in wiring.nodes:
            prompt.append(isinstance(node, Unit) and (not node.inputs or any(prompt[k] for k in node.inputs)))
        assert all(prompt[k] for k in wiring.outputs)
    assert any(isinstance(node, Register) for node in wiring.nodes)


def test_a_wiring_keeps_the_paths_between_blocks() -> None:
    """Two cells in a block, then a delay beside a way past it, then a block: numbered by hand."""
    cell = {"operations": ("tanh",), "edges": ()}
    pair = {"nodes": (cell, cell), "edges": ((0, 1),)}
    single = {"nodes": (cell,), "edges": ()}
    drawn = Architecture.model_validate(
        {"nodes": (pair, {"lag": 2}, single), "edges": ((0, 1), (0, 2), (1, 2))}, strict=True
    )
    one = ("tanh",)
    assert flatten(drawn).nodes == (
        Unit((), one, ()),
        Unit((0,), one, ()),
        Register((1,), 2),
        Unit((1, 2), one, ()),
    )
    assert flatten(drawn).outputs == (3,)
    assert flatten(drawn).widths(6) == [3, 3, 3, 2]


def test_a_file_gives_the_same_cell_back(tmp_path: Path) -> None:
    for seed in range(5):
        options = random_options(seed)
        torch.manual_seed(1)
        cell = GENERATED(2, 9, **options)  # type: ignore[arg-type]
        path = tmp_path / "found.json"
        path.write_text(cell.drawn.to_text())  # type: ignore[attr-defined]
        read = Architecture.read(path)
        assert read == cell.drawn
        assert read.origin == options
        torch.manual_seed(1)
        again = CELLS["generated"](2, 9, architecture=path.read_text())  # type: ignore[call-arg]
        x = torch.randn(7, 3, 2)
        expected, actual = (unroll(c, x, engine="reference").output for c in (cell, again))
        assert expected is not None
        assert actual is not None
        assert expected.abs().max() > 1e-3
        ROUND_TRIP.assert_close(actual, expected)


def digests() -> dict[str, str]:
    """Seed → hash of the network that it draws."""
    return {str(seed): hashlib.sha256(draw(GIVEN, seed).to_text().encode()).hexdigest() for seed in range(10)}


def test_a_fresh_process_draws_the_same_networks() -> None:
    assert len(set(digests().values())) == 10
    program = "import json; from tests.generator.test_architecture import digests; print(json.dumps(digests()))"
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == digests()


CELL = '{"operations": ["tanh", "tanh"], "edges": [[0, 1]]}'


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "is no architecture: text: Invalid JSON"),
        ('{"nodes": [], "edges": []}', "nodes"),
        ('{"nodes": [{"lag": 1}], "edges": []}', "a delay must have a node before and one after it; node 0"),
        (f'{{"nodes": [{{"nodes": [{CELL}], "edges": []}}], "edges": [[0, 0]]}}', r"lower to a higher node .*\[0, 0\]"),
        (f'{{"nodes": [{{"nodes": [{CELL}, {CELL}], "edges": []}}], "edges": []}}', "must join all 2 nodes"),
        (CELL.replace("tanh", "sine"), "nodes: Field required"),
        (
            f'{{"nodes": [{{"nodes": [{CELL.replace("tanh", "sine")}], "edges": []}}], "edges": []}}',
            "operations.0: Input should be 'identity'",
        ),
    ],
)
def test_a_text_that_is_no_architecture_is_an_error_that_says_where(text: str, words: str) -> None:
    with pytest.raises(ArchitectureError, match=words):
        Architecture.from_text(text)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ArchitectureError, match=r"none\.json cannot be read"):
        Architecture.read(tmp_path / "none.json")


def test_predecessors_of_a_drawn_network_are_lower() -> None:
    drawn = draw(GIVEN, 3)
    assert all(k < node for node in range(5) for k in predecessors(drawn.edges, node))
