"""Networks with a wiring of their own: a fresh draw a run, every one within its budget, the same in every process."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from rnnzoo.cells import CELLS
from rnnzoo.hidden_size import solve_hidden_size
from rnnzoo.records import RunRecord
from rnnzoo.report.control import controls
from rnnzoo.study.file import StudyFileError
from rnnzoo.study.reading import read_plan
from rnnzoo.study.results import Found, budget_row, collect
from rnnzoo.study.search import CellSearch
from rnnzoo.study.sizing import drawn, model_of
from rnnzoo.study.storage import open_journal
from tests.generator.drawing import random_options
from tests.study.files import TINY, write_study

STUDY = (
    TINY[: TINY.index("[[cell]]")].replace("parameters = 300", "parameters = 3000") + '[[cell]]\nname = "generated"\n'
)
DRAWS = 200


def competitor(tmp_path, text=STUDY):
    return read_plan(write_study(tmp_path, text)).competitors[0]


def values(seed):
    options = random_options(seed)
    del options["graph_seed"]
    return {f"cell.{name}": value for name, value in options.items()} | {"training.lr": 0.01}


def wirings(configs):
    return [config.cell_options["graph_seed"] for config in configs]


def test_every_run_is_a_fresh_draw_and_the_same_one_again(tmp_path):
    made = competitor(tmp_path)
    confirm = [made.confirm_config(values(0), seed) for seed in (1, 2, 3)]
    assert len({*wirings(confirm), made.confirm_config(values(1), 1).cell_options["graph_seed"]}) == 4
    assert [made.confirm_config(values(0), seed) for seed in (1, 2, 3)] == confirm
    assert all(config.hidden_size == made.confirm_config(values(0), config.seed).hidden_size for config in confirm)


def test_the_rungs_of_a_trial_are_one_network_and_its_seeds_are_several(tmp_path):
    text = STUDY.replace("trials = 3", 'trials = 3\npruner = "hyperband"\nsmallest_steps = 2')
    plan = read_plan(write_study(tmp_path, text))
    rungs = plan.competitors[0].trial_configs(values(0), plan.search)
    assert len(rungs) > 1
    assert len(set(wirings(rungs))) == 1
    plan = read_plan(write_study(tmp_path, STUDY.replace("seed = 7", "seeds = [7, 8, 9]")))
    assert len(set(wirings(plan.competitors[0].trial_configs(values(0), plan.search)))) == 3


def test_draws_obey_their_budget(tmp_path):
    made = competitor(tmp_path)
    for seed in range(DRAWS):
        config = made.confirm_config(values(seed), 1)
        count = model_of(made.task, config.model_dump(), config.hidden_size).parameter_count()
        assert 0.95 * 3000 <= count <= 3000, seed


def test_a_draw_that_cannot_come_near_the_budget_is_drawn_anew(tmp_path, monkeypatch):
    made = competitor(tmp_path)
    base = dict(made.base) | {"cell_options": {n.removeprefix("cell."): v for n, v in values(0).items() if "cell" in n}}
    first = drawn(made.task, base, {}, 3000)
    monkeypatch.setattr("rnnzoo.study.sizing.WITHIN", 0.002)
    other = drawn(made.task, base, {}, 3000)
    assert other["cell_options"]["graph_seed"] != first["cell_options"]["graph_seed"]
    merged = dict(base) | other
    count = model_of(made.task, merged, merged["hidden_size"]).parameter_count()
    assert 0.998 * 3000 <= count <= 3000
    assert solve_hidden_size(3000, lambda size: model_of(made.task, merged, size)) == merged["hidden_size"]


def test_a_fresh_process_draws_the_same_runs(tmp_path):
    path = write_study(tmp_path, STUDY)
    program = (
        "import json, sys; from pathlib import Path; from rnnzoo.study.reading import read_plan; "
        "c = read_plan(Path(sys.argv[1])).competitors[0]; "
        "print(json.dumps([c.confirm_config(json.loads(sys.argv[2]), s).run_id() for s in (1, 2)]))"
    )
    command = [sys.executable, "-c", program, str(path), json.dumps(values(4))]
    done = subprocess.run(command, cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True)
    made = competitor(tmp_path)
    assert json.loads(done.stdout) == [made.confirm_config(values(4), seed).run_id() for seed in (1, 2)]


def test_a_budget_below_the_smallest_network_is_a_mistake_that_names_it(tmp_path):
    with pytest.raises(
        StudyFileError, match=r"none of 100 networks.*top_nodes = 7.*budget\.parameters = 100: .*has \d"
    ):
        competitor(tmp_path, STUDY.replace("parameters = 3000", "parameters = 100"))
    with pytest.raises(StudyFileError, match=r"top_neighbours must be below top_nodes, got top_neighbours = 5"):
        competitor(tmp_path, STUDY + "options = { top_neighbours = 5, top_nodes = 5 }\n")


def test_an_architecture_from_a_file_is_neither_drawn_nor_searched(tmp_path):
    text = STUDY + 'options = { architecture = "found.json" }\n'
    with pytest.raises(StudyFileError, match=r"cell 1\.options\.architecture = 'found\.json': cannot be read"):
        competitor(tmp_path, text)
    names = []
    for seed in (1, 2):
        written = CELLS["generated"](2, 3, graph_seed=seed).drawn.to_text()
        (tmp_path / "found.json").write_text(written)
        made = competitor(tmp_path, text)
        assert set(made.space()) == {"training.lr", "training.clip_norm"}
        one, two = (made.confirm_config({"training.lr": 0.01}, s) for s in (1, 2))
        assert one.cell_options == two.cell_options == {"architecture": written}
        names.append(one.run_id())
    assert names[0] != names[1]


def test_a_cell_may_have_a_sampler_of_its_own(tmp_path):
    text = STUDY + '[[cell]]\nname = "generated"\nlabel = "control"\nsampler = "random"\n'
    plan = read_plan(write_study(tmp_path, text))
    searched, control = plan.competitors[:2]
    assert (searched.sampler, control.sampler) == ("tpe", "random")
    store = open_journal(tmp_path / "runs")
    first, other = (CellSearch(plan, c, store) for c in (searched, control))
    assert first.key() != other.key()
    assert first.next().runs != other.next().runs


def test_the_report_knows_a_search_and_its_random_control_from_each_other(tmp_path):
    text = STUDY + '[[cell]]\nname = "generated"\nlabel = "control"\nsampler = "random"\n'
    content = collect(read_plan(write_study(tmp_path, text)), tmp_path / "runs")
    found = controls(content)
    assert list(zip(found["task"], found["cell"], found["control"], strict=True)) == [
        (task, "generated", "control") for task in ("adding", "copy")
    ]


def test_the_budget_shows_the_smallest_of_the_networks_that_were_drawn(tmp_path):
    plan = read_plan(write_study(tmp_path, STUDY))
    made, other = plan.competitors

    def ran(competitor, seed, parameters, phase="confirm"):
        config = competitor.confirm_config(values(0), seed)
        record = RunRecord(
            config=config,
            state="finished",
            valid=0.1,
            parameters=parameters,
            engine="",
            steps=1,
            seconds=0,
            environment={},
        )
        return Found(competitor, phase, math.nan, record, tmp_path, {})

    found = [ran(made, 1, 2990), ran(made, 2, 2880), ran(made, 3, 10, "search"), ran(other, 1, 2000)]
    row = budget_row(plan, made, found)
    assert (row["parameters"], row["hidden_size"]) == (2880, found[1].record.config.hidden_size)
    assert row["residual"] == pytest.approx(-4.0)
    assert budget_row(plan, made, [])["parameters"] == made.parameters
