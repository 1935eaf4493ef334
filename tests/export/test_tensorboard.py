"""TensorBoard reads the learning curves that a study's runs left."""

import pandas as pd
import pytest

from rnnzoo.records import read_frame
from tests.export.conftest import rnnzoo


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_reads_every_curve(study, tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    file, runs, report = study
    for _ in range(2):  # a second time replaces what the first wrote
        assert rnnzoo("export", file, "--runs", runs, "--tensorboard", tmp_path / "board").exit_code == 0
    folders = {path.parent for path in (tmp_path / "board").rglob("events.out.tfevents.*")}
    assert len(folders) == len(list(runs.glob("*/record.json")))
    assert len(list((tmp_path / "board").rglob("events.out.tfevents.*"))) == len(folders)
    read = EventAccumulator(str(tmp_path / "board" / "adding" / "cornn" / "confirm" / "seed-1")).Reload()
    found = [(event.step, event.value) for event in read.Scalars("valid")]
    run = pd.read_csv(report / "rows.csv").query("task == 'adding' and cell == 'cornn' and seed == 1")["run"].item()
    curve = read_frame(runs / run, "curve.csv")
    assert found == list(zip(curve["step"], curve["valid"].astype("float32"), strict=True))
    assert {"valid", "train_loss", "lr"} <= set(read.Tags()["scalars"])
