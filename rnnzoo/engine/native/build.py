"""Compiles a generated source once, and keeps the library on disk for every later process."""

import ctypes
import hashlib
import os
import platform
import re
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from rnnzoo.engine.native.graph import Unsupported

# No -ffast-math: a NaN must stay a NaN, and linking with it would flush denormals in the whole process.
# The rounding trick of kernel_math.h forbids reassociation. Where one condition decides another, as in a relu's
# derivative, GCC threads jumps through a loop and then cannot vectorise it. What could throw would be linked with
# the library of C++, in a tenth of a kernel's time.
FLAGS: tuple[str, ...] = (
    *("-std=c++17", "-O2", "-march=native"),
    *("-fno-math-errno", "-fno-trapping-math", "-fno-thread-jumps", "-fno-exceptions", "-fopenmp", "-fPIC", "-shared"),
)
if platform.machine() in ("x86_64", "AMD64"):
    FLAGS += ("-mprefer-vector-width=512",)  # compilers default to 256 bits even where 512 are fast
GCC_FLAGS = ("-fira-region=one", "-fno-ivopts")
"""Spare GCC its dearest passes on large sources: a drawn network of 15 units took it 14 s with -O3 and takes it 5 s so.
Small ones it compiles in a second anyway, and UnICORNN's kernel takes a third longer with these flags."""
COMPILERS = ("c++", "g++", "clang++")
LARGE = 100_000
"""Characters of a source from which on it is compiled in haste, its functions side by side; no cell of the zoo has as
many."""
FUNCTION = re.compile(r'^(?=extern "C" )', re.MULTILINE)
"""Where a function of a generated source begins; what stands before the first belongs to all."""
TIME_LIMIT = 120.0
"""Seconds after which a compiler is given up."""


def cache_folder() -> Path:
    """Return where libraries are kept: $RNNZOO_CACHE, or rnnzoo in $XDG_CACHE_HOME or ~/.cache."""
    own = os.environ.get("RNNZOO_CACHE")
    if own:
        return Path(own)
    shared = os.environ.get("XDG_CACHE_HOME")
    return (Path(shared) if shared else Path.home() / ".cache") / "rnnzoo"


def find_compiler() -> str:
    """Return the C++ compiler: $CXX, or the first of c++, g++ and clang++ on the path.

    Raises:
        Unsupported: there is none.
    """
    asked = os.environ.get("CXX")
    for name in (asked,) if asked else COMPILERS:
        found = shutil.which(name)
        if found:
            return found
    raise Unsupported(f"no C++ compiler ({asked or ', '.join(COMPILERS)}) on the path; install one or set CXX")


def compiler_is_missing() -> bool:
    """Whether no kernel can be built here."""
    try:
        find_compiler()
    except Unsupported:
        return True
    return False


@cache
def _describe(compiler: str, changed: float) -> str:
    """Return the compiler's version and what it makes of -march=native, which differs between processors."""
    del changed  # part of the cache's key: a compiler may be replaced while the process runs
    version = _run([compiler, "--version"])
    target = _run([compiler, "-march=native", "-dM", "-E", "-x", "c++", os.devnull])
    return f"{version}\n{target}\n{platform.machine()}"


def describe(compiler: str) -> str:
    """Return what tells a compiler and its target from others."""
    return _describe(compiler, Path(compiler).stat().st_mtime)


def flags_for(compiler: str, source: str) -> tuple[str, ...]:
    """Return the flags that a compiler is called with for a source."""
    hasty = len(source) >= LARGE and "Free Software Foundation" in describe(compiler)
    return FLAGS + GCC_FLAGS if hasty else FLAGS


def _run(command: list[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIME_LIMIT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Unsupported(f"the compiler could not be run: {error}") from error
    if done.returncode != 0:
        shown = "\n".join((done.stderr or done.stdout).splitlines()[:20])
        raise Unsupported(f"{' '.join(command[:1])} failed with status {done.returncode}:\n{shown}")
    return done.stdout


def _objects(source: str, command: list[str], folder: Path) -> list[str]:
    """Compile every function of a source by itself, side by side, and return the object files."""
    head, *functions = FUNCTION.split(source)

    def compiled(number: int) -> str:
        text, made = folder / f"part{number}.cpp", folder / f"part{number}.o"
        text.write_text(head + functions[number])
        _run([*(flag for flag in command if flag != "-shared"), "-c", "-o", str(made), str(text)])
        return str(made)

    with ThreadPoolExecutor() as pool:
        return list(pool.map(compiled, range(len(functions))))


_loaded: dict[str, ctypes.CDLL] = {}


def build(source: str, name: str) -> ctypes.CDLL:
    """Return the library of `source`, compiled now or earlier.

    Several processes may build the same source at once: each writes a file of its own and moves it into place.

    Raises:
        Unsupported: there is no compiler, or it fails; the message holds what it said.
    """
    compiler = find_compiler()
    flags = flags_for(compiler, source)
    key = hashlib.sha256("\0".join([source, describe(compiler), *flags]).encode()).hexdigest()[:32]
    if key in _loaded:
        return _loaded[key]
    folder = cache_folder() / "native"
    library = folder / f"{name.lower()}-{key}.so"
    if not library.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as temporary:
                text, made = Path(temporary) / f"{name.lower()}.cpp", Path(temporary) / "made.so"
                text.write_text(source)
                if len(source) < LARGE:
                    _run([compiler, *flags, "-o", str(made), str(text)])
                else:
                    _run([compiler, *flags, "-o", str(made), *_objects(source, [compiler, *flags], Path(temporary))])
                text.replace(library.with_suffix(".cpp"))
                made.replace(library)
        except OSError as error:
            raise Unsupported(f"{folder} cannot be written: {error}; set RNNZOO_CACHE to a folder that can") from error
    try:
        _loaded[key] = ctypes.CDLL(str(library))
    except OSError as error:
        raise Unsupported(f"{library} cannot be loaded: {error}; delete it") from error
    return _loaded[key]
