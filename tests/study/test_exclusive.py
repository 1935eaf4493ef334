"""A measurement knows whether it was alone on the machine."""

import subprocess
import sys
import threading
import time

import pytest

from rnnzoo.records import read_cost, run_folder
from rnnzoo.study import exclusive
from rnnzoo.study.exclusive import Conditions, alone, beside_others
from rnnzoo.study.run import execute, measure_cost
from tests.study.test_run import config


@pytest.fixture(autouse=True)
def _own_lock(tmp_path, monkeypatch):
    monkeypatch.setattr(exclusive, "lock_path", lambda: tmp_path / "machine.lock")


@pytest.mark.skipif(not exclusive.LOCKS, reason="this system has no shared file locks")
def test_a_run_beside_a_measurement_is_noticed_and_a_new_one_waits():
    with beside_others(), beside_others(), alone() as conditions:
        assert not conditions.no_run_of_ours
    began = threading.Event()

    def run():
        with beside_others():
            began.set()

    with alone() as conditions:
        assert conditions.no_run_of_ours
        thread = threading.Thread(target=run)
        thread.start()
        assert not began.wait(0.2)
    thread.join()
    assert began.is_set()


@pytest.mark.skipif(exclusive._busy_seconds() is None, reason="this system does not tell how busy it is")
def test_the_work_of_others_is_seen_and_ones_own_is_not():
    busy = "while True: pass"
    process = subprocess.Popen([sys.executable, "-c", busy])
    try:
        with alone() as conditions:
            time.sleep(1.0)
    finally:
        process.kill()
        process.wait()
    assert conditions.others_cores > 0.2
    assert conditions.as_dict()["exclusive"] == 0.0 or conditions.others_cores < exclusive.IDLE_CORES


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        (Conditions(True, 0.1), {"exclusive": 1.0, "others_cores": 0.1}),
        (Conditions(True, 0.3), {"exclusive": 0.0, "others_cores": 0.3}),
        (Conditions(False, 0.0), {"exclusive": 0.0, "others_cores": 0.0}),
        (Conditions(True), {"exclusive": 1.0}),
    ],
)
def test_exclusive_means_no_run_of_ours_and_an_idle_machine(conditions, expected):
    assert conditions.as_dict() == expected


def test_a_cost_says_whether_it_was_measured_alone(tmp_path):
    execute(config(), tmp_path)
    with beside_others():
        measure_cost(config(), tmp_path)
    assert read_cost(run_folder(tmp_path, config()))["exclusive"] == 0.0


def test_a_link_in_place_of_the_lock_is_not_followed(tmp_path):
    target = tmp_path / "target"
    (tmp_path / "machine.lock").symlink_to(target)
    with beside_others():
        pass
    assert not target.exists()
