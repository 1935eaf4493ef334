"""The copy task: keep ten symbols over a delay, then write them out."""

import math
from collections.abc import Iterator
from typing import Any, final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.checks import integer_in, one_of, positive_integer
from rnnzoo.tasks.base import Batch, Metric, Split, Task
from rnnzoo.tasks.losses import cross_entropy
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

    With `gaps`, the denoising task: the ten symbols stand at places of their own among the first T + 9 steps, drawn
    anew for each sequence, with blanks between them; marker and target are as before. It asks which steps to keep, and
    not only how long.

    The best answer without memory is the blank, then an even guess over the symbols: a cross-entropy of
    10·log 8/(T + 20), averaged over all steps.

    Args:
        length: the delay T of the paper, at least 1; the attribute `length` is the T + 20 steps of a sequence.
        held_out_size: sequences in the validation set and in the test set, at least 1.
        encoding: "one_hot", or "scalar", where a step is the number of its symbol divided by 9, in [0, 1].
        gaps: whether blanks stand between the symbols.

    Raises:
        TypeError, ValueError: an option is not what it must be.

    Source: Arjovsky, Shah and Bengio, Unitary Evolution Recurrent Neural Networks, ICML 2016, section 5.1, and
    github.com/amarshah/complex_RNN; with gaps, Jing et al., Gated Orthogonal Recurrent Units, 2019, the denoise task.
    Differs from the authors' code: they draw 100,000 training sequences once and go through them again; here each
    batch is fresh. Sequences of the held-out sets are drawn again where training or the other set would repeat them.
    """

    summary = "write out ten symbols after a delay"
    metric = Metric("cross-entropy", "minimize", best=0.0, log=True)
    readout = "every"

    def __init__(
        self, length: int = 100, held_out_size: int = 1000, encoding: str = "one_hot", gaps: bool = False
    ) -> None:
        self.delay = integer_in("Copy", "length", length, 1, LARGEST)
        # both sets stay a vanishing part of the 8^10 sequences, so that leaving them out does not bend the training set
        self.held_out_size = integer_in("Copy", "held_out_size", held_out_size, 1, 100_000)
        self.length = self.delay + 2 * RECALLED
        self.encoding = one_of("Copy", "encoding", encoding, ("one_hot", "scalar"))
        if not isinstance(gaps, bool):
            raise TypeError(f"Copy: gaps must be True or False, got {gaps!r}")
        self.gaps = gaps
        self.input_size = ALPHABET + 2 if encoding == "one_hot" else 1
        self.output_size = ALPHABET + 1
        valid = draw(held_out_size, stream(Stream.VALID, 0, 0), forbidden=torch.empty(0, dtype=torch.int64))
        test = draw(held_out_size, stream(Stream.TEST, 0, 0), forbidden=codes(valid).sort().values)
        self.held_out_symbols: dict[Split, Tensor] = {"valid": valid, "test": test}
        self.held_out_places = {
            split: self.draw_places(held_out_size, stream(Stream.HELD_OUT_NOISE, 0, index))
            for index, split in enumerate(self.held_out_symbols)
        }
        self.held_out_codes = torch.cat([codes(valid), codes(test)]).sort().values

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
        generator = stream(Stream.TRAIN, seed, step)
        symbols = draw(count, generator, self.held_out_codes)
        return self.assemble(symbols, self.draw_places(count, generator))

    def held_out(self, split: Split, batch_size: int) -> Iterator[Batch]:
        """Yield the set in batches."""
        batch_size = positive_integer("Copy", "batch_size", batch_size)
        symbols, places = self.held_out_symbols[split], self.held_out_places[split]
        for start in range(0, self.held_out_size, batch_size):
            chosen = slice(start, start + batch_size)
            yield self.assemble(symbols[:, chosen], places[:, chosen])

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy in nats, averaged over all steps."""
        return F.cross_entropy(answer.flatten(0, 1), target.flatten())

    def loss_and_gradient(self, answer: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy in nats and its gradient, see `rnnzoo.tasks.losses`."""
        return cross_entropy(answer, target)

    def score(self, answer: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy in nats, averaged over all steps."""
        return self.loss(answer, target)

    def extra_scores(self, answer: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Share of the symbols that are written rightly in the last ten steps; an even guess gets 1/8."""
        right = answer[-RECALLED:].argmax(-1) == target[-RECALLED:]
        return {"recall accuracy": right.float().mean()}

    def options(self) -> dict[str, Any]:
        """Return length (the delay T), held_out_size, encoding and gaps."""
        shape = {"length": self.delay, "held_out_size": self.held_out_size}
        return shape | {"encoding": self.encoding, "gaps": self.gaps}

    def facts(self) -> dict[str, str]:
        """Return the delay, the length, and the sizes of the splits."""
        return {
            "delay": f"T = {self.delay} steps",
            "length": f"{self.length} steps",
            "symbols": f"{RECALLED} of an alphabet of {ALPHABET}{', with gaps between them' if self.gaps else ''}",
            "input": "one-hot" if self.encoding == "one_hot" else "a number in [0, 1]",
            "training": "fresh sequences at every step",
            "validation": f"{self.held_out_size} sequences, the same for every run",
            "test": f"{self.held_out_size} sequences, the same for every run",
            "baseline": f"no memory: cross-entropy 10 log 8/(T + 20) = {self.baseline:.4g}; recall accuracy 1/8",
        }

    def draw_places(self, count: int, generator: torch.Generator) -> Tensor:
        """Return at which steps the symbols stand (10, count), ascending."""
        if not self.gaps:
            return torch.arange(RECALLED).unsqueeze(1).expand(-1, count)
        order = torch.rand(self.delay + RECALLED - 1, count, generator=generator).argsort(0)
        return order[:RECALLED].sort(0)[0]

    def assemble(self, symbols: Tensor, places: Tensor) -> Batch:
        """Return the batch that asks for these symbols (10, batch) at these steps (10, batch)."""
        count = symbols.shape[1]
        shown = torch.full((self.length, count), BLANK).scatter_(0, places, symbols)
        shown[RECALLED + self.delay - 1] = MARKER
        target = torch.full((self.length, count), BLANK)
        target[-RECALLED:] = symbols
        if self.encoding == "scalar":
            return Batch(shown.unsqueeze(2) / MARKER, target)
        x = torch.zeros(self.length, count, ALPHABET + 2).scatter_(2, shown.unsqueeze(2), 1.0)
        return Batch(x, target)


def draw(count: int, generator: torch.Generator, forbidden: Tensor) -> Tensor:
    """Return symbols (10, count) from 1 to 8, drawn again until none has one of the `forbidden` codes, ascending."""
    symbols = torch.randint(1, ALPHABET + 1, (RECALLED, count), generator=generator)
    while (clash := _among(codes(symbols), forbidden)).any():
        symbols[:, clash] = torch.randint(1, ALPHABET + 1, (RECALLED, int(clash.sum())), generator=generator)
    return symbols


def _among(values: Tensor, ascending: Tensor) -> Tensor:
    """Return which of the values stand in `ascending`; `torch.isin` would sort it again for every batch."""
    if len(ascending) == 0:
        return torch.zeros_like(values, dtype=torch.bool)
    return ascending[torch.searchsorted(ascending, values).clamp_(max=len(ascending) - 1)] == values


def codes(symbols: Tensor) -> Tensor:
    """Return the number (count,) that the symbols (10, count) of a sequence spell in base 8."""
    places = ALPHABET ** torch.arange(RECALLED)
    return ((symbols - 1) * places.unsqueeze(1)).sum(0)
