"""Every recipe can be run by its name, and the study file says what its authors did."""

import pytest
from typer.testing import CliRunner

from rnnzoo.cells import CELLS
from rnnzoo.cli import app
from rnnzoo.study.published import curves_of_others
from rnnzoo.study.reading import read_plan
from rnnzoo.study.reproducing import recipes, reproduction

ALL = [(cell, task) for cell, known in recipes().items() for task in known]


@pytest.mark.parametrize(("cell", "task"), ALL)
def test_every_recipe_becomes_a_sound_study_with_the_authors_settings(tmp_path, cell, task):
    path = tmp_path / "study.toml"
    path.write_text(reproduction(cell, task, seeds=[3, 4]))
    plan = read_plan(path)
    (competitor,) = plan.competitors
    recipe = CELLS[cell].recipes[task]
    config = competitor.confirm_config({}, seed=3)
    assert plan.confirm.seeds == (3, 4)
    assert config.cell_options == dict(recipe.cell)
    assert (config.hidden_size, config.num_layers) == (recipe.hidden_size, recipe.num_layers)
    assert (config.dropout, config.readout_dropout) == (recipe.dropout, recipe.readout_dropout)
    assert config.dropout_mask == recipe.dropout_mask
    training = config.training.model_dump(mode="json")
    assert {name: training[name] for name in recipe.training} == dict(recipe.training)
    assert all(config.task_options[name] == value for name, value in recipe.task.items())


def test_epochs_are_whole_passes_over_the_training_set(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(reproduction("cornn", "psmnist", epochs=12))
    config = read_plan(path).competitors[0].confirm_config({}, seed=1)
    assert (config.training.steps, config.training.evaluate_every) == (12 * 475, 475)


@pytest.mark.parametrize(("cell", "task", "shown"), [("cornn", "psmnist", True), ("unicornn", "psmnist", False)])
def test_a_published_curve_stands_beside_runs_on_the_same_permutation_alone(tmp_path, cell, task, shown):
    path = tmp_path / "study.toml"
    path.write_text(reproduction(cell, task, epochs=12))
    plan = read_plan(path)
    assert set(curves_of_others(plan)["name"]) == ({"cornn"} if shown else set())
    last = {whole: curves_of_others(plan, whole=whole)["step"].max() / 475 for whole in (False, True)}
    assert not shown or last == {False: 12, True: 120}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["lstn", "smnist"], "lstn"),
        (["lstm", "adding"], "adding"),
        (["lstm"], "copy"),
        (["cornn", "adding", "--epochs", "2"], "steps"),
        (["cornn", "psmnist", "--epochs", "2", "--steps", "5"], "both"),
    ],
)
def test_what_cannot_be_reproduced_is_refused_with_what_can(tmp_path, monkeypatch, arguments, said):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["reproduce", *arguments])
    assert result.exit_code == 2
    assert said in result.stderr
    assert not list(tmp_path.rglob("record.json"))


def test_a_short_reproduction_ends_in_a_report(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["reproduce", "cornn", "adding", "--steps", "2", "--workers", "1"])
    assert result.exit_code == 0, result.stderr
    folder = tmp_path / "reports" / "reproduce-cornn-adding"
    assert {"study.toml", "report.html", "rows.csv"} <= {file.name for file in folder.iterdir()}


def test_without_a_name_the_recipes_are_listed():
    result = CliRunner().invoke(app, ["reproduce"])
    assert result.exit_code == 0
    assert len(result.stdout.splitlines()) >= len(ALL)
