"""The copy task: keep ten symbols over a delay, then write them out."""

import math
from collections.abc import Iterator
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.checks import integer_in, positive_integer
from rnnzoo.tasks.base import Batch, Metric, Split, Task
from rnnzoo.tasks.streams import LARGEST, Stream, stream

RECALLED = 10
ALPHABET = 8
BLANK, MARKER = 0, ALPHABET + 1


@final
class Copy(Task):
    """Ten symbols, a delay of T steps that ends in a marker, then ten steps in which to write the symbols.

    input:  s_1 … s_10, T−1 blanks, the marker, 10 blanks
    target: T+10 blanks, s_1 … s_10

    with s_i uniform over 8 symbols: T + 20 steps, one-hot input of 10 (blank 0, symbols 1 to 8, marker 9), 9 classes
    at every step (blank and symbols).

    The best answer without memory is the blank, then an even guess over the symbols: a cross-entropy of
    10·log 8/(T + 20), averaged over all steps.

    Args:
        length: the delay T of the paper, at least 1; the attribute `length` is the T + 20 steps of a sequence.
        held_out_size: sequences in the validation set and in the test set, at least 1.

    Raises:
        TypeError, ValueError: an option is not an integer in its range.

    Source: Arjovsky, Shah and Bengio, Unitary Evolution Recurrent Neural Networks, ICML 2016, section 5.1, and
    github.com/amarshah/complex_RNN.
    Differs from the authors' code: they draw 100,000 training sequences once and go through them again; here each
    batch is fresh. Sequences of the held-out sets are drawn again where training or the other set would repeat them.
    """

    summary = "write out ten symbols after a delay"
    metric = Metric("cross-entropy", "minimize", best=0.0, log=True)
    readout = "every"

    def __init__(self, length: int = 100, held_out_size: int = 1000) -> None:
        self.delay = integer_in("Copy", "length", length, 1, LARGEST)
        # both sets stay a vanishing part of the 8^10 sequences, so that leaving them out does not bend the training set
        self.held_out_size = integer_in("Copy", "held_out_size", held_out_size, 1, 100_000)
        self.length = self.delay + 2 * RECALLED
        self.input_size = ALPHABET + 2
        self.output_size = ALPHABET + 1
        valid = draw(held_out_size, stream(Stream.VALID, 0, 0), forbidden=torch.empty(0, dtype=torch.int64))
        test = draw(held_out_size, stream(Stream.TEST, 0, 0), forbidden=codes(valid))
        self.held_out_symbols: dict[Split, Tensor] = {"valid": valid, "test": test}
        self.held_out_codes = torch.cat([codes(valid), codes(test)])

    @property
    def baseline(self) -> float:
        """10·log 8/(T + 20)."""
        return RECALLED * math.log(ALPHABET) / self.length

    @property
    def baseline_loss(self) -> float:
        """The same: the loss is the metric."""
        return self.baseline

    def train_batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Return fresh sequences, none of which is in a held-out set."""
        count = positive_integer("Copy", "batch_size", batch_size)
        return assemble(draw(count, stream(Stream.TRAIN, seed, step), self.held_out_codes), self.delay)

    def held_out(self, split: Split, batch_size: int) -> Iterator[Batch]:
        """Yield the set in batches."""
        batch_size = positive_integer("Copy", "batch_size", batch_size)
        for start in range(0, self.held_out_size, batch_size):
            yield assemble(self.held_out_symbols[split][:, start : start + batch_size], self.delay)

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy in nats, averaged over all steps."""
        return F.cross_entropy(answer.flatten(0, 1), target.flatten())

    def score(self, answer: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy in nats, averaged over all steps."""
        return self.loss(answer, target)

    def extra_scores(self, answer: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Share of the symbols that are written rightly in the last ten steps; an even guess gets 1/8."""
        right = answer[-RECALLED:].argmax(-1) == target[-RECALLED:]
        return {"recall accuracy": right.float().mean()}

    def options(self) -> dict[str, Any]:
        """Return length (the delay T) and held_out_size."""
        return {"length": self.delay, "held_out_size": self.held_out_size}

    def facts(self) -> dict[str, str]:
        """Return the delay, the length, and the sizes of the splits."""
        return {
            "delay": f"T = {self.delay} steps",
            "length": f"{self.length} steps",
            "symbols": f"{RECALLED} of an alphabet of {ALPHABET}",
            "training": "fresh sequences at every step",
            "validation": f"{self.held_out_size} sequences, the same for every run",
            "test": f"{self.held_out_size} sequences, the same for every run",
            "baseline": f"no memory: cross-entropy 10 log 8/(T + 20) = {self.baseline:.4g}; recall accuracy 1/8",
        }


def draw(count: int, generator: torch.Generator, forbidden: Tensor) -> Tensor:
    """Return symbols (10, count) from 1 to 8, drawn again until none has one of the `forbidden` codes."""
    symbols = torch.randint(1, ALPHABET + 1, (RECALLED, count), generator=generator)
    while (clash := torch.isin(codes(symbols), forbidden)).any():
        symbols[:, clash] = torch.randint(1, ALPHABET + 1, (RECALLED, int(clash.sum())), generator=generator)
    return symbols


def codes(symbols: Tensor) -> Tensor:
    """Return the number (count,) that the symbols (10, count) of a sequence spell in base 8."""
    places = ALPHABET ** torch.arange(RECALLED)
    return ((symbols - 1) * places.unsqueeze(1)).sum(0)


def assemble(symbols: Tensor, delay: int) -> Batch:
    """Return the batch that asks for these symbols (10, batch)."""
    steps, count = delay + 2 * RECALLED, symbols.shape[1]
    shown = torch.full((steps, count), BLANK)
    shown[:RECALLED] = symbols
    shown[RECALLED + delay - 1] = MARKER
    target = torch.full((steps, count), BLANK)
    target[-RECALLED:] = symbols
    x = torch.zeros(steps, count, ALPHABET + 2).scatter_(2, shown.unsqueeze(2), 1.0)
    return Batch(x, target)
