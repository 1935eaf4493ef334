"""Words as vectors: what stands ahead of a cell that reads text by words."""

from typing import final

import torch
from torch import Tensor, nn

from rnnzoo.checks import number_in, positive_integer


@final
class WordEmbedding(nn.Module):
    """e_t = E[x_t]: each word of a vocabulary has a trained vector.

    Word 0 fills up short sequences and word 1 stands for unknown words; their vectors begin at zero.

    Args:
        vocabulary: words, at least 2.
        output_size: features of a word's vector, at least 1.
        dropout: probability in [0, 1) with which, in training, a word of the vocabulary is zero wherever it stands in
            the batch; the others are scaled by 1/(1 − dropout).
        device, dtype: of the parameters.

    Parameters: weight (vocabulary, output_size), drawn from N(0, 1).

    Raises:
        TypeError, ValueError: an argument does not fit; the message names it, its value and what to do.

    Source: dropout of whole words as in Gal and Ghahramani, A Theoretically Grounded Application of Dropout in
    Recurrent Neural Networks, 2016, which the UnICORNN authors use for IMDB.
    Differs from the authors' code: they begin with GloVe vectors, here they are drawn.
    """

    def __init__(
        self,
        vocabulary: int,
        output_size: int,
        *,
        dropout: float = 0.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.vocabulary = positive_integer("WordEmbedding", "vocabulary", vocabulary)
        if vocabulary < 2:
            raise ValueError(f"WordEmbedding: vocabulary must be at least 2 (padding, unknown words), got {vocabulary}")
        self.output_size = positive_integer("WordEmbedding", "output_size", output_size)
        self.dropout = number_in("WordEmbedding", "dropout", dropout, 0.0, 1.0, open_high=True)
        self.weight = nn.Parameter(torch.empty(vocabulary, output_size, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw all vectors anew."""
        nn.init.normal_(self.weight)
        with torch.no_grad():
            self.weight[:2] = 0

    def forward(self, x: Tensor) -> Tensor:
        """Return the vectors (time, batch, output_size) of words (time, batch, 1), whole numbers of any dtype."""
        weight: Tensor = self.weight
        if self.training and self.dropout > 0:
            weight = weight * nn.functional.dropout(weight.new_ones(self.vocabulary, 1), self.dropout)
        return nn.functional.embedding(x[..., 0].long(), weight)
