"""The options of every learning rule, as strict types: what `learning` in a configuration or a study file may say."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from rnnzoo.strict import PositiveFloat, PositiveInt, Strict


class BackpropagationOptions(Strict):
    """Backpropagation through time, the default: the true gradient of the loss.

    Attributes:
        rule: "bptt".
    """

    rule: Literal["bptt"]


class TruncatedOptions(Strict):
    """Truncated backpropagation through time; see `rnnzoo.learning.tbptt`.

    Attributes:
        rule: "tbptt".
        window: steps that a gradient travels at the most; windows are counted from the end of the sequence.
    """

    rule: Literal["tbptt"]
    window: PositiveInt


class ReadoutOptions(Strict):
    """The control: the readout alone is trained, everything before it stays as it was drawn.

    Attributes:
        rule: "readout".
    """

    rule: Literal["readout"]


class FeedbackOptions(Strict):
    """Direct feedback alignment; see `rnnzoo.learning.dfa` for what the words mean.

    The paper's abstract leaves open which layers go by backpropagation, how sparse the feedback is and whether an
    error also travels through time. Each is an option here, and a study says which value works.

    Attributes:
        rule: "dfa".
        block: time steps of a module, or "sequence" for all of them.
        depth: "layer" makes every layer (and the encoder) a module of its own; in "stack" a module holds all layers,
            feedback reaches the top one and travels down by backpropagation.
        inside: how an error travels inside a module: by "backpropagation", or by feedback "alignment", where fixed
            random weights stand in for the transposed ones.
        answers: how the error of an answer enters the layer that it is read from: by "feedback", or by
            "backpropagation" through the readout (a hybrid: the block that is read learns as in truncated
            backpropagation, what lies before it by feedback).
        later: whether the errors of later answers reach earlier blocks; without it no error crosses a block's border.
        reach: what the feedback teaches: the whole "state" of a cell or its "output".
        matrices: whether each "block" has a feedback matrix of its own or all blocks of a "layer" share one.
        density: share of feedback weights that are not zero, in (0, 1].
        scale: factor on the feedback weights, above 0.
        dilation: between the taps of the convolutional feedback inside an encoder.
        groups: of the convolutional feedback inside an encoder; must divide the channels of its layers.
        backpropagate_until: the first so many optimiser steps go by backpropagation (a hybrid of phases).
        backpropagate_from: optimiser steps beyond so many go by backpropagation, or None.
    """

    rule: Literal["dfa"]
    block: PositiveInt | Literal["sequence"] = 1
    depth: Literal["layer", "stack"] = "layer"
    inside: Literal["backpropagation", "alignment"] = "backpropagation"
    answers: Literal["feedback", "backpropagation"] = "feedback"
    later: bool = True
    reach: Literal["state", "output"] = "state"
    matrices: Literal["block", "layer"] = "block"
    density: Annotated[float, Field(gt=0, le=1)] = 1.0
    scale: PositiveFloat = 1.0
    dilation: PositiveInt = 2
    groups: PositiveInt = 1
    backpropagate_until: Annotated[int, Field(ge=0)] = 0
    backpropagate_from: Annotated[int, Field(ge=0)] | None = None

    @model_validator(mode="after")
    def _phases_do_not_meet(self) -> Self:
        until, begin = self.backpropagate_until, self.backpropagate_from
        if begin is not None and begin <= until:
            raise ValueError(
                f"backpropagate_from = {begin} must lie beyond backpropagate_until = {until}: feedback would never be "
                'used; raise it, or take rule = "bptt"'
            )
        return self


# no rule has a default name: a hash leaves defaults out, and must still tell the rules apart
LearningOptions = Annotated[
    BackpropagationOptions | TruncatedOptions | ReadoutOptions | FeedbackOptions, Field(discriminator="rule")
]
"""The options of one rule; its `rule` says which."""

BACKPROPAGATION = BackpropagationOptions(rule="bptt")
"""What a run learns by unless it says otherwise."""

JOINED = " · "
"""Stands in a competitor's label between a cell and the rule that it learns by."""
