"""The winner leaves its study and comes back the same; a folder that is no model's is refused with its reason."""

import json

import pytest
import torch

from rnnzoo import load_model
from rnnzoo.configuration import RunConfig
from rnnzoo.export.model import MODEL, WEIGHTS, ModelError
from rnnzoo.records import read_record
from rnnzoo.study.run import make_model, make_task
from rnnzoo.training import evaluate
from tests.export.conftest import rnnzoo


@pytest.fixture(scope="module")
def folder(study, tmp_path_factory):
    file, runs, _ = study
    place = tmp_path_factory.mktemp("exports")
    done = rnnzoo("export", file, "--runs", runs, "--to", place, "--winner", "adding/cornn", "--winner", "copy")
    assert done.exit_code == 0, done.stderr
    return place / "tiny"


def test_the_loaded_model_scores_what_its_run_scored(study, folder):
    description = json.loads((folder / "adding" / "cornn" / MODEL).read_text())
    config = RunConfig.model_validate(description["config"])
    model = load_model(folder / "adding" / "cornn")
    assert not model.training
    record = read_record(study[1] / config.run_id())
    assert description["scores"] == {"valid": record.valid, "test": record.test}
    assert evaluate(model, make_task(config), "test", config.training.evaluation_batch)["score"] == record.test
    fresh = make_model(config, make_task(config))
    x = torch.randn(6, 2, 2)
    assert not torch.equal(fresh(x), model(x))


def test_of_the_seeds_the_best_on_validation_is_taken(study, folder):
    description = json.loads((folder / "adding" / "cornn" / MODEL).read_text())
    kept = {key: value for key, value in description["config"].items() if key != "seed"}
    records = [read_record(path.parent) for path in study[1].glob("*/record.json")]
    dumps = [(record.valid, record.config.model_dump(mode="json")) for record in records]
    seeds = {valid: dump["seed"] for valid, dump in dumps if {k: v for k, v in dump.items() if k != "seed"} == kept}
    assert sorted(seeds.values()) == [1, 2]
    assert description["config"]["seed"] == seeds[min(seeds)]


def test_the_best_cell_of_a_task_is_the_report_s(study, folder):
    (cell,) = [path.name for path in (folder / "copy").iterdir()]
    overview = (study[2] / "figures" / "overview.csv").read_text().splitlines()
    names = overview[0].split(",")
    rows = [dict(zip(names, line.split(","), strict=True)) for line in overview[1:]]
    assert cell in {row["cell"] for row in rows if row["task"] == "copy" and float(row["place"]) == 1.0}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("multiplying/cornn", "the study has no task 'multiplying'; choose one of adding, copy"),
        ("adding/lstm", "the study has no cell 'lstm' there; choose one of rnn, cornn"),
        ("../../etc/cornn", "the study has no task '..'"),
    ],
)
def test_a_winner_that_is_not_there(study, tmp_path, wanted, message):
    result = rnnzoo("export", study[0], "--runs", study[1], "--to", tmp_path, "--winner", wanted)
    assert result.exit_code == 2
    assert message in result.stderr
    assert not list(tmp_path.iterdir())


def description(change):
    def damage(place):
        content = json.loads((place / MODEL).read_text())
        change(content)
        (place / MODEL).write_text(json.dumps(content))

    return damage


DAMAGE = {
    "no description": (lambda p: (p / MODEL).unlink(), r"model\.json: No such file"),
    "no weights": (lambda p: (p / WEIGHTS).unlink(), r"model\.safetensors: No such file"),
    "no JSON": (lambda p: (p / MODEL).write_text("{"), r"model\.json: the file: Invalid JSON"),
    "unknown key": (description(lambda c: c.update(colour=1)), r"model\.json: colour: Extra inputs"),
    "unknown cell": (description(lambda c: c["config"].update(cell="os.system")), "describes no model"),
    "a size beyond the weights": (description(lambda c: c["config"].update(hidden_size=10**12)), "is more than the"),
    "another size": (description(lambda c: c["config"].update(hidden_size=4)), "take both from one export"),
    "layers beyond the weights": (description(lambda c: c["config"].update(num_layers=10**9)), "is more than the"),
    "empty weights": (lambda p: (p / WEIGHTS).write_bytes(b""), r"model\.safetensors: .* write the folder anew"),
    "weights cut off": (lambda p: (p / WEIGHTS).write_bytes((p / WEIGHTS).read_bytes()[:-9]), "write the folder anew"),
    "a header that promises": (lambda p: (p / WEIGHTS).write_bytes(b"\xff" * 7 + b"\x7f{}"), "write the folder anew"),
    "pickled weights": (lambda p: torch.save({"linear.bias": torch.ones(1)}, p / WEIGHTS), "write the folder anew"),
    "a linked description": (
        lambda p: (p / MODEL).rename(p / "x") and (p / MODEL).symlink_to(p / "x"),
        "symbolic link",
    ),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_folder_that_holds_no_model_is_refused(folder, tmp_path, case):
    damage, message = DAMAGE[case]
    for name in (MODEL, WEIGHTS):
        (tmp_path / name).write_bytes((folder / "adding" / "cornn" / name).read_bytes())
    damage(tmp_path)
    with pytest.raises(ModelError, match=message):
        load_model(tmp_path)
