"""The table of published results is complete, and each row can be found again."""

import pytest
from typer.testing import CliRunner

from rnnzoo.cells import CELLS
from rnnzoo.cli import app
from rnnzoo.data.published_results import published_results, tasks_with_results
from rnnzoo.tasks.permutations import PERMUTATIONS


@pytest.mark.parametrize("task", tasks_with_results())
def test_every_result_has_model_metric_value_and_source(task):
    results = published_results(task)
    assert len(results) > 0
    for column in ("model", "metric", "source"):
        assert (results[column] != "").all()
    stated = results["value"].notna() | results["remark"].str.startswith("not reached")
    assert stated.all()
    assert set(results["cell"]) <= {"", *CELLS}
    assert set(results["permutation"]) <= {"", *PERMUTATIONS}


def test_accuracies_are_per_cent():
    for task in tasks_with_results():
        results = published_results(task)
        accuracy = results.loc[results["metric"].str.contains("accuracy"), "value"]
        assert accuracy.between(1, 100).all(), task


def test_the_authors_psmnist_figures_are_there_with_their_permutations():
    results = published_results("psmnist")
    cornn = results[results["source"].str.contains("tk-rusch/coRNN") & results["selection"].eq("best validation")]
    assert cornn[["value", "permutation", "hidden_size"]].values.tolist() == [[97.34, "cornn", "256"]]
    unicornn = results[results["source"].str.startswith("tk-rusch/unicornn")]
    assert unicornn[["value", "permutation", "hidden_size"]].values.tolist() == [[98.4, "unicornn", "3 x 256"]]


def test_an_unknown_task_is_refused_with_what_there_is():
    with pytest.raises(ValueError, match="smnist"):
        published_results("nothing")


def test_the_command_lists_shows_and_writes(tmp_path):
    listed = CliRunner().invoke(app, ["published"])
    assert listed.exit_code == 0
    assert "psmnist" in listed.stdout
    shown = CliRunner().invoke(app, ["published", "psmnist"])
    assert shown.exit_code == 0
    assert "98.4" in shown.stdout
    target = tmp_path / "psmnist.csv"
    assert CliRunner().invoke(app, ["published", "psmnist", "--csv", str(target)]).exit_code == 0
    assert target.read_text().count("\n") == len(published_results("psmnist")) + 1
    refused = CliRunner().invoke(app, ["published", "nothing"])
    assert refused.exit_code == 2
