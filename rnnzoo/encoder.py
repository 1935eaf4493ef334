"""A convolutional front end: strided convolutions ahead of the cell, for images that are read by rows."""

import math
from collections.abc import Sequence
from typing import Literal, final

import torch
from torch import Tensor, nn

from rnnzoo.checks import one_of, positive_integer


@final
class Encoder(nn.Module):
    """z_0 = x, z_l = f(K_l ∗ z_{l−1} + k_l); the cell reads z_L step by step.

    Args:
        input_size: features of the input at one step, at least 1.
        kind: "conv1d" slides along time and takes the features for channels; "conv2d" takes time × features for an
            image of one channel.
        channels: of each layer, at least one.
        kernel: taps along every axis; the input is padded by half of it.
        stride: along every axis, in every layer.
        activation: f, "relu" or "tanh".
        device, dtype: of the parameters.

    Parameters: of each layer weight (C_l, C_{l−1}, kernel[, kernel]) and bias (C_l), drawn as `torch.nn.Conv2d` does.

    Raises:
        TypeError, ValueError: an argument does not fit; the message names it, its value and what to do.
    """

    def __init__(
        self,
        input_size: int,
        *,
        kind: str = "conv2d",
        channels: Sequence[int] = (8,),
        kernel: int = 3,
        stride: int = 2,
        activation: str = "relu",
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.input_size = positive_integer("Encoder", "input_size", input_size)
        self.kind: Literal["conv1d", "conv2d"] = one_of("Encoder", "kind", kind, ("conv1d", "conv2d"))  # type: ignore[assignment]
        if not channels:
            raise ValueError("Encoder: channels must name at least one layer, got []; leave the encoder out")
        self.channels = tuple(positive_integer("Encoder", "channels", count) for count in channels)
        self.kernel = positive_integer("Encoder", "kernel", kernel)
        self.stride = positive_integer("Encoder", "stride", stride)
        self.activation = one_of("Encoder", "activation", activation, ("relu", "tanh"))
        below = (self.input_size if self.kind == "conv1d" else 1, *self.channels)
        self.layers = nn.ModuleList(
            (nn.Conv1d if self.kind == "conv1d" else nn.Conv2d)(
                source, target, kernel, stride=stride, padding=kernel // 2, device=device, dtype=dtype
            )
            for source, target in zip(below, self.channels, strict=False)
        )

    def sizes(self, size: int) -> list[int]:
        """Return the length of an axis of `size` after each layer."""
        found = []
        for _ in self.channels:
            size = (size + 2 * (self.kernel // 2) - self.kernel) // self.stride + 1
            found.append(size)
        return found

    def steps(self, length: int) -> int:
        """Return how many steps the cell takes for a sequence of `length` steps."""
        return self.sizes(length)[-1]

    @property
    def output_size(self) -> int:
        """Features that the cell reads at a step: channels, times what is left of the features' axis in an image."""
        return self.channels[-1] * (1 if self.kind == "conv1d" else self.sizes(self.input_size)[-1])

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        for layer in self.layers:
            assert isinstance(layer, nn.Conv1d | nn.Conv2d)
            layer.reset_parameters()

    def activations(self, x: Tensor, *, apart: bool = False) -> list[Tensor]:
        """Return z_1 … z_L, each (batch, channels, time[, features]); `apart` cuts the graph between layers."""
        z = x.permute(1, 2, 0) if self.kind == "conv1d" else x.transpose(0, 1).unsqueeze(1)
        found = []
        for layer in self.layers:
            z = getattr(torch, self.activation)(layer(z.detach() if apart else z))
            found.append(z)
        return found

    def forward(self, x: Tensor) -> Tensor:
        """Return what the cell reads, (steps, batch, output_size), for x (time, batch, input_size)."""
        return self.sequence(self.activations(x)[-1])

    def sequence(self, z: Tensor) -> Tensor:
        """Return z_L as (steps, batch, output_size)."""
        if self.kind == "conv1d":
            return z.permute(2, 0, 1)
        return z.permute(2, 0, 1, 3).flatten(2)

    def image(self, sequence: Tensor) -> Tensor:
        """Return (steps, batch, output_size) in the form of z_L: what `sequence` undoes."""
        if self.kind == "conv1d":
            return sequence.permute(1, 2, 0)
        steps, batch_size, features = sequence.shape
        split = sequence.reshape(steps, batch_size, self.channels[-1], features // self.channels[-1])
        return split.permute(1, 2, 0, 3)

    def backward_products(self, length: int) -> int:
        """Return the multiply-adds in which an error at z_L reaches z_1 through the transposed kernels."""
        total = 0
        times, widths = self.sizes(length), self.sizes(self.input_size)
        for i, layer in enumerate(self.layers):
            if i > 0:
                assert isinstance(layer, nn.Conv1d | nn.Conv2d)
                positions = times[i] * (1 if self.kind == "conv1d" else widths[i])
                total += math.prod(layer.weight.shape) * positions
        return total
