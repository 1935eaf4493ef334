"""The IDX format: a magic number, the dimensions, then bytes; read strictly, gzipped or plain.

Nothing is allocated on the word of a header: the file is read up to a limit, and the header must fit what was read.
"""

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rnnzoo.data.errors import DataError

GZIP_MAGIC = b"\x1f\x8b"
UNSIGNED_BYTES = 0x08
MOST_DIMENSIONS = 8


def read_contents(path: Path, limit: int) -> bytes:
    """Return what a file holds, unpacked if it is gzipped (its first bytes decide, not its name).

    Args:
        path: the file.
        limit: most bytes it may hold unpacked; no more than one byte beyond is ever read.

    Raises:
        DataError: the file cannot be read, its gzip data is damaged, or it holds more.
    """
    try:
        with path.open("rb") as file:
            gzipped = file.read(2) == GZIP_MAGIC
            file.seek(0)
            if gzipped:
                with gzip.GzipFile(fileobj=file) as unpacked:
                    contents = unpacked.read(limit + 1)
            else:
                contents = file.read(limit + 1)
    except EOFError:
        raise DataError(f"{path}: the gzip data ends early, as after an interrupted download") from None
    except (gzip.BadGzipFile, zlib.error) as error:
        raise DataError(f"{path}: the gzip data is damaged ({error})") from None
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from None
    if len(contents) > limit:
        raise DataError(f"{path}: holds more than the {limit:,} bytes that belong into it")
    return contents


def parse_idx(contents: bytes, name: str) -> NDArray[np.uint8]:
    """Return the array in the unpacked contents of an IDX file of unsigned bytes; it shares their memory, read-only.

    Args:
        contents: the whole file.
        name: what errors call it.

    Raises:
        DataError: the magic number, the type, a dimension or the length is wrong.
    """
    if len(contents) < 4:
        raise DataError(f"{name}: holds {len(contents)} bytes, too few for an IDX header")
    zero, kind, dimensions = struct.unpack_from(">HBB", contents)
    if zero != 0 or kind != UNSIGNED_BYTES or not 1 <= dimensions <= MOST_DIMENSIONS:
        raise DataError(
            f"{name}: begins with {contents[:4].hex(' ')}, not with 00 00 08 and a number of dimensions from 01 to "
            f"{MOST_DIMENSIONS:02x}: no IDX file of unsigned bytes"
        )
    start = 4 + 4 * dimensions
    if len(contents) < start:
        raise DataError(f"{name}: holds {len(contents)} bytes, too few for the lengths of its {dimensions} dimensions")
    shape = struct.unpack_from(f">{dimensions}I", contents, 4)
    if 0 in shape:
        raise DataError(f"{name}: its header says {shape}, an empty array")
    promised, present = math.prod(shape), len(contents) - start
    if promised != present:
        raise DataError(f"{name}: its header says {shape}, that is {promised:,} bytes, but {present:,} follow")
    return np.frombuffer(contents, dtype=np.uint8, offset=start).reshape(shape)
