"""Tables of a run are read as they were written."""

from pathlib import Path

import numpy as np
import pandas as pd

from rnnzoo.records import read_table, write_frame


def test_numbers_come_back_to_the_last_digit(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": np.random.default_rng(0).random(1000) / 3})
    write_frame(tmp_path / "a.csv", frame)
    pd.testing.assert_frame_equal(read_table(tmp_path / "a.csv"), frame, check_exact=True)
