import pytest
import torch

from rnnzoo.tasks.adding import Adding


@pytest.mark.parametrize("length", [2, 3, 100, 101])
def test_one_marker_lies_in_each_half_and_the_target_is_the_sum(length: int) -> None:
    x, target, _ = Adding(length).train_batch(0, 0, 500)
    values, markers = x.unbind(2)
    half = length // 2
    assert ((markers == 0) | (markers == 1)).all()
    assert (markers[:half].sum(0) == 1).all()
    assert (markers[half:].sum(0) == 1).all()
    assert torch.allclose(target[:, 0], (values * markers).sum(0), atol=1e-6, rtol=0)  # sums of other order


def test_values_are_uniform_and_every_step_is_marked_equally_often() -> None:
    length, count = 10, 20_000
    x, _, _ = Adding(length).train_batch(0, 0, count)
    values, markers = x.unbind(2)
    assert 0 <= values.min() < 1e-3
    assert 1 - 1e-3 < values.max() < 1
    # 200,000 values of variance 1/12: four standard errors of mean and of second moment are below 0.003
    assert values.mean().item() == pytest.approx(1 / 2, abs=0.003)
    assert values.square().mean().item() == pytest.approx(1 / 3, abs=0.003)
    # each step has probability 1/5: the standard error is 0.0028
    assert torch.allclose(markers.mean(1), torch.full((length,), 0.2), atol=0.012, rtol=0)


def test_held_out_sizes() -> None:
    task = Adding(10, held_out_size=7)
    assert [batch.x.shape[1] for batch in task.held_out("test", 3)] == [3, 3, 1]


def test_a_curriculum_changes_the_length_of_training_sequences_alone() -> None:
    task = Adding(12, 5, curriculum=[4, 30], curriculum_steps=[2, 1])
    assert [task.train_batch(1, step, 3).x.shape[0] for step in range(5)] == [4, 4, 30, 12, 12]
    assert [batch.x.shape[0] for split in ("valid", "test") for batch in task.held_out(split, 5)] == [12, 12]
    # a phase has the very sequences that a run of its length would have had at these steps
    assert torch.equal(task.train_batch(1, 2, 3).x, Adding(30).train_batch(1, 2, 3).x)


def test_a_curriculum_is_an_option_and_is_told() -> None:
    options = {"length": 12, "held_out_size": 5, "curriculum": [4, 30], "curriculum_steps": [2, 1]}
    task = Adding(**options)
    assert task.options() == options
    assert task.facts()["curriculum"] == (
        "sequences of 4 time steps up to training step 2, sequences of 30 time steps up to training step 3"
    )
    assert "curriculum" not in Adding(12).facts()
    assert "curriculum" not in Adding(12).options()  # else the runs of older studies would go by another name
