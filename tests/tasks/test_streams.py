import pytest
import torch

from rnnzoo.tasks.base import generator
from rnnzoo.tasks.streams import Stream, stream


def test_no_two_keys_share_a_stream() -> None:
    keys = [(), (0,), (0, 0), (0, 0, 0), (1,), (1, 0), (0, 1), (1, 1), (2,), (1, 0, 0), (0, 0, 1), (0, 1, 0)]
    seeds = {generator(*key).initial_seed() for key in keys}
    assert len(seeds) == len(keys)


def test_uses_seeds_and_indices_have_streams_of_their_own() -> None:
    drawn = {
        tuple(torch.rand(4, generator=stream(use, seed, index)).tolist())
        for use in Stream
        for seed in range(5)
        for index in range(20)
    }
    assert len(drawn) == len(Stream) * 5 * 20


@pytest.mark.parametrize(("seed", "index", "word"), [(-1, 0, "seed"), (2**32, 0, "seed"), (0, -1, "index")])
def test_numbers_that_would_repeat_a_stream_are_errors(seed: int, index: int, word: str) -> None:
    with pytest.raises(ValueError, match=rf"stream TRAIN: {word} must lie in \[0, 4294967295\]"):
        stream(Stream.TRAIN, seed, index)
