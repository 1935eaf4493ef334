"""What a run records: every measure in its file, timed apart, through kills and failures, and no part of training."""

import pandas as pd
import pytest
import torch

from rnnzoo.configuration import RunConfig
from rnnzoo.diagnostics import recording as recording_module
from rnnzoo.diagnostics.measuring import ALONG, LONGEST_PROFILE, MEASURES, measured_on, spread, thinned
from rnnzoo.diagnostics.recording import COSTS, read_costs
from rnnzoo.model import build_model
from rnnzoo.records import read_frame, run_folder
from rnnzoo.study.file import StudyFileError
from rnnzoo.study.reading import read_plan
from rnnzoo.study.run import Interrupted, execute
from rnnzoo.tasks import TASKS
from tests.study.files import TINY, write_study

ALL = [*MEASURES, *ALONG]


def config(**changes):
    return RunConfig.model_validate(
        {
            "task": "adding",
            "task_options": {"length": 6, "held_out_size": 60},
            "cell": "unicornn",
            "cell_options": {},
            "hidden_size": 4,
            "training": {"steps": 30, "batch_size": 4, "lr": 0.01, "evaluate_every": 15},
            "seed": 3,
            "test": True,
            "diagnostics": ALL,
            "diagnostics_length": 12,
        }
        | changes
    )


def frames(root, of):
    return {name: read_frame(run_folder(root, of), f"{name}.csv") for name in of.diagnostics}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    record = execute(config(), root)
    assert record.state == "finished", record.reason
    return root


def test_every_measure_leaves_its_numbers_and_its_cost(done):
    costs = read_costs(run_folder(done, config()))
    assert set(costs) == set(ALL)
    for name, frame in frames(done, config()).items():
        assert costs[name]["reason"] == "", costs[name]
        assert costs[name]["seconds"] > 0
        if name == "constraints":  # UnICORNN has no recurrent matrix
            assert frame.empty
            continue
        assert len(frame) > 0
        if name in MEASURES:
            assert set(frame["moment"]) == {"initial", "trained"}
        else:
            assert set(frame["step"]) == {round(i * 30 / 20) for i in range(21)}


def test_it_is_measured_on_the_length_that_was_asked_for(done):
    found = frames(done, config())
    assert found["gradients"]["t"].max() == 12
    assert found["jacobians"]["lag"].max() == 12
    assert found["bounds"].loc[found["bounds"]["statement"] == "hidden_state_bound", "at"].max() == 12


def test_what_is_measured_changes_nothing_of_the_run(done, tmp_path):
    of = config(diagnostics=[], diagnostics_length=None, cell="lstm", dropout=0.3, num_layers=2)
    plain = execute(of, tmp_path / "plain")
    measured = execute(of.model_copy(update={"diagnostics": ("gradients", "jacobians", "history")}), tmp_path)
    assert (plain.valid, plain.test) == (measured.valid, measured.test)
    assert not (run_folder(tmp_path / "plain", of) / COSTS).exists()


def test_a_run_that_is_cut_measures_as_if_it_had_not_been(done, tmp_path):
    steps = []
    with pytest.raises(Interrupted):
        execute(config(), tmp_path, steps.append, stop=lambda: len(steps) == 17)
    execute(config(), tmp_path)
    whole, cut = frames(done, config()), frames(tmp_path, config())
    for name in ALL:
        pd.testing.assert_frame_equal(whole[name], cut[name], check_exact=True)


def test_a_measure_that_fails_says_so_and_the_run_goes_on(tmp_path, monkeypatch):
    def broken(model, task):
        raise ValueError("no luck")

    monkeypatch.setitem(recording_module.MEASURES, "bounds", broken)
    of = config(diagnostics=["gradients", "bounds"])
    assert execute(of, tmp_path).state == "finished"
    assert read_costs(run_folder(tmp_path, of))["bounds"]["reason"] == "ValueError: no luck"
    assert frames(tmp_path, of)["bounds"].empty
    assert len(frames(tmp_path, of)["gradients"])


def test_a_full_disk_is_no_failed_measure(tmp_path, monkeypatch):
    def full(model, task):
        raise OSError(28, "No space left on device")

    monkeypatch.setitem(recording_module.MEASURES, "bounds", full)
    with pytest.raises(Exception, match="space"):
        execute(config(diagnostics=["bounds"]), tmp_path)


def test_a_diverged_run_is_measured_at_its_beginning_alone(tmp_path):
    of = config(
        cell="rnn", training=config().training.model_copy(update={"lr": 1e30}), diagnostics=["gradients", "bounds"]
    )
    assert execute(of, tmp_path).state == "diverged"
    assert set(frames(tmp_path, of)["gradients"]["moment"]) == {"initial"}


def test_matrices_are_followed_through_training(tmp_path):
    of = config(cell="exprnn", diagnostics=["constraints"])
    execute(of, tmp_path)
    found = frames(tmp_path, of)["constraints"]
    assert (found["claim"] == "orthogonal").all()
    assert found["error"].max() < 1e-5
    assert found["largest"].max() == pytest.approx(1, abs=1e-5)
    free = config(cell="rnn", diagnostics=["constraints"])
    execute(free, tmp_path)
    assert frames(tmp_path, free)["constraints"]["error"].max() > 1e-2


@pytest.mark.parametrize(
    ("sound", "broken", "said"),
    [
        ("steps = 8", 'steps = 8\ndiagnostics = ["colours"]', "confirm.diagnostics"),
        ("steps = 8", "steps = 8\ndiagnostics_length = 0", "confirm.diagnostics_length = 0"),
        ("steps = 8", "steps = 8\ndiagnostics_length = 1", "length must lie in [2"),
        (
            "steps = 8",
            'steps = 8\ndiagnostics = ["lyapunov"]\n',
            "need a cell that reads in one direction, and cell 2 is bidirectional; leave lyapunov out",
        ),
    ],
)
def test_a_study_is_told_what_cannot_be_measured(tmp_path, sound, broken, said):
    text = TINY.replace(sound, broken) + "bidirectional = true\n"
    with pytest.raises(StudyFileError) as error:
        read_plan(write_study(tmp_path, text))
    assert any(said in line for line in error.value.mistakes), error.value.mistakes


def test_a_task_of_fixed_length_is_measured_at_its_own():
    task = TASKS["psmnist"].__new__(TASKS["psmnist"])
    task.length = 784
    task.options = dict
    assert measured_on(task, TASKS["psmnist"], None) is task
    with pytest.raises(ValueError, match="must be left out for a task of fixed length"):
        measured_on(task, TASKS["psmnist"], 100)


def test_exponents_keep_how_they_were_approached_on_long_sequences():
    task = TASKS["adding"](length=1003, held_out_size=2)
    model = build_model("rnn", 3, input_size=2, output_size=1, readout="last")
    found = MEASURES["lyapunov"](model, task)
    assert found["t"].nunique() > 5
    assert found["t"].max() == 1003
    assert found["t"].min() < 20


def test_frames_over_time_are_thinned_and_keep_both_ends():
    long = pd.DataFrame({"t": range(1, 5001), "median": 1.0})
    kept = thinned(long, [])["t"]
    assert len(kept) == LONGEST_PROFILE
    assert (kept.min(), kept.max()) == (1, 5000)
    assert spread(7) == [1, 2, 5, 7]
    assert torch.tensor(spread(1000)).diff().min() > 0
