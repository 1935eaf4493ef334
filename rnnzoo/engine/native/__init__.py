"""The native engine: C++ generated from a cell's `step` and its derivative.

`trace` reads the step, `plan` says what is stored and summed, `schedule` in which order, `emit` writes C++, `build`
compiles it, `run` runs it under autograd.
"""

from rnnzoo.engine.native.build import compiler_is_missing
from rnnzoo.engine.native.graph import Unsupported
from rnnzoo.engine.native.kernel import release
from rnnzoo.engine.native.run import NativeEngineError, fused, native, reason_against, reconstruction_error, reversible

__all__ = [
    "NativeEngineError",
    "Unsupported",
    "compiler_is_missing",
    "fused",
    "native",
    "reason_against",
    "reconstruction_error",
    "release",
    "reversible",
]
