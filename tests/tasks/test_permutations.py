import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch

from rnnzoo.tasks import permutations
from rnnzoo.tasks.permutations import PERMUTATIONS, checked_permutation

every_permutation = pytest.mark.parametrize("name", PERMUTATIONS)


@every_permutation
def test_each_is_a_permutation_with_the_recorded_mark(name: str) -> None:
    made = checked_permutation(name)
    assert torch.equal(made.sort().values, torch.arange(784))
    assert tuple(made[:8].tolist()) == PERMUTATIONS[name].first
    written = b"".join(int(i).to_bytes(8, "little") for i in made)
    assert hashlib.sha1(written).hexdigest()[:12] == PERMUTATIONS[name].sha1


def test_they_are_five_different_ones() -> None:
    assert len(PERMUTATIONS) == len({tuple(checked_permutation(name).tolist()) for name in PERMUTATIONS}) == 5


def test_torch_ones_are_those_of_the_global_generator() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(12008)
        assert torch.equal(torch.randperm(784), checked_permutation("cornn"))
        torch.manual_seed(5544)
        assert torch.equal(torch.randperm(784), checked_permutation("unicornn"))


def test_making_one_leaves_the_global_generators_alone() -> None:
    torch_before, numpy_before = torch.get_rng_state(), np.random.get_state()[1].copy()
    for name in PERMUTATIONS:
        checked_permutation(name)
    assert torch.equal(torch_before, torch.get_rng_state())
    assert (numpy_before == np.random.get_state()[1]).all()


@pytest.mark.parametrize("change", [{"sha1": "0" * 12}, {"first": (1, 2, 3, 4, 5, 6, 7, 8)}])
def test_another_outcome_than_the_recorded_one_is_an_error(
    change: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(permutations.PERMUTATIONS, "nnrnn", replace(PERMUTATIONS["nnrnn"], **change))
    with pytest.raises(RuntimeError, match=r"'nnrnn'.*529, 511.*f569e36972e9.*changed; install"):
        checked_permutation("nnrnn")
