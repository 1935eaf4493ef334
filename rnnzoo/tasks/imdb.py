"""IMDB: whether a film review is kind, read word by word."""

import re
from collections import Counter
from functools import lru_cache
from typing import Any, Literal, NamedTuple, final

import torch
from torch import Tensor

from rnnzoo.checks import integer_in
from rnnzoo.data.brought import brought
from rnnzoo.data.errors import DataError
from rnnzoo.tasks.base import Split
from rnnzoo.tasks.labelled import LabelledTask
from rnnzoo.tasks.streams import LARGEST, Stream, stream

PADDING, UNKNOWN = 0, 1
WORD = re.compile(r"[a-z0-9]+(?:'[a-z]+)?|[!?.,;:]")
KINDS = ("neg", "pos")


class Reviews(NamedTuple):
    """All reviews, those for training first.

    Attributes:
        words: each review's words.
        labels: (reviews,) int64, 1 for a kind one.
        train_size: how many are for training.
    """

    words: tuple[tuple[str, ...], ...]
    labels: Tensor
    train_size: int


@final
class IMDB(LabelledTask):
    """Say after its last word whether a review is kind; a step gives the number of a word.

    Words are lower-case runs of letters and digits, and punctuation marks. The `words` commonest of the training set
    have numbers from 2 on, every other word is 1, and 0 fills up shorter reviews of a batch. The model needs an
    `embedding`. 25,000 reviews are for training, three tenths of them drawn for validation, and 25,000 for the test.

    Args:
        words: size of the vocabulary, without padding and unknown words, from 1.
        most_steps: a longer review is cut after so many words, from 1.
        split_seed: draws the validation reviews, from 0 to 2³² − 1.

    Raises:
        TypeError, ValueError: an option is not an integer in its range.
        DataError: at the first batch, if the data set is not here or damaged.

    Source: Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011; the split of github.com/tk-rusch/coRNN.
    Differs from the authors' code: they split words with spaCy and begin with GloVe vectors; reviews of unlike
    lengths share a batch here.
    """

    summary = "say whether a film review is kind, word by word"

    def __init__(self, words: int = 25_000, most_steps: int = 1000, split_seed: int = 0) -> None:
        self.words = integer_in("IMDB", "words", words, 1, 1_000_000)
        self.most_steps = integer_in("IMDB", "most_steps", most_steps, 1, 100_000)
        self.split_seed = integer_in("IMDB", "split_seed", split_seed, 0, LARGEST)
        self.vocabulary = words + 2
        self.input_size = 1
        self.output_size = 2
        self.length = most_steps
        self.train_size = 17_500

    @property
    def labels(self) -> Tensor:
        """Whether each review is kind: those for training, then those for the test."""
        return load_reviews().labels

    @property
    def class_counts(self) -> tuple[Tensor, Tensor]:
        """How often each kind stands in the training set and in the test set."""
        train, test = (self.labels[self.indices(split)] for split in ("train", "test"))
        return train.bincount(minlength=2).double(), test.bincount(minlength=2).double()

    def indices(self, split: Literal["train"] | Split) -> Tensor:
        """Return which reviews belong to a split."""
        reviews = load_reviews()
        if split == "test":
            return torch.arange(reviews.train_size, len(reviews.labels))
        order = torch.randperm(reviews.train_size, generator=stream(Stream.SPLIT, self.split_seed, 0))
        held = 3 * reviews.train_size // 10
        return order[held:] if split == "train" else order[:held]

    def train_inputs(self, indices: Tensor, seed: int, step: int) -> Tensor:  # noqa: ARG002 - fixed interface
        """Return the words' numbers."""
        return self.held_out_inputs(indices)

    def held_out_inputs(self, indices: Tensor) -> Tensor:
        """Return the words' numbers (time, batch, 1), as long as the longest of these reviews."""
        found = [numbered(self.words)[i][: self.most_steps] for i in indices.tolist()]
        return torch.nn.utils.rnn.pad_sequence(found, padding_value=PADDING).unsqueeze(2).float()

    def lengths(self, indices: Tensor) -> Tensor:
        """Return the steps of these reviews."""
        return torch.tensor([min(len(numbered(self.words)[i]), self.most_steps) for i in indices.tolist()])

    def options(self) -> dict[str, Any]:
        """Return words, most_steps and split_seed."""
        return {"words": self.words, "most_steps": self.most_steps, "split_seed": self.split_seed}

    def facts(self) -> dict[str, str]:
        """Return the length and the splits."""
        return {
            "length": f"1 to {self.most_steps} words of a vocabulary of {self.words}",
            "training": f"{len(self.indices('train'))} reviews",
            "validation": f"{len(self.indices('valid'))} reviews, drawn with split_seed {self.split_seed}",
            "test": f"{len(self.indices('test'))} reviews",
            "baseline": f"always the commoner kind: accuracy {self.baseline:.4f}",
        }


@lru_cache(maxsize=1)
def load_reviews() -> Reviews:
    """Return the reviews, read once a process.

    Raises:
        DataError: a folder is missing or holds no review, or a review is no UTF-8.
    """
    words: list[tuple[str, ...]] = []
    labels: list[int] = []
    train_size = 0
    for part in ("train", "test"):
        for label, kind in enumerate(KINDS):
            folder = brought("imdb", part, kind)
            files = sorted(folder.glob("*.txt"))
            if not files:
                raise DataError(f"{folder}: holds no .txt file; take the archive's folders as they are")
            for file in files:
                try:
                    found = tuple(WORD.findall(file.read_text(encoding="utf-8").lower().replace("<br />", " ")))
                except (OSError, UnicodeDecodeError) as error:
                    raise DataError(f"{file}: cannot be read as text ({error})") from None
                words.append(found or (".",))
                labels.append(label)
        train_size = train_size or len(labels)
    return Reviews(tuple(words), torch.tensor(labels), train_size)


@lru_cache(maxsize=1)
def numbered(size: int) -> list[Tensor]:
    """Return every review as numbers of its words, for a vocabulary of the training set's `size` commonest words."""
    reviews = load_reviews()
    counts = Counter(word for review in reviews.words[: reviews.train_size] for word in review)
    ranked = sorted(counts, key=lambda word: (-counts[word], word))[:size]
    number = {word: place for place, word in enumerate(ranked, start=2)}
    return [torch.tensor([number.get(word, UNKNOWN) for word in review]) for review in reviews.words]
