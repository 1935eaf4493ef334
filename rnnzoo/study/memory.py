"""How it is told that a run ran out of memory, which is a result, from any other error, which is not."""

import torch

SIGNS = ("can't allocate memory", "not enough memory", "out of memory", "std::bad_alloc", "cannot allocate memory")
"""What PyTorch's allocators say, in lower case: they raise a plain RuntimeError on the CPU."""


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception, or one that led to it, says that there was no memory left."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, MemoryError | torch.OutOfMemoryError):
            return True
        if isinstance(seen, RuntimeError | OSError) and any(sign in str(seen).lower() for sign in SIGNS):
            return True
        seen = seen.__cause__
    return False
