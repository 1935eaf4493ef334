"""One run: its folder is finished or can be continued, and its numbers depend on its configuration alone."""

import json
import math
import subprocess
import sys

import pandas as pd
import pytest
import torch

from rnnzoo.records import RECORD, RecordError, read_cost, read_frame, read_record, run_folder
from rnnzoo.study import run as run_module
from rnnzoo.study.run import Interrupted, execute, make_model, make_task, measure_cost
from tests.study.runs import config, numbers


def test_a_run_leaves_its_record_curve_gradients_and_weights(tmp_path):
    record = execute(config(), tmp_path)
    folder = run_folder(tmp_path, config())
    assert sorted(file.name for file in tmp_path.iterdir()) == [folder.name]
    assert sorted(file.name for file in folder.iterdir()) == [
        "config.json",
        "curve.csv",
        "diagnostics.json",
        "gradients.csv",
        "record.json",
        "weights.pt",
    ]
    assert read_record(folder) == record
    assert (record.state, record.steps) == ("finished", 12)
    assert math.isfinite(record.test)
    assert len(read_frame(folder, "curve.csv")) == 3
    gradients = read_frame(folder, "gradients.csv")
    assert gradients.groupby("moment")["t"].max().to_dict() == {"initial": 6, "trained": 6}


def test_a_run_whose_time_is_spent_is_finished_with_what_it_has(tmp_path):
    endless = {"steps": 10**6, "batch_size": 4, "lr": 0.01, "evaluate_every": 10**6, "max_seconds": 0.05}
    record = execute(config(training=endless), tmp_path)
    assert record.state == "finished"
    assert record.steps < 10**6
    assert record.best_step == record.steps
    assert record.seconds >= 0.05
    assert math.isfinite(record.test)
    assert read_record(run_folder(tmp_path, config(training=endless))) == record


def test_a_finished_run_is_read_not_repeated(tmp_path, monkeypatch):
    first = execute(config(), tmp_path)
    monkeypatch.setattr(run_module, "make_model", lambda *_: pytest.fail("trained again"))
    assert execute(config(), tmp_path) == first


@pytest.mark.parametrize("readout", ["default", "standardised"])
def test_a_stopped_run_goes_on_from_its_checkpoint_and_ends_in_the_same_numbers(tmp_path, readout):
    settings = config(training=config().training.model_dump() | {"readout": readout})
    whole = execute(settings, tmp_path / "whole")
    steps = []
    with pytest.raises(Interrupted):
        execute(settings, tmp_path / "cut", steps.append, stop=lambda: len(steps) == 7)
    assert not run_folder(tmp_path / "cut", settings).exists()
    steps.clear()
    resumed = execute(settings, tmp_path / "cut", steps.append)
    assert steps[0] == 8
    assert numbers(resumed) == numbers(whole)
    for name in ("curve.csv", "gradients.csv"):
        frames = [read_frame(run_folder(tmp_path / place, settings), name) for place in ("whole", "cut")]
        untimed = [frame.drop(columns="seconds", errors="ignore") for frame in frames]
        pd.testing.assert_frame_equal(*untimed, check_exact=True)


def test_an_error_becomes_a_failed_record_and_is_tried_again(tmp_path, monkeypatch):
    def broken(*_):
        raise RuntimeError("no luck")

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "make_model", broken)
        record = execute(config(), tmp_path)
    assert (record.state, record.reason) == ("failed", "RuntimeError: no luck")
    assert "no luck" in (run_folder(tmp_path, config()) / "error.txt").read_text()
    assert execute(config(), tmp_path).state == "finished"
    assert not (run_folder(tmp_path, config()) / "error.txt").exists()


def test_a_standardised_readout_is_measured_on_the_first_training_sequences():
    settings = config(training=config().training.model_dump() | {"readout": "standardised", "evaluation_batch": 40})
    task = make_task(settings)
    model = make_model(settings, task)
    batch = task.train_batch(settings.seed, 0, 40)
    h = model.recurrent.last_output(batch.x)
    torch.testing.assert_close(model.linear.mean, h.mean(0), rtol=0, atol=1e-6)
    plain = make_model(config(), task)
    assert torch.equal(model.recurrent.cells[0].W, plain.recurrent.cells[0].W)


def test_the_curve_tells_the_readouts_learning_rate(tmp_path):
    settings = config(training=config().training.model_dump() | {"recurrent_lr_scale": 0.1})
    execute(settings, tmp_path)
    assert set(read_frame(run_folder(tmp_path, settings), "curve.csv")["lr"]) == {0.01}


def test_divergence_is_a_result(tmp_path):
    wild = config(cell_options={"dt": 100.0, "gamma": 1e4, "epsilon": 1e4})
    record = execute(wild, tmp_path)
    assert (record.state, record.valid, record.test) == ("diverged", None, None)
    assert record.stopped_at == 1
    assert "loss" in record.reason or "gradient" in record.reason


@pytest.mark.parametrize(
    ("content", "place"),
    [
        (b"", "the file"),
        (b"{", "the file"),
        (b'{"state": "finished"}', "config"),
        (b"\xff\xfe", "the file"),
    ],
)
def test_a_damaged_record_names_the_file_and_the_remedy(tmp_path, content, place):
    execute(config(), tmp_path)
    path = run_folder(tmp_path, config()) / RECORD
    path.write_bytes(content)
    with pytest.raises(RecordError, match="delete the folder") as error:
        execute(config(), tmp_path)
    assert str(path) in str(error.value)
    assert place in str(error.value)


def test_a_record_of_another_configuration_is_refused(tmp_path):
    execute(config(), tmp_path)
    path = run_folder(tmp_path, config()) / RECORD
    content = json.loads(path.read_text())
    content["config"]["seed"] = 4
    path.write_text(json.dumps(content))
    with pytest.raises(RecordError, match="its configuration has the hash"):
        read_record(path.parent)


def test_the_hash_names_every_setting():
    base = config()
    hashes = {base.run_id(), config(seed=4).run_id(), config(hidden_size=6).run_id(), config(threads=2).run_id()}
    assert len(hashes) == 4
    assert config().run_id() == base.run_id()


def test_same_numbers_in_a_fresh_process(tmp_path):
    script = (
        "import sys, pathlib, rnnzoo.study.run as r, rnnzoo.configuration as c\n"
        "r.execute(c.RunConfig.model_validate_json(sys.argv[1]), pathlib.Path(sys.argv[2]))"
    )
    here = execute(config(), tmp_path / "here")
    command = [sys.executable, "-c", script, config().model_dump_json(), str(tmp_path / "there")]
    subprocess.run(command, check=True, timeout=120)
    assert numbers(read_record(run_folder(tmp_path / "there", config()))) == numbers(here)


def test_the_cost_is_measured_once(tmp_path):
    execute(config(), tmp_path)
    cost = measure_cost(config(), tmp_path)
    assert cost["seconds_per_step"] > 0
    assert cost["memory_mib"] > 0
    assert measure_cost(config(), tmp_path) == cost == read_cost(run_folder(tmp_path, config()))
