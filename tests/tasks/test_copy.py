import math

import pytest
import torch

from rnnzoo.tasks.copy import Copy, codes, draw


@pytest.mark.parametrize("delay", [1, 2, 30])
def test_the_sequence_is_symbols_blanks_marker_blanks(delay: int) -> None:
    task = Copy(delay)
    x, target, _ = task.train_batch(0, 0, 50)
    assert task.length == delay + 20
    assert (x.sum(2) == 1).all()
    shown = x.argmax(2)
    symbols = shown[:10]
    assert symbols.min() == 1
    assert symbols.max() == 8
    assert (shown[10 : 9 + delay] == 0).all()
    assert (shown[9 + delay] == 9).all()
    assert (shown[10 + delay :] == 0).all()
    assert (target[: delay + 10] == 0).all()
    assert torch.equal(target[delay + 10 :], symbols)


def test_symbols_are_uniform_at_each_place() -> None:
    symbols = Copy(1).train_batch(0, 0, 20_000).target[-10:]
    shares = torch.stack([(symbols == s).float().mean(1) for s in range(1, 9)])
    assert torch.allclose(shares, torch.full((8, 10), 1 / 8), atol=0.012, rtol=0)  # five standard errors of 0.0023


def test_draws_avoid_forbidden_sequences() -> None:
    free = draw(1000, torch.Generator().manual_seed(0), torch.empty(0, dtype=torch.int64))
    forbidden = codes(free)[::3].sort().values
    kept = draw(1000, torch.Generator().manual_seed(0), forbidden)
    assert not torch.isin(codes(kept), forbidden).any()
    others = ~torch.isin(codes(free), forbidden)
    assert torch.equal(kept[:, others], free[:, others])


def test_training_and_held_out_sets_are_drawn_apart() -> None:
    task = Copy(1, held_out_size=50)
    valid, test = (codes(task.held_out_symbols[split]) for split in ("valid", "test"))
    assert torch.equal(task.held_out_codes, torch.cat([valid, test]).sort().values)
    drawn = codes(task.train_batch(0, 0, 200).target[-10:])
    task.held_out_codes = drawn[:100].sort().values
    again = codes(task.train_batch(0, 0, 200).target[-10:])
    assert not torch.isin(again, drawn[:100]).any()
    assert torch.equal(again[100:], drawn[100:])


def test_codes_tell_sequences_apart() -> None:
    assert codes(torch.ones(10, 1, dtype=torch.int64)).tolist() == [0]
    assert codes(torch.full((10, 1), 8)).tolist() == [8**10 - 1]
    assert codes(torch.tensor([[2, 1]] + 8 * [[1, 1]] + [[1, 2]])).tolist() == [1, 8**9]


def test_baseline_and_recall_accuracy() -> None:
    task = Copy(100)
    assert task.baseline == pytest.approx(10 * math.log(8) / 120)
    target = next(iter(task.held_out("valid", 1000))).target
    answer = torch.zeros(*target.shape, 9)
    answer[..., 3] = 1.0
    (recall,) = task.extra_scores(answer, target).values()
    assert recall.item() == pytest.approx((target[-10:] == 3).float().mean().item())
    assert recall.item() == pytest.approx(1 / 8, abs=0.014)  # 10,000 symbols: four standard errors
