"""Feedback is drawn from the run's seed, as sparse as asked for, kept with the run, and never trained."""

import pytest
import torch
from pydantic import ValidationError

from rnnzoo.configuration import RunConfig
from rnnzoo.learning.choosing import make_rule
from rnnzoo.learning.dfa import DFA
from rnnzoo.learning.feedback import draw_feedback, given_feedback, thinned
from rnnzoo.learning.transport import transport
from rnnzoo.records import run_folder
from rnnzoo.study.run import Interrupted, execute
from rnnzoo.training import Training
from tests.learning.models import batch_of, feedback_options, small


def config(**changes):
    return RunConfig.model_validate(
        {
            "task": "adding",
            "task_options": {"length": 6, "held_out_size": 30},
            "cell": "gru",
            "cell_options": {},
            "hidden_size": 5,
            "training": {"steps": 12, "batch_size": 4, "lr": 0.01, "evaluate_every": 4},
            "seed": 3,
            "learning": {"rule": "dfa", "density": 0.5},
            "diagnostics": ["alignment"],
        }
        | changes
    )


def test_feedback_depends_on_its_seed_alone():
    model, task = small()
    torch.manual_seed(5)
    before = torch.random.get_rng_state()
    first, again, other = (draw_feedback(model, task, feedback_options(), seed) for seed in (1, 1, 2))
    assert torch.equal(torch.random.get_rng_state(), before)
    assert torch.equal(first["layer0"], again["layer0"])
    assert not torch.equal(first["layer0"], other["layer0"])
    assert first["layer0"].shape == (8, 10, 5)
    assert not torch.equal(first["layer0"][0], first["layer0"][1])


@pytest.mark.parametrize("density", [0.1, 0.35, 1.0])
def test_sparse_feedback_has_the_share_that_is_asked_for_and_keeps_its_size(density):
    values = torch.randn(100, 50, generator=torch.Generator().manual_seed(0))
    kept = thinned(values, density, torch.Generator().manual_seed(1))
    assert int(kept.count_nonzero()) == round(density * 5000)
    assert float(kept.norm() / values.norm()) == pytest.approx(1, abs=0.1)
    # spread over the whole matrix, not filled from one end
    assert int(kept[:50].count_nonzero()) == pytest.approx(density * 2500, rel=0.2)


def test_sparse_feedback_saves_multiply_adds_in_proportion():
    model, task = small()
    counts = {}
    for density in (1.0, 0.1):
        frame = transport(DFA(model, task, feedback_options(density=density), 0), task.length).set_index("way")
        counts[density] = int(frame.loc["feedback", "multiply_adds"])
    assert counts[1.0] == 8 * 10 * 5
    assert counts[0.1] == round(0.1 * 8 * 10 * 5)


def test_what_backpropagation_passes_is_counted():
    model, task = small(num_layers=2)
    frame = transport(make_rule(config(learning={"rule": "bptt"}).learning, model, task, 0), task.length)
    expected = {"readout": 50, "time": 2 * 7 * 75, "depth": 8 * 75, "encoder": 0, "feedback": 0}
    assert frame.set_index("way")["multiply_adds"].to_dict() == expected
    window = transport(make_rule(config(learning={"rule": "tbptt", "window": 3}).learning, model, task, 0), task.length)
    expected |= {"time": 2 * 2 * 75, "depth": 3 * 75}
    assert window.set_index("way")["multiply_adds"].to_dict() == expected


def test_errors_inside_blocks_are_counted():
    model, task = small()
    rule = DFA(model, task, feedback_options(block=3, inside="alignment", density=0.2, answers="backpropagation"), 0)
    counts = transport(rule, task.length).set_index("way")["multiply_adds"].to_dict()
    # blocks of 2, 3 and 3 steps; the last learns through the readout
    used = rule.feedback["layer0"][1:].count_nonzero()
    assert counts == {"readout": 50, "time": (1 + 2 + 2) * 15, "depth": 0, "encoder": 0, "feedback": int(used)}


def test_given_feedback_must_fit():
    drawn = {"layer0": torch.zeros(1, 10, 5)}
    with pytest.raises(ValueError, match="there is none called 'layer1'; this model has layer0"):
        given_feedback(drawn, {"layer1": torch.zeros(1, 10, 5)})
    with pytest.raises(ValueError, match=r"layer0 must have the shape \(1, 10, 5\), got \(10, 5\)"):
        given_feedback(drawn, {"layer0": torch.zeros(10, 5)})


def test_feedback_is_kept_with_the_run_and_does_not_change(tmp_path):
    whole = execute(config(), tmp_path / "whole")
    kept = torch.load(run_folder(tmp_path / "whole", config()) / "feedback.pt", weights_only=True)
    steps = []
    with pytest.raises(Interrupted):
        execute(config(), tmp_path / "cut", steps.append, stop=lambda: len(steps) == 7)
    resumed = execute(config(), tmp_path / "cut")
    assert resumed.valid == whole.valid
    again = torch.load(run_folder(tmp_path / "cut", config()) / "feedback.pt", weights_only=True)
    assert kept.keys() == {"layer0"} == again.keys()
    assert torch.equal(kept["layer0"], again["layer0"])
    assert int(kept["layer0"].count_nonzero()) == 15  # half of 6 blocks × 1 answer × 5 units


def test_a_checkpoint_s_feedback_takes_the_place_of_what_is_drawn_anew():
    model, task = small()
    first, second = (DFA(model, task, feedback_options(), seed) for seed in (1, 2))
    second.load_feedback({name: values.float() for name, values in first.feedback.items()})
    assert second.feedback["layer0"].dtype == torch.float64
    assert torch.allclose(second.feedback["layer0"], first.feedback["layer0"])
    second.backward(batch_of(task), 0)


def test_a_run_goes_on_with_the_feedback_of_its_checkpoint():
    found = []
    for seed in (1, 2):
        model, task = small("rnn", "adding")
        settings = config().training
        found.append(Training(model, task, settings, 1, DFA(model, task, feedback_options(), seed)))
    first, second = found
    second.load_state_dict(first.state_dict())
    assert torch.equal(second.rule.feedback["layer0"], first.rule.feedback["layer0"])


def test_the_rule_is_in_the_hash_and_backpropagation_is_not():
    rules = [{"rule": "dfa"}, {"rule": "dfa", "density": 0.1}, {"rule": "readout"}, {"rule": "tbptt", "window": 3}]
    hashes = {config(learning=rule).run_id() for rule in rules}
    assert len(hashes) == 4
    plain = config().model_dump(exclude={"learning"})
    assert RunConfig.model_validate(plain).run_id() == config(learning={"rule": "bptt"}).run_id()
    dumped = RunConfig.model_validate(plain).model_dump(mode="json", exclude_defaults=True)
    assert "learning" not in dumped


@pytest.mark.parametrize(
    ("learning", "text"),
    [
        ({"rule": "dfa", "density": 0.0}, "greater than 0"),
        ({"rule": "dfa", "density": 1.5}, "less than or equal to 1"),
        ({"rule": "dfa", "block": 0}, "greater than or equal to 1"),
        ({"rule": "dfa", "backpropagate_until": 5, "backpropagate_from": 5}, "feedback would never be used"),
        ({"rule": "tbptt"}, "window"),
        ({"rule": "hebb"}, "'bptt', 'tbptt', 'readout', 'dfa'"),
        ({"rule": "bptt", "window": 3}, "Extra inputs"),
    ],
)
def test_impossible_rules_are_refused(learning, text):
    with pytest.raises(ValidationError, match=text):
        config(learning=learning)
