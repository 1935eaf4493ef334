"""Character-level text: predict the next character of any UTF-8 file."""

import hashlib
import math
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple, final

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.checks import integer_in, positive_integer
from rnnzoo.data.brought import brought
from rnnzoo.data.errors import DataError
from rnnzoo.tasks.base import Batch, Metric, Split, Task
from rnnzoo.tasks.losses import cross_entropy
from rnnzoo.tasks.streams import Stream, stream

LARGEST_FILE = 2**30
MOST_CHARACTERS = 1024


class Characters(NamedTuple):
    """A file as numbers.

    Attributes:
        codes: (characters,) int64, each the place of its character in `alphabet`.
        alphabet: the characters of the file, sorted.
        sha256: of the file.
    """

    codes: Tensor
    alphabet: str
    sha256: str


@final
class Text(Task):
    """Predict each next character of a text, scored in bits per character.

    x_t is character t one-hot, the target character t+1. The first 90% of the file train, the next 5% validate, the
    last 5% are the test. A training batch takes windows of `length` characters from anywhere in the training part;
    held-out windows follow one another without overlap, each begun from the initial state.

    The best answer without memory is the frequency of a character after the present one (training set, every count
    raised by one).

    Args:
        file: name of a file in `$RNNZOO_DATA/text`.
        length: steps T of a window, at least 2.

    Raises:
        TypeError, ValueError: an option is not what it must be.
        DataError: the file is not there, no UTF-8, too short, or has more than 1,024 different characters.
    """

    summary = "predict the next character of any text file"
    metric = Metric("bits per character", "minimize", best=0.0)
    readout = "every"

    def __init__(self, file: str = "text.txt", length: int = 150) -> None:
        if not isinstance(file, str):
            raise TypeError(f"Text: file must be the name of a file, got {file!r}")
        self.file = file
        self.length = integer_in("Text", "length", length, 2, 100_000)
        alphabet = self.characters.alphabet
        self.input_size = self.output_size = len(alphabet)
        for part in ("train", "valid", "test"):
            if len(self.part(part)) < self.length + 1:
                raise DataError(
                    f"text: {file} has {len(self.part(part))} characters to {part} with, fewer than one window of "
                    f"{length} + 1; take a longer file or a smaller length"
                )

    @property
    def characters(self) -> Characters:
        """The file."""
        return read_text(self.file)

    def part(self, name: str) -> Tensor:
        """Return the characters of the part that trains, validates or tests."""
        codes = self.characters.codes
        first, second = int(0.9 * len(codes)), int(0.95 * len(codes))
        return {"train": codes[:first], "valid": codes[first:second], "test": codes[second:]}[name]

    @property
    def baseline(self) -> float:
        """Bits per character on the test set of the frequencies of pairs in the training set."""
        size = self.output_size
        train, test = self.part("train"), self.part("test")
        counts = torch.bincount(train[:-1] * size + train[1:], minlength=size * size).double().view(size, size) + 1
        bits = -(counts / counts.sum(1, keepdim=True)).log2()
        windows = test[: (len(test) - 1) // self.length * self.length + 1]
        return float(bits[windows[:-1], windows[1:]].mean())

    @property
    def baseline_loss(self) -> float:
        """The same in nats."""
        return self.baseline * math.log(2)

    def train_batch(self, seed: int, step: int, batch_size: int) -> Batch:
        """Return windows from anywhere in the training part."""
        positive_integer("Text", "batch_size", batch_size)
        train = self.part("train")
        starts = torch.randint(len(train) - self.length, (batch_size,), generator=stream(Stream.TRAIN, seed, step))
        return self.windows(train, starts)

    def held_out(self, split: Split, batch_size: int) -> Iterator[Batch]:
        """Yield windows that follow one another; the rest that fills no window is left out."""
        positive_integer("Text", "batch_size", batch_size)
        codes = self.part(split)
        starts = torch.arange(0, len(codes) - self.length, self.length)
        for start in range(0, len(starts), batch_size):
            yield self.windows(codes, starts[start : start + batch_size])

    def windows(self, codes: Tensor, starts: Tensor) -> Batch:
        """Return the windows (time, batch, characters) from these starts."""
        found = codes[torch.arange(self.length + 1).unsqueeze(1) + starts]
        return Batch(F.one_hot(found[:-1], self.input_size).float(), found[1:].contiguous())

    def loss(self, answer: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy in nats."""
        return F.cross_entropy(answer.flatten(0, 1), target.flatten())

    def loss_and_gradient(self, answer: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy in nats and its gradient, see `rnnzoo.tasks.losses`."""
        return cross_entropy(answer, target)

    def score(self, answer: Tensor, target: Tensor) -> Tensor:
        """Bits per character."""
        return self.loss(answer, target) / math.log(2)

    def extra_scores(self, answer: Tensor, target: Tensor) -> dict[str, Tensor]:
        """Share of characters that were the likeliest."""
        return {"accuracy": (answer.argmax(-1) == target).float().mean()}

    def options(self) -> dict[str, Any]:
        """Return file and length."""
        return {"file": self.file, "length": self.length}

    def facts(self) -> dict[str, str]:
        """Return the file, its hash and the splits."""
        return {
            "file": f"{self.file}, SHA-256 {self.characters.sha256[:16]}…, {self.input_size} different characters",
            "length": f"windows of {self.length} characters",
            "training": f"the first {len(self.part('train')):,} characters",
            "validation": f"the next {len(self.part('valid')):,}",
            "test": f"the last {len(self.part('test')):,}",
            "baseline": f"frequencies after the present character: {self.baseline:.3f} bits per character",
        }


@lru_cache(maxsize=2)
def read_text(file: str) -> Characters:
    """Return a file of the folder text, read once a process.

    Raises:
        DataError: it is not there, no UTF-8, empty, or has too many different characters.
    """
    path = brought("text", file)
    try:
        if path.stat().st_size > LARGEST_FILE:
            raise DataError(f"{path}: is larger than {LARGEST_FILE:,} bytes; take a part of it")
        data = path.read_bytes()
        text = data.decode()
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: byte {error.start:,} is no UTF-8; save the file as UTF-8") from None
    alphabet = "".join(sorted(set(text)))
    if not 2 <= len(alphabet) <= MOST_CHARACTERS:
        raise DataError(
            f"{path}: has {len(alphabet):,} different characters, must have 2 to {MOST_CHARACTERS:,}; "
            "take a text in a smaller alphabet, or spell it out"
        )
    place = {character: code for code, character in enumerate(alphabet)}
    codes = torch.tensor([place[character] for character in text])
    return Characters(codes, alphabet, hashlib.sha256(data).hexdigest())
