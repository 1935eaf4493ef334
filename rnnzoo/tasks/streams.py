"""The streams of random numbers that tasks draw from: no two uses share one, so no split can leak into another."""

from enum import IntEnum

import torch

from rnnzoo.checks import integer_in
from rnnzoo.tasks.base import generator

LARGEST = 2**32 - 1


class Stream(IntEnum):
    """What a stream is for: the first word of its key."""

    TRAIN = 0
    VALID = 1
    TEST = 2
    SPLIT = 3
    ORDER = 4
    TRAIN_NOISE = 5
    HELD_OUT_NOISE = 6
    SHARED_NOISE = 7
    FEEDBACK = 8


def stream(use: Stream, seed: int, index: int) -> torch.Generator:
    """Return the generator for this use, this seed and this index (a step, an epoch, an image).

    Raises:
        TypeError, ValueError: the seed or the index is not an integer from 0 to 2³² − 1; beyond, streams would repeat.
    """
    owner = f"stream {use.name}"
    return generator(
        int(use), integer_in(owner, "seed", seed, 0, LARGEST), integer_in(owner, "index", index, 0, LARGEST)
    )
