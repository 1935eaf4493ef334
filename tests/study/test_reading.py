"""The study file: what it becomes, and that every mistake in it is told at once with key, value and remedy."""

import pytest

from rnnzoo.study.file import StudyFileError
from rnnzoo.study.reading import read_plan
from rnnzoo.study.results import meanings, promises
from tests.study.files import TINY, write_study


def mistakes(tmp_path, text):
    with pytest.raises(StudyFileError) as error:
        read_plan(write_study(tmp_path, text))
    return error.value.mistakes


def test_a_sound_file_becomes_every_cell_on_every_task(tmp_path):
    plan = read_plan(write_study(tmp_path))
    assert [(c.label, c.cell) for c in plan.competitors] == [
        ("adding", "rnn"),
        ("adding", "cornn"),
        ("copy", "rnn"),
        ("copy", "cornn"),
    ]
    assert plan.runs == 4 * (3 + 2)


def test_sizes_are_matched_to_the_budget_as_closely_as_whole_units_allow(tmp_path):
    plan = read_plan(write_study(tmp_path, TINY.replace("parameters = 300", "parameters = 5_000")))
    for competitor in plan.competitors:
        assert 0.9 * 5000 < competitor.parameters <= 5000
        assert competitor.base["hidden_size"] > 1


def test_what_is_fixed_is_not_searched(tmp_path):
    text = TINY + "options = { dt = 0.05 }\ntraining = { lr = 0.01 }\n"
    competitor = read_plan(write_study(tmp_path, text)).competitors[1]
    assert "cell.dt" not in competitor.space()
    assert "training.lr" not in competitor.space()
    assert "cell.gamma" in competitor.space()
    config = competitor.confirm_config({"cell.gamma": 3.0, "cell.epsilon": 4.0}, seed=2)
    assert (config.cell_options["dt"], config.training.lr, config.cell_options["gamma"]) == (0.05, 0.01, 3.0)


def test_a_budget_of_time_is_every_runs_and_a_trials_own_goes_before_it(tmp_path):
    def limits(text):
        plan = read_plan(write_study(tmp_path, text))
        values = {"cell.dt": 0.1, "cell.gamma": 3.0, "cell.epsilon": 4.0, "training.lr": 0.01}
        competitor = plan.competitors[1]
        configs = *competitor.trial_configs(values, plan.search), competitor.confirm_config(values, 1)
        return [(config.training.steps, config.training.max_seconds) for config in configs]

    assert limits(TINY) == [(6, None), (8, None)]
    timed = TINY.replace("parameters = 300", "parameters = 300\nseconds = 20")
    assert limits(timed) == [(6, 20.0), (8, 20.0)]
    assert limits(timed.replace("trials = 3", "trials = 3\nseconds = 5.5")) == [(6, 5.5), (8, 20.0)]


def test_a_recipe_fixes_everything_and_the_study_sets_the_steps(tmp_path):
    text = TINY.replace(
        'name = "copy"\noptions = { length = 2, held_out_size = 20 }', 'name = "adding"\nlabel = "long"'
    )
    text = text[: text.index("[[cell]]")].replace("length = 6", "length = 100")
    text += '[[cell]]\nname = "cornn"\nrecipe = "adding"\nhidden_size = 16\n'
    competitor = read_plan(write_study(tmp_path, text)).competitors[0]
    config = competitor.confirm_config({}, seed=1)
    assert not competitor.searched
    assert (config.hidden_size, config.training.lr, config.training.steps) == (16, 0.02, 8)
    assert config.cell_options == {"dt": 0.06, "gamma": 66.0, "epsilon": 15.0}


def test_a_recipe_for_another_variant_of_the_task_is_a_mistake(tmp_path):
    text = TINY.replace('name = "cornn"', 'name = "cornn"\nrecipe = "adding"')
    assert any("length = 100" in line and "cell 2.recipe" in line for line in mistakes(tmp_path, text))


def test_what_a_paper_promises_may_hang_on_a_setting(tmp_path):
    text = TINY[: TINY.index("[[cell]]")]
    for margin in ("0.0", "0.1"):
        text += f'[[cell]]\nname = "spectral"\nlabel = "m{margin}"\noptions = {{ margin = {margin} }}\n'
    assert list(promises(read_plan(write_study(tmp_path, text)))) == ["m0.0"]


def test_a_cell_stands_several_times_under_labels_of_its_own(tmp_path):
    text = TINY + 'label = "slow"\noptions = { dt = 0.01 }\n\n[[cell]]\nname = "cornn"\noptions = { dt = 0.1 }\n'
    plan = read_plan(write_study(tmp_path, text))
    assert plan.cells == ["rnn", "slow", "cornn"]
    slow, fast = plan.competitors[1:3]
    assert (slow.cell, slow.base["cell"], slow.base["cell_options"]) == ("slow", "cornn", {"dt": 0.01})
    assert (fast.cell, fast.base["cell_options"]) == ("cornn", {"dt": 0.1})
    assert meanings(plan) == {"slow": "cornn with dt = 0.01"}
    assert promises(plan) == dict.fromkeys(["slow", "cornn"], "the architecture is gradient-stable (title)")
    # the label is no part of a run: the same settings under another label are the same run
    values = {"cell.gamma": 3.0, "cell.epsilon": 4.0, "training.lr": 0.01}
    again = read_plan(write_study(tmp_path, text.replace('"slow"', '"slower"'))).competitors[1]
    assert again.confirm_config(values, 1).run_id() == slow.confirm_config(values, 1).run_id()


BROKEN = {
    "unknown key": ("[budget]", "colour = 1\n[budget]", "colour = 1: is unknown; the keys are"),
    "unknown key in a table": ("trials = 3", "trails = 3", "search.trails = 3: is unknown; the keys are trials"),
    "missing name": ('name = "tiny"\n', "", "name: is missing"),
    "name that leaves the folder": ('name = "tiny"', 'name = "../tiny"', "name = '../tiny'"),
    "missing batch size": ("batch_size = 4\n", "", "training.batch_size: is missing"),
    "negative parameters": ("parameters = 300", "parameters = -300", "budget.parameters = -300"),
    "budget below the smallest network": ("parameters = 300", "parameters = 3", "budget must be at least"),
    "a float for an integer": ("parameters = 300", "parameters = 300.5", "budget.parameters = 300.5"),
    "no seeds": ("seeds = [1, 2]", "seeds = []", "confirm.seeds"),
    "a seed twice": ("seeds = [1, 2]", "seeds = [1, 1]", "seed twice"),
    "search and confirm on one seed": ("seed = 7", "seed = 2", "confirm on fresh seeds"),
    "unknown task": (
        'name = "adding"',
        'name = "addling"',
        "task 1.name = 'addling': is unknown; choose one of adding",
    ),
    "unknown task option": ("length = 6", "lenght = 6", "task 1.options"),
    "impossible task option": ("length = 6", "length = 1", "task 1.options"),
    "unknown cell": ('name = "cornn"', 'name = "corn"', "cell 2.name = 'corn': is unknown; choose one of rnn"),
    "unknown hyperparameter": ('name = "cornn"', 'name = "cornn"\noptions = { dtt = 1.0 }', "dtt"),
    "impossible hyperparameter": ('name = "cornn"', 'name = "cornn"\noptions = { dt = -1.0 }', "dt must lie in (0"),
    "unknown recipe": ('name = "cornn"', 'name = "cornn"\nrecipe = "x"', "is no recipe of cornn; it has adding"),
    "steps in training": ("evaluate_every = 4", "steps = 4", "training.steps = 4: is set by search.steps"),
    "time in training": ("evaluate_every = 4", "max_seconds = 4.0", "training.max_seconds = 4.0: is set by budget.sec"),
    "no time": ("parameters = 300", "parameters = 300\nseconds = 0.0", "budget.seconds = 0.0"),
    "unknown training option": ("evaluate_every = 4", "evaluate_evry = 4", "training.evaluate_evry = 4: is unknown"),
    "training option out of range": ("evaluate_every = 4", "clip_norm = -1.0", "training.clip_norm = -1.0"),
    "infinite number": ("evaluate_every = 4", "clip_norm = inf", "training.clip_norm = inf"),
    "a task twice": (
        'name = "copy"\noptions = { length = 2',
        'name = "adding"\noptions = { length = 2',
        "stands twice",
    ),
    "a cell twice": ('name = "cornn"', 'name = "rnn"', "cell 2 = 'rnn': stands twice; give one a label"),
    "a label twice": ('name = "cornn"', 'name = "cornn"\nlabel = "rnn"', "cell 2 = 'rnn': stands twice"),
    "another cell's name as label": ('name = "cornn"', 'name = "cornn"\nlabel = "lstm"', "is the name of another cell"),
    "a label that leaves the folder": ('name = "cornn"', 'name = "cornn"\nlabel = "a/b"', "cell 2.label = 'a/b'"),
    "unknown engine": ("[budget]", 'engine = "warp"\n[budget]', "engine = 'warp': is unknown; choose one of auto"),
    "unknown sampler": ("seed = 7", 'seed = 7\nsampler = "grid"', "search.sampler = 'grid'"),
    "a table that is no table": ("[budget]\nparameters = 300", "budget = 300", "budget = 300: must be a table"),
    "no size": ("parameters = 300", "", "set budget.parameters, or hidden_size"),
    "a readout that does not go with dropout": (
        'name = "cornn"',
        'name = "cornn"\nreadout_dropout = 0.1\ntraining = { readout = "standardised" }',
        "set readout_dropout=0",
    ),
    "no learning rate": ("trials = 3", "trials = 0", "training.lr: is missing for rnn"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_mistake_is_told_with_key_value_and_remedy(tmp_path, case):
    sound, broken, expected = BROKEN[case]
    assert sound in TINY
    text = TINY.replace(sound, broken, 1)
    if sound == "[budget]":  # a top-level key must stand before the first table
        text = text.replace(broken, "[budget]", 1)
        text = broken.removesuffix("[budget]") + text
    if broken == "budget = 300":
        text = broken + "\n" + TINY.replace(sound, "", 1)
    found = mistakes(tmp_path, text)
    assert any(expected in line for line in found), found


def test_all_mistakes_are_told_at_once(tmp_path):
    text = TINY.replace("parameters = 300", "parameters = 0").replace('"cornn"', '"corn"')
    text = text.replace("length = 6", "lenght = 6").replace("trials = 3", "trials = -3")
    found = "\n".join(mistakes(tmp_path, text))
    for key in ("budget.parameters", "cell 2.name", "task 1.options", "search.trials"):
        assert key in found


def test_a_file_that_is_no_toml_names_the_line(tmp_path):
    assert "line 2" in mistakes(tmp_path, 'name = "tiny"\nquestion = \n')[0]


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(StudyFileError, match="cannot be read"):
        read_plan(tmp_path / "none.toml")


def test_a_file_in_another_encoding(tmp_path):
    path = tmp_path / "latin.toml"
    path.write_bytes('name = "é"'.encode("latin-1"))
    with pytest.raises(StudyFileError, match="is not TOML"):
        read_plan(path)
