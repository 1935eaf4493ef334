"""Fixed random feedback: what stands in for transposed weights, drawn once from the run's seed and never trained."""

import math
from collections.abc import Mapping

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - torch's own convention

from rnnzoo.cells.base import Cell
from rnnzoo.encoder import Encoder
from rnnzoo.learning.base import WATCHERS
from rnnzoo.learning.blocks import borders
from rnnzoo.learning.options import FeedbackOptions
from rnnzoo.model import SequenceModel
from rnnzoo.tasks.base import Task
from rnnzoo.tasks.streams import Stream, stream


def draw_feedback(model: SequenceModel, task: Task, options: FeedbackOptions, seed: int) -> dict[str, Tensor]:
    """Return the feedback weights of a model by name.

    With o features of the answer and K blocks (1 matrix instead of K where `matrices` is "layer"):
        "layer0", "layer1.backward", …: (K, o, width), from the answer's error to the state or output of a layer at the
            end of a block; matrix j serves the block that lies j blocks before the last;
        "layer0.W", …: for alignment inside blocks, of the shape of each recurrent matrix of the layer's cell;
        "encoder": (steps, o, features), from the answer's error to what the encoder puts out at each step;
        "encoder.0", …: (C_L, C_l / groups, taps…), for alignment inside the encoder, from its end to layer l.

    A feedback matrix to `width` units is drawn from U(−s, s), s = scale / √width, as PyTorch draws the readout whose
    transpose it stands for; a stand-in for recurrent weights is normal with the root mean square of those weights. Of
    both, the share `density` is kept, at random places, and enlarged by 1/√density, so that errors keep their size.

    Raises:
        ValueError: `groups` does not divide the channels of the encoder.
    """
    found: dict[str, Tensor] = {}
    encoder = model.encoder
    steps = task.length if encoder is None else encoder.steps(task.length)
    blocks = len(borders(steps, block_length(options, steps)))
    for name, cell in taught_cells(model, options):
        shape = (blocks if options.matrices == "block" else 1, task.output_size, reached_width(cell, options))
        found[name] = torch.empty(shape)
    if options.inside == "alignment" and block_length(options, steps) > 1:
        for name, cell in named_cells(model):
            matrices = {part: w for part, w in cell.recurrent_weights().items() if w.dim() == 2}
            found |= {f"{name}.{part}": w.detach().cpu().float() for part, w in matrices.items()}
    if encoder is not None and options.depth == "layer":
        count = steps if options.matrices == "block" else 1
        found["encoder"] = torch.empty(count, task.output_size, encoder.output_size)
    if encoder is not None and options.inside == "alignment":
        found |= encoder_shapes(encoder, options.groups)
    like = next(model.parameters())
    drawn = {}
    for index, (name, values) in enumerate(found.items()):
        random = stream(Stream.FEEDBACK, seed, index)
        if values.dim() == 2:
            values = torch.randn(values.shape, generator=random) * values.square().mean().sqrt() * options.scale
        else:
            fan = values.shape[2] if name.count(".") == 0 or name.endswith("backward") else values[0].numel()
            values = (2 * torch.rand(values.shape, generator=random) - 1) * options.scale / math.sqrt(fan)
        drawn[name] = thinned(values, options.density, random).to(like)
    return drawn


def encoder_shapes(encoder: Encoder, groups: int) -> dict[str, Tensor]:
    """Return empty convolutional feedback for every layer of an encoder but its last."""
    taps = (encoder.kernel,) * (1 if encoder.kind == "conv1d" else 2)
    last = encoder.channels[-1]
    for count in encoder.channels:
        if count % groups:
            raise ValueError(
                f"learning.groups = {groups} must divide the channels of every layer of the encoder, got "
                f"{list(encoder.channels)}; choose a common divisor"
            )
    return {f"encoder.{i}": torch.empty(last, count // groups, *taps) for i, count in enumerate(encoder.channels[:-1])}


def thinned(values: Tensor, density: float, random: torch.Generator) -> Tensor:
    """Return the values with a share `density` of the entries kept (one at least) and made larger by 1/√density."""
    kept = max(1, round(density * values.numel()))
    if kept == values.numel():
        return values
    mask = torch.zeros(values.numel())
    mask[torch.randperm(values.numel(), generator=random)[:kept]] = 1 / math.sqrt(density)
    return values * mask.view(values.shape)


def given_feedback(drawn: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the drawn feedback with some of it replaced by what a caller gives.

    Raises:
        ValueError: there is no feedback of that name, or its shape is another.
    """
    found = dict(drawn)
    for name, values in given.items():
        if name not in found:
            raise ValueError(f"feedback: there is none called {name!r}; this model has {', '.join(found)}")
        if values.shape != found[name].shape:
            raise ValueError(
                f"feedback: {name} must have the shape {tuple(found[name].shape)}, got {tuple(values.shape)}"
            )
        found[name] = values.detach().to(found[name])
    return found


def named_cells(model: SequenceModel) -> list[tuple[str, Cell]]:
    """Return the cells of a model in the order in which they run, called layer0, layer0.backward, layer1, …"""
    directions = model.recurrent.directions
    return [
        (f"layer{i // directions}{'.backward' if i % directions else ''}", cell)
        for i, cell in enumerate(model.recurrent.cells)
        if isinstance(cell, Cell)
    ]


def taught_cells(model: SequenceModel, options: FeedbackOptions) -> list[tuple[str, Cell]]:
    """Return the cells that feedback reaches: those of every layer, or of the top one of a stack."""
    cells = named_cells(model)
    return cells if options.depth == "layer" else cells[-model.recurrent.directions :]


def reached_width(cell: Cell, options: FeedbackOptions) -> int:
    """Return the width of what feedback reaches in a cell."""
    return sum(cell.state_sizes.values()) if options.reach == "state" else cell.output_size


def block_length(options: FeedbackOptions, steps: int) -> int:
    """Return the steps of a block in a sequence of `steps`."""
    return steps if options.block == "sequence" else min(options.block, steps)


class Substitution(torch.autograd.graph.saved_tensors_hooks):
    """While it is entered, products keep fixed matrices for their backward pass in place of the recurrent ones.

    A product h W keeps h, for the gradient of W, and W, for that of h: with another matrix in place of W the weights
    learn from errors that came back through that one. Vectors stay: they act unit by unit, and a unit knows its own.

    Args:
        weights: `cell.recurrent_weights()`.
        stand_ins: for some of them, by name, of the same shape.
    """

    def __init__(self, weights: Mapping[str, Tensor], stand_ins: Mapping[str, Tensor]) -> None:
        by_storage: dict[int, Tensor] = {}
        for name, fixed in stand_ins.items():
            w = weights[name]
            storage = w.untyped_storage()
            laid_out = w.new_zeros(storage.nbytes() // w.element_size())
            laid_out.as_strided(w.size(), w.stride(), w.storage_offset()).copy_(fixed)
            by_storage[storage.data_ptr()] = laid_out

        def keep(saved: Tensor) -> Tensor:
            for seen in WATCHERS:
                seen(saved)
            fixed = by_storage.get(saved.untyped_storage().data_ptr())
            if fixed is None or saved.dim() < 2:
                return saved
            return fixed.as_strided(saved.size(), saved.stride(), saved.storage_offset())

        super().__init__(keep, lambda kept: kept)


def through_convolution(error: Tensor, weight: Tensor, stride: int, like: Tensor, dilation: int, groups: int) -> Tensor:
    """Return an error at an encoder's end as it reaches one of its layers through a transposed convolution.

    Args:
        error: (batch, C_L, positions…).
        weight: feedback (C_L, C_l / groups, taps…).
        stride: positions of the layer to one of the end.
        like: what the layer puts out, (batch, C_l, positions…).
        dilation, groups: of the convolution.
    """
    transposed = F.conv_transpose1d if error.dim() == 3 else F.conv_transpose2d
    spread = transposed(error, weight, stride=stride, dilation=dilation, groups=groups)
    around: list[int] = []
    for axis in range(error.dim() - 1, 1, -1):  # F.pad begins with the last axis
        over = like.shape[axis] - spread.shape[axis]
        around += [over // 2, over - over // 2]
    return F.pad(spread, around)
