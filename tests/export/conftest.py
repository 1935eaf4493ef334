"""A small study, done once for all tests of this folder."""

import pytest
from typer.testing import CliRunner

from rnnzoo.cli import app
from tests.report.undrawn import undrawn
from tests.study.files import TINY, write_study


def rnnzoo(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


@pytest.fixture(scope="session")
def study(tmp_path_factory):
    """A finished study: its file and its run records."""
    folder = tmp_path_factory.mktemp("study")
    file = write_study(folder, TINY.replace("trials = 3", "trials = 2"))
    with undrawn():
        done = rnnzoo("run", file, "--runs", folder / "runs", "--reports", folder / "reports", "--workers", 1)
    assert done.exit_code == 0, done.stderr
    return file, folder / "runs", folder / "reports" / "tiny"
