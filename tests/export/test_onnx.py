"""The graph answers as the model does, at any length and any batch, for every cell of the zoo."""

import onnx
import onnxruntime
import pytest
import torch

from rnnzoo import CELLS
from rnnzoo.export.onnx import NotExportable, onnx_model
from rnnzoo.model import build_model
from tests.export.conftest import rnnzoo
from tests.tolerances import ONNX

CASES = {name: {"cell": name, "readout": "last"} for name in CELLS} | {
    "both directions": {"cell": "cornn", "readout": "last", "bidirectional": True},
    "an encoder": {"cell": "rnn", "readout": "last", "encoder": {"kind": "conv1d", "channels": [5], "kernel": 3}},
    "a standardised readout": {"cell": "rnn", "readout": "last", "readout_initialisation": "standardised"},
    "two layers at every step, float64": {
        "cell": "gru",
        "readout": "every",
        "num_layers": 2,
        "residual": True,
        "dropout": 0.5,
        "dtype": torch.float64,
    },
}


@pytest.mark.parametrize("case", CASES)
def test_the_graph_answers_as_the_model_at_any_length_and_batch(case):
    model = build_model(hidden_size=6, input_size=3, output_size=4, engine="reference", **CASES[case]).eval()
    model.standardise(torch.randn(7, 20, 3, dtype=CASES[case].get("dtype", torch.float32)))
    with torch.no_grad():
        for parameter in model.parameters():
            parameter += 0.1 * torch.randn_like(parameter)
    graph = onnx_model(model)
    session = onnxruntime.InferenceSession(graph.SerializeToString(), providers=["CPUExecutionProvider"])
    for steps, batch in ((1, 1), (7, 3), (60, 5)):
        x = torch.randn(steps, batch, 3, dtype=CASES[case].get("dtype", torch.float32))
        with torch.no_grad():
            expected = model(x)
        (found,) = session.run(None, {"x": x.numpy()})
        assert found.shape == expected.shape
        assert expected.abs().max() > 0.1
        ONNX.assert_close(torch.from_numpy(found), expected)


def test_a_model_with_a_part_that_is_not_known_is_refused():
    model = build_model("rnn", 4, input_size=2, output_size=1, readout="last")
    model.add_module("front", torch.nn.Conv1d(2, 2, 3))
    with pytest.raises(NotExportable, match="the model has front, which"):
        onnx_model(model)


def test_export_writes_the_graph_beside_the_weights(study, tmp_path):
    file, runs, _ = study
    done = rnnzoo("export", file, "--runs", runs, "--to", tmp_path, "--winner", "adding/rnn", "--onnx")
    assert done.exit_code == 0, done.stderr
    place = tmp_path / "tiny" / "adding" / "rnn"
    assert sorted(path.name for path in place.iterdir()) == ["model.json", "model.onnx", "model.safetensors"]
    onnx.checker.check_model(onnx.load(place / "model.onnx"))
    result = rnnzoo("export", file, "--runs", runs, "--onnx")
    assert result.exit_code == 2
    assert "--winner adding/cornn" in result.stderr
