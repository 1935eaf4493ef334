import pytest

from rnnzoo.cells import CELLS
from rnnzoo.data.published_curves import TASKS_WITH_CURVES, published_curves
from rnnzoo.tasks import TASKS


@pytest.mark.parametrize("task", TASKS_WITH_CURVES)
def test_a_curve_is_one_row_an_epoch(task: str) -> None:
    curves = published_curves(task)
    assert list(curves.columns) == ["task", "model", "epoch", "valid", "source"]
    assert task in TASKS
    assert set(curves["task"]) == {task}
    assert set(curves["model"]) <= set(CELLS)
    assert curves["valid"].between(0, 1).all()
    for _, curve in curves.groupby("source"):
        assert curve["epoch"].tolist() == list(range(1, len(curve) + 1))


def test_the_logged_values_are_there() -> None:
    logged = {
        task: published_curves(task).query("source.str.startswith('github.com/tk-rusch/coRNN')")
        for task in TASKS_WITH_CURVES
    }
    assert all(len(curve) == 120 for curve in logged.values())
    assert logged["psmnist"]["valid"].tolist()[:4] == [0.1027, 0.1057, 0.315, 0.3527]
    assert logged["psmnist"]["valid"].max() == 0.9693
    assert logged["smnist"]["valid"].max() == 0.993
    again = published_curves("psmnist").query("source.str.contains('run again')")
    assert again["valid"].tolist() == [0.0907, 0.2713, 0.5247, 0.651]


def test_a_task_without_a_curve_is_an_error() -> None:
    with pytest.raises(ValueError, match="task must be one of 'smnist', 'psmnist', got 'adding'"):
        published_curves("adding")
