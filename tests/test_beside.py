"""Work that other processes do: the same results and errors as here, and none of them outlives its context."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from rnnzoo.beside import Beside


class Unkind(Exception):  # noqa: N818
    """Cannot be made again from its arguments, so that it cannot be sent."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


def fail(kind: str) -> None:
    raise Unkind("one", "two") if kind == "unkind" else ValueError("no such thing")


def announce(place: Path) -> int:
    """Print, and leave a mark."""
    print("said on standard output")
    place.write_text(f"{os.getpid()}")
    return os.getpid()


def begun(place: Path) -> int:
    """Wait for a mark and return the process that left it."""
    end = time.monotonic() + 60
    while not (place.exists() and place.read_text()):
        assert time.monotonic() < end, "no process began"
        time.sleep(0.05)
    return int(place.read_text())


def linger(place: Path) -> int:
    place.write_text(f"{os.getpid()}")
    time.sleep(60)
    return 0


def alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def test_one_process_does_its_work_itself(tmp_path: Path) -> None:
    with Beside(processes=1) as beside:
        assert beside.submit(partial(announce, tmp_path / "mark")).result() == os.getpid()


@pytest.fixture(scope="module")
def pair() -> Iterator[Beside]:
    """One process beside this one: it takes seconds to start, so that the tests share it."""
    with Beside(processes=2) as beside:
        yield beside


def test_another_process_does_work_whose_result_is_not_yet_asked_for(pair: Beside, tmp_path: Path) -> None:
    jobs = [pair.submit(partial(announce, tmp_path / f"{n}")) for n in range(3)]
    assert begun(tmp_path / "0") != os.getpid()
    # whoever did the others did them once
    assert [job.result() for job in jobs] == [begun(tmp_path / f"{n}") for n in range(3)]


@pytest.mark.parametrize(("kind", "error"), [("kind", ValueError), ("unkind", RuntimeError)])
def test_an_error_elsewhere_is_raised_here_with_its_traceback(
    pair: Beside, tmp_path: Path, kind: str, error: type[Exception]
) -> None:
    job, after = pair.submit(partial(fail, kind)), pair.submit(partial(announce, tmp_path / "after"))
    begun(tmp_path / "after")
    with pytest.raises(error, match="no such thing" if kind == "kind" else "one and two") as raised:
        job.result()
    assert "in fail" in "".join([str(raised.value), *getattr(raised.value, "__notes__", [])])
    assert after.result() != os.getpid()


def test_work_of_a_process_that_is_lost_is_done_here(tmp_path: Path) -> None:
    with Beside(processes=2) as beside:
        job = beside.submit(partial(patient, tmp_path / "mark", os.getpid()))
        os.kill(begun(tmp_path / "mark"), signal.SIGKILL)
        assert job.result() == os.getpid()
        assert beside.submit(os.getpid).result() == os.getpid()


def patient(place: Path, here: int) -> int:
    """Linger anywhere but here."""
    if os.getpid() != here:
        linger(place)
    return os.getpid()


def test_none_outlives_its_context(tmp_path: Path) -> None:
    with suppress(KeyboardInterrupt), Beside(processes=2) as beside:
        beside.submit(partial(linger, tmp_path / "mark"))
        found = begun(tmp_path / "mark")
        raise KeyboardInterrupt
    assert not alive(found)


SCRIPT = """
import os
from concurrent.futures import wait
from rnnzoo.beside import Beside

print("begun")
with Beside(processes=2) as beside:
    job = beside.submit(os.getpid)
    wait([job.elsewhere])
    print(job.result() != os.getpid())
"""


def test_a_script_without_a_guard_is_run_once(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "script.py"], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert (done.stdout, done.stderr) == ("begun\nTrue\n", "")
