"""The compiled engine's chunks; what `torch.compile` makes of one is PyTorch's to test, and takes a minute."""

from collections.abc import Callable
from typing import Any

import pytest
import torch

from rnnzoo.engine import compiled, reference
from rnnzoo.engine.compiled import CHUNK
from rnnzoo.engine.verify import draw, everything
from tests.engine.cells import GatedOscillator


@pytest.mark.parametrize("steps", [1, CHUNK - 1, CHUNK, 2 * CHUNK + 3])
def test_chunks_add_up_to_the_sequence(monkeypatch: pytest.MonkeyPatch, steps: int) -> None:
    compilations: list[dict[str, Any]] = []

    def uncompiled(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
        compilations.append(options)
        return function

    monkeypatch.setattr(torch, "compile", uncompiled)
    cell = GatedOscillator(3, 4, dtype=torch.float64)
    for _ in range(2):
        example = draw(cell, steps, 2)
        expected, actual = everything(reference, cell, example), everything(compiled, cell, example)
        for name, value in expected.items():
            # the same operations in the same order; stacked in chunks, so gradients are summed in another one
            torch.testing.assert_close(actual[name], value, rtol=1e-10, atol=1e-12)
    assert len(compilations) == 1  # once for a cell, not for a call
