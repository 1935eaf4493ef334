"""A drawn network as a picture and as a file, by function and by command."""

from collections import Counter
from itertools import pairwise

import pytest
from matplotlib.patches import Circle, FancyBboxPatch
from typer.testing import CliRunner

from rnnzoo.cells import CELLS
from rnnzoo.cli import app
from rnnzoo.configuration import RunConfig, TrainingOptions
from rnnzoo.generator.architecture import Architecture, Block, CellGraph
from rnnzoo.generator.draw import draw
from rnnzoo.generator.hyperparameters import Hyperparameters
from rnnzoo.generator.picture import layers, picture, place
from rnnzoo.records import RunRecord

NETWORK = draw(Hyperparameters(), 7)


@pytest.mark.parametrize("seed", range(5))
def test_every_node_is_drawn_once_and_operations_lie_in_their_cell(seed):
    architecture = draw(Hyperparameters(), seed)
    figure = picture(architecture, "title")
    patches = figure.axes[0].patches
    circles = [patch for patch in patches if isinstance(patch, Circle)]
    boxes = [patch for patch in patches if isinstance(patch, FancyBboxPatch)]
    counts = architecture.counts()
    assert len(circles) == counts["operations"]
    assert len(boxes) == counts["blocks"] + counts["cells"] + counts["delays"]
    for circle in circles:
        x, y = circle.center
        inside = [
            b for b in boxes if b.get_x() < x < b.get_x() + b.get_width() and b.get_y() < y < b.get_y() + b.get_height()
        ]
        assert len(inside) == 2  # its cell and its block
    named = [op for block in architecture.nodes if isinstance(block, Block) for cell in block.nodes
             if isinstance(cell, CellGraph) for op in cell.operations]  # fmt: skip
    texts = Counter(text.get_text() for text in figure.axes[0].texts)
    assert texts["tanh"] == named.count("tanh")
    assert texts["title"] == 1


def test_a_node_lies_right_of_all_that_it_reads_and_none_overlap():
    edges = [(0, 1), (0, 3), (1, 3), (2, 3)]
    assert layers(edges, 4) == [[0, 2], [1], [3]]
    boxes = place([(1.0, 1.0)] * 4, edges, (0.0, 0.0))
    for a, b in edges:
        assert boxes[a].right[0] < boxes[b].left[0]
    stacked = sorted((boxes[0], boxes[2]), key=lambda box: box.y)
    assert all(low.y + low.half_height < high.y - high.half_height for low, high in pairwise(stacked))


def test_the_command_writes_a_file_that_gives_the_network_back(tmp_path):
    out = tmp_path / "mine.json"
    result = CliRunner().invoke(app, ["generate", "--seed", "4", "--set", "top_nodes=5", "--out", str(out)])
    assert result.exit_code == 0, result.stderr
    assert Architecture.read(out).nodes == draw(Hyperparameters(top_nodes=5), 4).nodes
    assert out.with_suffix(".png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--set", "top_neighbours=4"], "top_neighbours must be below top_nodes"),
        (["--set", "nodes=4"], "no hyperparameter nodes"),
        (["--run", "nowhere"], "no finished run"),
        (["--out", "no/folder/x.json"], "existing folder"),
    ],
)
def test_what_cannot_be_drawn_is_told(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["generate", *arguments])
    assert result.exit_code == 2
    assert said in " ".join(result.stderr.split())


@pytest.mark.parametrize("options", [{}, {"top_nodes": 5, "graph_seed": 4}, {"architecture": NETWORK.to_text()}])
def test_a_run_gives_its_network_back_whether_drawn_or_read_from_a_file(tmp_path, options):
    config = RunConfig(
        task="adding", task_options={}, cell="generated", cell_options=options, hidden_size=12, seed=1,
        training=TrainingOptions(steps=1, batch_size=2, lr=0.01),
    )  # fmt: skip
    record = RunRecord(
        config=config, state="finished", parameters=1, engine="reference", valid=0.1, best_step=1, steps=1, seconds=0.1,
        environment={},
    )  # fmt: skip
    run = tmp_path / config.run_id()
    run.mkdir()
    (run / "record.json").write_text(record.model_dump_json(), encoding="utf-8")
    result = CliRunner().invoke(app, ["generate", "--run", str(run), "--out", str(tmp_path / "out.json")])
    assert result.exit_code == 0, result.stderr
    assert Architecture.read(tmp_path / "out.json") == CELLS["generated"](2, 12, **options).drawn
