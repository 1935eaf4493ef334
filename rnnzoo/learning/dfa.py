"""Direct feedback alignment for recurrent networks: errors reach every module through fixed random feedback."""

from collections.abc import Mapping
from contextlib import nullcontext
from typing import NamedTuple, final

import torch
from torch import Tensor

from rnnzoo.cells.base import Cell, State, Weights
from rnnzoo.engine import Unrolled, resolve
from rnnzoo.engine.reference import reference
from rnnzoo.learning.base import LearningRule, carried_by, one_length, with_penalty
from rnnzoo.learning.blocks import Blocks, in_blocks
from rnnzoo.learning.feedback import (
    Substitution,
    block_length,
    draw_feedback,
    given_feedback,
    named_cells,
    through_convolution,
)
from rnnzoo.learning.options import FeedbackOptions
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Batch, Task


@final
class DFA(LearningRule):
    """The network is cut into modules, and no gradient crosses from one to the next.

    A module is a layer over a block of time steps (with depth "stack", all layers over that block), or the encoder.
    With e_t = ∂L/∂answer_t and h_k the state at the end of block k of K,

        δ_k = B_{K−1−k} Σ_{t beyond block k} e_t   in place of   ∂L/∂h_k = Σ_t (∂answer_t/∂h_k)ᵀ e_t,
        δ_t = B_{K−1−k} e_t   at a step t of block k at which an answer is read, in place of Cᵀ e_t,

    and the module's parameters learn by (∂h_k/∂θ)ᵀ δ_k, taken inside the module. Where the answer is read after the
    last step, its one error reaches the end of every block. With blocks of one step this is the plain rule: every
    step of every layer is taught by the output error alone, f′ kept, and nothing travels through time. A block of a
    whole sequence, one layer and Cᵀ as feedback give backpropagation. The readout learns by its true gradient.

    Inside a module errors travel by backpropagation or, with inside "alignment", through fixed matrices in place of
    the transposed recurrent ones, and from the encoder's end to each of its layers through a fixed dilated, grouped,
    transposed convolution. `FeedbackOptions` lists every choice.

    The blocks of a layer run side by side as one batch: the backward pass takes a block's steps in a row, not the
    sequence's.

    Args:
        model, task: see `LearningRule`.
        options: see `FeedbackOptions`.
        seed: of the feedback.
        feedback: weights to take in place of those drawn, by name; see `draw_feedback`.

    Raises:
        ValueError: an option or given feedback does not fit the model; the message names it.

    Source: Nøkland, Direct Feedback Alignment Provides Learning in Deep Neural Networks, NeurIPS 2016, for the rule;
    Han, Park and Yoo, Extension of Direct Feedback Alignment to Convolutional and Recurrent Neural Network for
    Bio-plausible Deep Learning, 2020, for modules, sparse feedback and the hybrid, of which only the abstract was at
    hand: how a recurrent network is cut, and what the hybrid keeps, are readings of ours, each an option.
    """

    def __init__(
        self,
        model: SequenceModel,
        task: Task,
        options: FeedbackOptions,
        seed: int,
        feedback: Mapping[str, Tensor] | None = None,
    ) -> None:
        super().__init__(model, task)
        if model.embedding is not None:
            raise ValueError(
                'DFA: feedback does not reach vectors of words; take rule = "bptt" or "tbptt" for a model with an '
                "embedding"
            )
        self.options = options
        self.feedback = given_feedback(draw_feedback(model, task, options, seed), feedback or {})

    def by_feedback(self, step: int) -> bool:
        """Whether a step goes by feedback, or, in a hybrid of phases, by backpropagation."""
        begin = self.options.backpropagate_from
        return step >= self.options.backpropagate_until and (begin is None or step < begin)

    def backward(self, batch: Batch, step: int, penalty: Tensor | None = None) -> Tensor:
        """Add the gradients that feedback gives; the true ones in a phase of backpropagation."""
        if not self.by_feedback(step):
            loss = self.task.loss(self.model(batch.x, batch.lengths), batch.target)
            with_penalty(loss, penalty).backward()  # type: ignore[no-untyped-call]
            return loss
        encoder, options = self.model.encoder, self.options
        apart = options.inside == "alignment"
        x = one_length(self, batch)
        layers = [] if encoder is None else encoder.activations(x, apart=apart)
        x = x if encoder is None else encoder.sequence(layers[-1]).detach()
        x.requires_grad_(encoder is not None and options.depth == "stack")
        walk = _Walk(self)
        with carried_by(self.model, walk):
            answer = self.model.read(x)
        loss = self.task.loss(answer, batch.target)
        (error,) = torch.autograd.grad(loss, answer, retain_graph=True)
        roots, gradients = [with_penalty(loss, penalty)], [torch.ones_like(loss)]
        for taught in walk.taught:
            for root, gradient in self.lessons(taught, error):
                if root.requires_grad:
                    roots.append(root)
                    gradients.append(gradient)
        torch.autograd.backward(roots, gradients)
        if encoder is not None:
            arrived = error @ self.feedback["encoder"] if options.depth == "layer" else x.grad
            assert arrived is not None
            self.teach_encoder(layers, arrived.expand(x.shape))
        return loss

    def lessons(self, taught: "_Taught", error: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return what feedback reaches in a cell, each with the gradient that stands in for the true one."""
        blocks, options = taught.blocks, self.options
        count = len(blocks.borders)
        matrices = self.feedback[taught.name]
        order = [0 if len(matrices) == 1 else count - 1 - k for k in range(count)]
        if max(order) >= len(matrices):
            raise ValueError(
                f"DFA: the sequence has {count} blocks, but feedback was drawn for {len(matrices)}; "
                'train on sequences of the task\'s length, or set matrices = "layer"'
            )
        found: list[tuple[Tensor, Tensor]] = []
        if self.model.readout == "last":
            reached = range(count) if options.later else range(count - 1, count)
            if taught.live:  # the last block learns through the readout
                reached = range(reached.start, count - 1)
            errors = error.new_zeros(count, *error.shape)
            errors[list(reached)] = error
            return [*found, *self.reached(taught.cell, blocks.ends, errors @ matrices[order])]
        if taught.backward:
            error = error.flip(0)
        if not taught.live:
            of_step = [order[k] for k, (begin, end) in enumerate(blocks.borders) for _ in range(begin, end)]
            found += self.reached(taught.cell, blocks.states, error @ matrices[of_step])
        if options.later and count > 1:
            sums = torch.stack([error[begin:end].sum(0) for begin, end in blocks.borders])
            beyond = sums.flip(0).cumsum(0).flip(0) - sums
            found += self.reached(taught.cell, blocks.ends, beyond @ matrices[order])
        return found

    def reached(self, cell: Cell, state: State, gradient: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Return what a gradient (…, batch, width) belongs to: the parts of a state, or the output."""
        if self.options.reach == "output":
            return [(cell.output(state), gradient)]
        return list(zip(state, torch.split(gradient, list(cell.state_sizes.values()), dim=-1), strict=True))

    def teach_encoder(self, layers: list[Tensor], arrived: Tensor) -> None:
        """Add the encoder's gradients for an error (steps, batch, features) at its end."""
        encoder, options = self.model.encoder, self.options
        assert encoder is not None
        end = encoder.image(arrived)
        if options.inside == "backpropagation":
            layers[-1].backward(end)  # type: ignore[no-untyped-call]
            return
        errors = [
            through_convolution(
                end, self.feedback[f"encoder.{i}"], encoder.stride ** (len(layers) - 1 - i), layer, options.dilation,
                options.groups,
            )
            for i, layer in enumerate(layers[:-1])
        ]  # fmt: skip
        torch.autograd.backward(layers, [*errors, end])


class _Taught(NamedTuple):
    """A cell that feedback reaches; `live` says that the answers' own error reaches it through the readout."""

    name: str
    cell: Cell
    blocks: Blocks
    backward: bool
    live: bool


class _Walk:
    """An engine that cuts a stack into modules and keeps what feedback has to reach."""

    def __init__(self, rule: DFA) -> None:
        self.rule = rule
        self.inner = resolve(rule.model.recurrent.engine)
        self.cells = named_cells(rule.model)
        self.calls = 0
        self.taught: list[_Taught] = []

    def __call__(self, cell: Cell, u: Tensor, state: State, w: Weights, *, outputs: bool, states: bool) -> Unrolled:
        """Carry `cell` through `u`; see `rnnzoo.engine.base.Engine`."""
        rule, options, directions = self.rule, self.rule.options, self.rule.model.recurrent.directions
        name = self.cells[self.calls][0]
        top = self.calls >= len(self.cells) - directions
        stand_ins = {part: b for part in w if (b := rule.feedback.get(f"{name}.{part}")) is not None}
        # only the reference loop lets its products keep other matrices than those that they multiplied by
        inside, kept = (reference, Substitution(w, stand_ins)) if stand_ins else (self.inner, nullcontext())
        with kept:
            length = block_length(options, u.shape[0])
            blocks = in_blocks(cell, u, state, w, length, ahead=self.inner, inside=inside)
        live = options.answers == "backpropagation" if top else options.depth == "stack"
        if top or options.depth == "layer":
            self.taught.append(_Taught(name, cell, blocks, self.calls % directions == 1, live))
        self.calls += 1

        def given(part: Tensor) -> Tensor:
            return part if live else part.detach()

        trajectory = tuple(given(part) for part in blocks.states)
        return Unrolled(
            cell.output(trajectory) if outputs else None,
            tuple(given(part[-1]) for part in blocks.ends),
            trajectory if states else None,
        )
