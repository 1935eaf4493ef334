import gzip
import struct
import tempfile
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rnnzoo.data.errors import DataError
from rnnzoo.data.idx import parse_idx, read_contents

unhurried = settings(deadline=None)  # a busy machine is no failure
IMAGES = np.arange(2 * 3 * 5, dtype=np.uint8).reshape(2, 3, 5)
WHOLE = struct.pack(">HBB3I", 0, 8, 3, 2, 3, 5) + IMAGES.tobytes()


def header(*shape: int, kind: int = 8, zero: int = 0) -> bytes:
    return struct.pack(f">HBB{len(shape)}I", zero, kind, len(shape), *shape)


@pytest.mark.parametrize("shape", [(1,), (7,), (2, 3), (2, 3, 5), (1, 1, 1, 1)])
def test_an_array_comes_back(shape: tuple[int, ...]) -> None:
    array = np.random.default_rng(1).integers(0, 256, shape, dtype=np.uint8)
    parsed = parse_idx(header(*shape) + array.tobytes(), "file")
    assert parsed.dtype == np.uint8
    assert np.array_equal(parsed, array)


@pytest.mark.parametrize(
    ("contents", "message"),
    [
        (b"", "holds 0 bytes"),
        (b"\x00\x00\x08", "holds 3 bytes"),
        (header(2, 3, kind=0x0D) + bytes(6), "begins with 00 00 0d 02"),
        (header(2, 3, zero=1) + bytes(6), "begins with 00 01 08 02"),
        (b"<!doctype html>", "begins with 3c 21 64 6f"),
        (b"\x00\x00\x08\x00", "begins with 00 00 08 00"),
        (b"\x00\x00\x08\x09" + bytes(400), "begins with 00 00 08 09"),
        (header(2, 3)[:-1], "too few for the lengths of its 2 dimensions"),
        (WHOLE[:-1], "that is 30 bytes, but 29 follow"),
        (WHOLE + b"\x00", "that is 30 bytes, but 31 follow"),
        (header(0), "an empty array"),
        (header(0, 2**32 - 1, 2**32 - 1, 2**32 - 1), "an empty array"),
        (header(*(8 * [2**32 - 1])) + bytes(10), "but 10 follow"),
    ],
)
def test_damage_is_an_error_that_names_file_and_fault(contents: bytes, message: str) -> None:
    with pytest.raises(DataError, match=message) as raised:
        parse_idx(contents, "some/file")
    assert str(raised.value).startswith("some/file: ")


@unhurried
@given(st.binary(max_size=200))
def test_arbitrary_bytes_give_an_array_or_a_data_error(contents: bytes) -> None:
    survives(contents)


@unhurried
@given(
    st.lists(st.one_of(st.integers(0, 6), st.integers(0, 2**32 - 1)), min_size=0, max_size=9), st.binary(max_size=64)
)
def test_arbitrary_headers_give_an_array_or_a_data_error(shape: list[int], body: bytes) -> None:
    survives(header(*shape) + body)


@unhurried
@given(st.data())
def test_a_changed_byte_gives_an_array_or_a_data_error(data: st.DataObject) -> None:
    changed = bytearray(WHOLE)
    changed[data.draw(st.integers(0, len(WHOLE) - 1))] = data.draw(st.integers(0, 255))
    survives(bytes(changed))


def survives(contents: bytes) -> None:
    """The parser gives a DataError or the very array that the bytes spell."""
    try:
        array = parse_idx(contents, "file")
    except DataError:
        return
    assert header(*array.shape) + array.tobytes() == contents


@pytest.mark.parametrize("name", ["file", "file.gz"])
@pytest.mark.parametrize("packed", [True, False])
def test_gzipped_and_plain_files_are_told_apart_by_their_first_bytes(name: str, packed: bool, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(gzip.compress(WHOLE) if packed else WHOLE)
    assert read_contents(path, len(WHOLE)) == WHOLE


@pytest.mark.parametrize("packed", [True, False])
def test_a_file_that_holds_too_much_is_not_read_to_its_end(packed: bool, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(gzip.compress(bytes(10**6)) if packed else bytes(10**6))
    with pytest.raises(DataError, match="holds more than the 999,999 bytes"):
        read_contents(path, 999_999)
    assert len(read_contents(path, 10**6)) == 10**6


def test_a_small_archive_of_a_large_file_takes_no_memory(tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(gzip.compress(bytes(32 * 2**20), 1))
    tracemalloc.start()
    try:
        with pytest.raises(DataError, match="holds more than"):
            read_contents(path, 1000)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2**20  # buffers of gzip take some 200 KiB


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda packed: packed[:-9], "ends early"),
        (lambda packed: packed[:-8], "ends early"),
        (lambda packed: packed[:15], "ends early"),
        (lambda packed: packed[:-8] + bytes(8), "is damaged"),
        (lambda packed: packed[:10] + b"\xff\xff" + packed[12:], "is damaged"),
        (lambda packed: packed + b"rest", "is damaged"),
        (lambda packed: packed[:2] + b"\x00" + packed[3:], "is damaged"),
    ],
)
def test_damaged_gzip_data_is_an_error(damage: object, message: str, tmp_path: Path) -> None:
    path = tmp_path / "file.gz"
    path.write_bytes(damage(gzip.compress(WHOLE)))
    with pytest.raises(DataError, match=message) as raised:
        read_contents(path, 1000)
    assert str(path) in str(raised.value)


def test_what_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    for path in (tmp_path / "absent", tmp_path):
        with pytest.raises(DataError, match="cannot be read"):
            read_contents(path, 1000)


@unhurried
@given(st.binary(max_size=80), st.sampled_from([b"", b"\x1f\x8b", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"]))
def test_arbitrary_files_give_their_contents_or_a_data_error(rest: bytes, start: bytes) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(start + rest)
        file.flush()
        try:
            contents = read_contents(Path(file.name), 1000)
        except DataError:
            return
        assert contents == start + rest if not (start + rest).startswith(b"\x1f\x8b") else len(contents) <= 1000
