"""What a study trains: a recurrent layer and a linear readout; and how large it may be for a budget of parameters."""

from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import PackedSequence

from rnnzoo.cells.base import CONSTRAINED_LR_SCALE, Cell
from rnnzoo.checks import number_in, one_of, positive_integer
from rnnzoo.configuration import ReadoutInitialisation, RunConfig
from rnnzoo.embedding import WordEmbedding
from rnnzoo.encoder import Encoder
from rnnzoo.readout import StandardisedLinear
from rnnzoo.recurrent import Recurrent
from rnnzoo.recurrent.stack import cell_class

Readout = Literal["last", "every"]


class SequenceModel(nn.Module):
    """A recurrent layer with a linear readout of its last output or of all of them: answer = C h + c.

    Vectors for words, or convolutions, may stand ahead of the recurrent layer, which then reads what they put out.

    Args:
        recurrent: the recurrent layer.
        output_size: features of the answer at one step, at least 1.
        readout: "last" answers once, from each direction's output at its last step; "every" at every step.
        readout_initialisation: "default" is that of `torch.nn.Linear`; "kaiming_normal" draws C from
            N(0, 2 / output size of the layer) and sets c = 0, as the released code of UnICORNN does for C;
            "standardised" is a `StandardisedLinear`, for whose scale `standardise` asks the data.
        encoder: convolutions ahead of the recurrent layer, or None; only where the answer is read at the last step,
            for they may change the number of steps.
        embedding: vectors for words ahead of all else, where the input is the numbers of words; or None.
        readout_dropout: probability in [0, 1) with which an output h is zeroed for the readout, in training; with the
            layer's `dropout_mask`.

    Raises:
        TypeError, ValueError: an argument does not fit; the message names it, its value and what to do.
    """

    def __init__(
        self,
        recurrent: Recurrent,
        output_size: int,
        *,
        readout: Readout,
        readout_initialisation: ReadoutInitialisation = "default",
        readout_dropout: float = 0.0,
        encoder: Encoder | None = None,
        embedding: WordEmbedding | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(recurrent, Recurrent):
            raise TypeError(f"SequenceModel: recurrent must be a Recurrent layer, got {type(recurrent).__name__}")
        self.output_size = positive_integer("SequenceModel", "output_size", output_size)
        self.readout = one_of("SequenceModel", "readout", readout, ("last", "every"))
        self.readout_initialisation = one_of(
            "SequenceModel", "readout_initialisation", readout_initialisation, get_args(ReadoutInitialisation)
        )
        self.readout_dropout = number_in("SequenceModel", "readout_dropout", readout_dropout, 0.0, 1.0, open_high=True)
        like = next(recurrent.parameters())
        if encoder is not None and readout == "every":
            raise ValueError(
                "SequenceModel: an encoder changes the number of steps, but the readout is at every step of the input; "
                "leave the encoder out, or read at the last step"
            )
        if embedding is not None and embedding.output_size != (encoder or recurrent).input_size:
            raise ValueError(
                f"SequenceModel: the embedding puts out {embedding.output_size} features, but what reads them takes "
                f"{(encoder or recurrent).input_size}; make it with input_size={embedding.output_size}"
            )
        if encoder is not None and encoder.output_size != recurrent.input_size:
            raise ValueError(
                f"SequenceModel: the encoder puts out {encoder.output_size} features, but the recurrent layer takes "
                f"{recurrent.input_size}; make it with input_size={encoder.output_size}"
            )
        if readout_initialisation == "standardised" and self.readout_dropout > 0:
            raise ValueError(
                "SequenceModel: readout_dropout zeroes outputs, but to a standardised readout zero is far from their "
                "mean; set readout_dropout=0, or take another readout"
            )
        self.embedding = embedding
        self.encoder = encoder
        self.recurrent = recurrent
        linear = StandardisedLinear if readout_initialisation == "standardised" else nn.Linear
        self.linear = linear(recurrent.output_size, output_size, device=like.device, dtype=like.dtype)
        self._initialise_readout()

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for front in (self.embedding, self.encoder):
            if front is not None:
                front.reset_parameters()
        self.recurrent.reset_parameters()
        self.linear.reset_parameters()
        self._initialise_readout()

    def forward(self, x: Tensor | PackedSequence, lengths: Sequence[int] | Tensor | None = None) -> Tensor:
        """Return the answer.

        Args:
            x: input in any form that `Recurrent` takes; for a readout at every step, padded.
            lengths: steps of each sequence, as in `Recurrent`.

        Returns:
            (B, output_size) for a readout at the last step, else the layout of `x` with `output_size` features;
            beyond `lengths` it holds the readout's bias and means nothing.
        """
        return self.read(self._front(x, lengths), lengths)

    def read(self, x: Tensor | PackedSequence, lengths: Sequence[int] | Tensor | None = None) -> Tensor:
        """Return the answer to what the recurrent layer reads: `forward` without the encoder."""
        answer: Tensor = self.linear(self._drop(self._outputs(x, lengths)))
        return answer

    @torch.no_grad()
    def standardise(self, x: Tensor, lengths: Sequence[int] | Tensor | None = None) -> None:
        """Let a standardised readout take its scale from the outputs for `x`; any other readout stays as it is."""
        if isinstance(self.linear, StandardisedLinear):
            was = self.training
            self.eval()  # dropout would widen the spread
            self.linear.standardise(self._outputs(self._front(x, lengths), lengths))
            self.train(was)

    def _front(self, x: Tensor | PackedSequence, lengths: Sequence[int] | Tensor | None) -> Tensor | PackedSequence:
        """Return what the recurrent layer reads."""
        if self.embedding is not None:
            if isinstance(x, PackedSequence):
                raise TypeError("SequenceModel: an embedding takes padded x; give it with lengths=")
            x = self.embedding(x)
        if self.encoder is not None:
            if isinstance(x, PackedSequence) or lengths is not None:
                raise TypeError("SequenceModel: an encoder takes padded x without lengths; cut x to one length")
            x = self.encoder(x)
        return x

    def _outputs(self, x: Tensor | PackedSequence, lengths: Sequence[int] | Tensor | None) -> Tensor:
        """Return the outputs of the recurrent layer that are read: the last, or those of every step."""
        if self.readout == "last":
            return self.recurrent.last_output(x, lengths=lengths)
        if isinstance(x, PackedSequence):
            raise TypeError(
                "SequenceModel: x is a PackedSequence, but the readout is at every step; give padded x and lengths"
            )
        every: Tensor = self.recurrent(x, lengths=lengths)[0]
        return every

    def parameter_count(self) -> int:
        """Return the number of trained parameters, readout included; a shared one counts once."""
        return sum(p.numel() for p in self.parameters() if p.requires_grad)

    def parameter_groups(
        self,
        lr: float,
        *,
        constrained_lr_scale: float = CONSTRAINED_LR_SCALE,
        recurrent_lr_scale: float = 1.0,
        weight_decay: float = 0.0,
    ) -> list[dict[str, Any]]:
        """Return optimiser groups, one for each distinct setting; every parameter is in exactly one.

        Args:
            lr: learning rate of free parameters and the readout, above 0.
            constrained_lr_scale: factor on it for the cells' constrained parameters, above 0.
            recurrent_lr_scale: factor on both for all of the cells' parameters, above 0.
            weight_decay: for free parameters and the readout, at least 0.
        """
        decay = number_in("SequenceModel", "weight_decay", weight_decay, 0.0)
        slower = number_in("SequenceModel", "recurrent_lr_scale", recurrent_lr_scale, 0.0, open_low=True)
        groups: dict[tuple[tuple[str, Any], ...], dict[str, Any]] = {}
        seen: set[int] = set()

        def add(parameters: list[nn.Parameter], settings: dict[str, Any]) -> None:
            fresh = [p for p in parameters if id(p) not in seen]
            seen.update(id(p) for p in fresh)
            if fresh:
                group = groups.setdefault(tuple(sorted(settings.items())), {"params": [], **settings})
                group["params"] += fresh

        for front in (self.embedding, self.encoder):
            if front is not None:
                add(list(front.parameters()), {"lr": float(lr), "weight_decay": decay})
        for cell in self.recurrent.cells:
            assert isinstance(cell, Cell)
            for group in cell.parameter_groups(
                lr * slower, constrained_lr_scale=constrained_lr_scale, weight_decay=decay
            ):
                add(group["params"], {name: value for name, value in group.items() if name != "params"})
        add(list(self.linear.parameters()), {"lr": float(lr), "weight_decay": decay})
        return list(groups.values())

    def _drop(self, h: Tensor) -> Tensor:
        """Return outputs (…, output_size) as the readout sees them: some are zero in training."""
        if not self.training or self.readout_dropout == 0:
            return h
        size = list(h.shape)
        if self.readout == "every" and self.recurrent.dropout_mask == "sequence":
            size[1 if self.recurrent.batch_first and h.dim() == 3 else 0] = 1
        return h * nn.functional.dropout(h.new_ones(size), self.readout_dropout)

    def _initialise_readout(self) -> None:
        if self.readout_initialisation == "kaiming_normal":
            nn.init.kaiming_normal_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)


def build_model(
    cell: str | type[Cell],
    hidden_size: int,
    *,
    input_size: int,
    output_size: int,
    readout: Readout,
    num_layers: int = 1,
    bidirectional: bool = False,
    dropout: float = 0.0,
    dropout_mask: str = "step",
    residual: bool = False,
    readout_initialisation: ReadoutInitialisation = "default",
    readout_dropout: float = 0.0,
    hyperparameters: Mapping[str, Any] | None = None,
    encoder: Mapping[str, Any] | None = None,
    vocabulary: int | None = None,
    embedding: Mapping[str, Any] | None = None,
    engine: str = "auto",
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> SequenceModel:
    """Return a new model; see `Recurrent` and `SequenceModel` for the arguments.

    Args:
        cell: cell class or a name in `CELLS`.
        hidden_size: units of each layer and direction.
        input_size: features of the input.
        output_size: features of the answer at one step.
        readout: "last" or "every".
        num_layers, bidirectional, dropout, dropout_mask, residual, engine: see `Recurrent`.
        readout_initialisation, readout_dropout: see `SequenceModel`.
        hyperparameters: of the cell; a list gives a value a layer.
        encoder: arguments of `Encoder` beyond the input size, or None.
        vocabulary: words, where the input is the numbers of words; `embedding` must then be given.
        embedding: arguments of `WordEmbedding` beyond the vocabulary, `output_size` among them, or None.
        device, dtype: of all parameters.

    Raises:
        TypeError, ValueError: an argument does not fit; the message names it, its value and what to do.
    """
    options = dict(hyperparameters or {})
    known = cell_class(cell).hyperparameter_names()
    # Recurrent would take a stray "batch_first" for its own; here hyperparameters are the cell's alone.
    for name, value in options.items():
        if name not in known:
            raise TypeError(
                f"build_model: {cell!r} has no hyperparameter {name!r} (given {value!r}); "
                f"it has {', '.join(known) or 'none'}"
            )
    if (vocabulary is None) != (embedding is None):
        raise ValueError(
            "build_model: the input is no numbers of words, but an embedding is given; leave it out"
            if vocabulary is None
            else f"build_model: the input is the numbers of {vocabulary} words; give an embedding of so many features, "
            "such as { output_size = 100 }"
        )
    words = None
    if vocabulary is not None and embedding is not None:
        words = WordEmbedding(vocabulary, device=device, dtype=dtype, **embedding)
        input_size = words.output_size
    front = None if encoder is None else Encoder(input_size, device=device, dtype=dtype, **encoder)
    recurrent = Recurrent(
        cell,
        input_size if front is None else front.output_size,
        hidden_size,
        num_layers=num_layers,
        bidirectional=bidirectional,
        dropout=dropout,
        dropout_mask=dropout_mask,
        residual=residual,
        engine=engine,
        device=device,
        dtype=dtype,
        **options,
    )
    return SequenceModel(
        recurrent,
        output_size,
        readout=readout,
        readout_initialisation=readout_initialisation,
        readout_dropout=readout_dropout,
        encoder=front,
        embedding=words,
    )


def configured_model(
    config: RunConfig, *, input_size: int, output_size: int, readout: Readout, vocabulary: int | None = None
) -> SequenceModel:
    """Return the model of a run, on its device, with parameters drawn from PyTorch's generator.

    Args:
        config: of the run.
        input_size, output_size, readout, vocabulary: those of the run's task.

    Raises:
        TypeError, ValueError: a setting does not fit; the message names it, its value and what to do.
    """
    model = build_model(
        config.cell,
        config.hidden_size,
        input_size=input_size,
        output_size=output_size,
        readout=readout,
        num_layers=config.num_layers,
        bidirectional=config.bidirectional,
        residual=config.residual,
        dropout=config.dropout,
        dropout_mask=config.dropout_mask,
        readout_dropout=config.readout_dropout,
        readout_initialisation=config.training.readout,
        hyperparameters=config.cell_options,
        encoder=None if config.encoder is None else config.encoder.model_dump(),
        vocabulary=vocabulary,
        embedding=None if config.embedding is None else config.embedding.model_dump(),
        engine=config.engine,
        dtype=getattr(torch, config.dtype),
    )
    return model.to(config.device)
