import functools
import gzip
import http.server
import logging
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pooch
import pytest

from rnnzoo.data import SOURCES, DataError, check, fetch, locate
from rnnzoo.data.store import available, read

NAMES = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
IMAGES, LABELS = NAMES[:2]


class Silent(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *args: object) -> None:
        pass


@pytest.fixture
def mirror(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A server of files: its folder and its address."""
    folder = tmp_path / "served"
    folder.mkdir()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Silent, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield folder, f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def serve(mirror: tuple[Path, str], contents: dict[str, bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the tiny MNIST be downloaded from a mirror that lacks it, then from one that has it."""
    folder, address = mirror
    for name, data in contents.items():
        (folder / f"{name}.gz").write_bytes(gzip.compress(data, mtime=0))
    monkeypatch.setitem(SOURCES, "mnist", replace(SOURCES["mnist"], mirrors=(f"{address}absent/", address)))


@pytest.fixture
def own(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder for MNIST, empty."""
    folder = tmp_path / "own" / "mnist"
    folder.mkdir(parents=True)
    monkeypatch.setenv("RNNZOO_DATA", str(tmp_path / "own"))
    return folder


def put(folder: Path, contents: dict[str, bytes], packed: bool) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in contents.items():
        # level 1 and a time stamp: another archive than the published one, with the same contents
        (folder / (f"{name}.gz" if packed else name)).write_bytes(gzip.compress(data, 1, mtime=7) if packed else data)


def test_published_facts_of_mnist_are_consistent() -> None:
    sizes = {file.name: file.contents_bytes for file in SOURCES["mnist"].files}
    assert sizes == dict(zip(NAMES, (47_040_016, 60_008, 7_840_016, 10_008), strict=True))
    hashes = [
        h for file in SOURCES["mnist"].files for h in (file.contents_sha256, file.archive_hash.removeprefix("sha256:"))
    ]
    assert len(set(hashes)) == 8
    assert all(len(h) == 64 and int(h, 16) for h in hashes)
    assert all(mirror.startswith("https://") and mirror.endswith("/") for mirror in SOURCES["mnist"].mirrors)
    assert all(name == source.name and source.licence and source.citation for name, source in SOURCES.items())


@pytest.mark.parametrize("packed", [True, False])
def test_own_folder_is_read_without_a_network(own: Path, contents: dict[str, bytes], packed: bool) -> None:
    put(own, contents, packed)
    found = locate("mnist")
    assert all(path is not None and path.parent == own for path in found.values())
    assert [status.state for status in check("mnist")] == 4 * ["ok"]
    assert [status.state for status in fetch("mnist")] == 4 * ["ok"]
    for file, path in zip(SOURCES["mnist"].files, available("mnist").values(), strict=True):
        assert read("mnist", file, path).tobytes() == contents[file.name][-read("mnist", file, path).size :]


def test_own_folder_comes_before_the_cache(own: Path, tiny: Path, contents: dict[str, bytes]) -> None:
    put(tiny, contents, packed=True)
    assert {path.parent for path in available("mnist").values()} == {tiny}
    put(own, {IMAGES: contents[IMAGES]}, packed=True)
    assert [path.parent for path in available("mnist").values()] == [own, tiny, tiny, tiny]


def test_missing_files_are_said_to_be_missing_and_how_to_get_them(tiny: Path) -> None:
    assert locate("mnist") == dict.fromkeys(NAMES)
    for status in check("mnist"):
        assert status.state == "missing"
        assert status.path is None
        assert "rnnzoo data fetch mnist" in status.message
        assert "RNNZOO_DATA" in status.message
        assert f"mnist/{status.file}.gz" in status.message


def test_an_unknown_data_set_is_an_error() -> None:
    for function in (locate, check, fetch, available):
        with pytest.raises(ValueError, match="dataset must be one of 'mnist', 'fashion', 'digits', got 'cifar'"):
            function("cifar")


def test_what_comes_with_a_package_has_no_files() -> None:
    assert locate("digits") == {}
    assert check("digits") == fetch("digits") == ()


DAMAGE: dict[str, tuple[str, Callable[[dict[str, bytes]], bytes], str]] = {
    "truncated gzip": (IMAGES, lambda c: gzip.compress(c[IMAGES])[:-20], "ends early"),
    "damaged gzip": (IMAGES, lambda c: gzip.compress(c[IMAGES])[:-8] + bytes(8), "is damaged"),
    "bad magic": (LABELS, lambda c: gzip.compress(b"\x00\x00\x0d\x01" + c[LABELS][4:]), "begins with 00 00 0d 01"),
    "a web page": (IMAGES, lambda c: b"<html>not found</html>", "begins with 3c 68 74 6d"),
    "too short": (IMAGES, lambda c: c[IMAGES][:-5], "4,704 bytes, but 4,699 follow"),
    "too long": (LABELS, lambda c: c[LABELS] + b"\x01", "more than the 14 bytes"),
    "empty": (LABELS, lambda c: b"", "holds 0 bytes"),
    "wrong dimension": (IMAGES, lambda c: c[LABELS], r"holds an array \(6,\), but .* is \(6, 28, 28\)"),
    "fewer labels than images": (LABELS, lambda c: c["t10k-labels-idx1-ubyte"], r"array \(4,\), but .* is \(6,\)"),
    "other contents": (IMAGES, lambda c: c[IMAGES][:-1] + b"\xff", "contents are not those of mnist's train-images"),
}


@pytest.mark.parametrize("case", DAMAGE)
def test_a_damaged_file_of_ones_own_is_named_and_left_alone(case: str, own: Path, contents: dict[str, bytes]) -> None:
    name, damage, message = DAMAGE[case]
    put(own, contents, packed=True)
    damaged = own / f"{name}.gz"
    damaged.write_bytes(damage(contents))
    before = damaged.read_bytes()
    for statuses in (check("mnist"), fetch("mnist")):
        states = {status.file: status for status in statuses}
        assert [s.file for s in statuses if s.state == "damaged"] == [name]
        assert states[name].path == damaged
        assert states[name].message.startswith(f"{damaged}: ")
        assert "replace it, or take it away and run `rnnzoo data fetch mnist`" in states[name].message
        assert re.search(message, states[name].message)
    assert damaged.read_bytes() == before
    file = next(file for file in SOURCES["mnist"].files if file.name == name)
    with pytest.raises(DataError, match=message):
        read("mnist", file, damaged)


def test_downloads_try_mirrors_in_turn_and_go_to_the_cache(
    tiny: Path, contents: dict[str, bytes], mirror: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(mirror, contents, monkeypatch)
    assert [status.state for status in fetch("mnist")] == 4 * ["ok"]
    assert {path.parent for path in available("mnist").values()} == {tiny}
    assert sorted(path.name for path in tiny.iterdir()) == sorted(f"{name}.gz" for name in NAMES)


def test_a_file_damaged_in_the_cache_is_downloaded_again(
    tiny: Path, contents: dict[str, bytes], mirror: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(mirror, contents, monkeypatch)
    put(tiny, contents, packed=True)
    damaged = tiny / f"{IMAGES}.gz"
    damaged.write_bytes(damaged.read_bytes()[:-20])
    (status, *others) = check("mnist")
    assert status.state == "damaged"
    assert "run `rnnzoo data fetch mnist` to download it again" in status.message
    assert all(other.state == "ok" for other in others)
    assert [status.state for status in fetch("mnist")] == 4 * ["ok"]


def test_a_download_with_another_hash_is_refused(
    tiny: Path, contents: dict[str, bytes], mirror: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(mirror, {**contents, LABELS: contents[LABELS][:-1] + b"\xff"}, monkeypatch)
    with pytest.raises(DataError, match=f"{LABELS}.gz could not be downloaded") as raised:
        fetch("mnist")
    assert mirror[1] in str(raised.value)
    assert "hash" in str(raised.value)
    assert locate("mnist")[LABELS] is None


def test_without_a_network_the_error_says_where_files_are_looked_for(own: Path) -> None:
    with pytest.raises(DataError) as raised:
        available("mnist")
    message = str(raised.value)
    assert f"not in {own} either" in message
    assert "set RNNZOO_DATA to a folder that holds mnist/train-images-idx3-ubyte.gz" in message
    assert "http://127.0.0.1:9/mnist/train-images-idx3-ubyte.gz" in message


def test_downloads_are_silent_and_pooch_is_left_as_it_was(
    tiny: Path, contents: dict[str, bytes], mirror: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    serve(mirror, contents, monkeypatch)
    logger, said = pooch.get_logger(), list[logging.LogRecord]()
    heard = logging.Handler()
    monkeypatch.setattr(heard, "emit", said.append)
    monkeypatch.setattr(logger, "handlers", [heard])
    before = logger.level
    logger.setLevel(logging.INFO)
    try:
        fetch("mnist")
        assert logger.level == logging.INFO
    finally:
        logger.setLevel(before)
    assert not said
