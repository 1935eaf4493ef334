"""`rnnzoo gradients`: cells of the zoo, one's own and trained runs become a report; mistakes name their remedy."""

import pandas as pd
import pytest
from typer.testing import CliRunner

from rnnzoo.cli import app
from rnnzoo.records import run_folder
from rnnzoo.study.run import execute
from tests.diagnostics.test_recording import config

OWN = """
import torch
from rnnzoo import Cell
from rnnzoo.cells import Bound

class Growing(Cell):
    def __init__(self, input_size, hidden_size, factor=1.05):
        super().__init__(input_size, hidden_size)
        self.factor = factor
        self.V = torch.nn.Linear(input_size, hidden_size)
    state_sizes = property(lambda self: {"h": self.hidden_size})
    output_size = property(lambda self: self.hidden_size)
    def reset_parameters(self): self.V.reset_parameters()
    def initial_state(self, batch_size): return self.zeros(batch_size)
    def project(self, x): return self.V(x)
    def recurrent_weights(self): return {"a": self.V.weight.new_full((1,), self.factor)}
    def step(self, u, state, w): return (u + state[0] * w["a"],)
    def output(self, state): return state[0]
    def jacobian_bound(self, lag): return Bound("‖∂h_n/∂h_k‖₂", 1.01**lag, (), "claimed")
"""


def call(*arguments):
    return CliRunner().invoke(app, ["gradients", *map(str, arguments)])


def short(tmp_path, *arguments):
    return call(*arguments, "--T", 12, "--hidden", 4, "--out", tmp_path / "report")


def test_cells_become_a_report_with_every_section(tmp_path):
    result = short(tmp_path, "unicornn", "exprnn")
    assert result.exit_code == 0, result.stderr
    assert "2/2: exprnn, initial: inversion" in result.stderr
    page = (tmp_path / "report" / "report.html").read_text()
    for anchor in ("glance", "bounds", "gradients", "time", "growth", "memory", "structure", "measuring", "reproduce"):
        assert f'<section id="{anchor}">' in page
    assert "rnnzoo gradients unicornn exprnn --length 12 --hidden 4" in page
    rows = pd.read_csv(tmp_path / "report" / "rows.csv")
    assert set(rows["cell"]) == {"unicornn", "exprnn"}
    assert (rows["holds"] != "no").all()


def test_a_cell_of_ones_own_whose_claim_is_false_is_found_out(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)
    mine = f"{tmp_path}/mine.py:Growing"
    result = short(tmp_path, mine, "--measure", "bounds", "--measure", "gradients")
    assert result.exit_code == 1
    assert "VIOLATED: Growing: ‖∂h_n/∂h_k‖₂ at initialisation." in result.stderr
    assert "VIOLATED" in (tmp_path / "report" / "report.md").read_text()
    sound = short(tmp_path, mine, "--measure", "bounds", "--set", "factor=1.0")
    assert sound.exit_code == 0


def test_a_trained_run_is_measured_before_and_after(tmp_path):
    of = config(diagnostics=[], diagnostics_length=None)
    execute(of, tmp_path / "runs")
    folder = run_folder(tmp_path / "runs", of)
    result = call("--trained", folder, "--measure", "gradients", "--out", tmp_path / "report")
    assert result.exit_code == 0, result.stderr
    figure = pd.read_csv(tmp_path / "report" / "figures" / "gradients.csv")
    assert set(figure["moment"]) == {"initial", "trained"}
    assert figure["t"].max() == 6
    assert set(figure["cell"]) == {f"unicornn@{of.run_id()[:6]}"}
    wide = figure.pivot_table(index="t", columns="moment", values="median")
    assert (wide["initial"] - wide["trained"]).abs().max() > 1e-6


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "name a cell, e.g. rnnzoo gradients cornn lstm"),
        (["corn"], "cell 'corn' is unknown; choose one of rnn"),
        (["cornn", "--task", "addling"], "--task addling is unknown; choose one of adding"),
        (["cornn", "--measure", "colour"], "--measure colour is unknown; choose one of gradients"),
        (["cornn", "--set", "dtt=1"], "--set dtt: none of the cells has this hyperparameter"),
        (["cornn", "--set", "dt=-1"], "dt must lie in (0"),
        (["--trained", "nowhere"], "--trained nowhere is no folder"),
        (["--trained", "."], "holds no run; name a finished confirm run"),
        (["cornn", "--task", "padded_digits", "-T", "2"], "--length 2"),
    ],
)
def test_mistakes_end_in_2_with_place_value_and_remedy(arguments, said, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = call(*arguments)
    assert result.exit_code == 2, result.stderr
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_weights_that_cannot_be_read_are_told(tmp_path):
    of = config(diagnostics=[], diagnostics_length=None)
    execute(of, tmp_path)
    (run_folder(tmp_path, of) / "weights.pt").write_bytes(b"nothing")
    result = call("--trained", run_folder(tmp_path, of))
    assert result.exit_code == 2
    assert "weights.pt cannot be read" in result.stderr
