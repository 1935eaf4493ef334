"""The BLAS whose matrix products kernels call, as addresses for C++."""

import ctypes
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch


@dataclass(frozen=True)
class Blas:
    """What a kernel is given of a BLAS.

    Attributes:
        gemm: address of the matrix product of one dtype.
        set_threads: address of a function that sets how many threads the BLAS takes for products which the calling
            thread asks for, and returns what was set before; None where there is none.
    """

    gemm: int
    set_threads: int | None


@cache
def blas(dtype: torch.dtype) -> Blas:
    """Return the BLAS that PyTorch itself uses, or else SciPy's: PyTorch's code is in the processor's cache already.

    Inside a parallel region both take one thread for a product. MKL is told so all the same: it decides faster then,
    which on small matrices is half of the time of a product.
    """
    name = "dgemm" if dtype == torch.float64 else "sgemm"
    for path in sorted((Path(torch.__file__).parent / "lib").glob("libtorch_cpu.*")):
        try:
            library = ctypes.CDLL(str(path))
            gemm = _address(getattr(library, f"{name}_"))
        except (OSError, AttributeError):
            continue
        set_threads = getattr(library, "MKL_Set_Num_Threads_Local", None)
        return Blas(gemm, None if set_threads is None else _address(set_threads))
    from scipy.linalg import cython_blas

    capsules: Mapping[str, Any] = vars(cython_blas)["__pyx_capi__"]
    capsule = capsules[name]
    api = ctypes.pythonapi
    api.PyCapsule_GetName.restype, api.PyCapsule_GetName.argtypes = ctypes.c_char_p, [ctypes.py_object]
    api.PyCapsule_GetPointer.restype = ctypes.c_void_p
    api.PyCapsule_GetPointer.argtypes = [ctypes.py_object, ctypes.c_char_p]
    return Blas(int(api.PyCapsule_GetPointer(capsule, api.PyCapsule_GetName(capsule))), None)


def _address(function: Any) -> int:
    address = ctypes.cast(function, ctypes.c_void_p).value
    assert address is not None
    return address
