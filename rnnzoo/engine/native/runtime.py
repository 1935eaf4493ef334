"""The runtime: what all kernels do alike, matrix products above all, compiled once for each dtype."""

import ctypes
from collections.abc import Sequence
from pathlib import Path

import torch

from rnnzoo.engine.native.build import build

HEADERS = ("kernel_math", "kernel_calls", "runtime_products", "runtime_structures", "runtime_ends")
"""What it is made of, in this order."""


def runtime(dtype: torch.dtype) -> int:
    """Return the address of a `Runtime` of kernel_calls.h: the functions that a kernel is given to call.

    Raises:
        Unsupported: it cannot be compiled.
    """
    text = f"// What the kernels of rnnzoo call.\n{headers(HEADERS, dtype)}"
    return ctypes.addressof(ctypes.c_char.in_dll(build(text, "runtime"), "runtime"))


def headers(names: Sequence[str], dtype: torch.dtype) -> str:
    """Return these headers, read as they are for a dtype."""
    define = "#define RNNZOO_DOUBLE\n" if dtype == torch.float64 else ""
    return define + "\n".join((Path(__file__).parent / f"{name}.h").read_text() for name in names)
