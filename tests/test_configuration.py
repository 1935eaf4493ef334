"""Configurations are strict, and their hash depends on every setting and on nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rnnzoo.configuration import RunConfig, TrainingOptions, digest

TRAINING = {"steps": 10, "batch_size": 4, "lr": 0.01}
RUN = {
    "task": "adding",
    "task_options": {"length": 10},
    "cell": "rnn",
    "cell_options": {},
    "hidden_size": 4,
    "training": TRAINING,
    "seed": 1,
}


@pytest.mark.parametrize(
    "change",
    [
        {"steps": 0},
        {"steps": 1.5},
        {"steps": True},
        {"lr": 0.0},
        {"lr": float("nan")},
        {"lr": "0.1"},
        {"optimizer": "sgdd"},
        {"milestones": [5, 3]},
        {"milestones": [3, 3]},
        {"restarts": [5, 3]},
        {"restarts": [0]},
        {"patience": 0},
        {"colour": "red"},
    ],
)
def test_impossible_training_options_are_refused(change):
    with pytest.raises(ValidationError):
        TrainingOptions.model_validate(TRAINING | change)


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 2},
        {"seed": 2**30},
        {"task_options": {"length": 11}},
        {"cell_options": {"dt": 0.1}},
        {"training": TRAINING | {"lr": 0.02}},
        {"training": TRAINING | {"milestones": [5]}},
        {"training": TRAINING | {"restarts": [5]}},
        {"dtype": "float64"},
        {"test": True},
        {"dropout": 0.1},
    ],
)
def test_every_setting_changes_the_hash(change):
    assert RunConfig.model_validate(RUN | change).run_id() != RunConfig.model_validate(RUN).run_id()


@given(lr=st.floats(1e-6, 1.0), seed=st.integers(0, 2**31 - 1), layers=st.lists(st.floats(0.01, 1.0), max_size=3))
def test_a_configuration_survives_json(lr, seed, layers):
    config = RunConfig.model_validate(
        RUN | {"seed": seed, "training": TRAINING | {"lr": lr}, "cell_options": {"dt": layers}}
    )
    again = RunConfig.model_validate_json(config.model_dump_json())
    assert again == config
    assert again.run_id() == config.run_id()


def test_the_hash_does_not_depend_on_the_order_of_keys():
    assert digest({"a": 1, "b": [1, 2]}) == digest({"b": [1, 2], "a": 1})
    assert digest({"a": [1, 2]}) != digest({"a": [2, 1]})


def test_a_setting_at_its_default_does_not_count():
    """So that a setting that is added later leaves the names of older runs alone."""
    spelled_out = RUN | {"dropout_mask": "step", "num_layers": 1, "training": TRAINING | {"clip_norm": None}}
    assert RunConfig.model_validate(spelled_out).run_id() == RunConfig.model_validate(RUN).run_id()
